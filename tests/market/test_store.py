"""The store: what is asked of a source, what is remembered, and what is fetched afresh."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from treefolio.errors import SourceError
from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Action, Split
from treefolio.market.bars import SPLIT, Bars, Shelf
from treefolio.market.cache.base import Cache, Key
from treefolio.market.cache.choice import Guarded
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.redis import Redis
from treefolio.market.sources.base import Delivered, Failed
from treefolio.market.sources.made_up import MadeUp
from treefolio.market.store import Store
from treefolio.testing.clock import FakeClock
from treefolio.testing.redis import RedisServer

FRIDAY_NIGHT = datetime(2024, 3, 15, 23, 0, tzinfo=UTC)
FIRST = date(2023, 1, 3)


class Watched(MadeUp):
    """The made-up market, which notes what it is asked, and whose prices of a day can be changed."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        super().__init__()
        self.shelf = shelf or self.shelf
        self.asked: list[tuple[tuple[str, ...], date, date]] = []
        self.asked_actions: list[tuple[str, ...]] = []
        self.factor: dict[tuple[date, str], float] = {}
        self.broken: set[str] = set()
        self.split: list[Action] = []

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        self.asked.append((tuple(tickers), first, last))
        for answer in super().bars(tickers, first, last):
            if answer.ticker in self.broken:
                yield Failed(ticker=answer.ticker, reason="the line is bad")
            elif isinstance(answer, Delivered):
                fields = {name: values.copy() for name, values in answer.bars.fields.items()}
                for (day, name), factor in self.factor.items():
                    fields[name][answer.bars.at == np.datetime64(day)] *= factor
                yield Delivered(ticker=answer.ticker, bars=Bars(at=answer.bars.at, fields=fields))
            else:
                yield answer

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        self.asked_actions.append(tuple(tickers))
        return [each for each in self.split if each.ticker in tickers and first <= each.ex_date <= last]


@pytest.fixture
def cache(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "cache", 10**9)


@pytest.fixture
def watch() -> FakeClock:
    return FakeClock(FRIDAY_NIGHT)


def days(first: date, last: date) -> int:
    return len(calendar.sessions(first, last))


def test_what_is_settled_is_asked_for_once(cache: Cache, watch: FakeClock) -> None:
    """The second time, a day later, only the last two sessions are asked for."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    first = store.stock(["SPY", "TLT"], FIRST, date(2024, 3, 15))
    assert (first.figures.hits, first.figures.misses) == (0, 2 * days(FIRST, date(2024, 3, 15)))
    watch.advance(timedelta(days=3))  # Monday night
    second = store.stock(["SPY", "TLT"], FIRST, date(2024, 3, 18))
    assert source.asked == [
        (("SPY", "TLT"), FIRST, date(2024, 3, 15)),
        (("SPY", "TLT"), date(2024, 3, 14), date(2024, 3, 18)),
    ]
    assert second.figures.misses == 2 * 3
    assert second.figures.hits == 2 * days(FIRST, date(2024, 3, 13))


def test_the_same_numbers_from_the_cache(cache: Cache, watch: FakeClock) -> None:
    """What comes from the cache is, bit for bit, what came from the source."""
    asked = (["SPY", "TQQQ"], FIRST, date(2024, 3, 8))
    fetched = Store(Watched(), cache, watch=watch).stock(*asked)
    kept = Store(Watched(), cache, watch=watch).stock(*asked)
    assert kept.figures.misses == kept.figures.requests == 0
    for name in ("SPY", "TQQQ"):
        np.testing.assert_array_equal(kept.bars[name].at, fetched.bars[name].at)
        for field, values in fetched.bars[name].fields.items():
            np.testing.assert_array_equal(kept.bars[name].fields[field], values)


def test_no_session_is_asked_for_that_is_none(cache: Cache, watch: FakeClock) -> None:
    """Week-ends, holidays and the days before a listing are no misses."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    early = date(2007, 1, 3)
    store.stock(["TQQQ"], early, date(2012, 12, 31))  # it was listed in 2010
    again = store.stock(["TQQQ"], early, date(2013, 1, 1))  # a holiday
    assert len(source.asked) == 1
    assert again.figures.misses == 0
    assert again.bars["TQQQ"].at[0] > np.datetime64("2010-01-01")


def test_no_such_data_is_remembered(cache: Cache, watch: FakeClock) -> None:
    """A ticker that the source does not know is asked for once, and named every time."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    for _ in range(2):
        stock = store.stock(["SPY", "NOSUCH"], FIRST, date(2024, 2, 1))
        assert "no bars" in stock.figures.failed["NOSUCH"]
        assert set(stock.bars) == {"SPY"}
    assert len(source.asked) == 1


def test_a_failure_is_not_remembered(cache: Cache, watch: FakeClock) -> None:
    """What failed is asked for again, alone; the others are there."""
    source = Watched()
    source.broken = {"TLT"}
    store = Store(source, cache, watch=watch)
    stock = store.stock(["SPY", "TLT"], FIRST, date(2024, 2, 1))
    assert stock.figures.failed == {"TLT": "the line is bad"}
    source.broken = set()
    assert set(store.stock(["SPY", "TLT"], FIRST, date(2024, 2, 1)).bars) == {"SPY", "TLT"}
    assert source.asked[1][0] == ("TLT",)


def test_the_last_two_sessions_are_always_afresh(cache: Cache, watch: FakeClock) -> None:
    """A correction of T−1 is seen by whoever asks after it; T−2 stays as it was."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    before = store.stock(["SPY"], FIRST, date(2024, 3, 15)).bars["SPY"].fields["close"]
    source.factor = {
        (date(2024, 3, day), "close"): factor for day, factor in ((13, 2.0), (14, 3.0), (15, 5.0))
    }
    watch.advance(timedelta(seconds=1))
    after = store.stock(["SPY"], FIRST, date(2024, 3, 15)).bars["SPY"].fields["close"]
    np.testing.assert_array_equal(after[-3:] / before[-3:], [1.0, 3.0, 5.0])


def test_who_asked_before_the_fetch_shares_it(cache: Cache, watch: FakeClock) -> None:
    """A hundred threads that ask at once make one request."""
    source = Watched()
    asked_at = watch.now()
    barrier = threading.Barrier(100)
    found: list[int] = []

    def ask() -> None:
        barrier.wait()
        store = Store(source, cache, watch=watch)
        stock = store.stock(["SPY", "QQQ"], FIRST, date(2024, 3, 15), asked_at=asked_at)
        found.append(len(stock.bars["QQQ"]))

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(source.asked) == 1
    assert set(found) == {days(FIRST, date(2024, 3, 15))}


def test_a_longer_history_asks_for_what_is_lacking(cache: Cache, watch: FakeClock) -> None:
    """Known stretches grow; what lies between two of them is fetched with the second."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    store.stock(["SPY"], date(2022, 6, 1), date(2022, 6, 30))
    store.stock(["SPY"], date(2022, 3, 1), date(2022, 6, 30))
    store.stock(["SPY"], date(2022, 3, 1), date(2023, 2, 1))
    assert [(first, last) for _, first, last in source.asked] == [
        (date(2022, 6, 1), date(2022, 6, 30)),
        (date(2022, 3, 1), date(2022, 5, 31)),
        (date(2022, 7, 1), date(2023, 2, 1)),
    ]
    whole = store.stock(["SPY"], date(2022, 3, 1), date(2023, 2, 1))
    assert whole.figures.misses == 0
    assert len(whole.bars["SPY"]) == days(date(2022, 3, 1), date(2023, 2, 1))


def test_damaged_and_lost_blocks_are_fetched_again(
    cache: Directory, watch: FakeClock, tmp_path: Path
) -> None:
    """A block that was damaged on disk is never read: its year is asked for again."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    right = store.stock(["SPY"], FIRST, date(2024, 2, 1)).bars["SPY"].fields["close"]
    for path in (tmp_path / "cache").rglob("2023*"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    again = store.stock(["SPY"], FIRST, date(2024, 2, 1))
    np.testing.assert_array_equal(again.bars["SPY"].fields["close"], right)
    assert source.asked[1][1:] == (FIRST, date(2023, 12, 29))


def test_actions_are_asked_for_again_after_a_close(cache: Cache, watch: FakeClock) -> None:
    """Corporate actions serve until the next close or 20:00; of a day long past they serve for ever."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    today, past = date(2024, 3, 15), date(2024, 1, 31)
    store.stock(["SPY"], FIRST, today, adjusted_on=today)
    watch.advance(timedelta(minutes=10))
    store.stock(["SPY"], FIRST, today, adjusted_on=today)
    assert len(source.asked_actions) == 1
    watch.advance(timedelta(hours=3))  # 22:10 in New York: 20:00 has passed
    store.stock(["SPY"], FIRST, today, adjusted_on=today)
    assert len(source.asked_actions) == 2
    watch.advance(timedelta(days=30))
    store.stock(["SPY"], FIRST, past, adjusted_on=past)
    assert len(source.asked_actions) == 2


def test_actions_reach_to_the_day_of_adjustment(cache: Cache, watch: FakeClock) -> None:
    """Actions that were asked for in the evening lack those of the next morning, which are asked for then."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    watch.set("2024-03-14T22:00-04:00")
    source.split = [Split(ticker="SPY", ex_date=date(2024, 3, 15), new=2, old=1)]
    assert not store.stock(["SPY"], FIRST, date(2024, 3, 14), adjusted_on=date(2024, 3, 14)).actions["SPY"]
    watch.set("2024-03-15T10:00-04:00")
    today = date(2024, 3, 15)
    assert store.stock(["SPY"], FIRST, today, adjusted_on=today).actions["SPY"] == source.split


def test_a_cache_that_keeps_nothing(tmp_path: Path, watch: FakeClock) -> None:
    """In a folder that cannot be written, below a bound that nothing fits in, with a server that is full:
    bars and actions are those of a cache that works, for one request each."""
    (tmp_path / "file").write_bytes(b"")
    unwritable = Directory(tmp_path / "file" / "cache", 10**9)
    with RedisServer() as server:
        server.fill()
        full = Guarded(Redis(server.url, 10**9), unwritable)
        for broken in (unwritable, Directory(tmp_path / "small", 1), full):
            source = Watched()
            source.split = [Split(ticker="SPY", ex_date=date(2024, 1, 10), new=2, old=1)]
            store = Store(source, broken, watch=watch)
            stock = store.stock(["SPY"], FIRST, date(2024, 2, 1), adjusted_on=date(2024, 2, 1))
            assert stock.actions == {"SPY": source.split}
            assert len(stock.bars["SPY"]) == days(FIRST, date(2024, 2, 1))
            assert (len(source.asked), len(source.asked_actions)) == (1, 1)


def test_offline(cache: Cache, watch: FakeClock) -> None:
    """There is what the cache knows, its actions however old, and what it lacks is named; but no price that
    is adjusted for nothing."""
    source = Watched()
    store = Store(source, cache, watch=watch)
    day = date(2024, 3, 15)
    store.stock(["SPY"], FIRST, day, adjusted_on=day)
    store.stock(["TLT"], FIRST, day)
    watch.advance(timedelta(days=10))
    later = date(2024, 3, 22)
    stock = store.stock(["SPY", "QQQ"], FIRST, later, adjusted_on=later, offline=True)
    assert stock.bars["SPY"].at[-1] == np.datetime64("2024-03-13")  # the last that was settled
    assert stock.old_actions == ("QQQ", "SPY")
    assert "offline" in stock.figures.failed["QQQ"]
    with pytest.raises(SourceError, match="splits and dividends of 1 tickers are not in the cache") as caught:
        store.stock(["SPY", "TLT"], FIRST, later, adjusted_on=later, offline=True)
    assert caught.value.ticker == "TLT"
    assert len(source.asked) == 2


def test_adjusted_bars_do_not_outlive_a_split(cache: Cache, watch: FakeClock) -> None:
    """What a source delivered adjusted is fetched again when a split falls after that day."""
    source = Watched(Shelf(source="made", delivered=SPLIT))
    store = Store(source, cache, watch=watch)
    store.stock(["SPY"], FIRST, date(2024, 3, 8))
    watch.advance(timedelta(days=7))
    store.stock(["SPY"], FIRST, date(2024, 3, 8))
    assert len(source.asked) == 1
    source.split = [Split(ticker="SPY", ex_date=date(2024, 3, 20), new=2, old=1)]
    store.stock(["SPY"], FIRST, date(2024, 3, 22))
    assert source.asked[1][1:] == (FIRST, date(2024, 3, 22))


def test_adjusted_bars_are_of_one_day(cache: Cache, watch: FakeClock) -> None:
    """When one year was lost, and a split came later than all that was asked for, none of the years stays:
    the source adjusts the lost one for it."""
    source = Watched(Shelf(source="made", delivered=SPLIT))
    store = Store(source, cache, watch=watch)
    last = date(2023, 12, 29)
    store.stock(["SPY"], FIRST, last)
    watch.advance(timedelta(days=30))
    source.split = [Split(ticker="SPY", ex_date=date(2024, 6, 3), new=2, old=1)]
    assert store.stock(["SPY"], FIRST, last).figures.misses == 0
    store.stock(["SPY"], date(2022, 1, 3), last)
    assert source.asked[1][1:] == (date(2022, 1, 3), date(2022, 12, 30))  # the split is still to come
    watch.set("2024-06-10T23:00Z")
    cache.drop([Key(source.shelf, "SPY", "2022")])
    store.stock(["SPY"], date(2022, 1, 3), last)
    assert source.asked[2][1:] == (date(2022, 1, 3), last)


def test_adjusted_bars_of_a_split_s_own_day(cache: Cache, watch: FakeClock) -> None:
    """On the morning of a split nobody knows whether the source has adjusted for it; by the close it has."""
    source = Watched(Shelf(source="made", delivered=SPLIT))
    source.split = [Split(ticker="SPY", ex_date=date(2024, 3, 20), new=2, old=1)]
    store = Store(source, cache, watch=watch)
    for moment in ("2024-03-20T08:00-04:00", "2024-03-20T17:00-04:00", "2024-03-20T18:00-04:00"):
        watch.set(moment)
        store.stock(["SPY"], FIRST, date(2024, 3, 8))
    assert len(source.asked) == 2


def test_what_is_withheld_is_named_until_it_is_accepted(cache: Cache, watch: FakeClock) -> None:
    """A high below the low is set aside; once it is accepted it is used, and nothing is asked for again."""
    source = Watched()
    day = date(2024, 1, 31)
    source.factor = {(day, "high"): 0.5}
    stock = Store(source, cache, watch=watch).stock(["SPY"], FIRST, date(2024, 2, 1))
    assert [(ticker, session) for ticker, session, *_ in stock.withheld] == [("SPY", "2024-01-31")]
    assert np.datetime64(day) not in stock.bars["SPY"].at
    kept = Store(source, cache, watch=watch).stock(["SPY"], FIRST, date(2024, 2, 1))
    assert kept.withheld == stock.withheld
    assert kept.figures.misses == 0
    accepted = Accepted().also(source.shelf.name, "SPY", [day])
    used = Store(source, cache, watch=watch, accepted=accepted).stock(["SPY"], FIRST, date(2024, 2, 1))
    assert used.withheld == ()
    assert len(used.bars["SPY"]) == days(FIRST, date(2024, 2, 1))
    assert np.datetime64(day) in used.bars["SPY"].at
    assert len(source.asked) == 1


def test_nothing_is_asked_of_the_future(cache: Cache, watch: FakeClock) -> None:
    """The last session that is asked for has begun in New York."""
    source = Watched()
    Store(source, cache, watch=watch).stock(["SPY"], FIRST, date(2030, 1, 1))
    assert source.asked[0][2] == date(2024, 3, 15)
