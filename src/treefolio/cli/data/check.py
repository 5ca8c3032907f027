"""``treefolio data check``: what is doubtful among the prices of the cache, and what was withheld for it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import day, one_of
from treefolio.cli.flags import AsJson
from treefolio.errors import UsageError, did_you_mean

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
    from treefolio.market.accepted import load_accepted  # noqa: PLC0415 - heavy
    from treefolio.market.cache.choice import open_cache  # noqa: PLC0415 - heavy
    from treefolio.market.findings import of_shelf  # noqa: PLC0415 - heavy
    from treefolio.market.settings import MarketSettings  # noqa: PLC0415 - heavy

    if accept and as_json:
        raise UsageError("--accept lists nothing", hint="Leave --json out.")
    settings = MarketSettings()
    cache = open_cache(settings)
    there = _there(cache, _source(source))
    names = _names(tickers or [], there)
    shelves = [shelf for shelf in sorted(there, key=str) if not names or not there[shelf].isdisjoint(names)]
    if accept:
        return _accept(names, accept, shelves, cache)
    accepted = load_accepted(settings.home)
    found = [(shelf, each) for shelf in shelves for each in of_shelf(shelf, cache, accepted, names)]
    if as_json:
        sys.stdout.write(json.dumps([_plain(*each) for each in found], indent=2) + "\n")
    else:
        _print(found)
    return 1 if any(finding.quarantined for _, finding in found) else 0


def _source(name: str | None) -> str | None:
    """The source's name. Raises UsageError when there is none of it."""
    from treefolio.market.sources.table import SOURCES  # noqa: PLC0415 - heavy

    return name if name is None else one_of(name, tuple(SOURCES), "--source")


def _there(cache: Cache, source: str | None) -> dict[Shelf, set[str]]:
    """Shelf → the tickers that the cache has on it."""
    found: dict[Shelf, set[str]] = {}
    for entry in cache.entries():
        if source in (None, entry.key.shelf.source):
            found.setdefault(entry.key.shelf, set()).add(entry.key.ticker)
    return found


def _names(tickers: list[str], there: dict[Shelf, set[str]]) -> list[str]:
    """The tickers as they are in the cache. Raises UsageError when one is not."""
    names = [name.upper() for name in tickers]
    known = sorted(set().union(*there.values()))
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or "`treefolio data list` shows what is there."
            raise UsageError(f"{name} is not in the cache", hint=hint)
    return names


def _accept(names: list[str], days: list[str], shelves: list[Shelf], cache: Cache) -> int:
    """Has sessions of a ticker used whatever the checks say. Raises UsageError when that cannot be."""
    from treefolio.market.accepted import load_accepted, save_accepted  # noqa: PLC0415 - heavy
    from treefolio.market.findings import of_shelf  # noqa: PLC0415 - heavy
    from treefolio.settings import home  # noqa: PLC0415 - with the others

    if len(names) != 1:
        raise UsageError("--accept is of one ticker", hint="Write `data check TICKER --accept DATE`.")
    chosen = [each for each in (day(text, "--accept") for text in days) if each]
    sources = sorted({shelf.name for shelf in shelves})
    if len(sources) != 1:
        raise UsageError(
            f"--accept is of one source, and {names[0]} is there of {' and '.join(sources)}",
            hint="Add --source NAME.",
        )
    with cache.lock("accepted"):
        accepted = load_accepted(home()).also(sources[0], names[0], chosen)
        listed = [each for shelf in shelves for each in of_shelf(shelf, cache, accepted, names)]
        found = [each for each in listed if each.session in chosen]
        for each in found:
            if each.quarantined:
                raise UsageError(
                    f"{names[0]}, {each.session}: {each.message}: that cannot be used",
                    hint="It stays withheld. Accept the other sessions without this one.",
                )
        save_accepted(accepted, home())
    show.say(f"{names[0]} of {sources[0]}: {', '.join(map(str, chosen))} will be used")
    unheard = sorted(set(chosen) - {each.session for each in found})
    show.notes(f"nothing was found on {each}" for each in unheard)
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
