"""Strategies built in Python say the same as the text form does."""

from __future__ import annotations

from typing import Any

import pytest

from strategy_samples import SIGNATURES
from treefolio.errors import SpaceError, StrategyError, UsageError
from treefolio.strategy import build, text
from treefolio.strategy.build import (
    If,
    all_of,
    any_of,
    bottom,
    cash,
    compare,
    empty,
    enter_exit,
    equal,
    group,
    held_for,
    inverse_volatility,
    none_of,
    scale,
    switch,
    top,
    var,
    weighted,
)
from treefolio.strategy.tree import Asset, Equal, Node, Reading, Strategy, Var, Variable


def rsi(*args: Any, **parameters: Any) -> Reading:
    return build.reading(SIGNATURES["rsi"], *args, **parameters)


def price(*args: Any) -> Reading:
    return build.reading(SIGNATURES["price"], *args)


SAME: list[tuple[Node, str]] = [
    (If(rsi("A", 10) > 79, "UVXY", equal("A", cash)), "{if: 'rsi(A, 10) > 79', then: UVXY, else: [A, cash]}"),
    (If(rsi("A") > var("hot"), ["A", "B"]), "{if: rsi(A) > $hot, then: [A, B]}"),
    (If(rsi(var("fund"), 10) > 5, var("fund")), "{if: 'rsi($fund, 10) > 5', then: $fund}"),
    (If(rsi("A", window=var("$n")) > 5, empty, "A"), "{if: 'rsi(A, $n) > 5', then: empty, else: A}"),
    (If(price(var("fund")) > 2 * price("A") + 1, "A"), "{if: price($fund) > 2 * price(A) + 1, then: A}"),
    (If(build.ago(price("A"), 1) > 5, "A"), '{if: "price(A)[1] > 5", then: A}'),
    (If(compare(rsi("A"), "==", 5), "A"), "{if: rsi(A) == 5, then: A}"),
    (If(held_for(rsi("A") > 5, 3), "A"), "{if: rsi(A) > 5 for 3 sessions, then: A}"),
    (
        If(all_of(rsi("A") > 5, any_of(rsi("B") > 5), none_of()), "A"),
        '{if: "all(rsi(A) > 5, any(rsi(B) > 5), none())", then: A}',
    ),
    (weighted({"A": 0.6, "B": var("n")}), "{weighted: [60%: A, $n: B]}"),
    (weighted([(1, "A"), (1, ["A", "B"])]), "{weighted: [1: A, 1: [A, B]]}"),
    (inverse_volatility(20, "A", "B"), "{inverse_volatility: 20, of: [A, B]}"),
    (top(2, by=rsi(10), of=["A", "B"]), "{filter: top 2 by rsi(10), of: [A, B]}"),
    (top(1, by=rsi(var("n")), of=["A"], volatility_window=5),
     "{filter: top 1 by rsi($n), of: [A], weights: inverse_volatility(5)}"),
    (bottom(1, by=price(), of=["A"], weights=[2], keep_ties=True),
     "{filter: bottom 1 by price, of: [A], weights: [2], ties: keep}"),
    (group("Bear", "A"), "{group: Bear, of: A}"),
    (scale(rsi("A"), 30, 70, start="A", end=["A", "B"]),
     "{scale: rsi(A), between: [30, 70], from: A, to: [A, B]}"),
    (switch([rsi("A") > 5, rsi("B") > 5], [None, "A", "B"]),
     "{switch: [rsi(A) > 5, rsi(B) > 5], branches: [null, A, B]}"),
    (enter_exit(rsi("A") > 5, rsi("A") < 3, "A", "B"),
     "{enter: rsi(A) > 5, exit: rsi(A) < 3, then: A, else: B}"),
]  # fmt: skip


@pytest.mark.parametrize(("built", "written"), SAME)
def test_builders_agree_with_the_text(built: Node, written: str) -> None:
    """Each builder gives the node that its words in the text form give."""
    header = "variables: {hot: [70], n: [1, 2], fund: [A]}\n"
    assert text.parse(f"{header}tree: {written}", SIGNATURES).root == built


def test_strategy() -> None:
    """A whole strategy, with variables as specifications, lists or declarations."""
    slow = Variable("slow", (100, 200), 200)
    built = build.strategy(
        "Hot",
        If(rsi("A", var("n")) > var("hot"), ["A"]),
        variables={"hot": "70:72:1", "n": [5, 10], "slow": slow},
        constraints=["$n < $slow"],
        rebalance="threshold(5%)",
        empty_policy="cash",
    )
    written = """
name: Hot
rebalance: threshold(5%)
empty: cash
variables: {hot: 70:72:1, n: [5, 10], slow: {default: 200, values: [100, 200]}}
constraints: [$n < $slow]
tree: {if: "rsi(A, $n) > $hot", then: [A]}
"""
    assert text.parse(written, SIGNATURES) == built
    assert build.strategy("plain", "A") == Strategy(name="plain", root=Asset("A"))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: build.node(5), UsageError),  # type: ignore[arg-type]
        (lambda: build.node(["A", ["B"]]), UsageError),  # type: ignore[list-item]
        (lambda: rsi("A", "B"), UsageError),
        (lambda: rsi("A", 0), StrategyError),
        (lambda: rsi("A", windw=5), StrategyError),
        (lambda: build.strategy("x", If(rsi("A") > var("hot"), "A")), StrategyError),
        (lambda: build.strategy("x", cash), StrategyError),
        (lambda: build.strategy("x", "A", rebalance="hourly"), StrategyError),
        (lambda: build.strategy("x", "A", variables={"a": []}), SpaceError),
    ],
)
def test_builders_refuse(wrong: Any, error: type[Exception]) -> None:
    """What has no meaning is refused where it is built."""
    with pytest.raises(error):
        wrong()


def test_first_variables() -> None:
    """A variable that comes first is the ticker when the parameters behind it are complete."""
    assert rsi(var("x")).ticker is None
    assert rsi(var("x")).params == (Var("x"),)
    assert rsi(var("x"), 10).ticker == Var("x")
    assert build.node([var("x")]) == Equal((Asset(Var("x")),))
