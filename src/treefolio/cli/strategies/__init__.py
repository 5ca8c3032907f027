"""``treefolio strategies``: what a service keeps, with all its versions. One file for each verb."""

from __future__ import annotations

import typer

from treefolio.cli.jobs.connect import before
from treefolio.cli.strategies import add, change, diff, get, links, listing, remove, share, versions

app = typer.Typer(
    help="Keep strategies with all their versions on a service, compare them, share them.",
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(before)
app.command("add")(add.verb)
app.command("list")(listing.verb)
app.command("versions")(versions.verb)
app.command("diff")(diff.verb)
app.command("get")(get.verb)
app.command("change")(change.verb)
app.command("remove")(remove.verb)
app.command("share")(share.verb)
app.command("shares")(links.shares)
app.command("unshare")(links.unshare)
