"""``treefolio data import``: a vendor's files in bulk into the cache."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import one_of
from treefolio.cli.flags import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from treefolio.market.actions import Action
    from treefolio.market.bars import Shelf
    from treefolio.market.cache.base import Cache
    from treefolio.market.sources.flat_files import Imported

SHOWN = 3
"""So many missing sessions are named."""


def verb(
    folder: Annotated[
        Path, Argument(metavar="FOLDER", help="Massive's flat files: day_aggs or minute_aggs, CSV.gz.")
    ],
    actions: Annotated[
        list[Path] | None,
        Option("--actions", metavar="FILE", help="Splits or dividends, CSV or Parquet; repeatable."),
    ] = None,
    interval: Annotated[
        str, Option("--interval", metavar="1d|1m", help="Of the files: day_aggs or minute_aggs.")
    ] = "1d",
    as_json: AsJson = False,
) -> int:
    """Import a folder of Massive's flat files. What is imported already is passed over."""
    from treefolio.market.accepted import load_accepted  # noqa: PLC0415 - heavy
    from treefolio.market.cache.choice import open_cache  # noqa: PLC0415 - heavy
    from treefolio.market.settings import MarketSettings  # noqa: PLC0415 - heavy
    from treefolio.market.sources.flat_files import flat_shelf, import_folder, read_actions  # noqa: PLC0415

    settings = MarketSettings()
    known = [each for path in actions or () for each in read_actions(path)]
    cache = open_cache(settings)
    done = import_folder(
        folder,
        cache,
        interval=one_of(interval, ("1d", "1m"), "--interval"),
        entitlement=settings.entitlement,
        accepted=load_accepted(settings.home),
        told=show.Fetching("Importing files"),
    )
    if actions:
        _keep(known, flat_shelf(interval, settings.entitlement), cache)
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(done), indent=2, default=str) + "\n")
    else:
        _print(done)
    return 1 if done.failed else 0


def _keep(actions: Sequence[Action], shelf: Shelf, cache: Cache) -> None:
    """Files the actions under all tickers of the shelf; says when they are of one kind only."""
    import datetime as dt  # noqa: PLC0415 - with the others

    from treefolio.market.actions import Dividend, Split  # noqa: PLC0415 - heavy
    from treefolio.market.store import keep_actions  # noqa: PLC0415 - heavy

    names = {entry.key.ticker for entry in cache.entries() if entry.key.shelf == shelf}
    keep_actions(cache, shelf, names, actions, dt.datetime.now(dt.UTC))
    for kind, said in ((Split, "split"), (Dividend, "dividend")):
        if not any(isinstance(each, kind) for each in actions):
            show.tell(f"Note: there is no {said} among the actions, so prices are adjusted for none.")


def _print(done: Imported) -> None:
    for name, reason in sorted(done.failed.items()):
        show.tell(f"{name}: {reason}.")
    show.notes(_noted(done))
    show.say(
        f"{done.files:,} files, {done.sessions:,} sessions × {done.tickers:,} tickers: "
        f"{done.rows:,} bars in {show.duration(done.seconds)}"
    )


def _noted(done: Imported) -> Iterator[str]:
    """What the user should know of an import that went through."""
    if done.missing:
        days = ", ".join(map(str, done.missing[:SHOWN])) + (" …" if len(done.missing) > SHOWN else "")
        yield f"there is no file of {len(done.missing):,} sessions between the first and the last: {days}"
    if done.withheld:
        yield f"{done.withheld:,} bars are withheld: `treefolio data check` says why"
    if done.evicted:
        yield (
            f"{done.evicted:,} blocks had to make room: the folder does not fit into "
            "TREEFOLIO_CACHE_MEGABYTES; raise it and import again"
        )
