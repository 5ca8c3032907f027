"""Runs that leave out what has no price say of what, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from treefolio.engine.compiled import record
from treefolio.engine.execution import Execution
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.errors import RunError
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import text
from treefolio.testing.panels import panel_of

RISING = [100.0 + k for k in range(30)]


def prices(**gone: slice) -> Panel:
    """A, B and C, of which some have no price on some sessions."""
    series = {name: list(RISING) for name in "ABC"}
    for name, where in gone.items():
        for k in range(*where.indices(len(RISING))):
            series[name][k] = np.nan
    return panel_of(series)


def notes(panel: Panel, tree: str = "{if: 'rsi(C, 3) > 50', then: A, else: B}") -> tuple[str, ...]:
    strategy = text.parse(f"tree: {tree}\n", SIGNATURES)
    start = panel.sessions[5].item()
    question = Question(panel=panel, start=start, missing="skip", benchmark=None)
    return prepare(strategy, question).notes


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (slice(None), "no price at all in the run, so skipped wherever they are used: C"),
        (slice(0, 12), "first price within the run, so skipped wherever they are used before it: C ({12})"),
        (
            slice(20, None),
            "last price before the end of the run, so skipped wherever they are used after it: C ({19})",
        ),
        (slice(10, 12), "sessions without a price in between, on which they are skipped: C"),
    ],
)
def test_what_is_skipped_is_said(gone: slice, said: str) -> None:
    """A ticker without any price, one that begins later, one that ends sooner, one with a gap."""
    panel = prices(C=gone)
    found = [note for note in notes(panel) if "C" in note]
    assert found[0] == said.format(*map(str, panel.sessions))


def test_nothing_is_said_of_prices_that_are_there() -> None:
    """Nor of those before the run."""
    assert not [note for note in notes(prices(C=slice(0, 3))) if "skipped" in note]


def failed(panel: Panel, tree: str, execution: Execution | None = None) -> RunError:
    """The error of a run from session 5 on that skips what is missing."""
    strategy = text.parse(f"tree: {tree}\n", SIGNATURES)
    question = Question(
        panel=panel,
        start=panel.sessions[5].item(),
        missing="skip",
        benchmark=None,
        execution=execution or Execution(),
    )
    with pytest.raises(RunError) as caught:
        record(prepare(strategy, question))
    return caught.value


# B is held instead of A while A falls, which it does from session 15 on; C is never held.
FALLING = [100.0 + k - 2 * max(k - 15, 0) for k in range(30)]
SWITCHED = "{if: 'price(A) > sma(A, 3)', then: A, else: {if: 'price(A) > 1000', then: C, else: B}}"
HINTS = {
    "it ends": (
        {"B": slice(12, None)},
        "The prices of B end on {11}: choose --end {11}, or replace it.",
    ),
    "others end as well": (
        {"B": slice(12, None), "C": slice(9, None)},
        (
            "The prices of B end on {11}: choose --end {11}, or replace it. "
            "Of what can be held, these end as well: C {8}."
        ),
    ),
    "it ends, and another begins late": (
        {"B": slice(12, None), "C": slice(0, 20)},
        "The prices of B end on {11}: choose --end {11}, or replace it.",
    ),
    "it ended before the run": (
        {"B": slice(4, None)},
        "The prices of B end on {3}: choose another window, or replace it.",
    ),
    "it begins later, and others too": (
        {"B": slice(0, 25), "C": slice(0, 28)},
        (
            "Of what can be held, these have their first price after the start: B {25}, C {28}. "
            "Choose a later --start, or replace a ticker: `treefolio inspect` lists its handle."
        ),
    ),
    "a gap": (
        {"B": slice(14, 22)},
        "B has no price between {13} and {22}: choose --end {13} or --start {22}, or replace it.",
    ),
    "never": (
        {"B": slice(None)},
        "There is no price of B: replace it; `treefolio inspect` lists its handle.",
    ),
}


@pytest.mark.parametrize("case", HINTS)
def test_the_hint_is_of_the_ticker_that_is_held(case: str) -> None:
    """B is held and has no price; what it says of others, and of B, is what their prices are."""
    gone, hint = HINTS[case]
    series = {"A": FALLING, "B": list(RISING), "C": list(RISING)}
    for name, where in gone.items():
        for k in range(*where.indices(30)):
            series[name][k] = np.nan
    panel = panel_of(series)
    error = failed(panel, SWITCHED)
    assert error.ticker == "B"
    assert error.hint == hint.format(*map(str, panel.sessions))


@pytest.mark.parametrize(
    ("gone", "hint"),
    [
        (
            {"A": slice(0, 12)},
            (
                "Its open is missing on 7 of the run's 25 sessions, the last of them {11}: use --fill "
                "close or --fill next_close, or --start {12}, from which on all that can be held has opens."
            ),
        ),
        (
            {"A": slice(3, 9), "B": slice(0, 20)},
            (
                "Its open is missing on 4 of the run's 25 sessions, the last of them {8}: use --fill "
                "close or --fill next_close, or --start {20}, from which on all that can be held has opens."
            ),
        ),
        (
            {"A": slice(3, 9), "B": slice(0, 30)},
            (
                "Its open is missing on 4 of the run's 25 sessions, the last of them {8}: use --fill "
                "close or --fill next_close, or --start {9}, from which on A has opens."
            ),
        ),
        (
            {"A": slice(0, 30)},
            (
                "Its open is missing on 25 of the run's 25 sessions, the last of them {29}: use --fill "
                "close or --fill next_close."
            ),
        ),
    ],
)
def test_a_missing_open_is_said_to_be_one(gone: dict[str, slice], hint: str) -> None:
    """With how often it is missing, what else fills could be at, and from when on there are opens."""
    panel = panel_of({name: list(RISING) for name in "AB"})
    opens = panel.fields["close"].copy()
    for name, where in gone.items():
        opens[where, panel.position(name)] = np.nan
    panel = replace(panel, fields={**panel.fields, "open": opens})
    error = failed(panel, "{if: 'price(A) > 0', then: A, else: B}", Execution(fill="next_open"))
    day = str(panel.sessions[6])
    assert (error.ticker, error.session) == ("A", day)
    assert error.message == f"A is to be traded at the open of {day}, and has a close but no open then"
    assert error.hint == hint.format(*map(str, panel.sessions))
