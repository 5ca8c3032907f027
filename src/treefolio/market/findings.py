"""What is doubtful among a ticker's bars in the cache: what was found on ingest, and jumps like a split.

`of_shelf` lists it. `accepting` is what accepting a session does to a block.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Split
from treefolio.market.adjust import apply, factors
from treefolio.market.bars import DAILY, SPLIT, Bars, Shelf, days_of, joined
from treefolio.market.cache.base import ACTIONS, TAIL, Cache, Key
from treefolio.market.cache.blocks import Block, Damaged, decode, decode_actions
from treefolio.market.merging import cut
from treefolio.market.sift import Finding, Kind, sift
from treefolio.market.suspicion import split_shaped


def of_shelf(
    shelf: Shelf, cache: Cache, accepted: Accepted, names: Collection[str] = ()
) -> Iterator[Finding]:
    """What is doubtful on a shelf, by ticker and session. names: only these tickers [all]."""
    keys: dict[str, list[Key]] = {}
    for entry in cache.entries():
        if entry.key.shelf == shelf and (not names or entry.key.ticker in names):
            keys.setdefault(entry.key.ticker, []).append(entry.key)
    for ticker in sorted(keys):
        yield from _of_ticker(ticker, keys[ticker], cache, accepted.of(shelf.name, ticker))


def accepting(block: Block, days: Collection[date], interval: str) -> Block:
    """The block when bars of these days that were set aside count, as far as they can: see `sift`."""
    if not days or not len(block.set_aside):
        return block
    aside = set(days_of(block.set_aside).tolist())
    for day in sorted(aside.intersection(days)):
        block = _accepting(block, day, interval)
    return block


def withheld_days(block: Block) -> frozenset[str]:
    """The days of which bars are withheld: they are set aside, and no other of their time is in use."""
    used = np.isin(block.set_aside.at, block.bars.at)
    return frozenset(map(str, days_of(block.set_aside.where(~used))))


def _accepting(block: Block, day: date, interval: str) -> Block:
    """The block, with the bars of one day sifted again; what is in use was delivered last."""
    kept, kept_others = _parted(block.bars, day)
    aside, aside_others = _parted(block.set_aside, day)
    again = sift(
        joined([aside, kept]), sessions=calendar.sessions(day, day), interval=interval, accepted=(day,)
    )
    said = [(str(each.session), each.kind.value, each.message) for each in again.findings]
    return Block(
        bars=_by_time(joined([kept_others, again.kept])),
        known=block.known,
        fetched_at=block.fetched_at,
        adjusted_on=block.adjusted_on,
        findings=tuple(sorted([*(each for each in block.findings if each[0] != str(day)), *said])),
        set_aside=_by_time(joined([aside_others, again.set_aside])),
    )


def _parted(bars: Bars, day: date) -> tuple[Bars, Bars]:
    """The bars of the day, and the others."""
    on = days_of(bars) == np.datetime64(day)
    return bars.where(on), bars.where(~on)


def _by_time(bars: Bars) -> Bars:
    return bars.where(np.argsort(bars.at, kind="stable"))


def _of_ticker(ticker: str, keys: Sequence[Key], cache: Cache, accepted: Collection[date]) -> list[Finding]:
    """What is doubtful among the bars under the ticker's keys, by session."""
    shelf = keys[0].shelf
    data = cache.load(keys)
    blocks = _blocks(data, accepted, shelf.interval)
    found = [
        Finding(
            ticker=ticker,
            session=date.fromisoformat(session),
            kind=Kind(kind),
            message=message,
            quarantined=session in hidden,
        )
        for block in blocks
        for hidden in [withheld_days(block)]
        for session, kind, message in block.findings
    ]
    known = data.get(Key(shelf, ticker, ACTIONS))
    if shelf.interval == DAILY and known is not None:
        found += _jumps(ticker, shelf, blocks, known, accepted)
    return sorted(found, key=lambda each: (each.session, each.kind.value))


def _jumps(
    ticker: str, shelf: Shelf, blocks: Sequence[Block], known: bytes, accepted: Collection[date]
) -> list[Finding]:
    """Jumps like a split that is not among the known actions."""
    filled = [block.bars for block in blocks if len(block.bars)]
    if not filled:
        return []
    actions, _ = decode_actions(known)
    bars = joined(filled)
    made = factors(
        bars.at,
        bars.fields["close"],
        actions,
        basis=SPLIT,
        as_of=bars.at[-1].item(),
        delivered=shelf.delivered,
        delivered_on=min((block.adjusted_on for block in blocks if block.adjusted_on), default=None),
    )
    bars = apply(bars, made)
    return split_shaped(
        bars.at,
        bars.fields["open"],
        bars.fields["close"],
        accepted=accepted,
        paid=[each.ex_date for each in actions if not isinstance(each, Split)],
        ticker=ticker,
    )


def _blocks(data: dict[Key, bytes], accepted: Collection[date], interval: str) -> list[Block]:
    """The blocks by time: years, then what the last sessions have beyond them. Without those that are
    damaged."""
    blocks: list[Block] = []
    for key in sorted((key for key in data if key.part != ACTIONS), key=lambda each: each.part):
        try:
            block = accepting(decode(data[key]), accepted, interval)
        except Damaged:
            continue
        if key.part == TAIL and blocks and blocks[-1].known:
            block = cut(block, blocks[-1].known[-1][1] + timedelta(days=1), date.max)
        blocks.append(block)
    return blocks
