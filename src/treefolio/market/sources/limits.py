"""The rate limit of a vendor: at most so many requests in any minute, over all threads and processes.

Who shares a key shares the vendor's limit. So each request takes its place in a log that lies in a file named
for vendor and key (a hash of both, never the key), which every process on this machine uses; pyrate-limiter
keeps it. Within a process threads queue in order of arrival, and only the first of them looks at the log: it
sleeps exactly until a place becomes free. A vendor that asks for a pause holds the whole queue.

Where the file cannot be written, the log is in memory: the limit then holds for this process alone.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, cast

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem, SQLiteBucket

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60.0
DIGITS = 16
"""Of the hash that names the file."""


def log_file(folder: Path, vendor: str, key: str) -> Path:
    """Where the log of `vendor` and `key` lies in `folder`. The key cannot be read from it."""
    digest = hashlib.sha256(f"{vendor}\0{key}".encode()).hexdigest()[:DIGITS]
    return folder / digest / "requests.sqlite"


@cache
def shared(vendor: str, file: Path, per_minute: int) -> RateLimit:
    """The limit that all sources of this process share which have the same file."""
    return RateLimit(vendor=vendor, per_minute=per_minute, file=file)


class RateLimit:
    """At most `per_minute` requests in any minute, in order of arrival. Safe under threads and processes.

    Args:
        vendor: names it in messages.
        file: the log that processes share; None keeps it in memory.
        clock, sleep: seconds since 1970, and how to wait; tests give their own.
    """

    def __init__(
        self,
        *,
        vendor: str,
        per_minute: int,
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vendor = vendor
        self._rates = [Rate(per_minute, Duration.MINUTE)]
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._held_until = 0.0
        self._bucket = self._opened(file)

    @property
    def is_shared(self) -> bool:
        """Whether other processes keep to it too."""
        return isinstance(self._bucket, SQLiteBucket)

    def acquire(self) -> None:
        """Returns when a request may be made, and counts it as made."""
        with self._turn():
            while (wait := self._wait()) > 0:
                self._sleep(wait)

    def hold(self, seconds: float) -> None:
        """Nobody in this process makes a request within `seconds` from now."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def close(self) -> None:
        """Closes the file. The limit is not used afterwards."""
        self._bucket.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The first of the queue has the turn; the others sleep until those before them went."""
        mine = threading.Event()
        with self._lock:
            self._queue.append(mine)
            self._queue[0].set()
        try:
            mine.wait()
            yield
        finally:
            with self._lock:
                self._queue.remove(mine)
                if self._queue:
                    self._queue[0].set()

    def _wait(self) -> float:
        """Seconds until it is worth to look again; 0 when a place was taken."""
        held = self._held_until - self._clock()
        if held > 0:
            return held
        try:
            return self._take()
        except (OSError, sqlite3.Error) as error:
            self._bucket = self._in_memory(error)
            return self._take()

    def _take(self) -> float:
        """A place in the log: 0 when there was one, else seconds until there is."""
        with self._guard():
            now = int(self._clock() * 1000)
            place = RateItem(self._vendor, now)
            if self._bucket.put(place):
                return 0.0
            wait = (cast("int", self._bucket.waiting(place)) + 1) / 1000  # the log counts whole milliseconds
            self._bucket.leak(now)
        if wait > WINDOW_SECONDS + 1:  # the clock was set back: the log is from a future that will not come
            self._bucket.flush()
            return self._take()
        return wait

    def _guard(self) -> AbstractContextManager[Any]:
        """Keeps other processes out; threads of this one come one after the other anyway."""
        return self._bucket.lock if isinstance(self._bucket, SQLiteBucket) else nullcontext()

    def _opened(self, file: Path | None) -> SQLiteBucket | InMemoryBucket:
        """The log in `file`, else in memory."""
        if file is None:
            return InMemoryBucket(self._rates)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            bucket = SQLiteBucket.init_from_file(
                self._rates, table="requests", db_path=str(file), use_file_lock=True
            )
            bucket.leak(int(self._clock() * 1000))
        except (OSError, NotImplementedError, sqlite3.Error) as error:
            return self._in_memory(error)
        return bucket

    def _in_memory(self, error: Exception) -> InMemoryBucket:
        """A log of this process alone, and a word about it."""
        log.warning(
            "the rate limit of %s holds for this process alone: its file cannot be used (%s)",
            self._vendor,
            error,
            extra={"action": "rate_limit_in_memory", "vendor": self._vendor},
        )
        return InMemoryBucket(self._rates)
