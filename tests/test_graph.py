"""The graph: interning, the grammar that checks it, what is derived from it, the plan, the start."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from treefolio.errors import StrategyError
from treefolio.formats import read
from treefolio.graph import build as building
from treefolio.graph import derive
from treefolio.graph import plan as planning
from treefolio.graph.build import build
from treefolio.graph.check import MOST_COUNTED, check
from treefolio.graph.graph import Graph, Node
from treefolio.graph.ops import RULES, Kind, Op
from treefolio.graph.plan import LEAVES, Plan, make_plan, work_bytes
from treefolio.graph.show import show
from treefolio.graph.start import NEVER, starts, structural
from treefolio.indicators import INDICATORS, SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import text
from treefolio.strategy import tree as trees
from treefolio.strategy.tree import (
    Asset,
    Compare,
    Constant,
    EnterExit,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Lasting,
    Reading,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    iterate,
)
from treefolio.strategy.variables import bind
from treefolio.testing.panels import panel_of, random_panel
from treefolio.testing.trees import random_strategy

TICKERS = tuple("ABCDEF")
NOTHING: Mapping[str, tuple[int | float | str, ...]] = {}


def graph_of(source: str) -> Graph:
    """The graph of a tree in the text form."""
    return build(text.parse(source, SIGNATURES)).graph


# ---- interning


def test_equal_parts_are_one_node() -> None:
    """Two comparisons that differ in how a number is spelt are one, and so is a branch under a label."""
    graph = graph_of(
        """
        name: X
        tree:
          - if: rsi(A, 10) > 79
            then: B
            else: {group: Twin, of: [C, D]}
          - if: rsi(A, 10) > 79.0
            then: B
            else: [C, D]
        """
    )
    ops = [node.op for node in graph.nodes]
    assert (ops.count(Op.READING), ops.count(Op.THRESHOLD), ops.count(Op.SELECT)) == (1, 1, 1)
    root = graph.nodes[graph.root]
    assert (root.op, len(root.args), len(set(root.args))) == (Op.MIX, 2, 1)


def test_a_number_on_the_left_is_moved_to_the_right() -> None:
    """``79 < x`` and ``x > 79`` are one node."""
    one = graph_of('{name: X, tree: {if: "79 < rsi(A, 10)", then: A, else: B}}')
    other = graph_of('{name: X, tree: {if: "rsi(A, 10) > 79", then: A, else: B}}')
    assert one.nodes == other.nodes


@pytest.mark.parametrize("seed", range(0, 60, 6))
def test_no_node_stands_twice_and_arguments_stand_before(seed: int) -> None:
    """For random strategies, with and without variables."""
    strategy = random_strategy(np.random.default_rng(seed), tickers=TICKERS, variables=seed % 4 == 0)
    nodes = build(strategy).graph.nodes
    assert len({(n.op, n.args, tuple(map(repr, n.params))) for n in nodes}) == len(nodes)
    assert all(a < k for k, node in enumerate(nodes) for a in node.args)


@pytest.mark.parametrize("seed", range(1, 40, 4))
def test_a_tree_taken_twice_adds_one_node(seed: int) -> None:
    """The whole tree beside an equal copy of itself is only mixed with itself."""
    strategy = random_strategy(np.random.default_rng(seed), tickers=TICKERS)
    copy = random_strategy(np.random.default_rng(seed), tickers=TICKERS).root
    twice = replace(strategy, root=trees.Equal((strategy.root, copy)))
    assert copy is not strategy.root
    assert len(build(twice).graph) == len(build(strategy).graph) + 1


@pytest.mark.shared
def test_a_real_strategy_shrinks(shared: Path) -> None:
    """3,752 nodes, 96 distinct conditions: some hundred graph nodes, 96 masks of comparisons."""
    strategy = read(shared / "strategies" / "composer_json" / "anansi_strategy.json").strategy
    graph = build(strategy).graph
    conditions = {item for item in iterate(strategy.root) if isinstance(item, Compare)}
    masks = [node for node in graph.nodes if node.op in (Op.THRESHOLD, Op.COMPARE)]
    assert len(masks) == len(conditions) == 96
    assert 330 <= len(graph) <= 400


def test_depth_is_no_limit() -> None:
    """A tree of 30,000 levels is built, checked, planned and shown without recursion."""
    root: trees.Node = Asset("A")
    for level in range(30_000):
        root = If(Compare(Reading("rsi", (10,), "A"), ">", Constant(level)), Asset("B"), root)
    graph = build(Strategy(name="deep", root=root)).graph
    check(graph, NOTHING)
    assert len(make_plan(graph, {}, 0, 10).main.nodes) == 0
    assert sum(1 for _ in show(graph)) == len(graph) + 1


# ---- builders


def classes_of_items() -> set[type[Item]]:
    """Every class of the tree that has no subclass: what a tree can be made of."""
    found: set[type[Item]] = set()
    waiting: list[type[Item]] = [Item]
    while waiting:
        kind = waiting.pop()
        # a class with slots leaves its first version behind
        below = [each for each in kind.__subclasses__() if getattr(trees, each.__name__, None) is each]
        waiting += below
        if not below:
            found.add(kind)
    return found


def test_every_class_of_the_tree_has_a_builder() -> None:
    """And no builder is for what is none."""
    assert set(building._BUILDERS) == classes_of_items()


def test_every_operation_has_its_rule_and_some_strategy_makes_it() -> None:
    """All of them but LOOKUP, which stands only in programs; each can be shown."""
    made: set[Op] = set()
    for seed in range(150):
        graph = build(random_strategy(np.random.default_rng(seed), tickers=TICKERS, variables=True)).graph
        made |= {node.op for node in graph.nodes}
        list(show(graph))
    assert made == set(RULES) == set(Op) - {Op.LOOKUP}


A, B = Asset("A"), Asset("B")
HOT = Reading("rsi", (10,), "A") > 70


@pytest.mark.parametrize(
    ("empty", "op"), [("redistribute", Op.EMPTY), ("cash", Op.CASH)], ids=["redistribute", "cash"]
)
def test_an_empty_branch_is_what_the_strategy_says(empty: trees.EmptyPolicy, op: Op) -> None:
    """Nothing, or cash."""
    assert op in {node.op for node in build(Strategy(name="x", root=trees.Empty(), empty=empty)).graph.nodes}


def test_specified_weights_are_renormalised_where_they_are_known() -> None:
    """With a variable among them it is left to the kernel."""
    known = build(Strategy(name="x", root=Specified((A, B), (3, 1)))).graph
    assert known.nodes[known.root].params == (0, 0.75, 0.25)
    open_one = build(Strategy(name="x", root=Specified((A, B), (3, Var("w"))))).graph
    assert open_one.nodes[open_one.root].params == (1, 3.0, Var("w"))


def test_a_null_slot_of_a_switch_takes_the_next_lower_count() -> None:
    """Three conditions, slots [A, null, B, C]: A for three, B for two and for one, C for none."""
    conditions = tuple(Reading("rsi", (n,), "A") > 50 for n in (2, 3, 4))
    switch = Switch(conditions, (Asset("A"), None, Asset("B"), Asset("C")))
    graph = build(Strategy(name="x", root=switch)).graph
    chosen: dict[int, str] = {}
    k = graph.root
    while graph.nodes[k].op is Op.SELECT:
        mask, then, k = graph.nodes[k].args
        chosen[int(str(graph.nodes[mask].params[0]))] = str(graph.nodes[then].params[0])
    assert chosen == {3: "A", 2: "B", 1: "B"}
    assert graph.nodes[k].params == ("C",)


def test_a_ranked_branch_is_read_through_its_value_and_an_asset_through_its_prices() -> None:
    """A label between them changes nothing."""
    ranked = Filter((Group("g", A), trees.Equal((A, B))), Reading("rsi", (5,)), "top", 1)
    graph = build(Strategy(name="x", root=ranked)).graph
    scores = [graph.nodes[a] for a in graph.nodes[graph.root].args[1::2]]
    assert [(score.op, graph.nodes[score.args[0]].op if score.args else None) for score in scores] == [
        (Op.READING, None),
        (Op.INDICATOR, Op.VALUE),
    ]


# ---- the grammar

HOLD, CASH = Node(Op.HOLD, (), ("A",)), Node(Op.CASH)
RSI = Node(Op.READING, (), ("rsi", "A", 10))
MASK = Node(Op.THRESHOLD, (1,), (">", 5.0))
BASE = (HOLD, RSI, MASK)
"""#0 a return, #1 a series, #2 a mask."""


def grammar(node: Node, before: tuple[Node, ...] = BASE) -> Graph:
    """A graph whose last node is the one in question; it has a sound root."""
    return Graph(nodes=[*before, node], root=0)


@pytest.mark.parametrize(
    "node",
    [
        Node(Op.SELECT, (2, 0, 0)),
        Node(Op.MIX, (0, 0), (0, 0.5, 0.5)),
        Node(Op.SHIFT, (1,), (0,)),
        Node(Op.LASTING, (2,), (1.0,)),
        Node(Op.FILTER, (0, 1), ("top", 1, 0)),
        Node(Op.FILTER, (0, 1, 0, 1), ("bottom", 2, 0, 0.0, 1.0)),
        Node(Op.FILTER_VOLATILITY, (0, 1, 1), ("top", 1, 1)),
        Node(Op.SCALE, (1, 0, 0), (70, 30)),
        Node(Op.COUNT, (2,) * MOST_COUNTED, (3,)),
        Node(Op.INVERSE_VOLATILITY, (0, 1)),
        Node(Op.ALL),
        Node(Op.VALUE, (0,)),
        Node(Op.LATCH, (2, 2)),
    ],
    ids=lambda node: node.op.name,
)
def test_sound_nodes_pass(node: Node) -> None:
    """The same shapes as below, with nothing wrong."""
    check(grammar(node), NOTHING)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Node(Op.SELECT, (0, 0, 0)), "SELECT takes ['mask', 'return', 'return'], not ['return'"),
        (Node(Op.SELECT, (2, 0)), "SELECT takes"),
        (Node(Op.SELECT, (2, 0, 0, 0)), "SELECT takes"),
        (Node(Op.VALUE, (1,)), "VALUE takes ['return'], not ['series']"),
        (Node(Op.ALL, (2, 1)), "ALL takes"),
        (Node(Op.MIX, (0, 2), (0, 0.5, 0.5)), "MIX takes"),
        (Node(Op.FILTER, (0, 1, 0), ("top", 1, 0)), "FILTER takes arguments in groups of 2"),
        (Node(Op.FILTER, (1, 0), ("top", 1, 0)), "FILTER takes"),
        (Node(Op.SELECT, (2, 0, 3)), "SELECT stands before its arguments"),
        (Node(Op.SELECT, (2, 0, 9)), "SELECT stands before its arguments"),
        (Node(Op.SELECT, (2, 0, -1)), "SELECT stands before its arguments"),
        (Node(Op.SHIFT, (1,), (-1,)), "at least 0, not -1"),
        (Node(Op.SHIFT, (1,), (1.5,)), "must be whole"),
        (Node(Op.LASTING, (2,), (0,)), "at least 1, not 0"),
        (Node(Op.LASTING, (2,), ("three",)), "must be whole"),
        (Node(Op.READING, (), ("rsi", "A", 2.5)), "window"),
        (Node(Op.READING, (), ("rsi", "A", 0)), "window"),
        (Node(Op.READING, (), ("rsi", "A", "ten")), "rsi: window must be a number"),
        (Node(Op.READING, (), ("rsi", "A")), "rsi takes 1 parameters, not 0"),
        (Node(Op.READING, (), ("rzi", "A", 10)), "unknown indicator 'rzi'"),
        (Node(Op.INDICATOR, (1,), ("atr", 14)), "needs more than closing prices"),
        (Node(Op.THRESHOLD, (1,), ("=>", 5.0)), "unknown comparator '=>'"),
        (Node(Op.COMPARE, (1, 1), ("~",)), "unknown comparator '~'"),
        (Node(Op.THRESHOLD, (1,), (">", float("nan"))), "finite number"),
        (Node(Op.THRESHOLD, (1,), (">", "high")), "finite number"),
        (Node(Op.FILL, (), (float("inf"),)), "finite number"),
        (Node(Op.AFFINE, (1,), (1.0, float("-inf"))), "finite number"),
        (Node(Op.MIX, (0, 0), (0, 0.0, 0.0)), "the weights sum to 0"),
        (Node(Op.MIX, (0, 0), (0, 1.5, -0.5)), "0 or more, not -0.5"),
        (Node(Op.MIX, (0, 0), (0, 1.0, float("nan"))), "a weight must be a number"),
        (Node(Op.MIX, (0, 0), (0, 1.0)), "2 children have 1 weights"),
        (Node(Op.FILTER, (0, 1), ("best", 1, 0)), "unknown direction 'best'"),
        (Node(Op.FILTER, (0, 1), ("top", 0, 0)), "at least 1, not 0"),
        (Node(Op.FILTER, (0, 1), ("top", 1.5, 0)), "whole number of children"),
        (Node(Op.FILTER, (0, 1, 0, 1), ("top", 1, 0, 1.0)), "2 children have 1 weights"),
        (Node(Op.FILTER, (0, 1, 0, 1), ("top", 1, 0, 0.0, 0.0)), "the weights sum to 0"),
        (Node(Op.FILTER_VOLATILITY, (0, 1, 1), ("top", 0, 0)), "at least 1, not 0"),
        (Node(Op.SCALE, (1, 0, 0), (30.0, 30.0)), "has no width"),
        (Node(Op.SCALE, (1, 0, 0), (30.0, float("nan"))), "finite number"),
        (Node(Op.COUNT, (2,) * (MOST_COUNTED + 1), (3,)), "counts 256 conditions, more than 255"),
    ],
    ids=lambda case: case.op.name if isinstance(case, Node) else case[:20],
)
def test_ill_formed_nodes_are_refused(node: Node, message: str) -> None:
    """By name, with what is wrong."""
    with pytest.raises(StrategyError) as caught:
        check(grammar(node), NOTHING)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        (Node(Op.READING, (), ("rsi", "A", Var("v"))), (10, 2.5), "window"),
        (Node(Op.READING, (), (Var("v"), "A", 10)), ("rsi", "zzz"), "unknown indicator 'zzz'"),
        (Node(Op.INDICATOR, (1,), ("bbands_upper", 20, 2.0, 2.0, Var("v"))), (0, 8), "closing prices"),
        (Node(Op.SHIFT, (1,), (Var("v"),)), (0, -2), "at least 0, not -2"),
        (Node(Op.THRESHOLD, (1,), (Var("v"), 1.0)), (">", "<>"), "unknown comparator '<>'"),
        (Node(Op.MIX, (0, 0), (1, Var("v"), 0.0)), (0, 0.0), "the weights sum to 0"),
        (Node(Op.FILTER, (0, 1), (Var("v"), 1, 0)), ("top", "up"), "unknown direction 'up'"),
        (Node(Op.FILTER, (0, 1), ("top", Var("v"), 0)), (1, 0), "at least 1, not 0"),
    ],
)
def test_every_value_of_a_variable_is_checked(
    node: Node, values: tuple[int | float | str, ...], message: str
) -> None:
    """The last value is the wrong one."""
    with pytest.raises(StrategyError) as caught:
        check(grammar(node), {"v": values})
    assert message in caught.value.message


@pytest.mark.parametrize("root", [1, 2])
def test_the_root_must_be_a_return(root: int) -> None:
    """A series or a mask holds nothing."""
    with pytest.raises(StrategyError, match="holds nothing"):
        check(Graph(nodes=list(BASE), root=root), NOTHING)
    with pytest.raises(StrategyError, match="holds nothing"):
        check(Graph(), NOTHING)


# ---- what is derived

SWEPT = text.parse(
    """
    name: X
    variables: {n: [5, 10], hot: [70, 80], fund: [B, C], back: [0, 3], days: [1, 4]}
    tree:
      if: rsi(A, $n)[$back] > $hot for $days sessions
      then: $fund
      else: {filter: top 1 by rsi(10), of: [D, [E, F]]}
    """,
    SIGNATURES,
)
AXES = {variable.name: variable.values for variable in SWEPT.variables}


def test_variables_are_those_of_the_node_and_of_what_it_takes() -> None:
    """By the node's operation; the root depends on all five."""
    graph = build(SWEPT).graph
    found = {graph.nodes[k].op: names for k, names in enumerate(derive.variables(graph))}
    assert found[Op.SHIFT] == {"n", "back"}
    assert found[Op.THRESHOLD] == {"n", "back", "hot"}
    assert found[Op.LASTING] == {"n", "back", "hot", "days"}
    assert found[Op.FILTER] == set()
    assert found[Op.SELECT] == set(AXES)


def test_tickers_are_held_or_read_for_any_value() -> None:
    """Both values of the fund are held; A is only read."""
    held, read_ones = derive.tickers(build(SWEPT).graph, AXES)
    assert (held, read_ones) == (set("BCDEF"), {"A", "D"})


def test_what_remembers_needs_the_whole_past() -> None:
    """Look-backs reach before the first session; a ranked branch's parts are needed from session 0."""
    graph = build(SWEPT).graph
    need = dict(enumerate(derive.needed_from(graph, 100, AXES)))
    by_op = {graph.nodes[k].op: session for k, session in need.items()}
    assert (by_op[Op.SELECT], by_op[Op.LASTING], by_op[Op.SHIFT]) == (100, 100, 97)
    readings = [need[k] for k, node in enumerate(graph.nodes) if node.params[:2] == ("rsi", "A")]
    assert readings == [94]
    assert (by_op[Op.VALUE], by_op[Op.INDICATOR], by_op[Op.MIX]) == (0, 0, 0)
    held = {str(n.params[0]): need[k] for k, n in enumerate(graph.nodes) if n.op is Op.HOLD}
    assert (held["D"], held["E"]) == (100, 0)
    latch = build(Strategy(name="x", root=EnterExit(HOT, HOT, A, B))).graph
    from_zero = derive.needed_from(latch, 50, {})
    assert [from_zero[k] for k, node in enumerate(latch.nodes) if node.kind is Kind.MASK] == [0, 0]


def test_reached_leaves_out_what_nothing_takes() -> None:
    """A switch's unused branch."""
    unused = Switch((HOT,), (None, A))
    graph = build(Strategy(name="x", root=unused)).graph
    graph.add(Op.HOLD, (), ("NEVER",))
    alive = derive.reached(graph)
    assert not alive[-1]
    assert alive[graph.root]


# ---- the plan


def planned(source: str, sessions: int = 100) -> tuple[Graph, Plan]:
    strategy = text.parse(source, SIGNATURES)
    graph = build(strategy).graph
    axes = {variable.name: variable.values for variable in strategy.variables}
    return graph, make_plan(graph, axes, 0, sessions)


TWO = """
    name: X
    variables: {hot: [70, 80, 90], cold: [20, 30]}
    tree:
      if: rsi(A, 10) > $hot
      then: B
      else:
        if: rsi(A, 10) < $cold
        then: {filter: top 1 by rsi(10), of: [C, [D, E]]}
        else: F
"""


def ops_of(graph: Graph, nodes: tuple[int, ...]) -> list[Op]:
    return [graph.nodes[k].op for k in nodes]


def test_stages_go_by_what_nodes_depend_on() -> None:
    """No variable: static. One: its table. More: main."""
    graph, plan = planned(TWO)
    static, *tabulated, main = plan.stages
    assert static.variables == ()
    assert {Op.FILTER, Op.MIX, Op.VALUE, Op.INDICATOR} == set(ops_of(graph, static.nodes))
    assert [stage.variables for stage in tabulated] == [("cold",), ("hot",)]
    assert ops_of(graph, tabulated[0].nodes) == [Op.THRESHOLD, Op.SELECT]
    assert ops_of(graph, tabulated[1].nodes) == [Op.THRESHOLD]
    assert ops_of(graph, main.nodes) == [Op.SELECT]
    assert main is plan.main


def test_a_root_of_one_variable_is_in_main() -> None:
    """A table of it would be all there is, and its rows are asked for one by one."""
    graph, plan = planned(
        '{name: X, variables: {hot: [70, 80]}, tree: {if: "rsi(A, 10) > $hot", then: A, else: B}}'
    )
    assert graph.root in plan.main.nodes
    assert all(stage.variables != ("hot",) for stage in plan.stages[:-1])


def test_a_root_without_variables_is_static_and_main_is_empty() -> None:
    """A run of one combination executes nothing more."""
    graph, plan = planned('{name: X, tree: {if: "rsi(A, 10) > 70", then: A, else: B}}')
    assert graph.root in plan.stages[0].outputs
    assert plan.main.nodes == ()


def test_a_table_beyond_the_limit_is_computed_in_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """``hot`` has three values of one series of 100 sessions: 2,400 bytes; ``cold`` has 1,600."""
    monkeypatch.setattr(planning, "TABLE_BYTES", 2_000)
    graph, plan = planned(TWO)
    assert [stage.variables for stage in plan.stages[:-1]] == [(), ("cold",)]
    assert sorted(ops_of(graph, plan.main.nodes)) == [Op.THRESHOLD, Op.SELECT]


def test_the_innermost_variable_reaches_the_least_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ranking is dearer than a comparison, so its variable is the outer one, wherever it is listed."""
    monkeypatch.setattr(planning, "TABLE_BYTES", 0)
    source = """
        name: X
        variables: {hot: [70, 80, 90], count: [1, 2]}
        tree:
          if: rsi(A, 10) > $hot
          then: {filter: top $count by rsi(10), of: [C, [D, E], [E, F]]}
          else: F
    """
    _, plan = planned(source)
    assert plan.main.variables == ("count", "hot")
    assert plan.main.levels == tuple(sorted(plan.main.levels))


@pytest.mark.parametrize("seed", range(0, 80, 4))
@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_every_plan_is_complete_and_in_order(seed: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reached node once; arguments are leaves, earlier in the stage, or outputs of an earlier one."""
    monkeypatch.setattr(planning, "TABLE_BYTES", limit)
    strategy = random_strategy(np.random.default_rng(seed), tickers=TICKERS, variables=True)
    axes = {v.name: v.values for v in strategy.variables if len(v.values) > 1}
    graph = build(bind(strategy, {}, SIGNATURES, keep=axes)).graph
    plan = make_plan(graph, axes, 50, 200)
    alive = derive.reached(graph)
    placed = [k for stage in plan.stages for k in stage.nodes]
    assert sorted([*placed, *plan.leaves]) == [k for k in range(len(graph)) if alive[k]]
    known = set(plan.leaves)
    for stage in plan.stages:
        here = set(known)
        for k, level in zip(stage.nodes, stage.levels, strict=True):
            assert set(graph.nodes[k].args) <= here
            assert all(stage.variables.index(name) <= level for name in plan.depends[k])
            here.add(k)
        taken = {a for k in stage.nodes for a in graph.nodes[k].args} - set(stage.nodes)
        assert {k for k, _ in stage.fetched} >= {k for k in taken if plan.depends[k]}
        known |= set(stage.outputs)
    assert graph.root in known | set(plan.main.nodes)
    assert work_bytes(plan, 200) > 0
    assert all(graph.nodes[k].op in LEAVES for k in plan.leaves)


# ---- the start


def plain_start(root: Item, panel: Panel) -> int:
    """The definition, over the tree itself: each part waits for its parts, then for its own look-back."""
    done: dict[int, int] = {}
    for item in reversed(list(iterate(root))):
        before = max((done[id(part)] for _, part in trees.parts(item) if part is not None), default=0)
        own = [first(panel, str(item.ticker), ("close",))] if isinstance(item, Asset) else []
        for name in ("left", "right", "reading"):
            side = getattr(item, name, None)
            if isinstance(side, Reading):
                own.append(ready(panel, side, str(side.ticker)))
        if isinstance(item, InverseVolatility | Filter):
            own += [ranked(panel, child, by, done) for child in item.children for by in readings(item)]
        start = max([before, *own])
        done[id(item)] = start + (int(str(item.sessions)) - 1 if isinstance(item, Lasting) else 0)
    return done[id(root)]


def readings(item: InverseVolatility | Filter) -> list[Reading]:
    window = item.window if isinstance(item, InverseVolatility) else item.volatility_window
    calm = [] if window is None else [Reading("stdev_return", (window,))]
    return [*([item.by] if isinstance(item, Filter) else []), *calm]


def ranked(panel: Panel, child: Item, by: Reading, done: dict[int, int]) -> int:
    while isinstance(child, Group):
        child = child.child
    if isinstance(child, Asset):
        return ready(panel, by, str(child.ticker))
    return done[id(child)] + INDICATORS[str(by.indicator)].lookback_sessions(*by.params) + ago(by)


def ready(panel: Panel, by: Reading, ticker: str) -> int:
    row = INDICATORS[str(by.indicator)]
    return first(panel, ticker, row.inputs) + row.lookback_sessions(*by.params) + ago(by)


def ago(by: Reading) -> int:
    assert isinstance(by.sessions_ago, int)
    return by.sessions_ago


def first(panel: Panel, ticker: str, fields: tuple[str, ...]) -> int:
    for session in range(len(panel.sessions)):
        if all(np.isfinite(panel.fields[name][session, panel.position(ticker)]) for name in fields):
            return session
    raise AssertionError("every ticker of a random panel has a price")


@pytest.mark.parametrize("first_seed", range(0, 60, 20))
def test_the_start_is_that_of_the_definition(first_seed: int) -> None:
    """Over random strategies on panels with late listings."""
    for seed in range(first_seed, first_seed + 20):
        rng = np.random.default_rng(seed)
        strategy = random_strategy(rng, tickers=TICKERS, nodes=25)
        panel = random_panel(rng, tickers=TICKERS, sessions=150, gaps=False)
        found = starts(build(strategy).graph, panel, {}, np.zeros((1, 0), np.int64))
        assert found.root == plain_start(strategy.root, panel), seed


@pytest.mark.parametrize("seed", range(0, 48, 3))
def test_the_starts_of_a_sweep_are_those_of_its_runs(seed: int) -> None:
    """For every combination; variables that are not structural do not move the start."""
    rng = np.random.default_rng(seed)
    strategy = random_strategy(rng, tickers=TICKERS, nodes=25, variables=True)
    panel = random_panel(rng, tickers=TICKERS, sessions=150, gaps=False)
    axes = {v.name: v.values for v in strategy.variables if len(v.values) > 1}
    graph = build(bind(strategy, {}, SIGNATURES, keep=axes)).graph
    sizes = [range(len(values)) for values in axes.values()]
    choices = np.array(list(itertools.islice(itertools.product(*sizes), 40)), np.int64).reshape(-1, len(axes))
    root = np.broadcast_to(starts(graph, panel, axes, choices).root, len(choices))
    moving = [k for k, name in enumerate(axes) if name in structural(graph)]
    by_moving: dict[tuple[int, ...], int] = {}
    for row, start in zip(choices, root.tolist(), strict=True):
        values = {name: axes[name][k] for name, k in zip(axes, row, strict=True)}
        assert start == plain_start(bind(strategy, values, SIGNATURES).root, panel), (seed, values)
        assert by_moving.setdefault(tuple(row[moving].tolist()), start) == start


def test_structural_variables_are_those_of_windows_tickers_and_sessions() -> None:
    """A threshold moves nothing."""
    assert structural(build(SWEPT).graph) == {"n", "fund", "back", "days"}


def test_the_cause_is_named() -> None:
    """What is last to have a value: a ticker, an indicator, or nothing at all."""
    closes = [100.0 + k for k in range(30)]
    panel = panel_of({"A": closes, "B": [float("nan")] * 12 + closes[12:]})

    def cause(root: trees.Node) -> tuple[int, str]:
        found = starts(build(Strategy(name="x", root=root)).graph, panel, {}, np.zeros((1, 0), np.int64))
        return int(str(found.root)), found.cause()

    assert cause(trees.Cash()) == (0, "it is the first session of the prices")
    assert cause(trees.Equal((A, B))) == (12, "B has its first price then")
    assert cause(If(Reading("rsi", (15,), "A") > 1, A, B)) == (15, "rsi(A, 15) is first defined then")
    assert cause(Scale(Reading("sma", (5,), "B"), 1, 2, A, A)) == (16, "sma(B, 5) is first defined then")
    absent = starts(build(Strategy(name="x", root=Asset("Z"))).graph, panel, {}, np.zeros((1, 0), np.int64))
    assert int(str(absent.root)) >= NEVER
