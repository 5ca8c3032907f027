"""``treefolio keys remove``: keys that a service shall forget."""

from __future__ import annotations

from typer import Context

from treefolio.cli import show
from treefolio.cli.asked import one_of
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Service, connect
from treefolio.cli.keys.kinds import KINDS, Kind, in_person
from treefolio.errors import UsageError


@spread
def verb(kind: Kind, context: Context, service: Service) -> int:
    """Have the service forget your keys of a kind; at the vendor they stay valid."""
    one_of(kind, KINDS, "KIND")
    with connect(service, context) as client, in_person(client):
        if kind not in {each.kind for each in client.keys.all()}:
            raise UsageError(f"no keys at {kind} are kept", hint="`treefolio keys list` shows which are.")
        client.keys.remove(kind)
    show.say(f"The keys at {kind} are removed.")
    return 0
