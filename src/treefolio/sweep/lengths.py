"""Lengths of time as people write them: ``3y``, ``6m``, ``2w``, ``126d``.

Years, months and weeks are of the calendar; ``d`` counts sessions. Where a length ends is worked out from one
origin, calendar part first (`place`), so that lengths add up without drift: twice six months is a year,
whatever the length of the months between.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError

Dates = NDArray[np.datetime64]

MOST = 100_000
"""Units of a length: more is a slip of the keyboard."""
_PATTERN = re.compile(r"\s*(\d+)\s*([ymwd])\s*", re.IGNORECASE)
_UNITS = {"y": ("months", 12), "m": ("months", 1), "w": ("days", 7), "d": ("sessions", 1)}
WEEKEND = np.timedelta64(4, "D")
"""From one session to the next are at most about as many days."""
_LAST_YEAR = 9_000
"""Calendars go no further; a length that does ends after all data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """So many calendar months, then so many calendar days, then so many sessions."""

    months: int = 0
    days: int = 0
    sessions: int = 0

    def __add__(self, other: Length) -> Length:
        return Length(
            months=self.months + other.months,
            days=self.days + other.days,
            sessions=self.sessions + other.sessions,
        )

    def __mul__(self, times: int) -> Length:
        return Length(months=self.months * times, days=self.days * times, sessions=self.sessions * times)

    def __str__(self) -> str:
        if self.months % 12 == 0 and self.months:
            parts = [f"{self.months // 12}y"]
        else:
            parts = [f"{self.months}m"] if self.months else []
        if self.days:
            parts.append(f"{self.days // 7}w")
        if self.sessions or not parts:
            parts.append(f"{self.sessions}d")
        return " + ".join(parts)


def parse_length(text: str, flag: str, *, zero: bool = False) -> Length:
    """The length that ``text`` writes, such as ``3y``.

    Raises:
        UsageError: it is none, or 0 where that has no meaning (``zero`` false).
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{flag} {text!r} is no length",
            hint="Write 3y, 6m, 2w or 126d: years, months, weeks, or days on which there is trading.",
        )
    count = int(found[1])
    if count > MOST:
        raise UsageError(f"{flag} {text!r} is too long", hint=f"A length has at most {MOST:,} units.")
    if count == 0 and not zero:
        raise UsageError(f"{flag} {text!r} is no time at all", hint="Give a length above 0, such as 6m.")
    unit, times = _UNITS[found[2].lower()]
    return Length(**{unit: count * times})


def parse_sessions(text: str, flag: str) -> int:
    """How many sessions ``text`` writes: ``5d``, or 0.

    Raises:
        UsageError: it is no length, or one of the calendar.
    """
    length = Length() if text.strip() == "0" else parse_length(text, flag, zero=True)
    if length.months or length.days:
        raise UsageError(f"{flag} {text!r} does not count sessions", hint=f"Write {flag} 5d.")
    return length.sessions


def place(sessions: Dates, length: Length) -> int:
    """The place of the first return at or after the end of ``length``, counted from the first session.

    Args:
        sessions: (n + 1,) of the run; place i is the return that is earned on session i + 1.

    Returns n when the length ends after the last session but before another can be missing (`WEEKEND`), more
    than n when it ends later.
    """
    if not (length.months or length.days):
        return length.sessions
    end = months_after(sessions[0], length.months) + np.timedelta64(length.days, "D")
    beyond = int(end > sessions[-1] + WEEKEND)
    return int(np.searchsorted(sessions[1:], end)) + beyond + length.sessions


def place_before(sessions: Dates, length: Length) -> int:
    """The first place of the last ``length`` of a run's (n + 1,) sessions; 0 or less when it is longer."""
    first = len(sessions) - 1
    if length.months or length.days:
        day = months_after(sessions[-1], -length.months) - np.timedelta64(length.days, "D")
        first = int(np.searchsorted(sessions[1:], day, side="right"))
        first = -1 if day < sessions[0] else first
    return first - length.sessions


def months_after(day: np.datetime64, months: int) -> np.datetime64:
    """The same day of the month so many months later, or earlier; the month's last where it is shorter."""
    date = day.astype("datetime64[D]").item()
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    year = min(max(year, 1), _LAST_YEAR)
    return np.datetime64(date.replace(year=year, month=month + 1, day=_day(date.day, year, month + 1)), "D")


def _day(day: int, year: int, month: int) -> int:
    return min(day, monthrange(year, month)[1])
