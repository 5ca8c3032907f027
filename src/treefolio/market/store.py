"""The store: bars and corporate actions, from the cache where it knows them, else from a source.

1. `Store.stock` loads the blocks of all tickers and years and sees which sessions each ticker lacks. Known
   is what was asked for, not what had a price: week-ends, holidays and days before a listing are no misses,
   and "the source has no such data" is remembered.
2. If any are lacking, it takes the shelf's lock and looks again: somebody may have fetched them meanwhile.
3. What is still lacking is asked for, all tickers with the same lack in one go, checked (`sift`) and saved.
4. The last two sessions can still change. They are kept apart (the part ``tail``), and serve only those who
   asked before they were fetched: many who ask at once fetch them once; who asks later, fetches them afresh.

Corporate actions are asked for again after each close and at 20:00 in New York, unless the day of adjustment
was settled already when they were asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from treefolio.errors import SourceError
from treefolio.market import calendar, clock
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Action, Split
from treefolio.market.bars import SPLIT, Bars, Shelf, days_of, joined, no_bars
from treefolio.market.cache.base import ACTIONS, TAIL, Cache, Key
from treefolio.market.cache.blocks import Block, Damaged, decode, decode_actions, encode, encode_actions
from treefolio.market.clock import Clock, SystemClock
from treefolio.market.findings import withheld_days
from treefolio.market.panel import Dates
from treefolio.market.sift import sift
from treefolio.market.sources.base import Delivered, Failed, Source

log = logging.getLogger(__name__)

SAVED_AT_ONCE = 512
"""Blocks that wait in memory before they are saved; what is saved survives an interruption."""

Told = Callable[[int, int], None]
"""Is told how many tickers are done, of how many."""
Stretch = tuple[date, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What it took. hits and misses count sessions of tickers; `failed` maps tickers to reasons."""

    tickers: int = 0
    sessions: int = 0
    hits: int = 0
    misses: int = 0
    requests: int = 0
    seconds: float = 0.0
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What there is of some tickers.

    Attributes:
        bars: ticker → its bars, by time; without the tickers of which there are none.
        actions: ticker → its corporate actions, by ex-date; empty when they were not asked for.
        delivered_on: ticker → the day as of which the source had adjusted it; only where it does so.
        withheld: (ticker, session, kind, message) of bars that the checks on ingest set aside.
    """

    bars: Mapping[str, Bars]
    actions: Mapping[str, Sequence[Action]]
    delivered_on: Mapping[str, date]
    withheld: tuple[tuple[str, str, str, str], ...]
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What somebody asked for, and when."""

    names: tuple[str, ...]
    days: Dates
    adjusted_on: date | None
    at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the cache has of what was asked, and what it lacks.

    Attributes:
        actions: of the tickers whose actions are known.
        strangers: tickers whose actions have to be asked for.
        lacks: ticker → from the first to the last session that is not known.
        misses: sessions of tickers that are not known.
    """

    blocks: dict[Key, Block] = field(default_factory=dict)
    actions: dict[str, list[Action]] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    lacks: dict[str, Stretch] = field(default_factory=dict)
    misses: int = 0

    @property
    def complete(self) -> bool:
        return not self.strangers and not self.lacks


class Store:
    """A source, and the cache before it."""

    def __init__(
        self, source: Source, cache: Cache, *, watch: Clock | None = None, accepted: Accepted | None = None
    ) -> None:
        self.source = source
        self.cache = cache
        self.watch = watch or SystemClock()
        self.accepted = accepted or Accepted()

    def stock(
        self,
        tickers: Iterable[str],
        first: date,
        last: date,
        *,
        adjusted_on: date | None = None,
        asked_at: datetime | None = None,
        told: Told | None = None,
        offline: bool = False,
    ) -> Stock:
        """Bars of the tickers from `first` to `last`, both included, as far as the source has them.

        Args:
            adjusted_on: the day as of which they will be adjusted; None when no actions are needed.
            asked_at: when the user asked: what was fetched later is fresh [now].
            told: is told of the progress of fetching.
            offline: nothing is asked; there is what the cache knows.

        Raises SourceError when the source cannot be asked at all, or, offline, when corporate actions are not
        known. The failure of one ticker is not the failure of all: it is named in the figures.
        """
        asked = self._asked(tickers, first, last, adjusted_on, asked_at)
        failed: dict[str, str] = {}
        known = self._known(asked)
        misses, requests = known.misses, 0
        if offline:
            self._require_actions(known)
        elif not known.complete:
            with self.cache.lock(f"{self.source.shelf.name} {self.source.shelf.interval}"):
                before = self.source.requests
                known = self._known(asked)
                if known.strangers:
                    self._ask_actions(known.strangers, asked)
                    known = self._known(asked)
                misses = known.misses
                if known.lacks:
                    self._fill(known, failed, told)
                requests = self.source.requests - before
        return self._found(asked, known, misses, requests, failed)

    def _require_actions(self, known: _Known) -> None:
        if known.strangers:
            first = known.strangers[0]
            raise SourceError(
                f"the splits and dividends of {len(known.strangers)} tickers are not in the cache",
                source=self.source.shelf.name,
                ticker=first,
                hint="Import them (`data import FOLDER --actions FILE`), or take --adjustment raw.",
            )

    def look(
        self, tickers: Iterable[str], first: date, last: date, *, adjusted_on: date | None = None
    ) -> Figures:
        """What `stock` would find in the cache, and what it would have to ask for. Nothing is asked."""
        asked = self._asked(tickers, first, last, adjusted_on, None)
        known = self._known(asked)
        total = len(asked.names) * len(asked.days)
        return Figures(
            tickers=len(asked.names),
            sessions=len(asked.days),
            hits=total - known.misses,
            misses=known.misses,
        )

    def _asked(
        self,
        tickers: Iterable[str],
        first: date,
        last: date,
        adjusted_on: date | None,
        asked_at: datetime | None,
    ) -> _Asked:
        now = self.watch.now()
        first, last = max(first, self.source.earliest), min(last, clock.latest(now))
        return _Asked(
            names=tuple(sorted(set(tickers))),
            days=calendar.sessions(first, last),
            adjusted_on=adjusted_on,
            at=asked_at or now,
            now=now,
        )

    def _known(self, asked: _Asked) -> _Known:
        """What the cache has of what is asked."""
        if not len(asked.days) or not asked.names:
            return _Known()
        shelf, years = self.source.shelf, _years(asked.days)
        wants_actions = asked.adjusted_on is not None or shelf.delivered == SPLIT
        parts = [*years, TAIL, ACTIONS] if wants_actions else [*years, TAIL]
        data = self.cache.load([Key(shelf, name, part) for name in asked.names for part in parts])
        known = _Known()
        misses = 0
        young = min(asked.at, clock.last_purge_moment(asked.now))
        for name in asked.names:
            if wants_actions:
                self._know_actions(name, data, asked, young, known)
            lacking = self._know_bars(name, parts, data, asked, known)
            if len(lacking):
                known.lacks[name] = (asked.days[lacking[0]].item(), asked.days[lacking[-1]].item())
                misses += len(lacking)
        return _Known(
            blocks=known.blocks,
            actions=known.actions,
            strangers=known.strangers,
            lacks=known.lacks,
            misses=misses,
        )

    def _know_actions(
        self, name: str, data: Mapping[Key, bytes], asked: _Asked, young: datetime, known: _Known
    ) -> None:
        """Takes note of the ticker's actions, when they were asked for since `young`, or late enough."""
        key = Key(self.source.shelf, name, ACTIONS)
        try:
            actions, at = decode_actions(data[key], checked=True)
        except (KeyError, Damaged):
            known.strangers.append(name)
            return
        day = asked.adjusted_on or asked.days[-1].item()
        if at >= young or clock.settled(at) >= day:
            known.actions[name] = list(actions)
        else:
            known.strangers.append(name)

    def _know_bars(
        self, name: str, parts: Sequence[str], data: Mapping[Key, bytes], asked: _Asked, known: _Known
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Takes note of the ticker's blocks; returns the positions of the sessions that it lacks."""
        splits = [each.ex_date for each in known.actions.get(name, ()) if isinstance(each, Split)]
        there = np.zeros(len(asked.days), np.bool_)
        for part in parts:
            key = Key(self.source.shelf, name, part)
            block = None if part == ACTIONS else self._decoded(key, data)
            if block is None or (part == TAIL and block.fetched_at < asked.at):
                continue
            if block.adjusted_on is not None and any(block.adjusted_on < day for day in splits):
                continue  # it was adjusted before a split
            known.blocks[key] = block
            for begin, end in block.known:
                first = np.searchsorted(asked.days, np.datetime64(begin))
                there[first : np.searchsorted(asked.days, np.datetime64(end), "right")] = True
        return np.flatnonzero(~there)

    def _decoded(self, key: Key, data: Mapping[Key, bytes]) -> Block | None:
        """The block, or None when it is not there or damaged, which is the same."""
        if key not in data:
            return None
        try:
            return decode(data[key], checked=True)
        except Damaged as error:
            log.warning("%s", error, extra={"action": "block.damaged", "ticker": key.ticker})
            self.cache.drop([key])
            return None

    def _ask_actions(self, names: Sequence[str], asked: _Asked) -> None:
        """Asks for all actions of the tickers, and keeps them."""
        at = self.watch.now()
        found = self.source.actions(names, self.source.earliest, clock.latest(asked.now))
        keep_actions(self.cache, self.source.shelf, names, found, at)

    def _fill(self, known: _Known, failed: dict[str, str], told: Told | None) -> None:
        """Asks the source for what is lacking; adds it to the known blocks and saves it."""
        groups: dict[Stretch, list[str]] = {}
        for name, stretch in known.lacks.items():
            groups.setdefault(stretch, []).append(name)
        done, total = 0, len(known.lacks)
        waiting: dict[Key, bytes] = {}
        try:
            for (first, last), names in sorted(groups.items()):
                at = self.watch.now()
                for answer in self.source.bars(names, first, last):
                    if isinstance(answer, Failed) and not answer.unknown:
                        failed[answer.ticker] = answer.reason
                    else:
                        bars = (
                            answer.bars
                            if isinstance(answer, Delivered)
                            else no_bars(self.source.shelf.interval)
                        )
                        made = self._shelved(answer.ticker, bars, (first, last), at, known.blocks)
                        known.blocks.update(made)
                        waiting |= {key: encode(block) for key, block in made.items()}
                    done += 1
                    if told is not None:
                        told(done, total)
                    if len(waiting) >= SAVED_AT_ONCE:
                        self.cache.save(waiting)
                        waiting = {}
        finally:
            self.cache.save(waiting)

    def _shelved(
        self, name: str, bars: Bars, asked: Stretch, at: datetime, blocks: Mapping[Key, Block]
    ) -> dict[Key, Block]:
        """Bars of the stretch that was asked for as blocks, together with what their years had before."""
        shelf = self.source.shelf
        days = calendar.sessions(*asked)
        sifted = sift(
            bars, sessions=days, interval=shelf.interval, accepted=self.accepted.of(shelf.name, name)
        )
        settled = clock.settled(at)
        new = Block(
            bars=sifted.kept,
            known=(asked,),
            fetched_at=at,
            adjusted_on=clock.latest(at) if shelf.delivered == SPLIT else None,
            findings=tuple((str(each.session), each.kind.value, each.message) for each in sifted.findings),
            set_aside=sifted.set_aside,
        )
        made: dict[Key, Block] = {}
        for year in _years(days[days <= np.datetime64(settled)]):
            key = Key(shelf, name, year)
            ends = date(int(year), 1, 1), min(date(int(year), 12, 31), settled)
            made[key] = _merged(blocks.get(key), _cut(new, *ends))
        if asked[1] > settled:
            made[Key(shelf, name, TAIL)] = _cut(new, settled + timedelta(days=1), asked[1])
        return made

    def _found(
        self, asked: _Asked, known: _Known, misses: int, requests: int, failed: dict[str, str]
    ) -> Stock:
        """All that is known now."""
        shelf, parts = self.source.shelf, [*_years(asked.days), TAIL]
        bars: dict[str, Bars] = {}
        delivered_on: dict[str, date] = {}
        withheld: list[tuple[str, str, str, str]] = []
        for name in asked.names:
            blocks = [block for part in parts if (block := known.blocks.get(Key(shelf, name, part)))]
            found = _within(blocks, asked.days)
            if found is not None and len(found):
                bars[name] = found
            elif name not in failed and len(asked.days):
                failed[name] = f"{shelf.name} has no bars of it from {asked.days[0]} to {asked.days[-1]}"
            if adjusted := [block.adjusted_on for block in blocks if block.adjusted_on]:
                delivered_on[name] = min(adjusted)
            for block in blocks:
                if len(block.set_aside):
                    hidden = withheld_days(block)
                    withheld += [(name, *each) for each in block.findings if each[0] in hidden]
        total = len(asked.names) * len(asked.days)
        figures = Figures(
            tickers=len(asked.names),
            sessions=len(asked.days),
            hits=total - misses,
            misses=misses,
            requests=requests,
            seconds=(self.watch.now() - asked.now).total_seconds(),
            failed=failed,
        )
        self.cache.note(hits=figures.hits, misses=misses)
        return Stock(
            bars=bars,
            actions=known.actions,
            delivered_on=delivered_on,
            withheld=tuple(withheld),
            figures=figures,
        )


def keep_actions(
    cache: Cache, shelf: Shelf, names: Iterable[str], actions: Iterable[Action], at: datetime
) -> None:
    """Keeps the corporate actions of some tickers, asked for at a moment: all that there were until then."""
    by_ticker: dict[str, list[Action]] = {name: [] for name in names}
    for each in actions:
        if each.ticker in by_ticker:
            by_ticker[each.ticker].append(each)
    cache.save(
        {
            Key(shelf, name, ACTIONS): encode_actions(sorted(found, key=_order), at)
            for name, found in by_ticker.items()
        }
    )


def _years(days: Dates) -> list[str]:
    """The calendar years of ascending days."""
    return [str(year) for year in range(days[0].item().year, days[-1].item().year + 1)] if len(days) else []


def _order(action: Action) -> tuple[date, str]:
    return action.ex_date, type(action).__name__


def _within(blocks: Sequence[Block], days: Dates) -> Bars | None:
    """The bars of the blocks that begin on one of the days or between them."""
    parts = [block.bars for block in blocks if len(block.bars)]
    if not parts:
        return None
    whole = joined(parts)
    on = days_of(whole)
    if days[0] <= on[0] and on[-1] <= days[-1]:
        return whole
    return whole.where((on >= days[0]) & (on <= days[-1]))


def _cut(block: Block, first: date, last: date) -> Block:
    """What the block says of the days from `first` to `last`."""
    known = tuple(
        (max(begin, first), min(end, last)) for begin, end in block.known if begin <= last and end >= first
    )
    return Block(
        bars=_between(block.bars, first, last),
        known=known,
        fetched_at=block.fetched_at,
        adjusted_on=block.adjusted_on,
        findings=tuple(each for each in block.findings if str(first) <= each[0] <= str(last)),
        set_aside=_between(block.set_aside, first, last),
    )


def _between(bars: Bars, first: date, last: date) -> Bars:
    """The bars from `first` to `last`."""
    on = days_of(bars)
    return bars.where((on >= np.datetime64(first)) & (on <= np.datetime64(last)))


def _merged(old: Block | None, new: Block) -> Block:
    """One year's block: what is new, and of the old one what lies outside of it."""
    if old is None or not new.known:
        return new if old is None else old
    day = timedelta(days=1)
    (begin, _), (_, end) = new.known[0], new.known[-1]
    before = _cut(old, date.min, begin - day)
    after = _cut(old, end + day, date.max)
    pieces = [before, new, after]
    return Block(
        bars=joined([piece.bars for piece in pieces]),
        known=_joined_stretches([each for piece in pieces for each in piece.known]),
        fetched_at=new.fetched_at,
        adjusted_on=min((p.adjusted_on for p in (old, new) if p.adjusted_on), default=None),
        findings=tuple(each for piece in pieces for each in piece.findings),
        set_aside=joined([piece.set_aside for piece in pieces]),
    )


def _joined_stretches(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Ascending stretches; those between which there is no session become one."""
    day = timedelta(days=1)
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if found and not len(calendar.sessions(found[-1][1] + day, begin - day)):
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)
