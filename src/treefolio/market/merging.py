"""Blocks of bars cut to stretches of days, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from treefolio.market import calendar
from treefolio.market.bars import Bars, days_of, joined
from treefolio.market.cache.blocks import Block
from treefolio.market.panel import Dates

Stretch = tuple[date, date]
"""Days from one to another, both included."""


def years_of(days: Dates) -> list[str]:
    """The calendar years of ascending days."""
    return [str(year) for year in range(days[0].item().year, days[-1].item().year + 1)] if len(days) else []


def within(blocks: Sequence[Block], days: Dates) -> Bars | None:
    """The bars of the blocks that begin on one of the days or between them."""
    parts = [block.bars for block in blocks if len(block.bars)]
    if not parts:
        return None
    whole = joined(parts)
    on = days_of(whole)
    if days[0] <= on[0] and on[-1] <= days[-1]:
        return whole
    return whole.where((on >= days[0]) & (on <= days[-1]))


def cut(block: Block, first: date, last: date) -> Block:
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


def merged(old: Block | None, new: Block) -> Block:
    """One year's block: what is new, and of the old one what lies outside of it."""
    if old is None or not new.known:
        return new if old is None else old
    day = timedelta(days=1)
    (begin, _), (_, end) = new.known[0], new.known[-1]
    before = cut(old, date.min, begin - day)
    after = cut(old, end + day, date.max)
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
