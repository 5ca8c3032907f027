"""The tree's values: equality, walks, and operators."""

from __future__ import annotations

import pytest
from hypothesis import given

from strategy_samples import nodes
from treefolio.errors import TreefolioError, UsageError
from treefolio.strategy import tree
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Constant,
    Empty,
    Equal,
    Group,
    If,
    Item,
    Node,
    NoneOf,
    Reading,
    Switch,
    Var,
    Variable,
)

RSI = Reading("rsi", (10,), "A")


@given(nodes, nodes)
def test_equality_is_by_value(one: Node, other: Node) -> None:
    """Two trees are equal exactly when all their fields are, and equal ones have equal hashes."""
    assert (one == other) == (_spelled(one) == _spelled(other))
    copy = tree.rebuild(one, lambda item: item)
    assert copy == one
    assert hash(copy) == hash(one)
    assert Group("g", one) != one


def _spelled(root: Node) -> list[object]:
    """Every item's type and fields, the way in which parts are absent included."""
    return [
        (type(item), tree.own_fields(item), [p is None for _, p in tree.parts(item)])
        for item in tree.iterate(root)
    ]


@given(nodes)
def test_walks_agree(root: Node) -> None:
    """`iterate`, `walk` and `path_of` visit the same items in the same order, parents first."""
    walked = list(tree.walk(root))
    assert [item for _, item in walked] == list(tree.iterate(root))
    assert [path for path, _ in walked] == [tree.path_of(root, k) for k in range(len(walked))]
    assert tree.count_nodes(root) == sum(isinstance(item, Node) for _, item in walked)


def test_paths() -> None:
    """A path names the way from the root: labels, counted from 1, and the names of groups."""
    root = Group("Bear", Equal((Asset("A"), If(RSI > 5, Asset("B"), Cash()))))
    assert [path for path, _ in tree.walk(root)] == [
        "root",
        'root "Bear" > child',
        'root "Bear" > child > child[1]',
        'root "Bear" > child > child[2]',
        'root "Bear" > child > child[2] > condition',
        'root "Bear" > child > child[2] > then',
        'root "Bear" > child > child[2] > else',
    ]


def test_rebuild_shares_what_does_not_change() -> None:
    """Only the way from a change up to the root is new."""
    kept = Equal((Asset("A"), Asset("B")))
    root = Equal((kept, Asset("C")))

    def change(item: Item) -> Item:
        return Asset("D") if item == Asset("C") else item

    changed = tree.rebuild(root, change)
    assert changed == Equal((kept, Asset("D")))
    assert changed.children[0] is kept
    assert tree.rebuild(root, lambda item: item) is root


def test_null_slots_are_not_empty_nodes() -> None:
    """A slot without branch differs from an empty branch."""
    assert Switch((RSI > 5,), (None, Cash())) != Switch((RSI > 5,), (Empty(), Cash()))


def test_depth_is_bounded_by_memory_alone() -> None:
    """Equality, hashing, walking and rebuilding at a depth of fifty thousand."""

    def chain() -> Node:
        node: Node = Asset("A")
        for _ in range(50_000):
            node = If(RSI > 5, Asset("B"), node)
        return node

    one, other = chain(), chain()
    assert one == other
    assert hash(one) == hash(other)
    assert tree.depth(one) == 50_001
    changed = tree.rebuild(one, lambda item: Asset("C") if item == Asset("A") else item)
    assert changed != one
    assert tree.path_of(one, 3 * 50_000).endswith("> else > else")


def test_operators() -> None:
    """Readings and conditions combine as the text form's words do."""
    condition = RSI > 5
    assert condition == Compare(RSI, ">", Constant(5))
    assert (Var("x") > RSI) == Compare(RSI, "<", Constant(Var("x")))
    assert (RSI >= RSI).right == RSI
    assert (condition & condition) == AllOf((condition, condition))
    assert (condition | condition) == AnyOf((condition, condition))
    assert ~condition == NoneOf((condition,))
    assert Reading("rsi", (10,), "A", 0, 2, 1) == 2 * RSI + 1
    assert RSI * Var("k") - 1 == Reading("rsi", (10,), "A", 0, Var("k"), -1)


@pytest.mark.parametrize(
    "wrong", [lambda: 2 * (2 * RSI), lambda: (RSI + 1) * 2, lambda: RSI + 1 + 1, lambda: RSI + RSI]
)
def test_arithmetic_that_readings_do_not_have(wrong: object) -> None:
    """A reading is scaled once and shifted once, by numbers."""
    with pytest.raises(UsageError):
        wrong()  # type: ignore[operator]


def test_conditions_have_no_truth_value() -> None:
    """Python's `and` and `30 < x < 70` would silently drop a condition, so they are errors."""
    with pytest.raises(TreefolioError, match="no truth value"):
        assert 30 < RSI < 70  # type: ignore[operator]
    with pytest.raises(TreefolioError, match="no truth value"):
        assert (RSI > 5) and (RSI < 7)  # noqa: PT018 - this is what must fail


def test_a_default_is_one_of_the_values() -> None:
    """A default that is not listed comes first."""
    assert Variable("x", (1, 2), 3).values == (3, 1, 2)
    assert Variable("x", (1, 2), 2).values == (1, 2)
