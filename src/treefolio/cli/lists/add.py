"""``treefolio lists add``: values under a name."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Context, Option

from treefolio.cli import show
from treefolio.cli.asked import one_of
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.lists.named import RULES, size, text_of
from treefolio.cli.refused import explained


@spread
def verb(
    name: Annotated[
        str, Argument(metavar="NAME", help="A sweep varies over it as @NAME: letters, digits, _ . and -.")
    ],
    text: Annotated[
        str,
        Argument(metavar="TEXT", help="Such as 'TQQQ, SOXL', 70:85:1 or 2020-01-31; - is standard input."),
    ],
    context: Context,
    service: Service,
    kind: Annotated[
        str | None, Option(metavar="ticker|number|date", help="What the values are [as they look].")
    ] = None,
) -> int:
    """Keep a list of tickers, numbers or dates."""
    from treefolio.service.lists.models import Kind  # noqa: PLC0415 - heavy

    meant = None if kind is None else Kind(one_of(kind, tuple(each.value for each in Kind), "--kind"))
    with connect(service, context) as client, explained(RULES):
        made = client.lists.add(name, text_of(text), kind=meant)
    show.say(f"{made.name}: {size(made)}")
    show.say(str(made.id))
    return 0
