"""Forgetting what of the cache may be stale, or is no longer wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from treefolio.market.bars import RAW
from treefolio.market.cache.base import ACTIONS, Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many blocks are gone, and how large they were."""

    blocks: int
    bytes: int


def forget(
    cache: Cache,
    *,
    tickers: Collection[str] = (),
    source: str | None = None,
    everything: bool = False,
) -> Forgotten:
    """Forgets adjusted bars and corporate actions, so that they are fetched afresh.

    Args:
        tickers, source: only of these [all].
        everything: raw bars as well, which never become stale.
    """
    chosen = [
        entry
        for entry in cache.entries()
        if (everything or entry.key.part == ACTIONS or entry.key.shelf.delivered != RAW)
        and (not tickers or entry.key.ticker in tickers)
        and source in (None, entry.key.shelf.source)
    ]
    return Forgotten(
        blocks=cache.drop([entry.key for entry in chosen]), bytes=sum(entry.bytes for entry in chosen)
    )
