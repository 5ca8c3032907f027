"""``treefolio data``: prices from vendors and their cache. One file for each verb."""

from __future__ import annotations

import typer

from treefolio.cli.data import check, diff, fetch, imports, listing, purge, snapshot

app = typer.Typer(
    help="Fetch, import, list, check, compare and keep prices.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command("fetch")(fetch.verb)
app.command("import")(imports.verb)
app.command("list")(listing.verb)
app.command("check")(check.verb)
app.command("diff")(diff.verb)
app.command("purge")(purge.verb)
app.add_typer(snapshot.app, name="snapshot")
