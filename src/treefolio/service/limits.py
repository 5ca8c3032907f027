"""How often something may be asked: logins by name and by address, costly routes by user.

Each is a bucket of tokens that fills up evenly: so many at once, then one at a time. A bucket of logins that
runs empty fills up at half its pace from then on, again and again, until it was left alone for long
enough to be full: guessing gets ever slower.

Buckets are in the memory of the one process that answers, and no more than `MOST` of them: the one that was
not used longest goes first. When that process is started again, counting begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from treefolio.service.callers import CALLER, By, Caller
from treefolio.service.models import API
from treefolio.service.problems import Declined
from treefolio.service.settings import Network
from treefolio.service.whence import WHENCE, site, whence

MOST = 20_000
LOGIN = "login"
COSTLY: Mapping[tuple[str, str], str] = {
    ("POST", "/jobs"): "submit",
    ("POST", "/jobs/{job}/rows/{number}/run"): "submit",
    ("GET", "/jobs/{job}/rows.{suffix}"): "export",
    ("GET", "/jobs/{job}/files/{name}"): "export",
    ("POST", "/schedules"): "submit",
    ("PUT", "/snapshots/{hash}"): "upload",
    ("GET", "/jobs/{job}/rows"): "aggregate",
    **{
        ("GET", f"/jobs/{{job}}/charts/{chart}"): "aggregate"
        for chart in ("heatmap", "marginals", "histogram", "pareto", "summary")
    },
    ("POST", "/strategies"): "check",
    ("POST", "/strategies/validate"): "check",
    ("POST", "/strategies/{strategy}/versions"): "check",
    ("GET", "/strategies/{strategy}/versions/{number}/convert"): "check",
    ("GET", "/strategies/{strategy}/versions/{number}/inspect"): "check",
    ("GET", "/strategies/{strategy}/diff"): "check",
    ("POST", "/lists"): "check",
    ("PATCH", "/lists/{list}"): "check",
    ("POST", "/lists/parse"): "check",
    ("GET", "/shared/{secret}"): "check",
}
"""Routes that cost much, and what they count as."""
_ADDRESS_SHARE = 4
"""An address may try as often as so many names: several users can be behind it."""
READING = ("check", "submit")
"""Kinds that read strategies, which takes the processor and much memory."""
_AT_ONCE = 2
"""So many of them are read at the same time: more would not be faster, as they share one interpreter."""
_SLOWEST = 5
"""A bucket's pace is halved no more often than that."""


@dataclass(slots=True, kw_only=True)
class _Bucket:
    """tokens: left at the moment `at`. strikes: how often it ran empty since it was full."""

    tokens: float
    at: float
    strikes: int = 0


class Limits:
    """See the module.

    Args:
        per_minute: kind → how often a minute. A kind may be asked as often at once, when it rested before.
        clock: seconds.
    """

    def __init__(
        self,
        per_minute: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST,
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def cost(self, kind: str, user: str) -> None:
        """Counts a costly request of a user. Raises Declined when it comes too soon."""
        burst = self.per_minute[kind]
        with self._lock:
            wait = self._wait(self._bucket((kind, user), burst), burst)
            if not wait:
                self._take((kind, user))
        if wait:
            raise _too_many(f"this was asked more than {burst:g} times a minute", wait)

    def login(self, *, name: str | None, address: str) -> None:
        """Counts a try to log in, before anything is looked at.

        Args:
            name: as it was given; None for a way in that has none, which counts for the address alone.

        Raises:
            Declined: it comes too soon.
        """
        tried = self._tried(name, address)
        with self._lock:
            waits = [self._wait(self._bucket(key, burst), burst) for key, burst in tried]
            if not any(waits):
                for key, _ in tried:
                    self._take(key, growing=True)
        if any(waits):
            raise _too_many("there were too many tries to log in", max(waits))

    def welcome(self, *, name: str | None, address: str) -> None:
        """The try was a right one: the name begins anew, and the address has one try more again."""
        (by_address, burst), *by_name = self._tried(name, address)
        with self._lock:
            bucket = self._bucket(by_address, burst)
            bucket.tokens = min(burst, bucket.tokens + 1.0)
            for key, _ in by_name:
                self._buckets.pop(key, None)

    def _tried(self, name: str | None, address: str) -> Sequence[tuple[tuple[str, str], float]]:
        """The buckets that a try is counted in, with their sizes: the address's, and the name's."""
        burst = self.per_minute[LOGIN]
        by_address = (("address", site(address)), burst * _ADDRESS_SHARE)
        return (by_address,) if name is None else (by_address, (("name", name.casefold()[:200]), burst))

    def _bucket(self, key: tuple[str, str], burst: float) -> _Bucket:
        """The bucket as it is now, filled up since it was used last."""
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(tokens=burst, at=now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) / _pace(bucket, burst))
        bucket.at = now
        if bucket.tokens >= burst:
            bucket.strikes = 0
        return bucket

    def _take(self, key: tuple[str, str], *, growing: bool = False) -> None:
        bucket = self._buckets[key]
        bucket.tokens -= 1.0
        if growing and bucket.tokens < 1.0:
            bucket.strikes = min(_SLOWEST, bucket.strikes + 1)

    @staticmethod
    def _wait(bucket: _Bucket, burst: float) -> float:
        """Seconds until there is a token; 0 when there is one."""
        return max(0.0, 1.0 - bucket.tokens) * _pace(bucket, burst)


def _pace(bucket: _Bucket, burst: float) -> float:
    """Seconds for a token."""
    return 60.0 / burst * 2.0**bucket.strikes


def _too_many(message: str, wait: float) -> Declined:
    seconds = max(1, math.ceil(wait))
    return Declined(
        message,
        code="too_many",
        status=429,
        hint=f"Ask again in {seconds} s.",
        retry_after=seconds,
    )


def counting(limits: Limits, proxies: tuple[Network, ...]) -> Callable[[HTTPConnection], AsyncIterator[None]]:
    """What every request passes on its way to a route.

    From where it comes is noted, a costly one is counted, and few of those that read strategies go on at
    once.

    Who is not logged in counts as their address. The one user of a service without login is not counted: it
    is their machine.
    """

    reading = asyncio.Semaphore(_AT_ONCE)

    async def count(connection: HTTPConnection) -> AsyncIterator[None]:
        connection.scope[WHENCE] = noted = whence(connection, proxies)
        caller: Caller | None = connection.scope.get(CALLER)
        route = getattr(connection.scope.get("route"), "path", "").removeprefix(API)
        kind = COSTLY.get((connection.scope.get("method", ""), route))
        if kind is not None and (caller is None or caller.by is not By.HOUSE):
            limits.cost(kind, site(noted.address) if caller is None else caller.user)
        async with reading if kind in READING else contextlib.nullcontext():
            yield

    return count
