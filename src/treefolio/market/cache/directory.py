"""The price cache in a folder: one small file for each block, safe under many threads and processes.

* A block is written beside its place and renamed into it: a reader sees all of it or nothing. It is not
  forced to the disk; what a power cut leaves behind fails its checksum and is not there.
* The file's modification time is its last use. It is moved at most once a day, so reading writes nothing.
* How many bytes there are is remembered in one small file, not counted at each save. A process that dies
  leaves that number too high, never too low; it is put right whenever the folder is walked, which happens
  when the bound is reached.
* Locks are those of the operating system: they end with their process.

A folder that cannot be written is said once. Then the cache keeps nothing, and nothing else changes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from filelock import FileLock, Timeout

from treefolio.market.cache.base import Counters, Entry, Key
from treefolio.market.cache.blocks import packed, unpacked
from treefolio.market.cache.names import key_of, name_of, quoted
from treefolio.market.cache.once import Once
from treefolio.market.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

KEPT = 0.9
"""Eviction leaves this part of the bound."""
DAY = 86_400.0
STRANDED = 3_600.0
"""A part of a write is nobody's after so many seconds."""
LOCK_SECONDS = 600.0
"""Nobody waits longer for another process: then both do the work."""
LOCK_POLL = 0.02
WRITE_SECONDS = 60.0
WRITE_POLL = 0.002
LONGEST = 200
"""A lock whose name is longer has a file named by its hash."""
LOCKS, TALLY, PART = "locks", "tally.json", "."
READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is remembered beside the blocks. `bytes` is at least what the blocks have."""

    bytes: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0

    def plus(self, **more: int) -> Tally:
        """With so much more of each; none falls below zero."""
        return Tally(**{name: max(0, count + more.get(name, 0)) for name, count in asdict(self).items()})


class Directory:
    """A cache in the folder `path`, which is made when it is not there.

    `limit_bytes` bounds the blocks, not what the file system adds to them. `clock` tells when a block was
    used.
    """

    name = "directory"

    def __init__(self, path: Path, limit_bytes: int, clock: Clock | None = None) -> None:
        self.path = path
        self.limit_bytes = limit_bytes
        self._root = os.fspath(path)
        self._clock = clock or SystemClock()
        self._once = Once(logger)

    def load(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The blocks that are there and whole. One that is damaged is removed."""
        now = self._clock.now().timestamp()
        found = {}
        for key in keys:
            name = name_of(key)
            stored = self._read(f"{self._root}/{name}", now)
            if stored is None:
                continue
            content = unpacked(name, stored)
            if content is None:
                self._damaged(name)
            else:
                found[key] = content
        return found

    def save(self, blocks: Mapping[Key, bytes]) -> None:
        """Keeps them. One process saves at a time; readers do not wait."""
        stored = {name: packed(name, content) for name, content in map(_named, blocks.items())}
        now = self._clock.now().timestamp()
        try:
            with self._alone():
                tally = self._add(bytes=sum(map(len, stored.values())))
                for name, content in stored.items():
                    _write(f"{self._root}/{name}", content, now)
                if tally.bytes > self.limit_bytes:
                    self._evict(now)
        except (OSError, Timeout) as error:
            self._unwritable(error)

    def drop(self, keys: Sequence[Key]) -> int:
        """Forgets them; returns how many there were."""
        return sum(self._unlink(name_of(key)) for key in keys)

    def entries(self) -> Iterator[Entry]:
        """All blocks of this schema."""
        for name, found in self._walk():
            key = key_of(name)
            if key is not None:
                yield Entry(key=key, bytes=found.st_size, used=found.st_mtime)

    def note(self, *, hits: int, misses: int) -> None:
        """Adds to the counters."""
        try:
            with self._alone():
                self._add(hits=hits, misses=misses)
        except (OSError, Timeout) as error:
            self._unwritable(error)

    def counters(self) -> Counters:
        """What became of it so far; blocks and bytes are counted now."""
        sizes = [entry.bytes for entry in self.entries()]
        tally = self._tally() or Tally()
        return Counters(
            blocks=len(sizes),
            bytes=sum(sizes),
            hits=tally.hits,
            misses=tally.misses,
            evictions=tally.evictions,
        )

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One holder at a time over all processes that use this folder."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._locked(name, LOCK_SECONDS, LOCK_POLL))
            except (OSError, Timeout) as error:
                self._once.warn("cache_lock", "works without a lock in %s: %s", self.path, error)
            yield

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        """The only one that writes blocks or the tally. Raises OSError, Timeout."""
        return self._locked(TALLY, WRITE_SECONDS, WRITE_POLL)

    @contextlib.contextmanager
    def _locked(self, name: str, seconds: float, poll: float) -> Iterator[None]:
        """The lock of this name. Raises OSError, Timeout."""
        file = quoted(name)
        if len(file) > LONGEST:
            file = blake2b(name.encode(), digest_size=16).hexdigest()
        folder = self.path / LOCKS
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{file}.lock", timeout=seconds, poll_interval=poll):
            yield

    def _read(self, path: str, now: float) -> bytes | None:
        """A file's bytes; its use is noted when the last one was not today."""
        try:
            file = os.open(path, READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._once.warn("cache_unreadable", "cannot read the price cache: %s", error)
            return None
        try:
            found = os.fstat(file)
            content = os.read(file, found.st_size)
        except OSError as error:
            self._once.warn("cache_unreadable", "cannot read the price cache: %s", error)
            return None
        finally:
            os.close(file)
        if now - found.st_mtime >= DAY:
            with contextlib.suppress(OSError):  # it may be read-only, or evicted by now
                os.utime(path, (now, now))
        return content

    def _add(self, **more: int) -> Tally:
        """Adds to the tally. Only within `_alone`. Raises OSError."""
        tally = self._tally()
        if tally is None:  # new, lost or damaged: what is there counts
            tally = Tally(bytes=sum(found.st_size for _, found in self._walk()))
        tally = tally.plus(**more)
        _write(f"{self._root}/{TALLY}", json.dumps(asdict(tally)).encode())
        return tally

    def _tally(self) -> Tally | None:
        """As it was last written; None when there is none."""
        try:
            counts = json.loads((self.path / TALLY).read_bytes())
            return Tally(**{name: int(count) for name, count in counts.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def _evict(self, now: float) -> None:
        """Removes what was not used longest, until KEPT of the bound is left. Only within `_alone`."""
        tally = self._tally() or Tally()
        blocks = sorted((found.st_mtime, name, found.st_size) for name, found in self._walk(now))
        held = sum(size for _, _, size in blocks)
        evicted = 0
        if held > self.limit_bytes:
            for _, name, size in blocks:
                if held <= KEPT * self.limit_bytes:
                    break
                self._unlink(name)
                held -= size
                evicted += 1
        self._add(bytes=held - tally.bytes, evictions=evicted)

    def _walk(self, now: float | None = None) -> Iterator[tuple[str, os.stat_result]]:
        """Every block of every schema, by name. With `now`, stranded parts of writes are removed."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(f"{self._root}/{folder}") as entries:
                    inside = list(entries)
            except OSError:  # not there (yet), or removed meanwhile
                continue
            for entry in inside:
                name = f"{folder}{entry.name}"
                with contextlib.suppress(FileNotFoundError):  # evicted or replaced meanwhile
                    if entry.is_dir(follow_symlinks=False):
                        if name != LOCKS:
                            folders.append(f"{name}/")
                    elif entry.name.startswith(PART):
                        if now is not None and now - entry.stat().st_mtime > STRANDED:
                            self._unlink(name)
                    elif folder:
                        yield name, entry.stat()

    def _unlink(self, name: str) -> bool:
        """Removes a file; returns whether it was there."""
        try:
            os.unlink(f"{self._root}/{name}")
        except OSError:
            return False
        return True

    def _damaged(self, name: str) -> None:
        self._once.warn("cache_damaged", "a block of the price cache is damaged and is not used: %s", name)
        self._unlink(name)

    def _unwritable(self, error: OSError | Timeout) -> None:
        self._once.warn(
            "cache_unwritable", "the price cache in %s cannot be written and keeps nothing new: %s",
            self.path, error,
        )  # fmt: skip


def _named(block: tuple[Key, bytes]) -> tuple[str, bytes]:
    key, content = block
    return name_of(key), content


def _write(path: str, content: bytes, now: float | None = None) -> None:
    """Writes a whole file or none; `now` becomes its last use. Raises OSError."""
    folder, _, file = path.rpartition("/")
    part = f"{folder}/{PART}{file}.{secrets.token_hex(8)}"
    try:
        handle = os.open(part, CREATE, 0o666)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        handle = os.open(part, CREATE, 0o666)
    try:
        with os.fdopen(handle, "wb", buffering=0) as out:
            written = out.write(content)
        if written != len(content):
            raise OSError(errno.ENOSPC, "only a part of the block was written", path)
        if now is not None:
            os.utime(part, (now, now))
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
