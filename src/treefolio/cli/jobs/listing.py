"""``treefolio jobs list``: the jobs, the latest first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.asked import one_of
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Service, connect

if TYPE_CHECKING:
    from treefolio.service.models import Job


@spread
def verb(
    context: Context,
    service: Service,
    state: Annotated[
        list[str] | None, Option(metavar="STATE", help="Those in this state, such as running; repeatable.")
    ] = None,
    count: Annotated[int, Option("-n", metavar="N", help="How many.", min=1, max=500)] = 20,
    as_json: AsJson = False,
) -> int:
    """List the jobs, the latest first."""
    from treefolio.jobs.states import State  # noqa: PLC0415 - with the others

    known = tuple(each.value for each in State)
    states = [State(one_of(each, known, "--state")) for each in state or ()]
    with connect(service, context) as client:
        found = client.jobs(states=states, limit=count)
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return 0
    if not found.jobs:
        show.say("No such jobs." if states else "No jobs; `treefolio jobs submit` makes one.")
        return 0
    show.plain_table(
        ("job", "kind", "name", "state", "submitted", "rows"), [_line(job) for job in found.jobs], left=5
    )
    more = found.total - len(found.jobs)
    if more:
        show.say(f"{more:,} more; -n says how many to show.")
    return 0


def _line(job: Job) -> tuple[str, ...]:
    when = job.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    total = "?" if job.rows_total is None else f"{job.rows_total:,}"
    rows = total if job.rows_done == job.rows_total else f"{job.rows_done:,}/{total}"
    return str(job.id), job.kind, job.name, job.state.value, when, rows
