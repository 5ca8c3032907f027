"""Schedules: what is submitted at its time, by whoever looks first.

Every worker looks. Who finds a schedule due locks its row, submits and sets the next moment in one
transaction, so each firing is one job, however many look; and the database's clock says what is due. Of
firings that were missed while nobody looked, the latest is made up for. What was set while the clock was
ahead is set again when it is right.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, InterfaceError, InternalError, OperationalError

from treefolio.errors import NoSuchJob, Refused
from treefolio.jobs import agenda, requests
from treefolio.jobs.agenda import Days, Timing
from treefolio.jobs.ledger import limits, retention
from treefolio.jobs.ledger.clock import ago, now
from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.ledger.records import HOUSE, Schedule
from treefolio.jobs.ledger.submitting import New, new, submit
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.tables import schedules, users

log = logging.getLogger(__name__)
_CORRECTED = dt.timedelta(hours=1)
"""Clocks are put back by as much every now and then: what fired by then has fired."""
_KINDS: Mapping[str, str] = {"warm": "warm", "purge": "purge"}
"""Of a schedule, by the kind of its request; all others are nightly."""
_TIDY = "tidy"
"""The service's schedule that removes what is kept no longer."""


class Agenda:
    """See the module. Methods raise DatabaseError, and NoSuchJob for a schedule of somebody else."""

    def __init__(self, engine: Engine, settings: JobSettings) -> None:
        self.engine = engine
        self.settings = settings

    def make(self, owner: str, name: str, request: requests.Request, timing: Timing) -> Schedule:
        """A new schedule.

        Raises:
            OverLimit: there are as many as may be. Refused: there is one of this name.
        """
        with writing(self.engine) as connection:
            limits.require_schedule(connection, self.settings, owner)
            return _read(_make(connection, owner, name, request, timing))

    def list(self, owner: str) -> Sequence[Schedule]:
        """The owner's, by name."""
        query = select(schedules).where(schedules.c.owner == owner).order_by(schedules.c.name)
        with reading(self.engine) as connection:
            return [_read(row) for row in connection.execute(query)]

    def get(self, owner: str, schedule: UUID) -> Schedule:
        """The schedule."""
        with reading(self.engine) as connection:
            return _read(_owned(connection, owner, schedule))

    def change(self, owner: str, schedule: UUID, name: str, timing: Timing) -> Schedule:
        """Gives it another name and time. Raises Refused: there is one of this name."""
        with writing(self.engine) as connection:
            _owned(connection, owner, schedule)
            values = {
                "name": name,
                "at": timing.at,
                "days": timing.days,
                "next_at": _next(connection, timing),
            }
            try:
                with connection.begin_nested():
                    _set(connection, schedule, values)
            except IntegrityError:
                raise _taken(name) from None
            return _read(_owned(connection, owner, schedule))

    def enable(self, owner: str, schedule: UUID, enabled: bool) -> Schedule:
        """Has it fire, or rest. What would have been due while it rested is not made up for."""
        with writing(self.engine) as connection:
            row = _owned(connection, owner, schedule)
            if row.enabled != enabled:
                moment = _next(connection, _timing(row))
                _set(connection, schedule, {"enabled": enabled, "next_at": moment})
            return _read(_owned(connection, owner, schedule))

    def remove(self, owner: str, schedule: UUID) -> None:
        """Removes it; its jobs stay."""
        with writing(self.engine) as connection:
            connection.execute(
                delete(schedules).where(schedules.c.id == _owned(connection, owner, schedule).id)
            )

    def keep_house(self, source: str | None) -> None:
        """The service's own: what is kept no longer goes; prices are purged, and warmed from this source
        where there is one."""
        wanted: dict[str, tuple[requests.Request, Timing]] = {}
        wanted[_TIDY] = requests.PurgeRequest(), agenda.PURGE  # its time is a purge's; it submits nothing
        if self.settings.house_schedules:
            wanted["purge"] = requests.PurgeRequest(), agenda.PURGE
            if source is not None:
                wanted["warm"] = requests.WarmRequest(source=source), agenda.WARM
        entering = postgresql.insert(users).values(id=HOUSE, name="", tier=HOUSE)
        with writing(self.engine) as connection:
            connection.execute(entering.on_conflict_do_nothing())
            ours = select(schedules).where(schedules.c.owner == HOUSE).with_for_update()
            there = {row.name: row for row in connection.execute(ours)}
            for name, row in there.items():
                request, timing = wanted.get(name, (None, None))
                if request is None or (row.request, _timing(row)) != (requests.to_json(request), timing):
                    connection.execute(delete(schedules).where(schedules.c.id == row.id))
                else:
                    del wanted[name]
            for name, (request, timing) in wanted.items():
                with contextlib.suppress(Refused):  # another process that begins now was quicker
                    _make(connection, HOUSE, name, request, timing)

    def fire(self) -> int:
        """Submits what is due; says how many were."""
        self._set_right()
        count = 0
        while (row := self._due()) is not None:
            count += self._fire_one(row)
        return count

    def _set_right(self) -> None:
        """Sets when those are due that were set while the database's clock was ahead."""
        furthest = ago(-agenda.FURTHEST.total_seconds())
        astray = or_(
            schedules.c.next_at.is_(None),
            schedules.c.next_at > furthest,
            (schedules.c.last_at > func.now()) & (schedules.c.next_at > func.now()),
        )
        query = select(schedules).where(schedules.c.enabled, astray).with_for_update(skip_locked=True)
        with writing(self.engine) as connection:
            there = now(connection)
            for row in connection.execute(query).all():
                moment = agenda.next_at(_timing(row), there)
                if moment not in (row.next_at, _just_fired(row, there)):
                    last = None if row.last_at is None else min(row.last_at, there)
                    _set(connection, row.id, {"next_at": moment, "last_at": last})

    def _due(self) -> Row[Any] | None:
        """The first that is due, of those that nobody has."""
        with writing(self.engine) as connection:
            return _first_due(connection)

    def _fire_one(self, row: Row[Any]) -> bool:
        """Submits what is asked; False when somebody else did so meanwhile."""
        asked = _asked(row)
        same = (schedules.c.id == row.id, schedules.c.next_at == row.next_at)
        with writing(self.engine) as connection:
            if _first_due(connection, *same) is None:
                return False
            moment = agenda.latest_at(_timing(row), row.next_at, now(connection))
            values = self._fired(connection, row, asked)
            values |= {"last_at": moment, "next_at": _next(connection, _timing(row))}
            _set(connection, row.id, values)
        return True

    def _fired(self, connection: Connection, row: Row[Any], asked: New | Exception) -> dict[str, object]:
        """Submits the job; returns what is to be known of it."""
        facts = {"schedule": str(row.id), "kind": row.kind}
        try:
            with connection.begin_nested():
                if (row.owner, row.name) == (HOUSE, _TIDY):
                    removed = retention.tidy(connection, self.settings)
                    log.info("tidied", extra={"action": "agenda.tidied", "jobs": removed.jobs, **facts})
                    return {"last_job": None, "last_reason": None}
                if isinstance(asked, Exception):
                    raise asked
                job = submit(connection, self.settings, row.owner, asked, None)
        except (OperationalError, InterfaceError, InternalError):  # the database is away: it is due still
            raise
        except Exception as error:  # whatever is wrong with one, others must fire
            reason = str(getattr(error, "message", "")) or f"{type(error).__name__}: {error}"
            log.warning(
                "the schedule %r was not submitted",
                row.name,
                extra={"action": "agenda.refused", "reason": reason, **facts},
            )
            return {"last_job": None, "last_reason": reason}
        log.info("submitted", extra={"action": "agenda.fired", "job": str(job.id), **facts})
        return {"last_job": job.id, "last_reason": None}


def _make(
    connection: Connection, owner: str, name: str, request: requests.Request, timing: Timing
) -> Row[Any]:
    values = {
        "id": uuid.uuid4(),
        "owner": owner,
        "name": name,
        "kind": _KINDS.get(requests.kind_of(request), "nightly"),
        "request": requests.to_json(request),
        "at": timing.at,
        "days": timing.days,
        "next_at": _next(connection, timing),
    }
    try:
        with connection.begin_nested():
            return connection.execute(insert(schedules).values(values).returning(schedules)).one()
    except IntegrityError:
        raise _taken(name) from None


def _first_due(connection: Connection, *which: ColumnElement[bool]) -> Row[Any] | None:
    """The first of these that is due and that nobody has, locked until the end of the transaction."""
    due = (schedules.c.enabled, schedules.c.next_at <= func.now(), ~users.c.disabled)
    query = select(schedules).join(users, users.c.id == schedules.c.owner).where(*due, *which)
    first = query.order_by(schedules.c.next_at).limit(1)
    return connection.execute(first.with_for_update(of=schedules, skip_locked=True)).one_or_none()


def _asked(row: Row[Any]) -> New | Exception:
    """What a schedule asks for, or what is wrong with it."""
    try:
        return new(requests.from_json(row.request))
    except Exception as error:  # it is said with whatever else may be wrong
        return error


def _just_fired(row: Row[Any], there: dt.datetime) -> dt.datetime | None:
    """The moment that fired a little before its time, which is still to come by the clock as it is now."""
    return row.last_at if row.last_at is not None and row.last_at - there <= _CORRECTED else None


def _next(connection: Connection, timing: Timing) -> dt.datetime | None:
    return agenda.next_at(timing, now(connection))


def _set(connection: Connection, schedule: UUID, values: Mapping[str, object]) -> None:
    connection.execute(update(schedules).where(schedules.c.id == schedule).values(values))


def _owned(connection: Connection, owner: str, schedule: UUID) -> Row[Any]:
    mine = (schedules.c.id == schedule, schedules.c.owner == owner)
    found = connection.execute(select(schedules).where(*mine)).one_or_none()
    if found is None:
        raise NoSuchJob(f"there is no schedule {schedule}", hint="`treefolio jobs schedules` lists them.")
    return found


def _taken(name: str) -> Refused:
    return Refused(
        f"there is a schedule {name!r} already",
        hint="Give this one another with --name, or remove that one: `treefolio jobs unschedule NAME`.",
    )


def _timing(row: Row[Any]) -> Timing:
    return Timing(at=row.at, days=Days(row.days))


def _read(row: Row[Any]) -> Schedule:
    return Schedule(**{**row._mapping, "days": Days(row.days)})
