"""``treefolio jobs raise``: anybody's job before all others, for administrators."""

from __future__ import annotations

from typing import Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id


@spread
def verb(
    job: Id,
    context: Context,
    service: Service,
    by: Annotated[
        int, Option("--by", metavar="N", help="So far; -1 puts it behind, 0 where it was.", min=-10, max=10)
    ] = 1,
) -> int:
    """Put a job before all others; for administrators."""
    with connect(service, context) as client:
        found = client.prioritise(job_id(job, client), by)
    show.say(f"{found.id} has priority {found.priority}")
    return 0
