"""``treefolio keys list``: which keys are kept; they themselves are never shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.keys.kinds import in_person

if TYPE_CHECKING:
    from treefolio.service.keys.models import KeptKey

_ACCOUNTS = {True: "live", False: "paper", None: ""}


@spread
def verb(context: Context, service: Service, as_json: AsJson = False) -> int:
    """List which keys are kept; they themselves are never shown."""
    with connect(service, context) as client, in_person(client):
        found = client.keys.all()
    if as_json:
        from treefolio.service.keys.models import KeptKeys  # noqa: PLC0415 - heavy

        sys.stdout.write(KeptKeys(keys=list(found)).model_dump_json(indent=2) + "\n")
        return 0
    if not found:
        show.offer("No keys; `treefolio keys set alpaca` keeps some.")
        return 0
    headings = ("kind", "key id ends with", "account", "set")
    show.plain_table(headings, [_line(each) for each in found], left=len(headings))
    return 0


def _line(each: KeptKey) -> tuple[str, ...]:
    return each.kind, each.ends or "", _ACCOUNTS[each.live], show.when(each.changed_at)
