"""What the clock of the market says, by New York's time of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from treefolio.errors import PriceError
from treefolio.market import calendar, clock
from treefolio.testing.clock import FakeClock


def at(text: str) -> datetime:
    """A moment by New York's clocks."""
    return datetime.fromisoformat(text).replace(tzinfo=clock.NEW_YORK)


@pytest.mark.parametrize(
    ("now", "settled", "fresh"),
    [
        pytest.param("2024-01-10 15:59", "2024-01-08", ("2024-01-09", "2024-01-10"), id="before the close"),
        pytest.param("2024-01-10 16:01", "2024-01-08", ("2024-01-09", "2024-01-10"), id="after the close"),
        pytest.param("2024-01-10 00:00", "2024-01-08", ("2024-01-09", "2024-01-10"), id="at midnight"),
        pytest.param("2024-01-09 23:59", "2024-01-05", ("2024-01-08", "2024-01-09"), id="before midnight"),
        pytest.param("2024-01-13 12:00", "2024-01-10", ("2024-01-11", "2024-01-12"), id="on Saturday"),
        pytest.param("2024-01-15 12:00", "2024-01-10", ("2024-01-11", "2024-01-12"), id="on a holiday"),
        pytest.param("2024-01-16 09:00", "2024-01-11", ("2024-01-12", "2024-01-16"), id="after a holiday"),
        pytest.param("2024-01-01 12:00", "2023-12-27", ("2023-12-28", "2023-12-29"), id="New Year"),
        pytest.param("2024-01-02 09:00", "2023-12-28", ("2023-12-29", "2024-01-02"), id="first of the year"),
        pytest.param("2024-03-11 00:30", "2024-03-07", ("2024-03-08", "2024-03-11"), id="summer time begins"),
        pytest.param("2024-11-04 00:30", "2024-10-31", ("2024-11-01", "2024-11-04"), id="summer time ends"),
        pytest.param("2001-09-14 12:00", "2001-09-06", ("2001-09-07", "2001-09-10"), id="September 2001"),
        pytest.param("2001-09-17 12:00", "2001-09-07", ("2001-09-10", "2001-09-17"), id="reopened"),
        pytest.param("2012-10-30 12:00", "2012-10-24", ("2012-10-25", "2012-10-26"), id="a hurricane"),
        pytest.param("2018-12-05 12:00", "2018-11-30", ("2018-12-03", "2018-12-04"), id="mourning 2018"),
        pytest.param("2025-01-09 18:00", "2025-01-06", ("2025-01-07", "2025-01-08"), id="mourning 2025"),
    ],
)
def test_sessions_that_move(now: str, settled: str, fresh: tuple[str, str]) -> None:
    """The last two sessions that have begun in New York move; the one before them stays."""
    moment = at(now)
    assert clock.settled(moment).isoformat() == settled
    assert clock.latest(moment).isoformat() == fresh[1]
    between = calendar.sessions(clock.settled(moment), clock.latest(moment))
    assert between.astype(str).tolist() == [settled, *fresh]
    assert clock.settled(moment.astimezone(UTC)) == clock.settled(moment)


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        pytest.param("2024-01-10 15:59", "2024-01-09", id="before the close"),
        pytest.param("2024-01-10 16:00", "2024-01-10", id="at the close"),
        pytest.param("2024-11-29 12:59", "2024-11-27", id="before the close of a half day"),
        pytest.param("2024-11-29 13:00", "2024-11-29", id="at the close of a half day"),
        pytest.param("2024-01-13 12:00", "2024-01-12", id="on Saturday"),
        pytest.param("2024-01-16 03:00", "2024-01-12", id="in the night"),
    ],
)
def test_sessions_that_are_over(now: str, closed: str) -> None:
    """A session is over at its close, at 13:00 on half days."""
    assert clock.closed(at(now)).isoformat() == closed


@pytest.mark.parametrize(
    ("session", "close"),
    [
        pytest.param("2024-01-10", "2024-01-10T21:00+00:00", id="winter"),
        pytest.param("2024-07-10", "2024-07-10T20:00+00:00", id="summer"),
        pytest.param("2024-11-29", "2024-11-29T18:00+00:00", id="after Thanksgiving"),
        pytest.param("2024-07-03", "2024-07-03T17:00+00:00", id="before Independence Day"),
        pytest.param("2024-12-24", "2024-12-24T18:00+00:00", id="Christmas Eve"),
        pytest.param("2024-03-08", "2024-03-08T21:00+00:00", id="the last in winter time"),
        pytest.param("2024-03-11", "2024-03-11T20:00+00:00", id="the first in summer time"),
        pytest.param("2024-11-01", "2024-11-01T20:00+00:00", id="the last in summer time"),
        pytest.param("2024-11-04", "2024-11-04T21:00+00:00", id="the first in winter time"),
    ],
)
def test_closes(session: str, close: str) -> None:
    """16:00 in New York, 13:00 on half days, whatever its clocks did at the weekend."""
    assert clock.close_of(date.fromisoformat(session)) == datetime.fromisoformat(close)
    assert clock.close_of(date.fromisoformat(session)).tzinfo is UTC


@pytest.mark.parametrize(
    "day",
    [
        "2024-01-13", "2024-01-01", "2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14",
        "2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09",
    ],
)  # fmt: skip
def test_no_close_without_a_session(day: str) -> None:
    """A day on which the exchange stayed closed has no close and no purge, and the error names it."""
    closed = date.fromisoformat(day)
    with pytest.raises(PriceError) as error:
        clock.close_of(closed)
    assert error.value.session == day
    assert clock.purge_moments(closed, closed) == []


def test_purge_moments_over_a_half_day() -> None:
    """The actual close and 20:00 of each session, and none on the holidays between."""
    moments = clock.purge_moments(date(2024, 11, 27), date(2024, 12, 1))
    assert moments == [
        at("2024-11-27 16:00"), at("2024-11-27 20:00"), at("2024-11-29 13:00"), at("2024-11-29 20:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [
        pytest.param("2024-01-10 15:59", "2024-01-09 20:00", "2024-01-10 16:00", id="before the close"),
        pytest.param("2024-01-10 16:00", "2024-01-10 16:00", "2024-01-10 20:00", id="at the close"),
        pytest.param("2024-01-10 20:00", "2024-01-10 20:00", "2024-01-11 16:00", id="in the evening"),
        pytest.param("2024-01-14 12:00", "2024-01-12 20:00", "2024-01-16 16:00", id="on a long weekend"),
        pytest.param("2024-07-03 13:00", "2024-07-03 13:00", "2024-07-03 20:00", id="on a half day"),
        pytest.param("2024-07-03 12:59", "2024-07-02 20:00", "2024-07-03 13:00", id="before it ends"),
        pytest.param("2024-03-10 12:00", "2024-03-08 20:00", "2024-03-11 16:00", id="summer time begins"),
        pytest.param("2024-11-03 12:00", "2024-11-01 20:00", "2024-11-04 16:00", id="summer time ends"),
        pytest.param(
            "2001-09-13 12:00", "2001-09-10 20:00", "2001-09-17 16:00", id="a week without sessions"
        ),
        pytest.param("2025-01-01 12:00", "2024-12-31 20:00", "2025-01-02 16:00", id="New Year"),
    ],
)
def test_purge_moments_around(now: str, last: str, following: str) -> None:
    """A purge moment is reached at its minute, and the next is that of the next session."""
    assert clock.last_purge_moment(at(now)) == at(last)
    assert clock.next_purge_moment(at(now)) == at(following)


@given(some.dates(date(1971, 1, 1), date(2049, 12, 1)), some.times(timezones=some.just(UTC)))
def test_order_of_what_the_clock_says(day: date, hour: time) -> None:
    """At any moment: from T−2 to T−0 there are three sessions, and the moment lies between two purges."""
    now = datetime.combine(day, hour)
    known = calendar.sessions(clock.settled(now), clock.today(now)).tolist()
    assert len(known) == 3
    assert known[-1] == clock.latest(now)
    assert clock.closed(now) in known[1:]
    last, following = clock.last_purge_moment(now), clock.next_purge_moment(now)
    assert last <= now < following
    assert clock.last_purge_moment(following) == following
    assert clock.last_purge_moment(following - timedelta(microseconds=1)) == last


def test_moments_need_a_time_zone() -> None:
    """A moment without one could mean any session: it is refused."""
    with pytest.raises(ValueError, match="time zone"):
        clock.latest(at("2024-01-10 12:00").replace(tzinfo=None))
    with pytest.raises(ValueError, match="time zone"):
        FakeClock("2024-01-10T12:00")


def test_clocks() -> None:
    """The fake one stands until it is moved; the machine's is aware and in UTC."""
    fake = FakeClock("2024-07-03T13:00-04:00")
    assert fake.now() == fake.now() == clock.close_of(date(2024, 7, 3))
    fake.advance(timedelta(hours=7))
    assert fake.now() == clock.last_purge_moment(fake.now()) == at("2024-07-03 20:00")
    assert clock.SystemClock().now().tzinfo is UTC


def test_closes_are_the_library_s() -> None:
    """Every close is that of exchange_calendars, read back from the kept file as well."""
    theirs = calendar._library().closes
    days = theirs.index.date
    assert [clock.close_of(day) for day in days[-800:]] == [each.to_pydatetime() for each in theirs[-800:]]
    minutes = theirs.dt.tz_convert("America/New_York")
    expected = (minutes.dt.hour * 60 + minutes.dt.minute).tolist()
    assert calendar.closes(calendar.FIRST, calendar.LAST).tolist() == expected


def test_damaged_closes_are_derived_anew(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Whatever is wrong with the kept closes, they are right and the file is sound again."""
    path = tmp_path / "closes"
    derived = calendar.load_closes(path).tolist()
    whole = path.read_bytes()
    assert calendar.load_closes(path).tolist() == derived
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert calendar.load_closes(path).tolist() == derived
    assert path.read_bytes() == whole
