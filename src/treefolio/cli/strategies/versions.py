"""``treefolio strategies versions``: all that a strategy has been."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.strategies.named import Strategic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treefolio.service.strategies.models import Version

_HASH = 12
_TICKERS = 5


@spread
def verb(
    name: Strategic,
    context: Context,
    service: Service,
    count: Annotated[int, Option("-n", metavar="N", help="How many.", min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> int:
    """List the versions of a strategy, the latest first."""
    with connect(service, context) as client:
        found = client.strategies.versions(client.strategies.find(name).id, limit=count)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return 0
    headings = ("version", "made", "parent", "hash", "tickers", "note")
    show.plain_table(headings, [_line(each) for each in found.versions], left=len(headings))
    more = found.total - len(found.versions)
    if more:
        show.say(f"{more:,} more; -n says how many to show.")
    return 0


def _line(version: Version) -> tuple[str, ...]:
    return (
        f"{version.number:,}",
        show.when(version.made_at),
        "" if version.parent is None else f"{version.parent:,}",
        version.hash[:_HASH],
        _some(version.tickers),
        version.note,
    )


def _some(tickers: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(tickers) - _TICKERS
    return ", ".join(tickers[:_TICKERS]) + (f" and {more} more" if more > 0 else "")
