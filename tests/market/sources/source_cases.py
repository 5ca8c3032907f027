"""What the tests of sources share: a time that passes when it is waited for, and transports that use it."""

from __future__ import annotations

import threading
from datetime import date

from treefolio.market.sources.limits import RateLimit
from treefolio.market.sources.transport import Transport

START = 1_750_000_000.0
FIRST, LAST = date(2023, 1, 3), date(2024, 12, 31)
TICKERS = ("AAA", "BRK/B", "CCC", "SPY", "ZZZ")
NOW = "2025-03-05T15:00-05:00"
"""Of the market that the servers serve, and of their clock."""


class Time:
    """Seconds that pass only by waiting. `waited`: every wait, in order."""

    def __init__(self) -> None:
        self.now = START
        self.waited: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.waited.append(seconds)
            self.now += seconds


def limit_of(time: Time, per_minute: int = 1000) -> RateLimit:
    return RateLimit(vendor="vendor", per_minute=per_minute, clock=time.clock, sleep=time.sleep)


def transport_of(
    time: Time,
    *,
    tries: int = 4,
    limit: RateLimit | None = None,
    read_seconds: float = 5.0,
    chance: float = 1.0,
    secrets: tuple[str, ...] = (),
) -> Transport:
    """A transport that waits in `time`, as long as jitter allows when `chance` is 1."""
    return Transport(
        vendor="vendor",
        limit=limit or limit_of(time),
        connect_seconds=5.0,
        read_seconds=read_seconds,
        tries=tries,
        setting="TREEFOLIO_VENDOR_URL",
        secrets=secrets,
        clock=time.clock,
        sleep=time.sleep,
        chance=lambda: chance,
    )
