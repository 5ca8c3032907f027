"""``treefolio data diff A B``: two sources, snapshots or files, ticker by ticker."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.asked import asked_at, day
from treefolio.cli.flags import AsJson
from treefolio.errors import PriceError, UsageError
from treefolio.settings import home

if TYPE_CHECKING:
    import datetime as dt

    from treefolio.market.panel import Panel

MANIFEST = "manifest.json"
Side = Annotated[
    str, Argument(help="A source (alpaca, alpaca:iex), a snapshot's hash, a result's folder, or a file.")
]


def verb(
    a: Side,
    b: Side,
    tickers: Annotated[
        str | None, Option("--tickers", metavar="A,B,C", help="Which [those of the file or snapshot].")
    ] = None,
    adjustment: Annotated[
        str, Option("--adjustment", metavar="raw|split|all", help="Of sources' prices.")
    ] = "all",
    end: Annotated[str | None, Option("--end", metavar="DATE", help="Last day of sources.")] = None,
    as_json: AsJson = False,
) -> int:
    """Compare two sources, snapshots or files. The status is 1 when they differ."""
    from treefolio.market.difference import compare, lines  # noqa: PLC0415 - heavy

    wanted = [name.strip().upper() for name in tickers.split(",")] if tickers else None
    first, second = (side_kind(each) for each in (a, b))
    until = day(end, "--end")
    panels: dict[str, Panel] = {}
    for side, kind in sorted(((a, first), (b, second)), key=lambda each: each[1] == "source"):
        known = wanted or [name for panel in panels.values() for name in panel.tickers]
        panels[side] = opened(side, kind, known, adjustment, until)
    differences = compare(panels[a], panels[b])
    absent = sorted(set(wanted or ()) - {each.ticker for each in differences})
    for name in absent:
        show.tell(f"{name}: it is in neither of the two.")
    if as_json:
        sys.stdout.write(
            json.dumps([dataclasses.asdict(each) for each in differences], indent=2, default=str) + "\n"
        )
    else:
        for line in lines(differences):
            show.say(line)
    return 0 if not absent and all(each.alike for each in differences) else 1


def side_kind(name: str) -> str:
    """What a side is: source, result (the folder of a run or a sweep), file or snapshot."""
    from treefolio.market.sources.table import SOURCES  # noqa: PLC0415 - heavy

    if name.partition(":")[0] in SOURCES:
        return "source"
    if (Path(name) / MANIFEST).is_file():
        return "result"
    return "file" if Path(name).exists() else "snapshot"


def snapshot_of(folder: Path) -> str:
    """The hash of the prices of a result. Raises PriceError."""
    try:
        return str(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["prices"]["snapshot"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PriceError(
            f"does not say which prices it had: {error}", source=str(folder / MANIFEST)
        ) from None


def opened(name: str, kind: str, tickers: list[str], adjustment: str, end: dt.date | None) -> Panel:
    """The panel of one side. Raises PriceError, UsageError."""
    from treefolio.market import snapshots  # noqa: PLC0415 - heavy
    from treefolio.market.files import read_panel  # noqa: PLC0415 - heavy
    from treefolio.market.vendors import vendor  # noqa: PLC0415 - heavy

    if kind == "file":
        return read_panel([Path(name)], tickers=tickers or None)
    if kind == "source":
        source, _, feed = name.partition(":")
        if not tickers:
            raise UsageError(
                "two sources are compared on tickers that you name", hint="Add --tickers SPY,TLT."
            )
        supply = vendor(
            source, feed=feed or None, adjustment=adjustment, asked_at=asked_at(), told=show.Fetching()
        )
        supplied = supply.supply(tickers, end)
        for note in supplied.notes:
            show.tell(f"{name}: {note}.")
        return supplied.panel
    try:
        panel = snapshots.load(snapshot_of(Path(name)) if kind == "result" else name, home())
    except PriceError as error:
        error.hint = "A side is a source, a snapshot's hash, a result's folder, or a file of prices."
        raise
    return panel.select(tickers) if tickers else panel
