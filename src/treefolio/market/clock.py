"""The time of day in New York: which sessions are still moving, and when adjusted prices may have changed.

A vendor corrects its latest bars, so the last two sessions are asked for every time; what is older stays.
Vendors adjust for the next morning's splits and dividends in the evening, so adjusted prices that were
fetched before a session's close or before 20:00 are not used after it.

Every moment here is aware, and those returned are in UTC. Sessions are dates.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from treefolio.errors import PriceError
from treefolio.market import calendar

NEW_YORK = ZoneInfo("America/New_York")
EVENING = 20 * 60
"""The second purge of a session day, in minutes since midnight."""
MOVING = 2
"""So many of the last sessions are asked for every time."""
AROUND = timedelta(days=15)
"""More than MOVING sessions lie in it: the longest closure since 1970 is September 2001, with six days."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The moment: aware, UTC."""
        ...


class SystemClock:
    """The machine's."""

    def now(self) -> datetime:
        """The moment: aware, UTC."""
        return datetime.now(UTC)


def today(now: datetime) -> date:
    """The date in New York. Raises ValueError for a moment without a time zone."""
    if now.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return now.astimezone(NEW_YORK).date()


def latest(now: datetime) -> date:
    """T−0: the last session whose date has begun in New York, whether or not it has opened."""
    return up_to(today(now))


def up_to(day: date) -> date:
    """The last session that is not after the day."""
    return _before(day)[-1]


def closed(now: datetime) -> date:
    """The last session that is over: its close, at 13:00 on half days, is not after `now`."""
    session = latest(now)
    return session if close_of(session) <= now else _recent(now)[-2]


def settled(now: datetime) -> date:
    """T−2: the last session that stays once it was fetched."""
    return _recent(now)[-1 - MOVING]


def close_of(session: date) -> datetime:
    """When the session closes, half days included: UTC. Raises PriceError for a day without a session."""
    minutes = calendar.closes(session, session)
    if len(minutes) == 0:
        raise PriceError("the exchange is closed on this day", session=session.isoformat())
    return _at(session, int(minutes[0]))


def purge_moments(first: date, last: date) -> list[datetime]:
    """The close and 20:00 New York of every session from `first` to `last`: UTC, ascending."""
    days = calendar.sessions(first, last).tolist()
    minutes = calendar.closes(first, last).tolist()
    return [_at(day, minute) for day, close in zip(days, minutes, strict=True) for minute in (close, EVENING)]


def last_purge_moment(now: datetime) -> datetime:
    """The latest purge moment that is not after `now`."""
    return max(moment for moment in _moments_around(now) if moment <= now)


def next_purge_moment(now: datetime) -> datetime:
    """The first purge moment after `now`."""
    return min(moment for moment in _moments_around(now) if moment > now)


def _moments_around(now: datetime) -> list[datetime]:
    day = today(now)
    return purge_moments(day - AROUND, day + AROUND)


def _recent(now: datetime) -> list[date]:
    """Sessions up to T−0, a few."""
    return _before(today(now))


def _before(day: date) -> list[date]:
    """Sessions up to the day, a few."""
    return calendar.sessions(day - AROUND, day).tolist()


def _at(session: date, minutes: int) -> datetime:
    """The moment so many minutes after midnight by New York's clocks: UTC."""
    return datetime.combine(session, time(*divmod(minutes, 60)), NEW_YORK).astimezone(UTC)
