"""Rows of flat files → blocks of the cache: checked, and merged with what was there.

A `Part` is a year or a month of files. It saves the blocks of some tickers at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from threading import Event

import numpy as np

from treefolio.errors import OutputError
from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.bars import DAILY, Bars, Shelf, days_of, joined
from treefolio.market.cache.base import Cache, Key
from treefolio.market.cache.blocks import Block, Damaged, decode, encode
from treefolio.market.panel import Dates
from treefolio.market.sift import sift
from treefolio.market.sources.flat_runs import Journal, Run, doubtful

STRETCH = tuple[date, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A year's or month's rows on their way into blocks. Safe under threads.

    Attributes:
        days, sessions: those of the files. stretches: the same, as a block says it.
        so_far: with the sessions that were imported before, of the same year.
        seen: the tickers that had a block of the year before.
        sound: tickers in whose rows the checks would find nothing.
    """

    shelf: Shelf
    cache: Cache
    stop: Event
    year: str
    runs: Sequence[Run]
    days: tuple[date, ...]
    sessions: Dates
    stretches: tuple[STRETCH, ...]
    so_far: tuple[STRETCH, ...]
    seen: frozenset[str]
    sound: frozenset[str]
    accepted: Accepted
    fetched_at: datetime

    @classmethod
    def of(
        cls,
        year: str,
        sessions: Sequence[date],
        runs: Sequence[Run],
        *,
        shelf: Shelf,
        cache: Cache,
        journal: Journal,
        accepted: Accepted,
        fetched_at: datetime,
        stop: Event,
    ) -> Part:
        """The rows of `runs`, which are those of files of the `sessions`."""
        days: Dates = np.array(sessions, "datetime64[D]")
        is_plain = len(runs) == 1 and shelf.interval == DAILY
        return cls(
            shelf=shelf,
            cache=cache,
            stop=stop,
            year=year,
            runs=runs,
            days=tuple(sessions),
            sessions=days,
            stretches=stretches_of(sessions),
            so_far=stretches_of({*journal.sessions(year), *sessions}),
            seen=frozenset(journal.tickers.get(year, ())),
            sound=frozenset(runs[0].places) - doubtful(runs[0], days) if is_plain else frozenset(),
            accepted=accepted,
            fetched_at=fetched_at,
        )

    def save(self, tickers: Sequence[str]) -> int:
        """Saves the blocks of the tickers; returns how many rows were withheld. Raises OutputError."""
        if self.stop.is_set():
            return 0
        keys = [Key(self.shelf, ticker, self.year) for ticker in tickers]
        there = self.cache.load(keys)
        blocks = {key: block for key in keys if (block := self._block(key, there.get(key))) is not None}
        self.cache.save({key: encode(block) for key, block in blocks.items()})
        last = list(blocks)[-1:]
        if not self.cache.load(last) and last:
            raise OutputError(
                "the price cache keeps nothing: its folder is full, or cannot be written",
                hint="Make room, or name another folder with TREEFOLIO_HOME; then import again.",
            )
        return sum(len(block.set_aside) for block in blocks.values())

    def _block(self, key: Key, there: bytes | None) -> Block | None:
        """The ticker's block, merged with the one that is there; None when there is nothing to say."""
        old = _decoded(there)
        parts = [bars for run in self.runs if (bars := run.bars(key.ticker, self.shelf.interval)) is not None]
        if old is None:
            if not parts:
                return None  # it was lost, and these files do not have it
            known = self.stretches if key.ticker in self.seen else self.so_far
            return self._new(key.ticker, parts, known)
        return self._merged(key.ticker, old, parts)

    def _new(self, ticker: str, parts: Sequence[Bars], known: tuple[STRETCH, ...]) -> Block:
        """A block of bars that come from the files alone."""
        bars = joined(list(parts)) if len(parts) > 1 else parts[0]
        if ticker in self.sound:
            return Block(bars=bars, known=known, fetched_at=self.fetched_at)
        sifted = sift(
            bars,
            sessions=self.sessions,
            interval=self.shelf.interval,
            accepted=self.accepted.of(self.shelf.name, ticker),
            ticker=ticker,
        )
        return Block(
            bars=sifted.kept,
            known=known,
            fetched_at=self.fetched_at,
            findings=tuple((str(each.session), each.kind.value, each.message) for each in sifted.findings),
            set_aside=sifted.set_aside,
        )

    def _merged(self, ticker: str, old: Block, parts: Sequence[Bars]) -> Block:
        """The old block, in which the sessions of the files are as the files say."""
        new = self._new(ticker, parts, self.stretches) if parts else None
        replaced = {str(day) for day in self.sessions}
        bars = [self._others(old.bars), *([new.bars] if new else [])]
        aside = [self._others(old.set_aside), *([new.set_aside] if new else [])]
        days = {day for begin, end in old.known for day in _sessions(begin, end)}
        return Block(
            bars=_ordered(joined(bars)),
            known=stretches_of(days.union(self.days)),
            fetched_at=self.fetched_at,
            adjusted_on=old.adjusted_on,
            findings=tuple(
                sorted(
                    [
                        *(each for each in old.findings if each[0] not in replaced),
                        *(new.findings if new else ()),
                    ]
                )
            ),
            set_aside=_ordered(joined(aside)),
        )

    def _others(self, bars: Bars) -> Bars:
        """The bars of other sessions than those of the files."""
        return bars.where(~np.isin(days_of(bars), self.sessions))


def stretches_of(sessions: Collection[date]) -> tuple[STRETCH, ...]:
    """Sessions as stretches from one to another, both included, within which none is missing."""
    if not sessions:
        return ()
    known = np.array(sorted(sessions), "datetime64[D]")
    every = calendar.sessions(known[0].item(), known[-1].item())
    places = np.searchsorted(every, known)
    breaks = np.flatnonzero(np.diff(places) > 1)
    begins = known[np.concatenate([[0], breaks + 1])].tolist()
    ends = known[np.concatenate([breaks, [len(known) - 1]])].tolist()
    return tuple(zip(begins, ends, strict=True))


def _sessions(first: date, last: date) -> list[date]:
    """The sessions from `first` to `last`."""
    found: list[date] = calendar.sessions(first, last).tolist()
    return found


def _ordered(bars: Bars) -> Bars:
    """By time."""
    return bars.where(np.argsort(bars.at, kind="stable"))


def _decoded(content: bytes | None) -> Block | None:
    """The block; None when there is none, or it is damaged, which is the same."""
    if content is None:
        return None
    try:
        return decode(content)
    except Damaged:
        return None
