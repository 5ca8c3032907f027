"""The readable dump of a graph."""

from __future__ import annotations

import re

import numpy as np
import pytest

from treefolio.graph.build import build
from treefolio.graph.ops import Op
from treefolio.graph.show import _WORDS, LONGEST, show
from treefolio.indicators import SIGNATURES
from treefolio.strategy import text
from treefolio.strategy.tree import Strategy
from treefolio.testing.trees import random_strategy


def shown(tree: str) -> list[str]:
    """The descriptions of a tree's graph, without kinds and uses; other nodes are but # in them."""
    lines = show(build(text.parse(tree, SIGNATURES)).graph)
    return [re.sub(r"#\d+", "#", line.split("×  ")[-1]) for line in lines]


def test_every_operation_has_words() -> None:
    """But for LOOKUP, which is in no graph."""
    assert set(_WORDS) == set(Op) - {Op.LOOKUP}


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        ("tree: SPY", "hold SPY"),
        ("tree: {if: 'rsi(SPY, 10) > 70', then: BIL, else: SPY}", "rsi(SPY, 10) > 70"),
        ("tree: {if: 'rsi(SPY, 10) > 70', then: BIL, else: SPY}", "if # then BIL else SPY"),
        ("tree: {if: '2 * price(SPY)[1] + 3 < sma(SPY, 5)', then: BIL, else: SPY}", "# < sma(SPY, 5)"),
        ("tree: {if: '2 * price(SPY)[1] + 3 < sma(SPY, 5)', then: BIL, else: SPY}", "2 · # + 3"),
        (
            "tree: {if: '2 * price(SPY)[1] + 3 < sma(SPY, 5)', then: BIL, else: SPY}",
            "price(SPY), 1 sessions ago",
        ),
        ("tree: {if: 'price(A) > 1 for 3 sessions', then: A, else: B}", "# for 3 sessions"),
        ("tree: {weighted: [{60%: SPY}, {40%: cash}]}", "0.6 · SPY + 0.4 · cash"),
        ("tree: {filter: top 1 by rsi(10), of: [A, B]}", "top 1 of A by rsi(A, 10), B by rsi(B, 10)"),
        (
            "tree: {inverse_volatility: 20, of: [A, B]}",
            "inverse volatility of A / stdev_return(A, 20), B / stdev_return(B, 20)",
        ),
        (
            "tree: {scale: 'rsi(A, 5)', between: [30, 70], from: A, to: B}",
            "from A to B as rsi(A, 5) goes from 30 to 70",
        ),
        ("tree: {enter: price(A) > 1, exit: price(A) < 2, then: A, else: B}", "on from # until #"),
        (
            "variables: {w: [1, 2]}\ntree: {weighted: [{$w: A}, {1: B}]}",
            "$w · A + 1 · B (renormalised)",
        ),
    ],
)
def test_what_a_node_does(tree: str, line: str) -> None:
    """In words; holdings by ticker, leaves of comparisons in place, other nodes by number."""
    assert line in shown(tree)


def test_numbers_kinds_and_uses() -> None:
    """A shared node says how often it is used; the last line names the root."""
    lines = list(
        show(build(text.parse("tree: [{if: 'rsi(A, 5) > 1', then: A, else: B}, A]", SIGNATURES)).graph)
    )
    assert any(line.split() == ["#0", "return", "2×", "hold", "A"] for line in lines)
    assert lines[-1] == f"root: #{len(lines) - 2}"


@pytest.mark.parametrize("seed", range(20))
def test_any_graph_can_be_shown(seed: int) -> None:
    """One line for each node, none too long."""
    strategy: Strategy = random_strategy(np.random.default_rng(seed), tickers=tuple("ABC"), nodes=40)
    graph = build(strategy).graph
    lines = list(show(graph))
    assert len(lines) == len(graph) + 1
    assert max(map(len, lines)) < LONGEST + 40
