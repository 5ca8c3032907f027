"""``treefolio data fetch``: bars of some tickers into the cache."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import asked_at, day
from treefolio.cli.flags import AsJson
from treefolio.errors import SourceError, UsageError, did_you_mean

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from treefolio.market.bars import Bars
    from treefolio.market.store import Stock
    from treefolio.market.supply import VendorSupply

Tickers = Annotated[list[str], Argument(metavar="TICKER …", help="Such as SPY TQQQ BRK-B.")]
SourceName = Annotated[str, Option("--source", metavar="NAME", help="alpaca, massive, yahoo or synthetic.")]
Feed = Annotated[str | None, Option("--feed", metavar="NAME", help="Of the source: sip or iex [its first].")]


def verb(
    tickers: Tickers,
    source: SourceName,
    feed: Feed = None,
    interval: Annotated[str, Option("--interval", metavar="1d|1h|30m|15m|5m|1m", help="Of the bars.")] = "1d",
    start: Annotated[
        str | None, Option("--start", metavar="DATE", help="First day [all that the source has].")
    ] = None,
    end: Annotated[
        str | None, Option("--end", metavar="DATE", help="Last day [the last session that is over].")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Fetch bars into the cache: only what it does not know yet is asked for."""
    first, last = day(start, "--start"), day(end, "--end")
    if first and last and first > last:
        raise UsageError(f"--start {first} is after --end {last}", hint="Give a start before the end.")
    from treefolio.market.supply import VendorSupply  # noqa: PLC0415 - heavy
    from treefolio.market.vendors import open_store  # noqa: PLC0415 - heavy

    store = open_store(source, feed=feed, interval=interval)
    supply = VendorSupply(store=store)
    until = supply.last(last, store.watch.now())
    begin = first or store.source.earliest
    if begin > until:
        raise UsageError(
            f"--start {begin} is after the last session so far, {until}", hint="Give an earlier start."
        )
    if begin < supply.earliest:
        show.tell(f"Note: {supply.begins}.")
    names = [name.upper() for name in tickers]
    stock = store.stock(names, begin, until, adjusted_on=until, asked_at=asked_at(), told=show.Fetching())
    if as_json:
        sys.stdout.write(json.dumps(facts(stock, supply, interval), indent=2) + "\n")
    else:
        _print(stock, supply)
    return 1 if stock.figures.failed else 0


def facts(stock: Stock, supply: VendorSupply, interval: str) -> dict[str, object]:
    """What was fetched, for programs."""
    shelf, figures = supply.store.source.shelf, stock.figures
    return {
        "source": shelf.source,
        "feed": shelf.feed,
        "interval": interval,
        "tickers": {name: _stretch(bars) for name, bars in stock.bars.items()},
        "sessions": figures.sessions,
        "hits": figures.hits,
        "misses": figures.misses,
        "requests": figures.requests,
        "seconds": round(figures.seconds, 3),
        "failed": dict(figures.failed),
        "withheld": [list(each) for each in stock.withheld],
    }


def _stretch(bars: Bars) -> dict[str, object]:
    return {"first": str(bars.at[0]), "last": str(bars.at[-1]), "bars": len(bars)}


def _print(stock: Stock, supply: VendorSupply) -> None:
    from treefolio.market.supply import described  # noqa: PLC0415 - heavy

    rows = [
        (name, f"{bars.at[0]}", f"{bars.at[-1]}", f"{len(bars):,}", str(len(stock.actions.get(name, ()))))
        for name, bars in stock.bars.items()
    ]
    listings: Mapping[str, dt.date] = {}
    with contextlib.suppress(SourceError):  # it only says why something is missing
        listings = supply.store.source.listings(sorted(stock.figures.failed))
    if rows:
        show.plain_table(("ticker", "first", "last", "bars", "splits and dividends"), rows)
    for name, reason in sorted(stock.figures.failed.items()):
        known = () if name in stock.bars else set(supply.tickers()) - stock.figures.failed.keys()
        offer = did_you_mean(name, known)
        listed = f" It was listed on {listings[name]}." if name in listings else ""
        show.tell(f"{name}: {reason}.{listed}" + (f" {offer}" if offer else ""))
    show.notes(f"{ticker} {session}: {message}" for ticker, session, _, message in stock.withheld)
    show.say(described(stock.figures))
