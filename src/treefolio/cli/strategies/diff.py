"""``treefolio strategies diff``: what changed from one version to another."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Context, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.strategies.named import Strategic

if TYPE_CHECKING:
    from treefolio.service.strategies.models import Change, Difference

_MARKS = {"changed": "~", "added": "+", "removed": "-"}


@spread
def verb(
    name: Strategic,
    older: Annotated[int, Argument(metavar="OLDER", help="The number of a version.", min=1)],
    newer: Annotated[int, Argument(metavar="NEWER", help="The number of another one.", min=1)],
    context: Context,
    service: Service,
    text: Annotated[bool, Option("--text", help="The lines of the native text too.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show what changed from one version of a strategy to another."""
    with connect(service, context) as client:
        found = client.strategies.diff(client.strategies.find(name).id, older, newer)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return 0
    _print(found)
    if text:
        show.say(found.text if found.text is not None else "The texts are too long to be compared by lines.")
    return 0


def _print(found: Difference) -> None:
    if found.same:
        show.say("The two are the same.")
        return
    for change in found.changes:
        show.say(_line(change))
    if not found.complete:
        show.say("… and more: --text shows every line.")
    for word, tickers in (("new", found.tickers_added), ("no longer there", found.tickers_removed)):
        if tickers:
            show.say(f"Tickers {word}: {', '.join(tickers)}")


def _line(change: Change) -> str:
    said = {
        "changed": f"{change.before} → {change.after}",
        "added": change.after,
        "removed": change.before,
    }[change.what]
    times = f" ({change.count} times)" if change.count > 1 else ""
    return f"{_MARKS[change.what]} {change.kind} {said}{times}, at {change.path}"
