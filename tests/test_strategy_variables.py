"""Specifications of values, strategies with values put in, and constraints."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategy_samples import SIGNATURES, strategies
from treefolio.errors import SpaceError, StrategyError
from treefolio.strategy import variables
from treefolio.strategy.expression import constraint
from treefolio.strategy.tree import (
    Asset,
    Compare,
    Constant,
    Empty,
    Equal,
    Filter,
    If,
    InverseVolatility,
    Lasting,
    Reading,
    Rebalance,
    Scale,
    Specified,
    Strategy,
    Var,
    Variable,
)
from treefolio.strategy.validate import validate


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("70:85:1", tuple(range(70, 86))),
        ("85:70:-5", (85, 80, 75, 70)),
        ("0.1:0.5:0.1", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("1:2:0.5", (1.0, 1.5, 2.0)),
        ("5%:10%:2.5%", (0.05, 0.075, 0.1)),
        ("1:10:4", (1, 5, 9)),
        ("3:3:1", (3,)),
        ("70 : 72 : 1", (70, 71, 72)),
        ("5,10,14", (5, 10, 14)),
        ("5 10;14\n5,,10.0", (5, 10, 14)),
        ("1:3:1, 10", (1, 2, 3, 10)),
        ("TQQQ,SOXL", ("TQQQ", "SOXL")),
        ("TQQQ\tSOXL\nTQQQ", ("TQQQ", "SOXL")),
        ("BRK.B I:SPX 7203.T", ("BRK.B", "I:SPX", "7203.T")),
        ("-1,+2,.5,1e3,5%", (-1, 2, 0.5, 1000.0, 0.05)),
        (">,<=", (">", "<=")),
        ("1_000", ("1_000",)),
    ],
)
def test_specifications(spec: str, values: tuple[object, ...]) -> None:
    """Ranges include both ends and are exact decimals; lists keep their order and each value once."""
    found = variables.parse_spec(spec)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "no value"),
        (" , ;", "no value"),
        ("1:5:0", "step 0"),
        ("1:5:-1", "leads away"),
        ("5:1:1", "leads away"),
        ("1:5", "not a range"),
        ("1:5:1:1", "not a range"),
        ("1:x:1", "not a range of numbers"),
        ("1::1", "not a range"),
        (":5:1", "not a range"),
        ("nan", "not a finite number"),
        ("1,inf", "not a finite number"),
        ("1:nan:1", "not a finite number"),
        ("1e999", "not a finite number"),
        ("9" * 5000, "not a finite number"),
        ("0:1e9:1", "at most 10,000,000"),
        ("0:1:1e-300", "at most 10,000,000"),
    ],
)
def test_damaged_specifications(spec: str, message: str) -> None:
    """What lists no values, or too many, is a SpaceError that says how to write it."""
    with pytest.raises(SpaceError, match=message) as caught:
        variables.parse_spec(spec)
    assert caught.value.hint


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, unique=True))
def test_lists_of_numbers_survive_writing(values: list[int | float]) -> None:
    """A list of written numbers is read as exactly these numbers."""
    assert variables.parse_spec(",".join(map(repr, values))) == tuple(values)


@given(
    st.integers(-1000, 1000),
    st.integers(1, 50),
    st.integers(1, 400),
    st.sampled_from([1, 10, 1000]),
    st.booleans(),
)
def test_ranges_survive_writing(first: int, count: int, step: int, scale: int, down: bool) -> None:
    """`spec_of` names a range that `parse_spec` reads as the same values, or none."""
    sign = -1 if down else 1
    whole = [first + sign * k * step for k in range(count)]
    values = tuple(whole if scale == 1 else [value / scale for value in whole])
    spec = variables.spec_of(values)
    assert (spec is None) == (count < 4)
    if spec is not None:
        assert variables.parse_spec(spec) == values


@pytest.mark.parametrize(
    "values",
    [
        (1, 2, 3, 5),
        (1, 1, 1, 1),
        ("a", "b", "c", "d"),
        (1, 2.0, 3, 4),
        (1, 2, 3, 10**7),
        (0.1, 0.2, 0.3, 0.5),
    ],
)
def test_no_range(values: tuple[Any, ...]) -> None:
    """Values that are not evenly spaced, or not of one type, are no range."""
    assert variables.spec_of(values) is None


EVERYWHERE = Strategy(
    name="every place",
    root=Equal(
        (
            Asset(Var("ticker")),
            If(
                Lasting(
                    Compare(
                        Reading(
                            Var("indicator"), (Var("window"),), Var("ticker"), Var("ago"), Var("x"), Var("x")
                        ),
                        Var("comparator"),
                        Constant(Var("x")),
                    ),
                    Var("window"),
                ),
                Specified((Asset("A"), Asset("B")), (Var("weight"), 1)),
                InverseVolatility((Asset("A"),), Var("window")),
            ),
            Filter(
                (Asset("A"), Asset("B")),
                Reading("rsi", (Var("window"),)),
                Var("direction"),
                Var("window"),
                (Var("weight"), 0.5),
            ),
            Filter((Asset("A"),), Reading("rsi", (5,)), "top", 1, (), Var("window")),
            Scale(Reading("rsi", (14,), "A"), Var("x"), 70, Asset("A"), Empty()),
        )
    ),
    variables=(
        Variable("ticker", ("SPY",), "SPY"),
        Variable("indicator", ("sma", "rsi"), "sma"),
        Variable("window", (5, 10), 5),
        Variable("ago", (0, 1), 0),
        Variable("x", (1.5, 2), 2),
        Variable("comparator", (">", "<"), ">"),
        Variable("weight", (0.5, 1), 1),
        Variable("direction", ("top", "bottom"), "bottom"),
        Variable("unused", (1,), 1),
    ),
    constraints=(constraint("$window > $ago"),),
    rebalance=Rebalance("threshold", Var("weight")),
)
BOUND = Equal(
    (
        Asset("QQQ"),
        If(
            Lasting(Compare(Reading("sma", (10,), "QQQ", 0, 2, 2), "<", Constant(2)), 10),
            Specified((Asset("A"), Asset("B")), (0.25, 1)),
            InverseVolatility((Asset("A"),), 10),
        ),
        Filter((Asset("A"), Asset("B")), Reading("rsi", (10,)), "bottom", 10, (0.25, 0.5)),
        Filter((Asset("A"),), Reading("rsi", (5,)), "top", 1, (), 10),
        Scale(Reading("rsi", (14,), "A"), 2, 70, Asset("A"), Empty()),
    )
)


def test_bind_replaces_variables_everywhere() -> None:
    """Every variable becomes its value, or its default; the result has no variables and no constraints."""
    validate(EVERYWHERE, SIGNATURES)
    values = {"ticker": "QQQ", "window": 10.0, "comparator": "<", "weight": 0.25}
    bound = variables.bind(EVERYWHERE, values, SIGNATURES)
    assert bound == Strategy(name="every place", root=BOUND, rebalance=Rebalance("threshold", 0.25))
    assert variables.used(bound) == ()
    validate(bound, SIGNATURES)


def test_whole_numbers_become_int() -> None:
    """10.0 stands for 10 where a whole number belongs, and is int afterwards."""
    bound = variables.bind(EVERYWHERE, {"window": 10.0})
    reading = bound.root.children[2].by  # type: ignore[attr-defined]
    assert repr(reading.params) == "(10,)"
    assert repr(bound.root.children[2].count) == "10"  # type: ignore[attr-defined]


def test_used() -> None:
    """Variables in order of first use; one that nothing uses is left out."""
    assert variables.used(EVERYWHERE) == (
        "ticker", "window", "comparator", "indicator", "ago", "x", "weight", "direction",
    )  # fmt: skip


def test_defaults_of_variable_indicators() -> None:
    """With signatures, an indicator that was a variable gets the defaults of its parameters."""
    strategy = Strategy(
        name="x",
        root=If(Compare(Reading(Var("i"), (), "A"), ">", Constant(5)), Asset("A"), Empty()),
        variables=(Variable("i", ("rsi", "price"), "price"),),
    )
    validate(strategy, SIGNATURES)
    bound = variables.bind(strategy, {"i": "rsi"}, SIGNATURES)
    assert bound.root.condition.left == Reading("rsi", (14,), "A")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ({"widow": 5}, "unknown variable 'widow'"),
        ({"window": 2.5}, "whole number"),
        ({"window": 0}, "1 or more"),
        ({"window": "x"}, "finite number"),
        ({"window": math.nan}, "finite number"),
        ({"window": 10**400}, "finite number"),
        ({"window": True}, "finite number"),
        ({"ticker": 5}, "must be a word"),
        ({"ticker": " "}, "must be a word"),
        ({"comparator": "=>"}, "unknown comparator '=>'"),
        ({"direction": "tpo"}, "unknown direction 'tpo'"),
        ({"indicator": "smma"}, "unknown indicator 'smma'"),
        ({"weight": -1}, "0 or more"),
        ({"x": 70}, "two different ends"),
        ({"ago": -1}, "0 or more"),
    ],
)
def test_values_without_meaning(assignment: dict[str, Any], message: str) -> None:
    """A name that is not declared, and a value that cannot stand where its variable does, are SpaceErrors."""
    with pytest.raises(SpaceError, match=message):
        variables.bind(EVERYWHERE, assignment, SIGNATURES)


def test_weights_that_vanish_together() -> None:
    """Weights that are 0 only in combination are an error of that combination."""
    strategy = Strategy(
        name="x",
        root=Specified((Asset("A"), Asset("B")), (Var("a"), Var("b"))),
        variables=(Variable("a", (0, 1), 0), Variable("b", (0, 1), 1)),
    )
    validate(strategy)
    with pytest.raises(SpaceError, match=r"no weight above 0 \(with \$a = 0, \$b = 0\)"):
        variables.bind(strategy, {"b": 0})


def test_undeclared_variables() -> None:
    """A tree with a variable that nobody declared cannot be bound, and has no meaning."""
    strategy = Strategy(name="x", root=Asset(Var("fund")))
    with pytest.raises(SpaceError, match="unknown variable 'fund'"):
        variables.bind(strategy, {})
    with pytest.raises(StrategyError, match="unknown variable 'fund'"):
        validate(strategy)


@given(strategies())
def test_binding_leaves_nothing_open(strategy: Strategy) -> None:
    """After binding, nothing is open, and binding again changes nothing."""
    try:
        bound = variables.bind(strategy, {"n": 2, "fund": "SPY"}, SIGNATURES)
    except SpaceError as error:
        assert "two different ends" in error.message  # noqa: PT017 - the only thing that a combination can break
        return
    assert variables.used(bound) == ()
    assert variables.bind(bound, {}) == bound


@pytest.mark.parametrize(
    ("text", "assignment", "holds"),
    [
        ("$a < $b", {"a": 1, "b": 2}, True),
        ("$a < $b", {"a": 2, "b": 2}, False),
        ("$a + 1 <= 2 * $b", {"a": 3, "b": 2}, True),
        ("$a == 3", {"a": 3.0}, True),
        ("$a != $b", {"a": "SPY", "b": "QQQ"}, True),
        ("$a == $b", {"a": "SPY", "b": "QQQ"}, False),
        ("$a == 5", {"a": "5"}, False),
    ],
)
def test_constraints(text: str, assignment: dict[str, Any], holds: bool) -> None:
    """A constraint compares numbers as numbers, and words for equality."""
    assert variables.constraints_hold((constraint(text),), assignment) is holds
    assert variables.constraints_hold((), assignment)


@pytest.mark.parametrize(
    ("text", "assignment", "message"),
    [
        ("$a < $b", {"a": 1}, "needs a value for \\$b"),
        ("$a < $b", {"a": "SPY", "b": "QQQ"}, "no order"),
        ("$a + 1 == $b", {"a": "SPY", "b": 1}, "cannot calculate"),
    ],
)
def test_constraints_without_meaning(text: str, assignment: dict[str, Any], message: str) -> None:
    """A constraint that cannot be evaluated is an error, not false."""
    with pytest.raises(SpaceError, match=message):
        variables.constraints_hold((constraint(text),), assignment)
