"""``treefolio lists remove``: a list that is no longer needed."""

from __future__ import annotations

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.lists.named import Named, size


@spread
def verb(name: Named, context: Context, service: Service) -> int:
    """Remove a list; jobs that were submitted with it keep its values."""
    with connect(service, context) as client:
        meant = client.lists.find(name)
        client.lists.remove(meant.id)
    show.say(f"{meant.name} is removed, with {size(meant)}")
    return 0
