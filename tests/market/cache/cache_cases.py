"""Blocks, keys and backends for the tests of the cache, and what those tests do in other processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from treefolio.market.bars import Bars, Shelf
from treefolio.market.cache.base import Cache, Key
from treefolio.market.cache.blocks import Block, encode
from treefolio.market.cache.choice import Guarded
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.names import name_of
from treefolio.market.cache.redis import Redis
from treefolio.market.clock import Clock
from treefolio.testing.redis import RedisServer

SHELF = Shelf(source="alpaca", feed="sip")
PLENTY = 1_000_000_000
FIELDS = ("open", "high", "low", "close", "volume")


def key(ticker: str = "SPY", part: str = "2024", shelf: Shelf = SHELF) -> Key:
    """A key on the shelf of most tests."""
    return Key(shelf, ticker, part)


def bars(count: int, seed: int = 0) -> Bars:
    """So many daily bars of made-up prices."""
    chance = np.random.default_rng(seed)
    at = np.datetime64("2024-01-02") + np.arange(count)
    return Bars(at=at, fields={name: chance.normal(100, 5, count) for name in FIELDS})


def content(seed: int = 0, count: int = 20) -> bytes:
    """An encoded block."""
    return encode(
        Block(
            bars=bars(count, seed),
            known=((date(2024, 1, 2), date(2024, 3, 1)),),
            fetched_at=datetime(2024, 3, 2, tzinfo=UTC),
        )
    )


@dataclass(frozen=True, kw_only=True)
class Store:
    """A place for a cache, and what reaches behind the cache's back."""

    kind: str
    folder: Path
    url: str = ""

    def opened(self, limit_bytes: int = PLENTY, clock: Clock | None = None) -> Cache:
        """A cache of this kind at this place."""
        if self.kind == "directory":
            return Directory(self.folder, limit_bytes, clock)
        server = Redis(self.url, limit_bytes, clock)
        if self.kind == "redis":
            return server
        return Guarded(server, Directory(self.folder, limit_bytes, clock), clock)

    def put(self, where: Key, stored: bytes) -> None:
        """Stores these very bytes in place of a block's."""
        if self.kind == "directory":
            (self.folder / name_of(where)).write_bytes(stored)
        else:
            with client(self.url) as direct:
                direct.set(self._redis_name(where), stored)

    def get(self, where: Key) -> bytes | None:
        """The very bytes that are stored for a block."""
        if self.kind == "directory":
            path = self.folder / name_of(where)
            return path.read_bytes() if path.exists() else None
        with client(self.url) as direct:
            return direct.get(self._redis_name(where))  # type: ignore[return-value]

    def _redis_name(self, where: Key) -> str:
        return f"treefolio:v1:block:{name_of(where)}"


def client(url: str):  # type: ignore[no-untyped-def]
    """A direct connection."""
    import redis  # noqa: PLC0415

    return redis.Redis.from_url(url)


def in_processes(count: int, work: Callable[..., None], *arguments: object) -> None:
    """Runs ``work(k, *arguments)`` in so many processes at once; all must end well."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(k, *arguments)) for k in range(count)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert [each.exitcode for each in processes] == [0] * count


def write_same(k: int, store: Store, rounds: int) -> None:
    """Writes its version of one block again and again; reads it back whole, whoever wrote it."""
    cache = store.opened()
    versions = {content(seed) for seed in range(8)}
    for _ in range(rounds):
        cache.save({key(): content(k)})
        assert cache.load([key()])[key()] in versions
        cache.note(hits=1, misses=2)


def count_up(_: int, store: Store, path: Path, rounds: int) -> None:
    """Adds one to the number in a file, under a lock, in a way that loses counts without one."""
    cache = store.opened()
    for _ in range(rounds):
        with cache.lock("the number / in: the file"):
            number = int(path.read_text())
            path.write_text("")
            path.write_text(str(number + 1))


def hold_and_die(_: int, store: Store, ready: Path) -> None:
    """Takes a lock, says so, and is killed with it in its hands."""
    cache = store.opened()
    with cache.lock("of the dead"):
        ready.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def flushed(server: RedisServer) -> Iterator[RedisServer]:
    """The server, empty."""
    with server.client() as direct:
        direct.flushall()
    yield server


def in_child(work: Callable[..., None], *arguments: object) -> int:
    """Runs ``work(0, *arguments)`` in another process; returns how that ended."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=(0, *arguments))
    process.start()
    process.join()
    return process.exitcode or 0
