"""``treefolio data list``: what the price cache holds, and what it saved."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from treefolio.cli import show
from treefolio.cli.flags import AsJson

if TYPE_CHECKING:
    from treefolio.market.cache.base import Entry


def verb(as_json: AsJson = False) -> int:
    """List what the price cache holds, with bytes, hits and evictions."""
    from treefolio.market.cache.choice import open_cache  # noqa: PLC0415 - heavy
    from treefolio.market.settings import MarketSettings  # noqa: PLC0415 - heavy

    settings = MarketSettings()
    cache = open_cache(settings)
    shelves = summary(cache.entries())
    counters = cache.counters()
    facts = {
        "cache": cache.name,
        "blocks": counters.blocks,
        "bytes": counters.bytes,
        "limit_bytes": settings.cache_megabytes * 1_000_000,
        "hits": counters.hits,
        "misses": counters.misses,
        "evictions": counters.evictions,
        "shelves": shelves,
    }
    if as_json:
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
        return 0
    headings = ("source", "delivered", "interval", "tickers", "years", "blocks", "size")
    show.plain_table(
        headings,
        [
            (
                str(each["source"]),
                str(each["delivered"]),
                str(each["interval"]),
                f"{each['tickers']:,}",
                str(each["years"]),
                f"{each['blocks']:,}",
                show.megabytes(int(str(each["bytes"]))),
            )
            for each in shelves
        ],
        left=3,
    )
    asked = counters.hits + counters.misses
    share = f"{100 * counters.hits / asked:.1f} %" if asked else "nothing asked yet"
    show.say(
        f"{cache.name}: {counters.blocks:,} blocks, {show.megabytes(counters.bytes)}; "
        f"{counters.hits:,} sessions of tickers from the cache, {counters.misses:,} fetched ({share}); "
        f"{counters.evictions:,} blocks evicted"
    )
    return 0


def summary(entries: Iterable[Entry]) -> list[dict[str, object]]:
    """A line for each shelf."""
    by_shelf: dict[object, list[Entry]] = {}
    for entry in entries:
        by_shelf.setdefault(entry.key.shelf, []).append(entry)
    lines = []
    for found in by_shelf.values():
        shelf = found[0].key.shelf
        years = sorted({entry.key.part for entry in found if entry.key.part.isdigit()})
        lines.append(
            {
                "source": shelf.name,
                "entitlement": shelf.entitlement,
                "delivered": shelf.delivered,
                "interval": shelf.interval,
                "tickers": len({entry.key.ticker for entry in found}),
                "years": f"{years[0]}–{years[-1]}" if years else "",
                "blocks": len(found),
                "bytes": sum(entry.bytes for entry in found),
            }
        )
    return sorted(lines, key=lambda line: (str(line["source"]), str(line["interval"])))
