"""``treefolio lists list``: those that are kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.lists.named import size

if TYPE_CHECKING:
    from treefolio.service.lists.models import ValueList

_WIDEST = 60


@spread
def verb(context: Context, service: Service, as_json: AsJson = False) -> int:
    """List the lists, by name."""
    with connect(service, context) as client:
        found = client.lists.all()
    if as_json:
        from treefolio.service.lists.models import ValueLists  # noqa: PLC0415 - heavy

        sys.stdout.write(ValueLists(lists=list(found)).model_dump_json(indent=2) + "\n")
        return 0
    if not found:
        show.offer("No lists; `treefolio lists add NAME TEXT` keeps one.")
        return 0
    headings = ("list", "name", "holds", "values")
    show.plain_table(headings, [_line(each) for each in found], left=len(headings))
    return 0


def _line(each: ValueList) -> tuple[str, ...]:
    shown = each.text if len(each.text) <= _WIDEST else f"{each.text[: _WIDEST - 1]}…"
    return str(each.id), each.name, size(each), shown
