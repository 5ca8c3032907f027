"""The store: bars and corporate actions, from the cache where it knows them, else from a source.

1. `Store.stock` loads the blocks of all tickers and years and sees which sessions each ticker lacks. Known
   is what was asked for, not what had a price: week-ends, holidays and days before a listing are no misses,
   and "the source has no such data" is remembered.
2. If any are lacking, it takes the shelf's lock and looks again: somebody may have fetched them meanwhile.
3. What is still lacking is asked for, all tickers with the same lack in one go, checked (`sift`) and saved.
4. The last two sessions can still change. They are kept apart (the part ``tail``), and serve only those who
   asked before they were fetched: many who ask at once fetch them once; who asks later, fetches them afresh.

Corporate actions are asked for again after each close and at 20:00 in New York, and for each new day of
adjustment, unless that day was settled already when they were asked for. Where a source delivers adjusted
bars, they are asked for before any of its bars: those are adjusted as of today.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np

from treefolio.errors import SourceError
from treefolio.market import calendar, clock
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Action, Split
from treefolio.market.bars import SPLIT, Bars, Shelf, no_bars
from treefolio.market.cache.base import ACTIONS, TAIL, Cache, Key
from treefolio.market.cache.blocks import Block, Damaged, decode, decode_actions, encode, encode_actions
from treefolio.market.clock import Clock, SystemClock
from treefolio.market.findings import accepting, withheld_days
from treefolio.market.merging import Stretch, cut, merged, within, years_of
from treefolio.market.panel import Dates
from treefolio.market.sift import sift
from treefolio.market.sources.base import Delivered, Failed, Source

log = logging.getLogger(__name__)

SAVED_AT_ONCE = 512
"""Blocks that wait in memory before they are saved; what is saved survives an interruption."""

Told = Callable[[int, int], None]
"""Is told how many tickers are done, of how many."""
NOTHING_TOLD: Mapping[str, list[Action]] = {}


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
        old_actions: tickers whose latest actions may be lacking, because nothing was asked.
    """

    bars: Mapping[str, Bars]
    actions: Mapping[str, Sequence[Action]]
    delivered_on: Mapping[str, date]
    withheld: tuple[tuple[str, str, str, str], ...]
    figures: Figures
    old_actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What somebody asked for, and when.

    Attributes:
        young: corporate actions that were asked for since then need not be asked for again.
    """

    names: tuple[str, ...]
    days: Dates
    adjusted_on: date | None
    at: datetime
    now: datetime
    young: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the cache has of what was asked, and what it lacks.

    Attributes:
        actions: of the tickers whose actions are known, be they of late or not.
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
            failed |= self._not_there(asked, known)
        elif not known.complete:
            with self.cache.lock(f"{self.source.shelf.name} {self.source.shelf.interval}"):
                before = self.source.requests
                known = self._known(asked)
                if known.strangers:
                    known = self._known(asked, self._ask_actions(known.strangers))
                misses = known.misses
                if known.lacks:
                    self._fill(known, failed, told)
                requests = self.source.requests - before
        return self._found(asked, known, misses, requests, failed)

    def _not_there(self, asked: _Asked, known: _Known) -> dict[str, str]:
        """The tickers of which nothing is in the cache, and that it is so.

        Raises SourceError when the prices of a ticker are there, and its splits and dividends are not.
        """
        there = {key.ticker for key in known.blocks}
        bare = [name for name in known.strangers if name in there and name not in known.actions]
        if bare:
            raise SourceError(
                f"the splits and dividends of {len(bare)} tickers are not in the cache",
                source=self.source.shelf.name,
                ticker=bare[0],
                hint="Import them (`data import FOLDER --actions FILE`), or take --adjustment raw.",
            )
        return {
            name: "nothing of it is in the cache; without --offline it is asked for"
            for name in asked.names
            if name not in there
        }

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
            young=min(asked_at or now, clock.last_purge_moment(now)),
        )

    def _known(self, asked: _Asked, told: Mapping[str, list[Action]] = NOTHING_TOLD) -> _Known:
        """What the cache has of what is asked, and the actions that the source `told` just now: they count
        whether the cache kept them or not."""
        if not len(asked.days) or not asked.names:
            return _Known()
        shelf, years = self.source.shelf, years_of(asked.days)
        wants_actions = asked.adjusted_on is not None or shelf.delivered == SPLIT
        parts = [*years, TAIL, ACTIONS] if wants_actions else [*years, TAIL]
        data = self.cache.load([Key(shelf, name, part) for name in asked.names for part in parts])
        known = _Known()
        misses = 0
        for name in asked.names:
            at = self._know_actions(name, data, asked, told, known) if wants_actions else None
            lacking = self._know_bars(name, parts, data, asked, known)
            if wants_actions and not self._hold(at, asked, growing=len(lacking) > 0):
                known.strangers.append(name)
            if len(lacking):
                known.lacks[name] = (asked.days[lacking[0]].item(), asked.days[lacking[-1]].item())
                misses += len(lacking)
        return replace(known, misses=misses)

    def _know_actions(
        self,
        name: str,
        data: Mapping[Key, bytes],
        asked: _Asked,
        told: Mapping[str, list[Action]],
        known: _Known,
    ) -> datetime | None:
        """Takes note of the ticker's actions; returns when they were asked for, None when there are none."""
        if name in told:
            known.actions[name] = told[name]
            return asked.now
        try:
            actions, at = decode_actions(data[Key(self.source.shelf, name, ACTIONS)], checked=True)
        except (KeyError, Damaged):
            return None
        known.actions[name] = actions
        return at

    def _hold(self, at: datetime | None, asked: _Asked, *, growing: bool) -> bool:
        """Whether actions that were asked for at a moment are all that are needed.

        `growing`: bars will be asked for, which some sources adjust for all splits up to today.
        """
        if at is None:
            return False
        day = asked.adjusted_on or asked.days[-1].item()
        if growing and self.source.shelf.delivered == SPLIT:
            day = clock.latest(asked.now)
        return (at >= asked.young and clock.latest(at) >= day) or clock.settled(at) >= day

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
            if _is_outdated(block, splits, asked):
                continue
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
            block = decode(data[key], checked=True)
            return accepting(block, self.accepted.of(key.shelf.name, key.ticker), key.shelf.interval)
        except Damaged as error:
            log.warning("%s", error, extra={"action": "block.damaged", "ticker": key.ticker})
            self.cache.drop([key])
            return None

    def _ask_actions(self, names: Sequence[str]) -> dict[str, list[Action]]:
        """Asks for all actions of the tickers, and keeps them; returns them by ticker."""
        at = self.watch.now()
        found = self.source.actions(names, self.source.earliest, clock.latest(at))
        return keep_actions(self.cache, self.source.shelf, names, found, at)

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
        for year in years_of(days[days <= np.datetime64(settled)]):
            key = Key(shelf, name, year)
            ends = date(int(year), 1, 1), min(date(int(year), 12, 31), settled)
            made[key] = merged(blocks.get(key), cut(new, *ends))
        if asked[1] > settled:
            made[Key(shelf, name, TAIL)] = cut(new, settled + timedelta(days=1), asked[1])
        return made

    def _found(
        self, asked: _Asked, known: _Known, misses: int, requests: int, failed: dict[str, str]
    ) -> Stock:
        """All that is known now."""
        shelf, parts = self.source.shelf, [*years_of(asked.days), TAIL]
        bars: dict[str, Bars] = {}
        delivered_on: dict[str, date] = {}
        withheld: list[tuple[str, str, str, str]] = []
        for name in asked.names:
            blocks = [block for part in parts if (block := known.blocks.get(Key(shelf, name, part)))]
            found = within(blocks, asked.days)
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
            old_actions=tuple(known.strangers),
        )


def keep_actions(
    cache: Cache, shelf: Shelf, names: Iterable[str], actions: Iterable[Action], at: datetime
) -> dict[str, list[Action]]:
    """Keeps the corporate actions of some tickers, asked for at a moment: all that there were until then.

    Returns: ticker → its actions, by ex-date.
    """
    by_ticker: dict[str, list[Action]] = {name: [] for name in names}
    for each in sorted(actions, key=_order):
        if each.ticker in by_ticker:
            by_ticker[each.ticker].append(each)
    cache.save({Key(shelf, name, ACTIONS): encode_actions(found, at) for name, found in by_ticker.items()})
    return by_ticker


def _is_outdated(block: Block, splits: Sequence[date], asked: _Asked) -> bool:
    """Whether the source had adjusted the block before one of the splits; on a split's own day, until its
    close, nobody knows."""
    day = block.adjusted_on
    if day is None or not splits:
        return False
    unsure = day in splits and clock.closed(block.fetched_at) < day and block.fetched_at < asked.at
    return unsure or day < max(splits)


def _order(action: Action) -> tuple[date, str]:
    return action.ex_date, type(action).__name__
