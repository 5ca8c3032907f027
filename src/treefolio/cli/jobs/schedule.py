"""``treefolio jobs schedule``, ``schedules`` and ``unschedule``: what the service submits by itself."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

from typer import Argument, Context, Option

from treefolio.cli import offered, show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id
from treefolio.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import datetime as dt
    from uuid import UUID

    from treefolio.client import Client
    from treefolio.service.schedules.models import Schedule

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_NEW_YORK = ZoneInfo("America/New_York")
"""Days and times of a schedule are New York's, whatever the clock here."""

Which = Annotated[str, Argument(metavar="NAME", help="Of the schedule, or its id.")]


@spread
def schedule(
    job: Id,
    context: Context,
    service: Service,
    at: Annotated[str, Option("--at", metavar="HH:MM", help="Time of day in New York, such as 18:30.")],
    name: Annotated[str | None, Option("--name", metavar="NAME", help="Of the schedule [the job's].")] = None,
    daily: Annotated[
        bool, Option("--daily", help="Every day, not only on sessions of the exchange.")
    ] = False,
    source: Annotated[
        str | None,
        Option("--source", metavar="NAME", help="Where fresh prices come from, if the job's were uploaded."),
    ] = None,
    feed: Annotated[str | None, Option("--feed", metavar="NAME", help="Of the source.")] = None,
) -> int:
    """Ask again what a job was asked, each night, on prices that the service fetches then."""
    from treefolio.jobs.agenda import Days  # noqa: PLC0415 - heavy

    if not _TIME.fullmatch(at):
        raise UsageError(f"--at {at!r} is no time of day", hint="Write it like 18:30, in New York's time.")
    if feed is not None and source is None:
        raise UsageError("--feed is of a source", hint="Add --source, or leave it out.")
    days = Days.DAILY if daily else Days.SESSIONS
    with connect(service, context) as client:
        meant = job_id(job, client)
        made = client.schedules.make(meant, at=at, name=name, days=days, source=source, feed=feed)
    show.say(f"{made.name} is due {_when(made.next_at)}")
    show.notes([offered.here(made.note)] if made.note else [])
    return 0


@spread
def schedules(context: Context, service: Service, as_json: AsJson = False) -> int:
    """List the schedules, with their last jobs."""
    with connect(service, context) as client:
        found = client.schedules.all()
    if as_json:
        from treefolio.service.schedules.models import Schedules  # noqa: PLC0415 - heavy

        sys.stdout.write(Schedules(schedules=list(found)).model_dump_json(indent=2) + "\n")
        return 0
    if not found:
        show.offer("No schedules; `treefolio jobs schedule ID --at 18:30` makes one.")
        return 0
    headings = ("schedule", "days", "due next", "last job", "")
    show.plain_table(headings, [_line(each) for each in found], left=len(headings))
    return 0


@spread
def unschedule(schedule: Which, context: Context, service: Service) -> int:
    """Remove a schedule; its jobs stay."""
    with connect(service, context) as client:
        client.schedules.remove(_meant(schedule, client))
    show.say(f"{schedule} is removed")
    return 0


def _meant(text: str, client: Client) -> UUID:
    """The schedule of this name or id. Raises UsageError."""
    found = client.schedules.all()
    for each in found:
        if text in (each.name, str(each.id)):
            return each.id
    names = [each.name for each in found]
    raise UsageError(
        f"there is no schedule {text!r}",
        hint=did_you_mean(text, names) or "`treefolio jobs schedules` lists them.",
    )


def _line(each: Schedule) -> tuple[str, ...]:
    due = _when(each.next_at) if each.enabled else "rests"
    last = "" if each.last_job is None else str(each.last_job)
    return each.name, each.days, due, last, each.last_reason or ""


def _when(moment: dt.datetime | None) -> str:
    return "never" if moment is None else moment.astimezone(_NEW_YORK).strftime("%Y-%m-%d %H:%M New York")
