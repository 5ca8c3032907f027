"""What the cache holds that is doubtful, and what becomes of it when somebody accepts a session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.bars import DAILY, Bars, Shelf, joined
from treefolio.market.cache.base import TAIL, Entry, Key
from treefolio.market.cache.blocks import Block, encode
from treefolio.market.cache.directory import Directory
from treefolio.market.findings import accepting, of_shelf, withheld_days
from treefolio.market.sift import sift

SHELF = Shelf(source="alpaca", feed="sip")
SESSIONS = calendar.sessions(date(2024, 3, 4), date(2024, 3, 15))
DAY = date(2024, 3, 7)
ON_DAY = np.arange(len(SESSIONS)) == 3
NIGHT = datetime(2024, 3, 15, 23, 0, tzinfo=UTC)


def bars(**wrong: float) -> Bars:
    """Two quiet weeks, with wrong values on DAY."""
    close = np.linspace(100, 101, len(SESSIONS))
    fields = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1e6 * close}
    fields = {name: values.copy() for name, values in fields.items()}
    for name, value in wrong.items():
        fields[name][ON_DAY] = value
    return Bars(at=SESSIONS.copy(), fields=fields)


def block_of(delivered: Bars) -> Block:
    """The block as it is made on ingest."""
    sifted = sift(delivered, sessions=SESSIONS, interval=DAILY)
    return Block(
        bars=sifted.kept,
        known=((SESSIONS[0].item(), SESSIONS[-1].item()),),
        fetched_at=NIGHT,
        findings=tuple((str(each.session), each.kind.value, each.message) for each in sifted.findings),
        set_aside=sifted.set_aside,
    )


TWICE = joined([bars(), bars(close=100.1).where(ON_DAY)])
SATURDAY = bars()
SATURDAY.at[3] = np.datetime64("2024-03-09")


@pytest.mark.parametrize(
    ("delivered", "day", "used"),
    [
        (bars(high=50.0), DAY, True),
        (TWICE, DAY, True),
        (bars(close=0.0), DAY, False),
        (bars(close=np.nan), DAY, False),
        (SATURDAY, date(2024, 3, 9), False),
        (bars(high=50.0), date(2024, 3, 8), False),
    ],
    ids=["crossed", "twice", "zero", "no number", "no session", "another day"],
)
def test_accepting_is_as_if_it_had_been_accepted_on_ingest(delivered: Bars, day: date, used: bool) -> None:
    """The bars that count are those that `sift` would have kept, by time."""
    block = block_of(delivered)
    assert withheld_days(block)
    made = accepting(block, (day, date(2023, 1, 4)), DAILY)
    again = accepting(made, (day,), DAILY)
    np.testing.assert_array_equal(again.bars.fields["close"], made.bars.fields["close"])
    expected = sift(delivered, sessions=SESSIONS, interval=DAILY, accepted=(day,))
    for name in ("at", *expected.kept.fields):
        ours, theirs = (each.at if name == "at" else each.fields[name] for each in (made.bars, expected.kept))
        np.testing.assert_array_equal(ours, theirs)
    assert (str(day) not in withheld_days(made)) == (used or day == date(2024, 3, 8))
    assert bool(np.isin(np.datetime64(day), made.bars.at)) == (used or day == date(2024, 3, 8))
    said = {(str(each.session), each.kind.value, each.message) for each in expected.findings}
    assert set(made.findings) == said


class Counted(Directory):
    """A folder that counts how often it is walked."""

    walks = 0

    def entries(self) -> Iterator[Entry]:
        self.walks += 1
        return super().entries()


def test_findings_of_a_shelf(tmp_path: Path) -> None:
    """By ticker and session, those of the last sessions included, each once; the cache is walked once."""
    cache = Counted(tmp_path, 10**9)
    year, last = block_of(bars(high=50.0)), block_of(bars(low=500.0))
    cut = Block(
        bars=year.bars, known=((date(2024, 3, 4), DAY),), fetched_at=NIGHT, findings=year.findings,
        set_aside=year.set_aside,
    )  # fmt: skip
    cache.save({Key(SHELF, name, "2024"): encode(cut) for name in ("SPY", "TLT")})
    late = bars()
    late.fields["high"][8] = 1.0  # of 2024-03-14
    cache.save({Key(SHELF, "SPY", TAIL): encode(block_of(late)), Key(SHELF, "QQQ", TAIL): encode(last)})
    other = Shelf(source="massive", feed="sip")
    cache.save({Key(other, "SPY", "2024"): encode(year)})
    accepted = Accepted().also(SHELF.name, "TLT", [DAY])
    found = [(each.ticker, str(each.session), each.quarantined) for each in of_shelf(SHELF, cache, accepted)]
    assert found == [
        ("QQQ", "2024-03-07", True),
        ("SPY", "2024-03-07", True),
        ("SPY", "2024-03-14", True),
        ("TLT", "2024-03-07", False),
    ]
    assert cache.walks == 1
    assert {each.ticker for each in of_shelf(SHELF, cache, accepted, ["SPY"])} == {"SPY"}
