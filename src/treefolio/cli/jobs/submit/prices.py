"""``treefolio jobs submit warm`` and ``import``: prices into the cache of the service."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Context, Option

from treefolio.cli.asked import day
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service
from treefolio.cli.jobs.submit.question import Key, send

Feed = Annotated[str | None, Option("--feed", metavar="NAME", help="Of the source: sip or iex [its first].")]
Start = Annotated[str | None, Option("--start", metavar="DATE", help="First day [all that there is].")]


@spread
def warm(
    context: Context,
    service: Service,
    source: Annotated[str, Option("--source", metavar="NAME", help="alpaca, massive, yahoo or synthetic.")],
    tickers: Annotated[
        list[str] | None, Argument(metavar="[TICKER …]", help="Those of all your strategies there [all].")
    ] = None,
    feed: Feed = None,
    start: Start = None,
    key: Key = None,
) -> int:
    """Have the service fetch prices before anybody asks for them: those of your strategies, or these."""
    from treefolio.jobs.requests import WarmRequest  # noqa: PLC0415 - heavy

    request = WarmRequest(
        source=source, tickers=tuple(tickers) if tickers else None, feed=feed, start=day(start, "--start")
    )
    return send(request, None, context, service, key)


@spread
def take_in(
    context: Context,
    service: Service,
    source: Annotated[
        str, Option("--source", metavar="NAME", help="A vendor, or flat_files: those that the service has.")
    ],
    tickers: Annotated[
        list[str] | None, Argument(metavar="[TICKER …]", help="Of a vendor; flat files have all.")
    ] = None,
    feed: Feed = None,
    start: Start = None,
    end: Annotated[str | None, Option("--end", metavar="DATE", help="Last day [all that there is].")] = None,
    interval: Annotated[
        str, Option("--interval", metavar="1d|1m|…", help="Of the bars: one that the source has.")
    ] = "1d",
    key: Key = None,
) -> int:
    """Have the service take a stretch of prices into its cache; administrators may."""
    from treefolio.jobs.requests import ImportRequest  # noqa: PLC0415 - heavy

    request = ImportRequest(
        source=source,
        tickers=tuple(tickers or ()),
        feed=feed,
        start=day(start, "--start"),
        end=day(end, "--end"),
        interval=interval,
    )
    return send(request, None, context, service, key)
