"""Schedules of a service: jobs that it submits by itself.

made = client.schedules.make(job.id, at="18:30", source="alpaca")
client.schedules.all()[0].last_job
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from treefolio.client.transport import Transport, read
from treefolio.jobs.agenda import Days
from treefolio.service.schedules.models import Schedule, Schedules


class ScheduleGroup:
    """The schedules of the user. Methods raise ServiceError."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def make(
        self,
        job: UUID,
        *,
        at: str,
        name: str | None = None,
        days: Days = Days.SESSIONS,
        source: str | None = None,
        feed: str | None = None,
    ) -> Schedule:
        """Has the service ask again, at its time, what this job was asked.

        Args:
            at: the time of day in New York, such as ``18:30``.
            name: None for the job's own.
            source, feed: where fresh prices come from, when the job had them uploaded.
        """
        body = {
            "job": str(job),
            "name": name,
            "at": at,
            "days": days.value,
            "fetch": None if source is None else {"source": source, "feed": feed},
        }
        return self.transport.send(Schedule, "POST", "/schedules", body)

    def all(self) -> Sequence[Schedule]:
        """All of them, by name."""
        return self.transport.get(Schedules, "/schedules").schedules

    def get(self, schedule: UUID) -> Schedule:
        """A schedule, with its last job."""
        return self.transport.get(Schedule, f"/schedules/{schedule}")

    def change(self, schedule: UUID, *, name: str, at: str, days: Days = Days.SESSIONS) -> Schedule:
        """Gives it another name and time."""
        body = {"name": name, "at": at, "days": days.value}
        return self.transport.send(Schedule, "PUT", f"/schedules/{schedule}", body)

    def enable(self, schedule: UUID, enabled: bool = True) -> Schedule:
        """Has it fire, or rest."""
        what = "enable" if enabled else "disable"
        return read(Schedule, self.transport.ask("POST", f"/schedules/{schedule}/{what}"))

    def remove(self, schedule: UUID) -> None:
        """Removes it; its jobs stay."""
        self.transport.ask("DELETE", f"/schedules/{schedule}", repeat=False)
