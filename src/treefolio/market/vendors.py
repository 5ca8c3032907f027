"""From a vendor's name to prices behind the cache: what ``--source`` names."""

from __future__ import annotations

from datetime import date, datetime

from treefolio.errors import UsageError
from treefolio.market.accepted import load_accepted
from treefolio.market.bars import ADJUSTMENTS, DAILY, TOTAL
from treefolio.market.cache.choice import open_cache
from treefolio.market.clock import Clock
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.table import open_source
from treefolio.market.store import Store, Told
from treefolio.market.supply import VendorSupply


def vendor(
    name: str,
    *,
    feed: str | None = None,
    adjustment: str = TOTAL,
    as_of: date | None = None,
    settings: MarketSettings | None = None,
    watch: Clock | None = None,
    asked_at: datetime | None = None,
    told: Told | None = None,
    offline: bool = False,
) -> VendorSupply:
    """The prices of a vendor, fetched as they are needed and kept in the cache.

    Args:
        name, feed: as in `sources.table`; the feed is by default the vendor's first.
        adjustment: raw, split, or all: for dividends as well.
        as_of: later splits and dividends are not applied [the last day that is asked for].
        settings: from the environment, when None.
        offline: nothing is asked of the vendor; there is what the cache knows.

    Raises:
        UsageError: there is no such vendor, feed or adjustment. Keys are looked at when something is asked.
    """
    if adjustment not in ADJUSTMENTS:
        raise UsageError(f"adjustment {adjustment!r} is unknown", hint=f"One of {', '.join(ADJUSTMENTS)}.")
    return VendorSupply(
        store=open_store(name, feed=feed, settings=settings, watch=watch),
        adjustment=adjustment,
        as_of=as_of,
        asked_at=asked_at,
        told=told,
        offline=offline,
    )


def open_store(
    name: str,
    *,
    feed: str | None = None,
    interval: str = DAILY,
    settings: MarketSettings | None = None,
    watch: Clock | None = None,
) -> Store:
    """A vendor's store. Raises UsageError."""
    chosen = settings or MarketSettings()
    return Store(
        open_source(name, chosen, feed=feed, interval=interval),
        open_cache(chosen),
        watch=watch,
        accepted=load_accepted(chosen.home),
    )
