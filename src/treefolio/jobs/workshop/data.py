"""Kinds in one piece that work on the cache: warm it, import into it, forget what of it may be stale.

Each writes one JSON file that says what became of it. What is in the cache already is not asked for again,
so an attempt after a broken one goes on where that one ended.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from treefolio.errors import UsageError
from treefolio.jobs.requests import FLAT_FILES, ImportRequest, OnPrices, PurgeRequest, WarmRequest
from treefolio.jobs.workshop.attending import Halted
from treefolio.jobs.workshop.prices import telling, vendor_store
from treefolio.market.accepted import load_accepted
from treefolio.market.cache.choice import open_cache
from treefolio.market.clock import SystemClock, next_purge_moment
from treefolio.market.forgetting import forget
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.flat_files import flat_shelf, import_folder, journal_path
from treefolio.market.store import Store, Told
from treefolio.market.supply import VendorSupply
from treefolio.sweep.files import write_text

BATCH = 50
"""Tickers that are asked for in one go; progress is told after each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What such work needs beside its request.

    Attributes:
        settings: of market data, with the owner's keys.
        files: the folder of flat files; None when there is none.
        tickers: gives those of the owner's strategies.
        asked_at: when it was submitted.
        told: is told how many tickers or files are done, of how many.
        stop: ends it.
    """

    settings: MarketSettings
    files: Path | None
    tickers: Callable[[], Sequence[str]]
    asked_at: dt.datetime
    told: Told
    stop: Event


def warm(request: WarmRequest, errand: Errand) -> dict[str, object]:
    """Fetches bars and corporate actions of all tickers up to the last session that is over."""
    names = errand.tickers() if request.tickers is None else request.tickers
    store = vendor_store(request.source, errand.settings, request.feed)
    return _fetched(store, names, request.start, None, errand)


def take_in(request: ImportRequest, errand: Errand) -> dict[str, object]:
    """Imports a stretch of a vendor's bars, or of the flat files."""
    if request.source == FLAT_FILES:
        return _flat(request, errand)
    store = vendor_store(request.source, errand.settings, request.feed, request.interval)
    return _fetched(store, request.tickers, request.start, request.end, errand)


def purge(request: PurgeRequest, errand: Errand) -> dict[str, object]:
    """Forgets adjusted bars and corporate actions."""
    gone = forget(open_cache(errand.settings), source=request.source)
    following = next_purge_moment(SystemClock().now())
    return {"source": request.source, **dataclasses.asdict(gone), "next": following.isoformat()}


Work = Callable[[Any, Errand], dict[str, object]]
WORKS: Mapping[type, tuple[str, Work]] = {
    WarmRequest: ("warm.json", warm),
    ImportRequest: ("import.json", take_in),
    PurgeRequest: ("purge.json", purge),
}
"""Kind of request → the file of its result, and what makes it."""


def done(request: OnPrices, errand: Errand, folder: Path) -> None:
    """Does it, and writes what became of it.

    Raises:
        SourceError, UsageError, OutputError. Halted: it was told to stop; what is done is kept.
    """
    name, work = WORKS[type(request)]
    found = work(request, errand)
    write_text(folder / name, json.dumps(found, indent=2, default=str) + "\n")


def _fetched(
    store: Store, tickers: Sequence[str], first: dt.date | None, last: dt.date | None, errand: Errand
) -> dict[str, object]:
    """Brings bars of the tickers into the cache, some at a time."""
    names = sorted({name.upper() for name in tickers})
    end = VendorSupply(store=store).last(last, errand.asked_at)
    begin = max(first or store.source.earliest, store.source.earliest)
    if begin > end:
        raise UsageError(f"the start {begin} is after the last session, {end}", hint="Give an earlier start.")
    total = {"rows": 0, "hits": 0, "misses": 0, "requests": 0, "withheld": 0}
    failed: dict[str, str] = {}
    errand.told(0, len(names))
    for k in range(0, len(names), BATCH):
        batch = names[k : k + BATCH]
        stock = store.stock(
            batch, begin, end, adjusted_on=end, asked_at=errand.asked_at, told=telling(errand.stop)
        )
        figures = stock.figures
        failed |= figures.failed
        total["rows"] += sum(map(len, stock.bars.values()))
        total["withheld"] += len(stock.withheld)
        for key in ("hits", "misses", "requests"):
            total[key] += getattr(figures, key)
        if errand.stop.is_set():
            raise Halted
        errand.told(min(k + BATCH, len(names)), len(names))
    shelf = store.source.shelf
    return {
        "source": shelf.source,
        "feed": shelf.feed,
        "interval": shelf.interval,
        "first": begin,
        "last": end,
        "tickers": len(names),
        **total,
        "failed": dict(sorted(failed.items())),
    }


def _flat(request: ImportRequest, errand: Errand) -> dict[str, object]:
    """Imports those of the flat files that were not imported before."""
    if errand.files is None:
        raise UsageError(
            "there are no flat files here",
            hint="TREEFOLIO_FLAT_FILES names the folder that import jobs read.",
        )
    settings = errand.settings
    journal = (
        settings.home / "imports" / journal_path(flat_shelf(request.interval, settings.entitlement)).name
    )
    found = import_folder(
        errand.files,
        open_cache(settings),
        interval=request.interval,
        entitlement=settings.entitlement,
        journal=journal,
        told=errand.told,
        stop=errand.stop,
        accepted=load_accepted(settings.home),
        first=request.start,
        last=request.end,
    )
    if found.stopped:
        raise Halted
    return {"source": FLAT_FILES, "interval": request.interval, **dataclasses.asdict(found)}
