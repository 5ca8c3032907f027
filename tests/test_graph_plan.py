"""What follows from a graph: what is derived of it, the plan, the start."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from treefolio.graph import derive
from treefolio.graph import plan as planning
from treefolio.graph import start as start_module
from treefolio.graph.build import build
from treefolio.graph.graph import Graph
from treefolio.graph.ops import Kind, Op
from treefolio.graph.plan import LEAVES, Plan, make_plan, work_bytes
from treefolio.graph.start import NEVER, starts, structural
from treefolio.indicators import INDICATORS, SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import text
from treefolio.strategy import tree as trees
from treefolio.strategy.tree import (
    Asset,
    EnterExit,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Lasting,
    Reading,
    Scale,
    Strategy,
    Switch,
    iterate,
)
from treefolio.strategy.variables import bind
from treefolio.testing.panels import panel_of, random_panel
from treefolio.testing.trees import random_strategy

TICKERS = tuple("ABCDEF")
A, B = Asset("A"), Asset("B")
HOT = Reading("rsi", (10,), "A") > 70


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
def test_the_starts_of_a_sweep_are_those_of_its_runs(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every combination, in whatever block; variables that are not structural do not move the start."""
    monkeypatch.setattr(start_module, "_BLOCK", 7)
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


def test_memory_does_not_grow_with_the_graph_times_the_combinations() -> None:
    """Of each combination only the root's start is kept: 8 bytes, and not for every node."""
    rows, nodes = 100_000, 60
    comparisons = [Reading("rsi", (trees.Var("n"),), "A") > k for k in range(nodes)]
    graph = build(Strategy(name="x", root=If(trees.AllOf(tuple(comparisons)), A, B))).graph
    panel = panel_of({"A": [100.0 + k for k in range(30)], "B": [50.0] * 30})
    choices = np.tile(np.arange(10), rows // 10).reshape(-1, 1)
    tracemalloc.start()
    found = starts(graph, panel, {"n": tuple(range(5, 15))}, choices)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.asarray(found.root).max() == 14
    assert peak < nodes * rows * 8 / 2


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
