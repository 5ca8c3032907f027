"""``treefolio jobs pause``, ``resume`` and ``cancel``."""

from __future__ import annotations

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id


@spread
def pause(job: Id, context: Context, service: Service) -> int:
    """Begin no more of a job; what is under way is finished and kept."""
    return _tell(job, context, service, "pause")


@spread
def resume(job: Id, context: Context, service: Service) -> int:
    """Go on with a paused job."""
    return _tell(job, context, service, "resume")


@spread
def cancel(job: Id, context: Context, service: Service) -> int:
    """End a job; what it computed is not kept."""
    return _tell(job, context, service, "cancel")


def _tell(job: str, context: Context, service: Service, event: str) -> int:
    from treefolio.jobs.states import Event  # noqa: PLC0415 - with the others

    with connect(service, context) as client:
        found = client.tell(job_id(job, client), Event(event))
    show.say(f"{found.id} is {found.state}")
    return 0
