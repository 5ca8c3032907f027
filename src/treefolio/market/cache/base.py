"""What a price cache is: bytes under keys, shared by all users. `blocks` says what the bytes are.

A cache saves requests; nothing is wrong without it. So it never raises for a block that is lost or damaged:
such a block is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from treefolio.market.bars import Shelf

SCHEMA = "v1"
"""Blocks of another schema are never read: raise it when a block's meaning changes."""


TAIL, ACTIONS = "tail", "actions"
"""The parts beside calendar years: the sessions that can still change, and corporate actions."""


class Key(NamedTuple):
    """Where a block is: a shelf, a ticker and a part of its history: a calendar year, TAIL or ACTIONS."""

    shelf: Shelf
    ticker: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A block as `data list` counts it. `used`: seconds since 1970 when it was last read or written."""

    key: Key
    bytes: int
    used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What became of the cache since it was made. hits and misses count sessions of tickers."""

    blocks: int
    bytes: int
    hits: int
    misses: int
    evictions: int


class Cache(Protocol):
    """Blocks by their keys. Safe under many threads and processes."""

    name: str

    def load(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """The blocks that are there and whole (their checksum is right)."""
        ...

    def save(self, blocks: Mapping[Key, bytes]) -> None:
        """Keeps them; a reader sees a whole block or none. What exceeds the bound is evicted, by last use."""
        ...

    def drop(self, keys: Sequence[Key]) -> int:
        """Forgets them; returns how many there were."""
        ...

    def entries(self) -> Iterator[Entry]:
        """All blocks of this schema."""
        ...

    def note(self, *, hits: int, misses: int) -> None:
        """Adds to the counters."""
        ...

    def counters(self) -> Counters:
        """What became of it so far."""
        ...

    def lock(self, name: str) -> AbstractContextManager[None]:
        """One holder at a time over all processes. It saves double requests; nothing is wrong without it."""
        ...
