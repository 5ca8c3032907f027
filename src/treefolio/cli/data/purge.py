"""``treefolio data purge``: forget what may have become stale, or what is no longer wanted."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.errors import UsageError


def verb(
    tickers: Annotated[list[str] | None, Argument(metavar="[TICKER …]", help="Only of these [all].")] = None,
    everything: Annotated[
        bool, Option("--all", help="Raw bars as well: they never become stale, only unwanted.")
    ] = False,
    source: Annotated[str | None, Option("--source", metavar="NAME", help="Only of this source.")] = None,
) -> int:
    """Forget adjusted bars and corporate actions, so that they are fetched afresh.

    Meant for a schedule: after the close and at 20:00 in New York. Nothing is wrong without it, since both
    are checked whenever they are used.
    """
    from treefolio.market.cache.choice import open_cache  # noqa: PLC0415 - heavy
    from treefolio.market.clock import NEW_YORK, SystemClock, next_purge_moment  # noqa: PLC0415 - heavy
    from treefolio.market.forgetting import forget  # noqa: PLC0415 - heavy
    from treefolio.market.settings import MarketSettings  # noqa: PLC0415 - heavy
    from treefolio.market.sources.table import SOURCES  # noqa: PLC0415 - heavy

    if source is not None and source not in SOURCES:
        raise UsageError(f"there is no source {source!r}", hint=f"One of {', '.join(SOURCES)}.")
    names = {name.upper() for name in tickers or ()}
    gone = forget(open_cache(MarketSettings()), tickers=names, source=source, everything=everything)
    count, size = gone.blocks, show.megabytes(gone.bytes)
    blocks = "block" if count == 1 else "blocks"
    show.say(f"{count:,} {blocks} forgotten, {size}" if count else "nothing to forget")
    following = next_purge_moment(SystemClock().now()).astimezone(NEW_YORK)
    show.say(f"Prices may change again on {following:%Y-%m-%d} at {following:%H:%M} New York time.")
    return 0
