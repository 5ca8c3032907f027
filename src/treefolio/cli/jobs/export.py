"""``treefolio jobs export``: the folder that `run --out` or `sweep --out` writes."""

from __future__ import annotations

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import Out, spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id


@spread
def verb(job: Id, out: Out, context: Context, service: Service) -> int:
    """Write the files of a job that has ended to a folder."""
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy

    require_free(out)
    with connect(service, context) as client:
        client.export(job_id(job, client), out)
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    return 0
