"""The graph: interning, builders, and the grammar that checks it. `test_graph_plan` has the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from treefolio.errors import SpaceError, StrategyError
from treefolio.formats import read
from treefolio.graph import build as building
from treefolio.graph.build import build
from treefolio.graph.check import MOST_COUNTED, check
from treefolio.graph.graph import Graph, Node
from treefolio.graph.ops import RULES, Op
from treefolio.graph.plan import make_plan
from treefolio.graph.show import show
from treefolio.indicators import SIGNATURES
from treefolio.strategy import text
from treefolio.strategy import tree as trees
from treefolio.strategy.tree import (
    Asset,
    Compare,
    Constant,
    Filter,
    Group,
    If,
    Item,
    Reading,
    Specified,
    Strategy,
    Switch,
    Var,
    iterate,
)
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
    """The last value is the wrong one, and named."""
    with pytest.raises(SpaceError) as caught:
        check(grammar(node), {"v": values})
    assert message in caught.value.message
    if node.op is not Op.MIX:  # whose weights are wrong together
        assert caught.value.message.startswith(f"v = {values[1]!r}: ")


def test_the_variable_that_is_wrong_is_named_among_others() -> None:
    """Whatever stands first: it alone, or all when only together they are wrong."""
    node = Node(Op.READING, (), (Var("name"), "A", Var("window")))
    with pytest.raises(SpaceError) as caught:
        check(grammar(node), {"name": ("rsi", "sma"), "window": (10, 0)})
    assert caught.value.message == "window = 0: rsi: window must be from 1 to 100000, not 0"
    assert caught.value.hint == ("Leave it out of --vary window=…, or of the values that the strategy lists.")
    with pytest.raises(SpaceError) as caught:
        check(grammar(node), {"name": ("rssi", "rsi"), "window": (10, 0)})
    assert caught.value.message.startswith("name = 'rssi'")


def test_a_variable_without_values_is_refused() -> None:
    """By its name."""
    graph = graph_of("{name: X, variables: {n: [5, 10]}, tree: {if: 'rsi(A, $n) > 50', then: A, else: B}}")
    with pytest.raises(SpaceError, match=r"the variable \$n has no value"):
        check(graph, NOTHING)


@pytest.mark.parametrize("root", [1, 2])
def test_the_root_must_be_a_return(root: int) -> None:
    """A series or a mask holds nothing."""
    with pytest.raises(StrategyError, match="holds nothing"):
        check(Graph(nodes=list(BASE), root=root), NOTHING)
    with pytest.raises(StrategyError, match="holds nothing"):
        check(Graph(), NOTHING)
