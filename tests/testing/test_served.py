"""What a vendor's server serves."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from treefolio.market.actions import SpinOff, Split
from treefolio.market.bars import INTERVALS
from treefolio.market.panel import FIELDS
from treefolio.testing.panels import random_panel
from treefolio.testing.vendors.served import made_up, midnights, served_panel, starts

TICKERS = ("AAA", "BBB", "CCC", "DDD")
FIRST, LAST = date(2024, 1, 2), date(2024, 12, 31)


def test_raw_prices_jump_where_they_are_split() -> None:
    """A 4 for 1 split divides the price by about four that morning, a 1 for 10 multiplies it by ten."""
    served = made_up(TICKERS, FIRST, LAST)
    splits = [action for action in served.actions if isinstance(action, Split)]
    assert [split.ticker for split in splits] == ["AAA", "BBB"]
    for split in splits:
        bars = served.of("1d")[split.ticker]
        k = int(np.flatnonzero(bars.at == np.datetime64(split.ex_date, "D"))[0])
        jump = bars.fields["open"][k] / bars.fields["close"][k - 1]
        assert jump == pytest.approx(split.old / split.new, rel=0.1)


def test_a_ticker_does_not_depend_on_the_others() -> None:
    """Its bars are the same whoever is served beside it, without actions that say otherwise."""
    alone = made_up(["CCC"], FIRST, LAST, with_actions=False).of("1d")["CCC"]
    among = made_up(TICKERS, FIRST, LAST, with_actions=False).of("1d")["CCC"]
    for name in FIELDS:
        assert np.array_equal(alone.fields[name], among.fields[name])


@pytest.mark.parametrize("interval", INTERVALS)
def test_bars_are_sound(interval: str) -> None:
    """Low ≤ open, close ≤ high, above zero, by time, each once."""
    bars = made_up(TICKERS, date(2024, 3, 4), date(2024, 3, 15), intervals=(interval,)).of(interval)["AAA"]
    low, high = bars.fields["low"], bars.fields["high"]
    assert (low > 0).all()
    for name in ("open", "close"):
        assert ((low <= bars.fields[name]) & (bars.fields[name] <= high)).all()
    assert (np.diff(bars.at).astype(np.int64) > 0).all()


def test_a_spin_off_has_parent_and_child() -> None:
    """The third ticker spins off the fourth; fewer than four tickers have none."""
    spun = [action for action in made_up(TICKERS, FIRST, LAST).actions if isinstance(action, SpinOff)]
    assert [(action.ticker, action.child) for action in spun] == [("CCC", "DDD")]
    assert not any(isinstance(action, SpinOff) for action in made_up(TICKERS[:3], FIRST, LAST).actions)


def test_a_panel_is_served_without_its_gaps() -> None:
    """Sessions without a close have no bar, all others are as in the panel."""
    panel = random_panel(np.random.default_rng(3), tickers=TICKERS, sessions=100)
    served = served_panel(panel)
    for ticker in TICKERS:
        close = panel.column(ticker)
        there = ~np.isnan(close)
        bars = served.of("1d")[ticker]
        assert np.array_equal(bars.at, panel.sessions[there])
        assert np.array_equal(bars.fields["close"], close[there])
        assert np.array_equal(bars.fields["volume"], panel.column(ticker, "volume")[there])


def test_midnight_in_new_york_is_at_4_or_5() -> None:
    """Whether it is summer there or winter; bars within a day follow."""
    days = np.array(["2024-03-08", "2024-03-11"], dtype="datetime64[D]")
    assert midnights(days).astype(str).tolist() == ["2024-03-08T05:00:00", "2024-03-11T04:00:00"]
    assert starts(days, "1h").astype(str).tolist()[:2] == ["2024-03-08T14:30:00", "2024-03-08T15:30:00"]
    assert len(starts(days, "1m")) == 780
