"""``treefolio strategies list``: those that are kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect

if TYPE_CHECKING:
    from treefolio.service.strategies.models import Strategy


@spread
def verb(
    context: Context,
    service: Service,
    folder: Annotated[str | None, Option(metavar="PATH", help="In it, and below it.")] = None,
    tag: Annotated[list[str] | None, Option(metavar="TEXT", help="With all of these; repeatable.")] = None,
    search: Annotated[str | None, Option(metavar="TEXT", help="In the name, or a ticker.")] = None,
    count: Annotated[int, Option("-n", metavar="N", help="How many.", min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> int:
    """List the strategies, the one that was changed last first."""
    with connect(service, context) as client:
        found = client.strategies.list(folder=folder, tags=tag or (), search=search, limit=count)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return 0
    if not found.strategies:
        asked = folder is not None or tag or search
        show.offer(
            "No such strategies." if asked else "No strategies; `treefolio strategies add FILE` keeps one."
        )
        return 0
    headings = ("strategy", "name", "folder", "tags", "imported", "versions")
    show.plain_table(headings, [_line(each) for each in found.strategies], left=5)
    more = found.total - len(found.strategies)
    if more:
        show.say(f"{more:,} more; -n says how many to show.")
    return 0


def _line(strategy: Strategy) -> tuple[str, ...]:
    return (
        str(strategy.id),
        strategy.name,
        strategy.folder,
        ", ".join(strategy.tags),
        str(strategy.out_of_sample_from),
        f"{strategy.newest.number:,}",
    )
