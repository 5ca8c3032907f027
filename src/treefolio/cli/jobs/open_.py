"""``treefolio jobs open``: a row of a sweep as a run, with its curve, its trades and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import Out, spread
from treefolio.cli.jobs import watch
from treefolio.cli.jobs.connect import Id, Service, connect, job_id
from treefolio.cli.jobs.rows import By, Where
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from treefolio.client import Client


@spread
def verb(
    job: Id,
    out: Out,
    context: Context,
    service: Service,
    by: By = "sharpe",
    where: Where = None,
    rank: Annotated[int, Option("--rank", metavar="N", help="As `jobs rows` numbers them.", min=1)] = 1,
) -> int:
    """Run a row of a sweep, also while the sweep goes on, and write its files to a folder."""
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy

    require_free(out)
    with connect(service, context) as client:
        run = client.open_row(*_row(client, job_id(job, client), by, where, rank))
        watch.until_end(client, run.id)
        client.export(run.id, out)
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    return 0


def _row(client: Client, job: UUID, by: str, where: str | None, rank: int) -> tuple[UUID, int]:
    """The sweep, and the number of the row in it."""
    found = client.rows(job, sort=[by] if by else [], where=where, limit=1, offset=rank - 1)
    if not found.numbers:
        raise UsageError(
            f"there is no row {rank}: {found.matching:,} match", hint="`treefolio jobs rows` shows them."
        )
    return job, found.numbers[0]
