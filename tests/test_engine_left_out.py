"""Runs that leave out what has no price say of what, and when."""

from __future__ import annotations

import numpy as np
import pytest

from treefolio.engine.compiled import Question, prepare, record
from treefolio.errors import MissingPrices, RunError
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


def test_what_is_held_and_ends_is_an_error_that_says_when() -> None:
    """With the last day on which it has a price."""
    panel = prices(A=slice(20, None))
    strategy = text.parse("tree: A\n", SIGNATURES)
    question = Question(panel=panel, start=panel.sessions[5].item(), missing="skip", benchmark=None)
    with pytest.raises((RunError, MissingPrices)) as caught:
        record(prepare(strategy, question))
    assert (
        caught.value.hint
        == f"The prices of A end on {panel.sessions[19]}: choose --end {panel.sessions[19]}, or replace it."
    )
