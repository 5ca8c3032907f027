"""``treefolio jobs submit``: a job of any kind, with the flags that its verb has.

Prices are read here and uploaded under the hash of their content; the service opens no file of ours. All that
can be wrong with the question is found before it is sent: a sweep is planned here as `sweep` plans it. With
``--on-service`` the service fetches the prices, and finds what is wrong with them.
"""

from __future__ import annotations

import typer

from treefolio.cli.jobs.connect import before
from treefolio.cli.jobs.submit import prices, run, sweep, walkforward

app = typer.Typer(
    help="Submit a job; its id stands alone on the last line.",
    add_completion=False,
    rich_markup_mode=None,
)
app.callback()(before)
app.command("sweep")(sweep.verb)
app.command("run")(run.verb)
app.command("walkforward")(walkforward.verb)
app.command("warm")(prices.warm)
app.command("import")(prices.take_in)
