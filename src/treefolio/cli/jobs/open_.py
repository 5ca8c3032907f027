"""``treefolio jobs open``: a row of a sweep as a run, with its curve, its trades and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Context, Option

from treefolio.cli import show
from treefolio.cli.flags import Out, spread
from treefolio.cli.jobs import watch
from treefolio.cli.jobs.connect import Id, Service, connect, job_id
from treefolio.cli.jobs.rows import By, Where, variables_of
from treefolio.errors import UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from treefolio.client import Client
    from treefolio.service.models import Rows


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
        sweep = job_id(job, client)
        found = _row(client, sweep, by, where, rank)
        show.say(_said(found))
        run = client.open_row(sweep, found.numbers[0])
        ended = watch.until_end(client, run.id)
        if ended.state != "done":
            return watch.finish(ended)  # it says why
        client.export(run.id, out)
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    return 0


def _row(client: Client, job: UUID, by: str, where: str | None, rank: int) -> Rows:
    """The row that is meant, alone on a page. Raises UsageError: there is none."""
    found = client.rows(job, sort=[by] if by else [], where=where, limit=1, offset=rank - 1)
    if not found.numbers:
        raise UsageError(
            f"there is no row {rank}: {found.matching:,} match", hint="`treefolio jobs rows` shows them."
        )
    return found


def _said(found: Rows) -> str:
    """The number of a row in its sweep, and its combination."""
    names = [column.name for column in found.columns]
    values = ", ".join(f"{name} {found.rows[0][place]}" for place, name in enumerate(variables_of(names)))
    return f"Row {found.numbers[0]:,}: {values}"
