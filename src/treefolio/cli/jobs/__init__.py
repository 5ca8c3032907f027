"""``treefolio jobs``: work for a service, which goes on when nobody looks.

A file for each verb, or for verbs that are alike.
"""

from __future__ import annotations

import typer

from treefolio.cli.jobs import export, listing, open_, raise_, remove, rows, schedule, submit, tell, watch
from treefolio.cli.jobs.connect import before

app = typer.Typer(
    help="Submit sweeps and runs to a service, watch them, fetch their results.",
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(before)
app.add_typer(submit.app, name="submit")
app.command("list")(listing.verb)
app.command("watch")(watch.verb)
app.command("pause")(tell.pause)
app.command("resume")(tell.resume)
app.command("cancel")(tell.cancel)
app.command("first")(tell.first)
app.command("last")(tell.last)
app.command("raise")(raise_.verb)
app.command("remove")(remove.remove)
app.command("usage")(remove.usage)
app.command("schedule")(schedule.schedule)
app.command("schedules")(schedule.schedules)
app.command("unschedule")(schedule.unschedule)
app.command("rows")(rows.verb)
app.command("open")(open_.verb)
app.command("export")(export.verb)
