"""``treefolio lists change``: another name, or other values."""

from __future__ import annotations

from typing import Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.lists.named import RULES, Named, size, text_of
from treefolio.cli.refused import explained
from treefolio.errors import UsageError


@spread
def verb(
    name: Named,
    context: Context,
    service: Service,
    new_name: Annotated[str | None, Option("--name", metavar="TEXT", help="Another name.")] = None,
    values: Annotated[
        str | None, Option(metavar="TEXT", help="Other values of the same kind; - is standard input.")
    ] = None,
) -> int:
    """Give a list another name or other values; jobs that were submitted keep theirs."""
    if new_name is None and values is None:
        raise UsageError("nothing is to be changed", hint="Add --name or --values.")
    with connect(service, context) as client, explained(RULES):
        meant = client.lists.find(name)
        text = None if values is None else text_of(values)
        found = client.lists.change(meant.id, name=new_name, text=text)
    show.say(f"{found.name}: {size(found)}")
    return 0
