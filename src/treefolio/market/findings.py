"""What is doubtful among a ticker's bars in the cache: what was found on ingest, and jumps like a split."""

from __future__ import annotations

from datetime import date

from treefolio.market.accepted import Accepted
from treefolio.market.actions import Split
from treefolio.market.adjust import apply, factors
from treefolio.market.bars import DAILY, SPLIT, Shelf, days_of, joined
from treefolio.market.cache.base import ACTIONS, Cache, Key
from treefolio.market.cache.blocks import Block, Damaged, decode, decode_actions
from treefolio.market.sift import Finding, Kind
from treefolio.market.suspicion import split_shaped


def of_ticker(ticker: str, shelf: Shelf, cache: Cache, accepted: Accepted) -> list[Finding]:
    """The findings on a ticker of a shelf, by session. Nothing is fetched.

    Jumps like a split are looked for among daily bars whose splits are known.
    """
    blocks = _blocks(ticker, shelf, cache)
    found = [
        Finding(
            ticker=ticker,
            session=date.fromisoformat(session),
            kind=Kind(kind),
            message=message,
            quarantined=session in withheld_days(block),
        )
        for block in blocks
        for session, kind, message in block.findings
    ]
    filled = [block.bars for block in blocks if len(block.bars)]
    key = Key(shelf, ticker, ACTIONS)
    known = cache.load([key])
    if shelf.interval == DAILY and filled and key in known:
        actions, _ = decode_actions(known[key])
        bars = joined(filled)
        made = factors(
            bars.at,
            bars.fields["close"],
            actions,
            basis=SPLIT,
            as_of=bars.at[-1].item(),
            delivered=shelf.delivered,
            delivered_on=min((b.adjusted_on for b in blocks if b.adjusted_on), default=None),
        )
        bars = apply(bars, made)
        found += split_shaped(
            bars.at,
            bars.fields["open"],
            bars.fields["close"],
            accepted=accepted.of(shelf.name, ticker),
            paid=[each.ex_date for each in actions if not isinstance(each, Split)],
            ticker=ticker,
        )
    return sorted(found, key=lambda each: (each.session, each.kind.value))


def withheld_days(block: Block) -> frozenset[str]:
    """The days of which the block has bars that are withheld."""
    return frozenset(map(str, days_of(block.set_aside)))


def _blocks(ticker: str, shelf: Shelf, cache: Cache) -> list[Block]:
    """The ticker's blocks by year, without those that are damaged."""
    keys = [entry.key for entry in cache.entries() if entry.key.shelf == shelf and entry.key.ticker == ticker]
    years = sorted((key for key in keys if key.part.isdigit()), key=lambda key: key.part)
    blocks = []
    for data in (found[key] for found in [cache.load(years)] for key in years if key in found):
        try:
            blocks.append(decode(data))
        except Damaged:
            continue
    return blocks
