"""``treefolio strategies share``: a link by which anybody may read a strategy."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.asked import day
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.strategies.named import Named, parts


@spread
def verb(
    name: Named,
    context: Context,
    service: Service,
    expires: Annotated[
        str | None, Option(metavar="DATE", help="It shows nothing from the beginning of this day on, in UTC.")
    ] = None,
) -> int:
    """Print a link that shows a strategy to whoever has it; NAME:2 shares that version alone."""
    until = day(expires, "--expires")
    moment = None if until is None else dt.datetime.combine(until, dt.time(), dt.UTC)
    meant, number = parts(name)
    with connect(service, context) as client:
        strategy = client.strategies.find(meant)
        made = client.strategies.share(strategy.id, version=number, expires_at=moment)
    which = "its newest version, whichever that is" if number is None else f"version {number}"
    show.say(f"{strategy.name}, {which}, to whoever has this link. It is not shown again:")
    show.say(f"{client.transport.url.rstrip('/')}{made.path}")
    return 0
