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

_HEADINGS = ("job", "kind", "name", "state", "submitted", "rows")
_SHORT = 8
"""Characters of an id, where the whole is too wide: enough to name the job."""
_BETWEEN = 3
"""Columns of the terminal around one of the table."""


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
        show.offer("No such jobs." if states else "No jobs; `treefolio jobs submit` makes one.")
        return 0
    show.plain_table(_HEADINGS, _fitting([_line(job) for job in found.jobs]), left=5)
    more = found.total - len(found.jobs)
    if more:
        show.say(f"{more:,} more; -n says how many to show.")
    return 0


def _line(job: Job) -> tuple[str, ...]:
    total = "?" if job.rows_total is None else f"{job.rows_total:,}"
    rows = total if job.rows_done == job.rows_total else f"{job.rows_done:,}/{total}"
    return str(job.id), job.kind, job.name, job.state.value, show.when(job.created_at), rows


def _fitting(lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The lines, their ids cut to what names a job where the terminal has no room for the whole."""
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *lines, strict=True)]
    if sum(widths) + _BETWEEN * len(widths) <= show.out().width:
        return lines
    return [(job[:_SHORT], *more) for job, *more in lines]
