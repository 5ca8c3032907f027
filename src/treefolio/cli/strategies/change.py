"""``treefolio strategies change``: another name, folder or tags."""

from __future__ import annotations

from typing import Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.refused import explained
from treefolio.cli.strategies.named import RULES, Strategic
from treefolio.errors import UsageError


@spread
def verb(
    name: Strategic,
    context: Context,
    service: Service,
    new_name: Annotated[str | None, Option("--name", metavar="TEXT", help="Another name.")] = None,
    folder: Annotated[str | None, Option(metavar="PATH", help='Such as trend/2x; "" for none.')] = None,
    tag: Annotated[
        list[str] | None,
        Option(metavar="TEXT", help='In place of those that it has; repeatable; "" for none.'),
    ] = None,
) -> int:
    """Give a strategy another name, folder or tags; its versions stay as they are."""
    if new_name is None and folder is None and not tag:
        raise UsageError("nothing is to be changed", hint="Add --name, --folder or --tag.")
    tags = [each for each in tag if each] if tag else None
    with connect(service, context) as client, explained(RULES):
        meant = client.strategies.find(name)
        found = client.strategies.change(meant.id, name=new_name, folder=folder, tags=tags)
    show.say(f"{found.name}: folder {found.folder or '–'}, tags {', '.join(found.tags) or '–'}")
    return 0
