"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Tells the moment that it was given last.

    `now` is a moment with its time zone, or the text of one, such as ``2024-07-03T13:00-04:00``.
    """

    def __init__(self, now: datetime | str) -> None:
        self.set(now)

    def now(self) -> datetime:
        """The moment: aware, UTC."""
        return self._now

    def set(self, now: datetime | str) -> None:
        """Put it to a moment, later or earlier. Raises ValueError when that has no time zone."""
        moment = datetime.fromisoformat(now) if isinstance(now, str) else now
        if moment.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        self._now = moment.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by
