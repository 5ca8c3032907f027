"""Which cache the settings name, and what happens when Redis is not there."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from treefolio.market.cache.base import Cache, Counters, Entry, Key
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.redis import Redis, Unreachable
from treefolio.market.clock import Clock, SystemClock
from treefolio.market.settings import MEGABYTE, MarketSettings

logger = logging.getLogger(__name__)

REST = timedelta(seconds=30)
"""A server that failed is not asked again before."""
QUIET = timedelta(hours=1)
"""The same failure is not logged again before."""
Answer = TypeVar("Answer")


def open_cache(settings: MarketSettings, clock: Clock | None = None) -> Cache:
    """The folder ``cache`` in the home folder; Redis before it when it is set. Raises UsageError for a
    malformed address."""
    limit = settings.cache_megabytes * MEGABYTE
    folder = Directory(settings.home / "cache", limit, clock)
    if settings.redis_url is None:
        return folder
    try:
        server = Redis(settings.redis_url, limit, clock)
    except ImportError:
        logger.warning(
            "TREEFOLIO_REDIS_URL is set, but the package redis is not installed: the price cache is a folder",
            extra={"action": "cache_lost"},
        )
        return folder
    return Guarded(server, folder, clock)


class Guarded:
    """Redis while it answers, the folder while it does not.

    A failure is logged, once; then the server is left alone for REST, and one caller tries it again while
    the others go on with the folder. A server that fails in the same way again and again is said once in
    QUIET. `name` is that of the cache that is used now.

    What was dropped while the server was not there is still in it afterwards: whoever reads a block judges
    by the block's own dates whether it still holds.
    """

    def __init__(self, server: Cache, folder: Cache, clock: Clock | None = None) -> None:
        self._server = server
        self._folder = folder
        self._clock = clock or SystemClock()
        self._state = threading.Lock()
        self._lost_until: datetime | None = None
        self._said: dict[str, datetime] = {}
        self.name = server.name

    def load(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The blocks that are there and whole."""
        return self._asked(lambda cache: cache.load(keys))

    def save(self, blocks: Mapping[Key, bytes]) -> None:
        """Keeps them where they are looked for next."""
        self._asked(lambda cache: cache.save(blocks))

    def drop(self, keys: Sequence[Key]) -> int:
        """Forgets them in both: the folder must not bring back what was dropped while it was not used."""
        kept = self._folder.drop(keys)
        return self._asked(lambda cache: kept if cache is self._folder else max(kept, cache.drop(keys)))

    def entries(self) -> Iterator[Entry]:
        """All blocks of the cache that is used now."""
        return iter(self._asked(lambda cache: list(cache.entries())))

    def note(self, *, hits: int, misses: int) -> None:
        """Adds to the counters."""
        self._asked(lambda cache: cache.note(hits=hits, misses=misses))

    def counters(self) -> Counters:
        """What became of the cache that is used now."""
        return self._asked(lambda cache: cache.counters())

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One holder at a time over all processes that see the same server, or the same folder."""
        with contextlib.ExitStack() as held:
            self._asked(lambda cache: held.enter_context(cache.lock(name)))
            yield

    def _asked(self, question: Callable[[Cache], Answer]) -> Answer:
        """What the server answers, else the folder."""
        if self._may_ask():
            try:
                answer = question(self._server)
            except Unreachable as error:
                self._lose(error)
            else:
                self._regain()
                return answer
        return question(self._folder)

    def _may_ask(self) -> bool:
        """Whether the server is there as far as we know, or this caller is the one to try it again."""
        with self._state:
            if self._lost_until is None:
                return True
            now = self._clock.now()
            if now < self._lost_until:
                return False
            self._lost_until = now + REST
            return True

    def _lose(self, error: Unreachable) -> None:
        with self._state:
            now = self._clock.now()
            self._lost_until = now + REST
            self.name = self._folder.name
            said = self._said.get(error.message)
            new = said is None or now >= said + QUIET
            if new:
                self._said[error.message] = now
        if new:
            logger.warning(
                "Redis does not serve, the price cache is a folder meanwhile: %s",
                error.message,
                extra={"action": "cache_lost"},
            )

    def _regain(self) -> None:
        with self._state:
            lost, self._lost_until = self._lost_until is not None, None
            self.name = self._server.name
        if lost:
            logger.info("Redis serves again", extra={"action": "cache_regained"})
