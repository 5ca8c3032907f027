"""When a schedule is due, by New York's clocks and the exchange's calendar. No input or output.

A time of day that a change to summer time leaves out is taken as much later; one that comes twice counts
once, the first time. A schedule without a time of its own is due whenever adjusted prices may have changed:
at each session's close, on half days too, and at 20:00.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from treefolio.market import calendar
from treefolio.market.clock import AROUND, NEW_YORK, purge_moments, today

_DAY = dt.timedelta(days=1)
FURTHEST = AROUND + _DAY
"""Nothing is due later than so much ahead."""


class Days(StrEnum):
    """On which days."""

    SESSIONS = "sessions"
    """Those of the New York Stock Exchange."""
    DAILY = "daily"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When.

    Attributes:
        at: the time of day; None for the close and 20:00 of each session.
    """

    at: dt.time | None
    days: Days = Days.SESSIONS


WARM = Timing(at=dt.time(20, 15))
"""After the day's last change of prices."""
PURGE = Timing(at=None)


def next_at(timing: Timing, after: dt.datetime) -> dt.datetime | None:
    """The first moment after ``after`` at which it is due: UTC. None when no session is known any more."""
    day = today(after)
    first, last = day - _DAY, day + AROUND
    if timing.at is None:
        moments = purge_moments(first, last)
    elif timing.days is Days.DAILY:
        moments = [_moment(first + k * _DAY, timing.at) for k in range(4)]
    else:
        moments = [_moment(each, timing.at) for each in calendar.sessions(first, last).tolist()]
    return min((moment for moment in moments if moment > after), default=None)


def latest_at(timing: Timing, due: dt.datetime, now: dt.datetime) -> dt.datetime:
    """The last moment, from the one that is due, that is not after ``now``: those between were missed."""
    while (following := next_at(timing, due)) is not None and following <= now:
        due = following
    return due


def _moment(day: dt.date, at: dt.time) -> dt.datetime:
    return dt.datetime.combine(day, at, NEW_YORK).astimezone(dt.UTC)
