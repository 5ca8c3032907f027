"""The price cache in a Redis server, which several machines may share.

Below ``treefolio:<schema>:`` there are one string for each block, and three tables: ``used`` (name → when it
was used last), ``sizes`` (name → bytes) and ``counters``. Scripts that run in the server change a block and
its tables together, so however many clients there are, the bytes are right and the bound holds.

The server's own settings decide whether it keeps its data over a restart (``appendonly yes``) and how much
memory it may use; the bound here counts blocks only.

Everything that goes wrong with the server is one error: `Unreachable`. Nothing here waits long for it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from treefolio.errors import PriceError, UsageError
from treefolio.market.bars import DAILY, INTERVALS
from treefolio.market.cache.base import SCHEMA, Counters, Entry, Key
from treefolio.market.cache.blocks import packed, unpacked
from treefolio.market.cache.names import key_of, name_of, quoted
from treefolio.market.cache.once import Once
from treefolio.market.clock import Clock, SystemClock

if TYPE_CHECKING:
    from redis import Redis as Client

logger = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 0.5, 2.0
SLICE_BYTES = 4_000_000
"""So much is sent or asked for at once."""
SLICE_SECONDS = 0.5
"""A server that needs longer for a slice, on average, is too slow to be of use."""
YEAR_BYTES = 6_500
"""Of a year of daily bars; shorter bars are as many times more as there are in a session."""
KEPT_PERCENT = 90
"""Eviction leaves this part of the bound."""
VICTIMS = 500
"""So many blocks are evicted at a time: the server does nothing else meanwhile."""
PAGE = 1_000
LOCK_SECONDS = 600.0
"""Nobody waits longer for another process: then both do the work."""
LOCK_POLL = 0.05
LEASE_SECONDS = 15.0
"""A lock whose holder died is free after so long; who lives renews it three times in that time."""

STORE = """
local used, sizes, counters = KEYS[1], KEYS[2], KEYS[3]
for i = 3, #ARGV, 2 do
  local name, content = ARGV[i], ARGV[i + 1]
  local before = tonumber(redis.call('HGET', sizes, name) or 0)
  redis.call('SET', ARGV[1] .. name, content)
  redis.call('HSET', sizes, name, #content)
  redis.call('ZADD', used, ARGV[2], name)
  redis.call('HINCRBY', counters, 'bytes', #content - before)
end
return tonumber(redis.call('HGET', counters, 'bytes') or 0)
"""
FORGET = """
local used, sizes, counters = KEYS[1], KEYS[2], KEYS[3]
local count = 0
for i = 2, #ARGV do
  local size = redis.call('HGET', sizes, ARGV[i])
  count = count + redis.call('DEL', ARGV[1] .. ARGV[i])
  redis.call('ZREM', used, ARGV[i])
  if size then
    redis.call('HDEL', sizes, ARGV[i])
    redis.call('HINCRBY', counters, 'bytes', -size)
  end
end
return count
"""
EVICT = """
local used, sizes, counters = KEYS[1], KEYS[2], KEYS[3]
local goal = tonumber(ARGV[2])
local total = tonumber(redis.call('HGET', counters, 'bytes') or 0)
if total <= goal then return 0 end
local oldest = redis.call('ZRANGE', used, 0, tonumber(ARGV[3]) - 1)
local count = 0
for _, name in ipairs(oldest) do
  if total <= goal then break end
  total = total - tonumber(redis.call('HGET', sizes, name) or 0)
  redis.call('UNLINK', ARGV[1] .. name)
  redis.call('HDEL', sizes, name)
  redis.call('ZREM', used, name)
  count = count + 1
end
redis.call('HSET', counters, 'bytes', total)
redis.call('HINCRBY', counters, 'evictions', count)
return count
"""
"""Arguments: the prefix of blocks, the bytes that may stay, how many to evict at most."""


class Unreachable(PriceError):  # noqa: N818 - what the server is
    """The Redis server is not there, too slow, full, refuses us, or answers what makes no sense."""


class Redis:
    """A cache in the server at `url`. It is connected to when it is first asked.

    `limit_bytes` bounds the blocks. `clock` tells when a block was used. Every method may raise
    Unreachable. A malformed `url` is a UsageError.
    """

    name = "redis"

    def __init__(self, url: str, limit_bytes: int, clock: Clock | None = None) -> None:
        self.limit_bytes = limit_bytes
        self._client = _connected_later(url)
        self._clock = clock or SystemClock()
        self._once = Once(logger)
        self._prefix = f"treefolio:{SCHEMA}:"
        self._blocks = f"{self._prefix}block:"
        self._used, self._sizes, self._counters = (
            f"{self._prefix}{table}" for table in ("used", "sizes", "counters")
        )
        self._used_today: tuple[int, set[str]] = (0, set())
        self._store, self._forget, self._evict = map(self._client.register_script, (STORE, FORGET, EVICT))

    def load(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The blocks that are there and whole. One that is damaged is removed."""
        names = {name_of(key): key for key in keys}
        found: dict[Key, bytes] = {}
        damaged = []
        with _answered():
            for name, stored in self._fetched(names):
                content = unpacked(name, stored)
                if content is None:
                    damaged.append(name)
                else:
                    found[names[name]] = content
        with contextlib.suppress(Unreachable), _answered():  # a server that is full still reads
            self._note_use([name for name, key in names.items() if key in found])
        if damaged:
            self._once.warn(
                "cache_damaged", "a block of the price cache is damaged and is not used: %s", damaged[0]
            )
            self.drop([names[name] for name in damaged])
        return found

    def save(self, blocks: Mapping[Key, bytes]) -> None:
        """Keeps them; what exceeds the bound is evicted."""
        now = self._clock.now().timestamp()
        named = [(name_of(key), content) for key, content in blocks.items()]
        with _answered():
            for part in _slices(named, [len(content) for _, content in named]):
                stored = [each for name, content in part for each in (name, packed(name, content))]
                held = self._run(self._store, self._blocks, now, *stored)
                if held > self.limit_bytes:
                    goal = self.limit_bytes * KEPT_PERCENT // 100
                    while self._run(self._evict, self._blocks, goal, VICTIMS):
                        pass

    def drop(self, keys: Sequence[Key]) -> int:
        """Forgets them; returns how many there were."""
        names = [name_of(key) for key in keys]
        with _answered():
            return sum(
                self._run(self._forget, self._blocks, *names[k : k + PAGE])
                for k in range(0, len(names), PAGE)
            )

    def entries(self) -> Iterator[Entry]:
        """All blocks of this schema."""
        seen: set[str] = set()
        cursor, first = 0, True
        while cursor or first:
            first = False
            with _answered():
                cursor, page = self._client.zscan(self._used, cursor, count=PAGE)
                used = {name: at for name, at in map(_text, page) if name not in seen}
                sizes = self._client.hmget(self._sizes, list(used)) if used else []
                counted = [int(size or 0) for size in sizes]
            seen |= used.keys()
            for (name, at), size in zip(used.items(), counted, strict=True):
                key = key_of(name)
                if key is not None and size:
                    yield Entry(key=key, bytes=size, used=at)

    def note(self, *, hits: int, misses: int) -> None:
        """Adds to the counters."""
        with _answered(), self._client.pipeline(transaction=False) as pipe:
            pipe.hincrby(self._counters, "hits", hits)
            pipe.hincrby(self._counters, "misses", misses)
            pipe.execute()

    def counters(self) -> Counters:
        """What became of it so far."""
        with _answered():
            names = ("bytes", "hits", "misses", "evictions")
            counts = [int(each or 0) for each in self._client.hmget(self._counters, list(names))]
            blocks = int(self._client.zcard(self._used))
            return Counters(blocks=blocks, **dict(zip(names, counts, strict=True)))

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One holder at a time over all machines. It is renewed while it is held; when the server is lost
        meanwhile, the holder goes on."""
        held = self._client.lock(
            f"{self._prefix}lock:{quoted(name)}",
            timeout=LEASE_SECONDS,
            blocking_timeout=LOCK_SECONDS,
            sleep=LOCK_POLL,
            thread_local=False,
        )
        with _answered():
            mine = held.acquire()
        if not mine:
            self._once.warn("cache_lock", "works without a lock: %s was held for too long", name)
            yield
            return
        done = threading.Event()
        renewal = threading.Thread(target=_renew, args=(held, done), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            done.set()
            renewal.join()
            with contextlib.suppress(Unreachable), _answered():
                held.release()

    def _fetched(self, names: Mapping[str, Key]) -> Iterator[tuple[str, bytes]]:
        """Names and what is stored there, slice by slice."""
        began = time.monotonic()
        sizes = [YEAR_BYTES * INTERVALS[DAILY] // INTERVALS[key.shelf.interval] for key in names.values()]
        for slices, part in enumerate(_slices(list(names), sizes), start=1):
            answers: Any = self._client.mget([self._blocks + name for name in part])
            if not isinstance(answers, list) or not all(isinstance(each, bytes | None) for each in answers):
                raise TypeError("the server answers something else than it was asked for")
            for name, stored in zip(part, answers, strict=True):
                if stored is not None:
                    yield name, stored
            seconds = time.monotonic() - began
            if seconds > READ_SECONDS + SLICE_SECONDS * slices:
                raise TimeoutError(f"needed {seconds:.1f} s for {slices} answers")

    def _note_use(self, names: Sequence[str]) -> None:
        """Moves the last use of blocks, once a day."""
        now = self._clock.now().timestamp()
        day = int(now // 86_400)
        if self._used_today[0] != day:
            self._used_today = (day, set())
        moved = [name for name in names if name not in self._used_today[1]]
        for k in range(0, len(moved), PAGE):
            self._client.zadd(self._used, dict.fromkeys(moved[k : k + PAGE], now), xx=True)
        self._used_today[1].update(moved)

    def _run(self, script: Any, *arguments: object) -> int:
        """What a script answers."""
        return int(script(keys=(self._used, self._sizes, self._counters), args=arguments))


def _connected_later(url: str) -> Client:
    """A client that waits only briefly and tries a lost connection once more. Raises UsageError."""
    import redis  # noqa: PLC0415 - only where a server is named
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    try:
        return redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=READ_SECONDS,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
    except ValueError as error:
        raise UsageError(
            "the address of Redis cannot be read",  # which may hold a password
            hint="Write TREEFOLIO_REDIS_URL as redis://HOST:PORT/0 or redis://:PASSWORD@HOST:PORT/0.",
        ) from error


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """Whatever goes wrong inside becomes Unreachable: a server that answers rubbish makes the client fail
    in more ways than it documents."""
    try:
        yield
    except Unreachable:
        raise
    except Exception as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error


def _slices(items: Sequence[Any], sizes: Sequence[int]) -> Iterator[list[Any]]:
    """The items in order, in lists of about SLICE_BYTES."""
    part: list[Any] = []
    held = 0
    for item, size in zip(items, sizes, strict=True):
        if part and held + size > SLICE_BYTES:
            yield part
            part, held = [], 0
        part.append(item)
        held += size
    if part:
        yield part


def _text(pair: Any) -> tuple[str, float]:
    """A name and its score, as Python has them."""
    return pair[0].decode(), float(pair[1])


def _renew(held: Any, done: threading.Event) -> None:
    """Renews a lock until it is done, or lost."""
    while not done.wait(LEASE_SECONDS / 3):
        try:
            with _answered():
                held.reacquire()
        except Unreachable:
            return
