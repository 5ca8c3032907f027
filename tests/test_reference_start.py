"""Where the reference engine says that a run can start, and what it names as the cause."""

from __future__ import annotations

import math

import numpy as np
import pytest

from treefolio.engine import reference
from treefolio.errors import MissingPrices, WindowError
from treefolio.strategy.tree import (
    Asset,
    Cash,
    Compare,
    Equal,
    Filter,
    If,
    InverseVolatility,
    Lasting,
    Node,
    Reading,
    Scale,
    Strategy,
)
from treefolio.testing.panels import panel_of

SESSIONS = 60
A, B, LATE = Asset("A"), Asset("B"), Asset("LATE")


def _walk(seed: int, listed: int) -> list[float]:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, SESSIONS)))
    closes[:listed] = math.nan
    return closes.tolist()


PANEL = panel_of(
    {
        "A": _walk(1, 0),
        "B": _walk(2, 0),
        "LATE": _walk(3, 20),
        "NONE": _walk(4, SESSIONS),
        "STEP": [1.0] * 19 + [2.0] * 41,
    }
)


def reading(name: str, *params: float, ticker: str | None = "A", **place: float) -> Reading:
    return Reading(name, params, ticker, **place)


def rank(*children: Node, by: str = "rsi", window: int = 10, **place: float) -> Filter:
    return Filter(children, reading(by, window, ticker=None, **place), "top", 1)


def started(root: Node, missing="error"):
    return reference.first_session(Strategy(name="case", root=root), PANEL, missing=missing)


@pytest.mark.parametrize(
    ("root", "first", "cause"),
    [
        (A, 0, "the prices begin then"),
        (Cash(), 0, "the prices begin then"),
        (Equal((A, LATE)), 20, "LATE's first price is then"),
        # RSI(10) needs 10 changes: the first price and 10 sessions
        (If(reading("rsi", 10) > 50, A, B), 10, "A's rsi(10) is first defined then"),
        (If(reading("sma", 10) > 50, A, B), 9, "A's sma(10) is first defined then"),
        # a ticker that is only read delays the start in the same way, and so does a candidate
        (If(reading("rsi", 10, ticker="LATE") > 50, A, B), 30, "LATE's rsi(10) is first defined then"),
        (rank(A, LATE), 30, "LATE's rsi(10) is first defined then"),
        (If(reading("rsi", 10) > reading("sma", 30), A, B), 29, "A's sma(30) is first defined then"),
        (If(reading("rsi", 10) > 50, A, LATE), 20, "LATE's first price is then"),
        # of equals the first in the tree is named
        (
            If(Compare(reading("rsi", 10), ">", reading("rsi", 10, ticker="B")), A, B),
            10,
            "A's rsi(10) is first defined then",
        ),
        (If(reading("rsi", 10, sessions_ago=3) > 50, A, B), 13, "A's rsi(10) is first defined then"),
        (If(Lasting(reading("rsi", 10) > 50, 4), A, B), 13, "A's rsi(10) is first defined then"),
        (Scale(reading("rsi", 12), 30, 70, A, B), 12, "A's rsi(12) is first defined then"),
        (InverseVolatility((A, LATE), 5), 25, "LATE's stdev_return(5) is first defined then"),
        (rank(A, B, sessions_ago=2), 12, "A's rsi(10) is first defined then"),
        (
            Filter((A, B), reading("rsi", 3, ticker=None), "top", 1, volatility_window=8),
            8,
            "A's stdev_return(8) is first defined then",
        ),
    ],
)
def test_a_run_starts_when_everything_has_a_value(root, first, cause):
    """The latest of all first values sets the start, and is named."""
    window = started(root)
    assert (window.first, window.last, window.cause) == (first, SESSIONS - 1, cause)


@pytest.mark.parametrize(
    ("branch", "sound"),
    [
        (Equal((A, B)), 0),
        (If(reading("rsi", 12) > 50, A, B), 12),
        (Equal((A, LATE)), 20),
        (Cash(), 0),
    ],
)
@pytest.mark.parametrize(("by", "lookback"), [("rsi", 10), ("cumulative_return", 10), ("sma", 9)])
def test_a_ranked_branch_needs_its_own_needs_and_then_the_look_back(branch, sound, by, lookback):
    """The decisions inside its look-back are sound ones."""
    assert started(rank(branch, A, by=by)).first == sound + lookback


def test_branches_ranked_inside_ranked_branches_add_their_look_backs():
    """10 sessions for the inner ranking, 10 more for the outer one."""
    inner = rank(Equal((A, B)), A)
    assert started(rank(inner, B)).first == 20


def test_a_branch_that_held_what_had_no_price_waits_for_its_series():
    """It turns from A to LATE at 19, a session too early: its series has a gap at 20 and begins at 21."""
    early = If(reading("price", ticker="STEP") < 1.5, A, LATE)
    assert started(rank(early, B)).first == 31


def test_with_skip_nothing_moves_the_start():
    """Not even a ticker without any price."""
    assert started(Equal((LATE, Asset("NONE"), Asset("ABSENT"))), missing="skip").first == 0


@pytest.mark.parametrize("ticker", ["NONE", "ABSENT"])
def test_a_ticker_without_any_price_is_an_error(ticker):
    """Whether the panel has an empty column of it, or none."""
    with pytest.raises(MissingPrices) as caught:
        started(Equal((A, Asset(ticker))))
    assert (caught.value.ticker, caught.value.path) == (ticker, "root > child[2]")


@pytest.mark.parametrize("root", [If(reading("rsi", 60) > 50, A, B), rank(Equal((A, B)), A, window=60)])
def test_a_look_back_longer_than_the_prices_is_an_error(root):
    """60 sessions have 59 changes."""
    with pytest.raises(WindowError, match=r"rsi\(60\) is not defined"):
        started(root)
