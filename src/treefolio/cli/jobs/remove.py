"""``treefolio jobs remove`` and ``usage``: what is kept, and how much of it may be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from typer import Context

from treefolio.cli import show
from treefolio.cli.flags import AsJson, spread
from treefolio.cli.jobs.connect import Id, Service, connect, job_id

if TYPE_CHECKING:
    from treefolio.service.usage.models import Used

_WORDS = {
    "running": "jobs under way",
    "combinations": "combinations of a job",
    "combinations_a_day": "combinations today",
    "megabytes": "megabytes",
    "schedules": "schedules",
}


@spread
def remove(job: Id, context: Context, service: Service) -> int:
    """Remove a job that has ended, with its results."""
    with connect(service, context) as client:
        meant = job_id(job, client)
        client.remove(meant)
    show.say(f"{meant} is removed")
    return 0


@spread
def usage(context: Context, service: Service, as_json: AsJson = False) -> int:
    """Show what is used of each limit."""
    with connect(service, context) as client:
        found = client.usage()
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
        return 0
    show.plain_table(
        ("limit", "used", "at most"), [_line(words, getattr(found, name)) for name, words in _WORDS.items()]
    )
    return 0


def _line(words: str, limit: Used) -> tuple[str, ...]:
    used = "" if limit.used is None else f"{limit.used:,}"
    return words, used, "no limit" if limit.most is None else f"{limit.most:,}"
