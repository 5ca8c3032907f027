"""The expression language reads what it should, says where it cannot, and is written back without loss."""

from __future__ import annotations

import pytest
from hypothesis import given

from strategy_samples import SIGNATURES, comparisons, conditions, readings
from treefolio.errors import StrategyError
from treefolio.strategy import expression, spelling
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Constant,
    Constraint,
    Filter,
    Lasting,
    NoneOf,
    Reading,
    Term,
    Var,
)


def rsi(ticker: str, window: int = 14) -> Reading:
    return Reading("rsi", (window,), ticker)


def price(ticker: str) -> Reading:
    return Reading("price", (), ticker)


A, B, C = rsi("A") > 1, rsi("B") > 2, rsi("C") > 3

MEANINGS: list[tuple[str, Condition]] = [
    ("rsi(TQQQ, 10) > 79", rsi("TQQQ", 10) > 79),
    ("rsi(TQQQ)<=30", rsi("TQQQ", 14) <= 30),
    ("price(SPY) > sma(SPY, $slow)", price("SPY") > Reading("sma", (Var("slow"),), "SPY")),
    ("30 < rsi(TQQQ)", Compare(Constant(30), "<", rsi("TQQQ"))),
    (
        "rsi($fund, $w) $cmp $hot",
        Compare(Reading("rsi", (Var("w"),), Var("fund")), Var("cmp"), Constant(Var("hot"))),
    ),
    ("$ind(SPY, 10) > 5", Reading(Var("ind"), (10,), "SPY") > 5),
    ("rsi(SPY)[1] > 5%", Reading("rsi", (14,), "SPY", 1) > 0.05),
    ("price(A) > 1.02 * price(B)", price("A") > 1.02 * price("B")),
    ("price(A) > price(B) * 1.02", price("A") > 1.02 * price("B")),
    ("price(A) > 2 * price(B) + 1", price("A") > 2 * price("B") + 1),
    ("price(A) > price(B)-5", price("A") > price("B") - 5),
    ("-1 * price(A) + $x > -3", -1 * price("A") + Var("x") > -3),  # type: ignore[operator]
    ("macd(SPY, fast=3) > 0", Reading("macd", (3, 26, 9), "SPY") > 0),
    ("macd(SPY, 3, signal=$n) > 0", Reading("macd", (3, 26, Var("n")), "SPY") > 0),
    ("rsi(BRK.B) > 1e-5", rsi("BRK.B") > 1e-05),
    ("rsi(BF-B) > .5", rsi("BF-B") > 0.5),
    ("rsi(BRK/B) > 5.", rsi("BRK/B") > 5.0),
    ("rsi(0700.HK) > 5", rsi("0700.HK") > 5),
    ("rsi(\"^VIX\") > rsi('7203')", rsi("^VIX") > rsi("7203")),
    ("rsi(for) > rsi(NO)", rsi("for") > rsi("NO")),
    ("rsi(A) > 1 and rsi(B) > 2 or rsi(C) > 3", AnyOf((AllOf((A, B)), C))),
    ("rsi(A) > 1 and (rsi(B) > 2 or rsi(C) > 3)", AllOf((A, AnyOf((B, C))))),
    ("rsi(A) > 1 and rsi(B) > 2 and rsi(C) > 3", AllOf((A, B, C))),
    ("(rsi(A) > 1 and rsi(B) > 2) and rsi(C) > 3", AllOf((AllOf((A, B)), C))),
    ("all(rsi(A) > 1, rsi(B) > 2)", AllOf((A, B))),
    ("any(rsi(A) > 1, rsi(B) > 2 and rsi(C) > 3)", AnyOf((A, AllOf((B, C))))),
    ("none(rsi(A) > 1, any())", NoneOf((A, AnyOf(())))),
    ("all(rsi(A) > 1)", AllOf((A,))),
    ("not rsi(A) > 1 and rsi(B) > 2", AllOf((NoneOf((A,)), B))),
    ("not (rsi(A) > 1 and rsi(B) > 2)", NoneOf((AllOf((A, B)),))),
    ("not not rsi(A) > 1", NoneOf((NoneOf((A,)),))),
    ("rsi(A) > 1 and rsi(B) > 2 for 3 sessions", AllOf((A, Lasting(B, 3)))),
    ("(rsi(A) > 1 and rsi(B) > 2) for $n sessions", Lasting(AllOf((A, B)), Var("n"))),
    ("not rsi(A) > 1 for 1 session", NoneOf((Lasting(A, 1),))),
    ("any(rsi(A) > 1) for 2 sessions for 3 sessions", Lasting(Lasting(AnyOf((A,)), 2), 3)),
    ("\n  rsi(A)\n > 1  ", A),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS)
def test_condition_means(text: str, meaning: Condition) -> None:
    """Each text says exactly this condition."""
    assert expression.condition(text, SIGNATURES) == meaning


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("((rsi(A, 14) > 1))", "rsi(A, 14) > 1"),
        (
            "(rsi(A,14)>1 and rsi(B,14)>2) or (rsi(C,14)>3)",
            "rsi(A, 14) > 1 and rsi(B, 14) > 2 or rsi(C, 14) > 3",
        ),
        ("not (rsi(A) > 1)", "not rsi(A, 14) > 1"),
        ("(not rsi(A) > 1) for 2 sessions", "(not rsi(A, 14) > 1) for 2 sessions"),
        ("(rsi(A) > 1) for 1 sessions", "rsi(A, 14) > 1 for 1 session"),
        (
            "all(any(rsi(A) > 1, rsi(B) > 2), rsi(C) > 3)",
            "(rsi(A, 14) > 1 or rsi(B, 14) > 2) and rsi(C, 14) > 3",
        ),
        ("1 * price(A) + 0 > 1", "price(A) > 1"),
    ],
)
def test_condition_is_written_with_few_parentheses(text: str, written: str) -> None:
    """Parentheses stand only where the meaning needs them."""
    assert spelling.condition(expression.condition(text, SIGNATURES)) == written


ERRORS = [
    ("", 1, 1, "found the end", None),
    ("rsi(TQQQ, 10)", 1, 14, "expected a comparator", "One of"),
    ("rsi(TQQQ, 10) >", 1, 16, "expected an indicator or a number", None),
    ("rsi(TQQQ, 10 > 5", 1, 14, "expected ','", None),
    ("rsi(TQQQ, 10", 1, 13, "expected ','", "quotation marks"),
    ("rsi(A) = 5", 1, 8, "comparator", "=="),
    ("rssi(A) > 5", 1, 1, "unknown indicator 'rssi'", "rsi"),
    ("rsi(A) > 5 AND rsi(B) > 5", 1, 12, "unexpected 'AND'", "and"),
    ("rsi(A) > 5 rsi(B) > 5", 1, 12, "unexpected 'rsi'", None),
    ("rsi(10) > 5", 1, 5, "needs a ticker", "rsi(TICKER"),
    ("rsi(A, B) > 5", 1, 8, "expected a number", None),
    ("rsi(A, 0) > 5", 1, 1, "window must be from 1", None),
    ("rsi(A, 1.5) > 5", 1, 1, "whole number", None),
    ("rsi(A, windw=3) > 5", 1, 1, "no parameter 'windw'", "window"),
    ("rsi(A, 3, 4) > 5", 1, 1, "takes 1 parameters, not 2", "rsi(TICKER, window)"),
    ("macd(A, fast=3, 4) > 5", 1, 17, "behind a named one", None),
    ("macd(A, fast=3, fast=4) > 5", 1, 17, "given twice", None),
    ("sma(A) > 5", 1, 1, "needs window", "sma(TICKER, window)"),
    ("30 < rsi(A) < 70", 1, 13, "two sides", "and"),
    ("rsi(A) > nan", 1, 10, "unknown indicator", "finite"),
    ("rsi(A) > -inf", 1, 11, "expected a number", None),
    ("rsi(A) > 1e999", 1, 10, "finite", None),
    ("rsi(A) > " + "9" * 5000, 1, 10, "finite", None),
    ("rsi(A) / 2 > 5", 1, 8, "division", "0.5 *"),
    ("rsi(A) - rsi(B) > 5", 1, 10, "only a number can be added", "Compare"),
    ("rsi(A) - $x > 5", 1, 8, "not subtracted", "negative"),
    ("rsi(A) * rsi(B) > 5", 1, 1, "multiplied by a number", None),
    ("5 + 2 > rsi(A)", 1, 1, "arithmetic needs an indicator", None),
    ("2 * 3 > rsi(A)", 1, 1, "arithmetic needs an indicator", None),
    ("rsi(A) > 5 for x sessions", 1, 16, "expected a number", None),
    ("rsi(A) > 5 for 3 days", 1, 18, "expected 'sessions'", "for 3 sessions"),
    ("(rsi(A) > 5", 1, 1, "'(' is never closed", "')'"),
    ("any(rsi(A) > 5", 1, 1, "'any(' is never closed", "')'"),
    ("rsi(A) > 5)", 1, 11, "unexpected ')'", None),
    ("rsi(A) > $", 1, 10, "unexpected '$'", "$name"),
    ("rsi('A) > 5", 1, 5, 'unexpected "\'"', "never closed"),
    ('rsi("\\q") > 5', 1, 5, "damaged string", None),
    ("rsi(A) > 5 and\n  rsi(B) >> 5", 2, 11, "expected an indicator or a number", None),
    ("$ind(A, window=3) > 5", 1, 1, "cannot be named", None),
    ("rsi(A)[1.5 > 5", 1, 12, "expected ']'", None),
]


@pytest.mark.parametrize(("text", "line", "column", "message", "hint"), ERRORS)
def test_errors_say_where(text: str, line: int, column: int, message: str, hint: str | None) -> None:
    """A text without meaning raises a StrategyError at the right character, with a remedy."""
    with pytest.raises(StrategyError) as caught:
        expression.condition(text, SIGNATURES)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_rankings() -> None:
    """The head of a filter names direction, count and an indicator without ticker."""
    plain = expression.ranking("top 2 by rsi(10)", SIGNATURES)
    assert (plain.direction, plain.count, plain.by) == ("top", 2, Reading("rsi", (10,)))
    varied = expression.ranking("$side $n by 2 * $ind($w)[1] - 1", SIGNATURES)
    assert (varied.direction, varied.count) == (Var("side"), Var("n"))
    assert varied.by == Reading(Var("ind"), (Var("w"),), None, 1, 2, -1)
    assert expression.ranking("bottom 1 by price", SIGNATURES).by == Reading("price")
    assert expression.ranking("bottom 1 by rsi", SIGNATURES).by == Reading("rsi", (14,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tip 2 by rsi(10)", "expected top or bottom"),
        ("top by rsi(10)", "expected a number"),
        ("top 2 of rsi(10)", "expected 'by'"),
        ("top 2 by rsi(SPY, 10)", "expected a number"),
        ("top 2 by 10", "expected an indicator"),
    ],
)
def test_damaged_rankings(text: str, message: str) -> None:
    """What is no ranking is refused."""
    with pytest.raises(StrategyError, match=message):
        expression.ranking(text, SIGNATURES)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("$fast < $slow", Constraint(Term(Var("fast")), "<", Term(Var("slow")))),
        (
            "$fast + 10 <= 2 * $slow - 1.5",
            Constraint(Term(Var("fast"), 1, 10), "<=", Term(Var("slow"), 2, -1.5)),
        ),
        ("$a * 2 != 5", Constraint(Term(Var("a"), 2), "!=", Term(5))),
    ],
)
def test_constraints(text: str, meaning: Constraint) -> None:
    """A constraint compares one variable or number with another, scaled and shifted by numbers."""
    assert expression.constraint(text) == meaning
    assert expression.constraint(spelling.constraint(meaning)) == meaning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$slow - $fast > 10", "one variable on each side"),
        ("$slow * $fast > 10", "by a number only"),
        ("$slow", "expected a comparator"),
        ("slow > 1", "expected a number"),
    ],
)
def test_damaged_constraints(text: str, message: str) -> None:
    """What is no constraint is refused."""
    with pytest.raises(StrategyError, match=message):
        expression.constraint(text)


@given(conditions)
def test_every_condition_survives_writing(condition: Condition) -> None:
    """Writing a condition and reading it again gives an equal one."""
    assert expression.condition(spelling.condition(condition), SIGNATURES) == condition


@given(readings())
def test_every_reading_survives_writing(reading: Reading) -> None:
    """Writing a reading and reading it again gives an equal one, to the last bit of its numbers."""
    assert expression.reading(spelling.reading(reading), SIGNATURES) == reading


@given(readings(ranked=True))
def test_every_ranking_survives_writing(by: Reading) -> None:
    """Writing the head of a filter and reading it again gives an equal one."""
    head = Filter((), by, "top", 3)
    read = expression.ranking(spelling.ranking(head), SIGNATURES)
    assert (read.by, read.direction, read.count) == (by, "top", 3)


@given(comparisons, conditions)
def test_a_condition_is_cut_short_only_when_it_is_long(short: Condition, long: Condition) -> None:
    """`short_condition` gives the whole text or nothing."""
    for condition in (short, long):
        text = spelling.condition(condition)
        assert spelling.short_condition(condition, len(text)) == text
        assert spelling.short_condition(condition, len(text) - 1) is None


def test_nesting_is_bounded_by_memory_alone() -> None:
    """Twenty thousand parentheses or negations are read and written without a RecursionError."""
    depth = 20_000
    assert expression.condition("(" * depth + "rsi(A) > 1" + ")" * depth, SIGNATURES) == A
    negated = expression.condition("not " * depth + "rsi(A) > 1", SIGNATURES)
    assert spelling.condition(negated) == "not " * depth + "rsi(A, 14) > 1"
    deep = A
    for _ in range(depth):
        deep = AllOf((B, deep))
    assert expression.condition(spelling.condition(deep), SIGNATURES) == deep


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.6, "60%"),
        (0.05, "5%"),
        (0.125, "12.5%"),
        (1.0, "100%"),
        (1 / 3, repr(1 / 3)),
        (60, "60"),
        (0.0, "0.0"),
    ],
)
def test_shares(value: float, text: str) -> None:
    """A share is written as a percentage where that is short, and read back exactly."""
    assert spelling.share(value) == text
    assert repr(expression.number(text)) == repr(value)
