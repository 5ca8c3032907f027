"""Prices of a vendor: which session is the last one, and what is said of how they were fetched."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from treefolio.errors import UsageError
from treefolio.market.cache.directory import Directory
from treefolio.market.sources.made_up import MadeUp
from treefolio.market.store import Store
from treefolio.market.supply import VendorSupply
from treefolio.testing.clock import FakeClock


def supply_at(moment: str, home: Path, **details: object) -> VendorSupply:
    store = Store(MadeUp(), Directory(home, 10**9), watch=FakeClock(moment))
    return VendorSupply(store=store, **details)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moment", "end", "last", "unfinished"),
    [
        ("2024-03-15T15:59-04:00", None, "2024-03-14", False),
        ("2024-03-15T16:00-04:00", None, "2024-03-15", False),
        ("2024-03-15T15:59-04:00", date(2024, 3, 15), "2024-03-15", True),
        ("2024-03-15T15:59-04:00", date(2024, 3, 14), "2024-03-14", False),
        ("2024-07-03T12:59-04:00", date(2024, 7, 3), "2024-07-03", True),
        ("2024-07-03T13:00-04:00", None, "2024-07-03", False),
        ("2024-03-11T16:00-04:00", None, "2024-03-11", False),
        ("2024-03-08T16:00-05:00", None, "2024-03-08", False),
    ],
    ids=["before", "after", "asked for", "the day before", "half day", "over", "summer time", "winter time"],
)
def test_a_session_that_is_not_over(
    tmp_path: Path, moment: str, end: date | None, last: str, unfinished: bool
) -> None:
    """It is in the panel only when it is asked for, and then that is said."""
    supplied = supply_at(moment, tmp_path).supply(["SPY"], end)
    assert supplied.panel.sessions[-1] == np.datetime64(last)
    assert any("is not over" in note for note in supplied.notes) == unfinished


@pytest.mark.parametrize(
    "moment", ["2024-03-30T12:00-04:00", "2024-03-31T12:00-04:00", "2024-04-10T12:00-04:00"]
)
@pytest.mark.parametrize("end", [date(2024, 3, 28), date(2024, 3, 29), date(2024, 3, 30)])
def test_prices_are_the_same_whenever_they_are_asked_for(tmp_path: Path, moment: str, end: date) -> None:
    """Up to a Thursday, the holiday after it or the Saturday: the last session sets the basis."""
    panel = supply_at(moment, tmp_path).supply(["SPY"], end).panel
    first = supply_at("2024-03-28T20:00-04:00", tmp_path).supply(["SPY"]).panel
    assert panel.content_hash == first.content_hash


def test_a_day_to_come(tmp_path: Path) -> None:
    """It is an error that names the last session so far."""
    with pytest.raises(
        UsageError, match="2024-03-16 is in the future: the last session so far is 2024-03-15"
    ):
        supply_at("2024-03-15T23:00-04:00", tmp_path).supply(["SPY"], date(2024, 3, 16))


def test_the_end_is_that_of_the_question(tmp_path: Path) -> None:
    """Who asked before the close has the day before, however long it takes until it is fetched."""
    asked = FakeClock("2024-03-15T15:59:59-04:00").now()
    supplied = supply_at("2024-03-15T16:05-04:00", tmp_path, asked_at=asked).supply(["SPY"])
    assert supplied.panel.sessions[-1] == np.datetime64("2024-03-14")


def test_offline_notes(tmp_path: Path) -> None:
    """What is not in the cache, and that actions may be older than the prices' basis."""
    supply_at("2024-03-15T17:00-04:00", tmp_path).supply(["SPY", "TLT"])
    later = supply_at("2024-03-25T17:00-04:00", tmp_path, offline=True)
    notes = later.supply(["SPY", "TLT"]).notes
    assert notes == (
        "there is no price after 2024-03-13",
        "16 sessions of tickers are not in the cache, and were not asked for",
        "the latest splits and dividends of SPY, TLT may be lacking: they were not asked for",
    )
