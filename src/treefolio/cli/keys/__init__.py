"""``treefolio keys``: a user's keys at vendors, which a service keeps encrypted. One file for each verb."""

from __future__ import annotations

import typer

from treefolio.cli.jobs.connect import before
from treefolio.cli.keys import listing, remove, set_

app = typer.Typer(
    help="Keep your keys at vendors on a service, encrypted, for its jobs that fetch prices.",
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(before)
app.command("list")(listing.verb)
app.command("set", context_settings={"allow_extra_args": True})(set_.verb)
app.command("remove")(remove.verb)
