"""``treefolio jobs pause``, ``resume``, ``cancel``, ``first`` and ``last``."""

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


@spread
def first(job: Id, context: Context, service: Service) -> int:
    """Put a job before your other ones; single runs go first all the same."""
    with connect(service, context) as client:
        found = client.put_first(job_id(job, client))
    show.say(f"{found.id} goes before your other jobs")
    return 0


@spread
def last(job: Id, context: Context, service: Service) -> int:
    """Put a job behind your other ones."""
    with connect(service, context) as client:
        found = client.put_last(job_id(job, client))
    show.say(f"{found.id} goes behind your other jobs")
    return 0


def _tell(job: str, context: Context, service: Service, event: str) -> int:
    from treefolio.jobs.states import Event  # noqa: PLC0415 - with the others

    with connect(service, context) as client:
        found = client.tell(job_id(job, client), Event(event))
    show.say(f"{found.id} is {found.state}")
    return 0
