"""``treefolio data snapshot``: the prices of earlier runs, to repeat them offline or elsewhere."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson
from treefolio.settings import home

app = typer.Typer(
    help="List, export, import and remove the prices of earlier runs.",
    add_completion=False,
    rich_markup_mode=None,
)
Name = Annotated[str, Argument(metavar="HASH", help="Of the snapshot, or its beginning.")]


@app.command("list")
def listing(as_json: AsJson = False) -> int:
    """List the snapshots, the latest first."""
    from treefolio.market import snapshots  # noqa: PLC0415 - heavy

    found, wrong = snapshots.listed(home())
    for error in wrong:
        show.tell(str(error))
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(each) for each in found], indent=2) + "\n")
        return 0
    show.plain_table(
        ("snapshot", "kept", "source", "basis", "tickers", "from", "to", "size"),
        [
            (
                each.hash[:12],
                each.kept_at[:16].replace("T", " "),
                each.source,
                each.basis,
                f"{len(each.tickers):,}",
                each.first,
                each.last,
                show.megabytes(each.bytes),
            )
            for each in found
        ],
        left=4,
    )
    show.say("`treefolio run STRATEGY --snapshot HASH` runs on one of them.")
    return 0


@app.command("export")
def export(
    name: Name, out: Annotated[Path, Option("--out", "-o", metavar="FILE", help="Or a folder for it.")]
) -> int:
    """Write a snapshot to one file."""
    from treefolio.market import snapshots  # noqa: PLC0415 - heavy

    show.say(f"Written: {snapshots.exported(name, out, home())}")
    return 0


@app.command("import")
def take(file: Annotated[Path, Argument(metavar="FILE", help="What `export` wrote.")]) -> int:
    """Take a snapshot in, after checking that it is whole."""
    from treefolio.market import snapshots  # noqa: PLC0415 - heavy

    show.say(snapshots.imported(file, home()))
    return 0


@app.command("remove")
def remove(name: Name) -> int:
    """Remove a snapshot."""
    from treefolio.market import snapshots  # noqa: PLC0415 - heavy

    show.say(f"Removed: {snapshots.removed(name, home())}")
    return 0
