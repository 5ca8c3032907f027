"""``treefolio strategies remove``: a strategy with all that belongs to it."""

from __future__ import annotations

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.strategies.named import Strategic


@spread
def verb(name: Strategic, context: Context, service: Service) -> int:
    """Remove a strategy with its versions and links, at once; jobs that were submitted with it stay."""
    with connect(service, context) as client:
        meant = client.strategies.find(name)
        links = len(client.strategies.shares(meant.id))
        client.strategies.remove(meant.id)
    versions = _several(meant.newest.number, "version")
    show.say(f"{meant.name} is removed, with {versions} and {_several(links, 'link')}")
    return 0


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
