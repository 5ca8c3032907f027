"""``treefolio lists show``: the values of one."""

from __future__ import annotations

import sys

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.lists.named import Named


@spread
def verb(name: Named, context: Context, service: Service, as_json: AsJson = False) -> int:
    """Print the values of a list, as `lists add` takes them."""
    with connect(service, context) as client:
        found = client.lists.find(name)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        show.say(found.text)
    return 0
