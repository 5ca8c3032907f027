"""``treefolio lists``: values that a sweep varies over, kept under a name. One file for each verb."""

from __future__ import annotations

import typer

from treefolio.cli.jobs.connect import before
from treefolio.cli.lists import add, change, listing, remove, values

app = typer.Typer(
    help="Keep lists of tickers, numbers or dates on a service: `--vary hot=@NAME` varies over one.",
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(before)
app.command("add", context_settings={"ignore_unknown_options": True})(add.verb)  # such as -5:5:1
app.command("list")(listing.verb)
app.command("show")(values.verb)
app.command("change")(change.verb)
app.command("remove")(remove.verb)
