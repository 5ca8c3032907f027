"""``treefolio data check``: what is doubtful among the prices of the cache, and what was withheld for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import day
from treefolio.cli.flags import AsJson
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from treefolio.market.bars import Shelf
    from treefolio.market.cache.base import Cache
    from treefolio.market.sift import Finding


def verb(
    tickers: Annotated[
        list[str] | None, Argument(metavar="[TICKER …]", help="Only these [all in the cache].")
    ] = None,
    source: Annotated[str | None, Option("--source", metavar="NAME", help="Only of this source.")] = None,
    accept: Annotated[
        list[str] | None,
        Option("--accept", metavar="DATE", help="Use this session of the one ticker named; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List what is doubtful in the cache: duplicates, gaps, jumps like a split, impossible prices.

    What would change a result is withheld until it is accepted. The status is 1 when something is withheld.
    """
    from treefolio.market.cache.choice import open_cache  # noqa: PLC0415 - heavy
    from treefolio.market.settings import market_settings  # noqa: PLC0415 - heavy

    settings = market_settings()
    cache = open_cache(settings)
    names = [name.upper() for name in tickers or ()]
    shelves = sorted(
        {entry.key.shelf for entry in cache.entries() if source in (None, entry.key.shelf.source)}, key=str
    )
    if accept:
        return _accept(names, accept, shelves, cache)
    found = [each for shelf in shelves for each in findings(shelf, cache, names)]
    if as_json:
        sys.stdout.write(json.dumps([_plain(*each) for each in found], indent=2) + "\n")
    else:
        _print(found)
    return 1 if any(finding.quarantined for _, finding in found) else 0


def findings(shelf: Shelf, cache: Cache, names: list[str]) -> Iterator[tuple[Shelf, Finding]]:
    """What is doubtful on one shelf, by ticker and session."""
    from treefolio.market.accepted import load_accepted  # noqa: PLC0415 - heavy
    from treefolio.market.findings import of_ticker  # noqa: PLC0415 - heavy
    from treefolio.market.settings import market_settings  # noqa: PLC0415 - heavy

    accepted = load_accepted(market_settings().home)
    there = sorted({entry.key.ticker for entry in cache.entries() if entry.key.shelf == shelf})
    for name in [each for each in there if not names or each in names]:
        for finding in of_ticker(name, shelf, cache, accepted):
            yield shelf, finding


def _accept(names: list[str], days: list[str], shelves: list[Shelf], cache: Cache) -> int:
    from treefolio.market.accepted import load_accepted, save_accepted  # noqa: PLC0415 - heavy
    from treefolio.market.cache.base import Key  # noqa: PLC0415 - heavy
    from treefolio.settings import home  # noqa: PLC0415 - with the others

    if len(names) != 1:
        raise UsageError("--accept is of one ticker", hint="Write `data check TICKER --accept DATE`.")
    chosen = [found for text in days if (found := day(text, "--accept"))]
    sources = sorted({shelf.name for shelf in shelves})
    if len(sources) != 1:
        raise UsageError(
            f"--accept is of one source, and the cache has {len(sources)}", hint="Add --source NAME."
        )
    save_accepted(load_accepted(home()).also(sources[0], names[0], chosen), home())
    # What was set aside comes back when its year is fetched again.
    cache.drop([Key(shelf, names[0], str(each.year)) for shelf in shelves for each in chosen])
    show.say(f"{names[0]} of {sources[0]}: {', '.join(map(str, chosen))} will be used")
    return 0


def _plain(shelf: Shelf, finding: Finding) -> dict[str, object]:
    return {
        "source": shelf.name,
        "interval": shelf.interval,
        "ticker": finding.ticker,
        "session": str(finding.session),
        "kind": finding.kind.value,
        "message": finding.message,
        "withheld": finding.quarantined,
    }


def _print(found: list[tuple[Shelf, Finding]]) -> None:
    if not found:
        show.say("nothing doubtful")
        return
    show.plain_table(
        ("source", "ticker", "session", "kind", "what", "withheld"),
        [
            (
                shelf.name,
                finding.ticker,
                str(finding.session),
                finding.kind.value.replace("_", " "),
                finding.message,
                "yes" if finding.quarantined else "",
            )
            for shelf, finding in found
        ],
        left=6,
    )
    withheld = sum(finding.quarantined for _, finding in found)
    show.say(
        f"{len(found):,} findings, {withheld:,} withheld: "
        "look at them, and use `data check TICKER --accept DATE` for those that are right"
        if withheld
        else f"{len(found):,} findings, nothing withheld"
    )
