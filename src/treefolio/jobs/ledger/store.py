"""The ledger as those see it who submit and watch: jobs, their progress and results, snapshots.

Every query about a job is scoped by its owner: a job of somebody else is a job that there is not.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from treefolio.errors import NoSuchJob, Refused
from treefolio.jobs import migrations
from treefolio.jobs.ledger import limits, retention, submitting, tickets
from treefolio.jobs.ledger.clock import silent_for
from treefolio.jobs.ledger.database import engine_of, reading, writing
from treefolio.jobs.ledger.errands import Order, order_of
from treefolio.jobs.ledger.measure import depth, measured
from treefolio.jobs.ledger.records import File, Job, Milestone, Part, Progress, Usage, WorkerSeen
from treefolio.jobs.ledger.transitions import CHANNEL, happen, locked
from treefolio.jobs.requests import Request
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, Event, State
from treefolio.jobs.tables import (
    events,
    files,
    job_columns,
    jobs,
    parts,
    snapshot_owners,
    snapshots,
    users,
    workers,
)

__all__ = ["CHANNEL", "Store", "open_store"]


_ENDED = "It has ended; `treefolio jobs list --state queued` shows those that wait."


def open_store(url: str, settings: JobSettings | None = None, *, patience_s: float = math.inf) -> Store:
    """The ledger at a URL; `migrations.upgrade` makes its tables. patience_s: see `engine_of`."""
    settings = settings or JobSettings()
    return Store(engine_of(url, patience_s=patience_s, transaction_s=settings.transaction_s), settings)


class Store:
    """The ledger. It is used from several threads at once. Methods raise DatabaseError."""

    def __init__(self, engine: Engine, settings: JobSettings | None = None) -> None:
        self.engine = engine
        self.settings = settings or JobSettings()

    def close(self) -> None:
        """Gives its connections back."""
        self.engine.dispose()

    def ready(self) -> bool:
        """The database answers, and its schema is the one of this version."""
        try:
            with self.engine.connect() as connection:
                return migrations.is_newest(connection)
        except DBAPIError:
            return False

    # Users and snapshots.

    def enter_user(self, user: str, *, name: str = "", tier: str = "free") -> None:
        """Makes a user known, or changes the name and the tier of one."""
        values = {"name": name, "tier": tier}
        statement = postgresql.insert(users).values(id=user, **values)
        with writing(self.engine) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    def has_snapshot(self, owner: str, name: str) -> bool:
        """The owner has brought the prices with this hash."""
        with reading(self.engine) as connection:
            return retention.owns(connection, owner, name)

    def put_snapshot(self, owner: str, name: str, content: bytes) -> None:
        """Keeps a snapshot's file for its owner under its panel's hash, which the caller has checked.

        Raises:
            OverLimit: its owner has as much as may be.
        """
        statement = postgresql.insert(snapshots).values(hash=name, content=content)
        with writing(self.engine) as connection:
            retention.needing(connection)
            if not retention.owns(connection, owner, name):
                limits.require_room(connection, self.settings, owner, len(content))
            connection.execute(statement.on_conflict_do_nothing())
            retention.own(connection, owner, name)

    def snapshot(self, owner: str, name: str) -> bytes:
        """The file of a snapshot of the owner's. Raises NoSuchJob."""
        query = select(snapshots.c.content).join_from(snapshots, snapshot_owners)
        query = query.execution_options(in_bytes=True)
        mine = (snapshots.c.hash == name, snapshot_owners.c.owner == owner)
        with reading(self.engine) as connection:
            found = connection.execute(query.where(*mine)).scalar()
        if found is None:
            raise NoSuchJob(f"there is no snapshot {name}", hint="Upload the prices first.")
        return bytes(found)

    # Jobs.

    def submit(self, owner: str, request: Request, *, key: str | None = None, name: str | None = None) -> Job:
        """A new job, which waits for a worker; the earlier one when the key was used for the same request.

        It is called as its strategy is, unless there is a name for it.

        Raises:
            Refused: its prices are not here, or the key was used for another request.
            OverLimit: its owner has as much as may be.
            FormatError, StrategyError: its strategy cannot be read.
        """
        made_of = submitting.new(request, name)
        with writing(self.engine) as connection:
            return job_of(submitting.submit(connection, self.settings, owner, made_of, key))

    def get(self, owner: str, job: UUID) -> Job:
        """The job. Raises NoSuchJob."""
        with reading(self.engine) as connection:
            return job_of(_owned(connection, owner, job))

    def order(self, owner: str, job: UUID) -> Order:
        """What was asked, on which prices. Raises NoSuchJob."""
        with reading(self.engine) as connection:
            found = order_of(connection, jobs.c.id == job, jobs.c.owner == owner)
        if found is None:
            raise _no_such(job)
        return found

    def list(
        self, owner: str, *, states: Collection[State] | None = None, limit: int = 100, offset: int = 0
    ) -> Sequence[Job]:
        """The owner's jobs, the newest first."""
        latest = (jobs.c.created_at.desc(), jobs.c.id)
        query = select(*job_columns).where(*_those(owner, states)).order_by(*latest)
        with reading(self.engine) as connection:
            return [job_of(row) for row in connection.execute(query.limit(limit).offset(offset))]

    def count(self, owner: str, *, states: Collection[State] | None = None) -> int:
        """How many jobs the owner has."""
        with reading(self.engine) as connection:
            return connection.execute(select(func.count()).where(*_those(owner, states))).scalar_one()

    def ask(self, owner: str, job: UUID, event: Event) -> Job:
        """Pauses, resumes or cancels a job. Raises Refused, NoSuchJob."""
        with writing(self.engine) as connection:
            row = locked(connection, _owned(connection, owner, job).id)
            if row is not None:
                happen(connection, job, State(row.state), event, self.settings)
            return job_of(_owned(connection, owner, job))

    def prioritise(self, job: UUID, priority: int) -> Job:
        """Puts a job before all others (1 and more), or behind (−1 and less); for administrators.

        One that is raised does not wait for its owner's other jobs. Raises Refused, NoSuchJob.
        """
        with writing(self.engine) as connection:
            row = locked(connection, job)
            if row is None:
                raise _no_such(job)
            _require_open(row)
            connection.execute(update(jobs).where(jobs.c.id == job).values(priority=priority))
            if row.held and priority > 0:
                limits.release(connection, job, self.settings)
            else:
                tickets.reprioritise(connection, job, priority)
            return job_of(connection.execute(select(*job_columns).where(jobs.c.id == job)).one())

    def precede(self, owner: str, job: UUID, *, first: bool) -> Job:
        """Puts a job before all others of its owner's, or behind them. Raises Refused, NoSuchJob."""
        with writing(self.engine) as connection:
            row = locked(connection, _owned(connection, owner, job).id)
            if row is None:
                raise _no_such(job)
            _require_open(row)
            tickets.precede(connection, job, owner, first=first)
            return job_of(_owned(connection, owner, job))

    def remove(self, owner: str, job: UUID) -> Job:
        """Removes a job that has ended, with its results; returns it as it was. Raises Refused, NoSuchJob."""
        with writing(self.engine) as connection:
            row = locked(connection, _owned(connection, owner, job).id)
            if row is None:
                raise _no_such(job)
            retention.remove(connection, job, State(row.state))
            return job_of(row)

    def progress(self, owner: str, job: UUID) -> Progress:
        """How far the job is. Raises NoSuchJob."""
        with reading(self.engine) as connection:
            return measured(connection, job_of(_owned(connection, owner, job)), self.settings.lease_s)

    def milestones(self, owner: str, job: UUID, *, after: int = 0, limit: int = 1000) -> Sequence[Milestone]:
        """What happened to the job after the milestone of this number, oldest first. Raises NoSuchJob."""
        query = select(events).where(events.c.job == job, events.c.id > after).order_by(events.c.id)
        with reading(self.engine) as connection:
            _owned(connection, owner, job)
            return [Milestone(**row._mapping) for row in connection.execute(query.limit(limit))]

    # Results.

    def parts(self, owner: str, job: UUID) -> Sequence[Part]:
        """The ranges that are done, in the order of their rows; none when the job has ended."""
        query = select(
            parts.c.number, parts.c.first, parts.c.last, func.length(parts.c.content).label("size")
        )
        with reading(self.engine) as connection:
            _owned(connection, owner, job)
            found = connection.execute(query.where(parts.c.job == job).order_by(parts.c.first))
            return [Part(**row._mapping) for row in found]

    def contents(self, owner: str, job: UUID, numbers: Sequence[int]) -> Sequence[bytes]:
        """The Parquet bytes of ranges, in the order of their rows.

        Raises:
            NoSuchJob: there is none, or not all of these, because it has ended meanwhile.
        """
        query = select(parts.c.content).where(parts.c.job == job, parts.c.number.in_(numbers))
        query = query.order_by(parts.c.first).execution_options(in_bytes=True)
        with reading(self.engine) as connection:
            _owned(connection, owner, job)
            found = [bytes(content) for content in connection.execute(query).scalars()]
        if len(found) < len(numbers):
            raise NoSuchJob(f"job {job} lacks some of these parts", hint="When it has ended, it has files.")
        return found

    def files(self, owner: str, job: UUID) -> Sequence[File]:
        """The final files, by name; none until there is a result."""
        size = func.sum(func.length(files.c.content))
        query = select(files.c.name, size).where(files.c.job == job).group_by(files.c.name)
        with reading(self.engine) as connection:
            _owned(connection, owner, job)
            return [File(name=n, size=int(s)) for n, s in connection.execute(query.order_by(files.c.name))]

    def file(self, owner: str, job: UUID, name: str) -> Iterator[bytes]:
        """A final file in pieces of at most 8 MB. Raises NoSuchJob, before the first piece."""
        here = (files.c.job == job, files.c.name == name)
        with reading(self.engine) as connection:
            _owned(connection, owner, job)
            count = connection.execute(select(func.count()).where(*here)).scalar_one()
        if not count:
            raise NoSuchJob(f"job {job} has no file {name}", hint="Files are there when it is done.")
        return self._pieces(here, count)

    def _pieces(self, here: tuple[Any, ...], count: int) -> Iterator[bytes]:
        for piece in range(count):
            with reading(self.engine) as connection:
                query = select(files.c.content).where(*here, files.c.piece == piece)
                content = bytes(connection.execute(query.execution_options(in_bytes=True)).scalar_one())
            yield content

    # The house.

    def usage(self, owner: str) -> Mapping[limits.Limit, Usage]:
        """What the owner has of each limit, and may have."""
        with reading(self.engine) as connection:
            return limits.usage(connection, self.settings, owner)

    def workers(self) -> Sequence[WorkerSeen]:
        """The workers that were heard of within the last hour."""
        silent = silent_for(self.settings.lease_s)
        with reading(self.engine) as connection:
            found = connection.execute(select(workers, (~silent).label("alive")).order_by(workers.c.id))
            return [WorkerSeen(**row._mapping) for row in found]

    def states(self) -> Mapping[State, int]:
        """How many jobs of all users are in each state."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        with reading(self.engine) as connection:
            found = {State(state): count for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in State}

    def depth(self) -> int:
        """How many chunks wait for a worker."""
        with reading(self.engine) as connection:
            return depth(connection)


def job_of(row: Row[Any]) -> Job:
    """The job in a row."""
    return Job(**{**row._mapping, "state": State(row.state)})


def _those(owner: str, states: Collection[State] | None) -> tuple[Any, ...]:
    return (jobs.c.owner == owner, *(() if states is None else (jobs.c.state.in_(states),)))


def _owned(connection: Connection, owner: str, job: UUID) -> Row[Any]:
    mine = (jobs.c.id == job, jobs.c.owner == owner)
    found = connection.execute(select(*job_columns).where(*mine)).one_or_none()
    if found is None:
        raise _no_such(job)
    return found


def _require_open(row: Row[Any]) -> None:
    if row.state in ENDED:
        raise Refused(f"a job that is {row.state} has no place in the queue", hint=_ENDED)


def _no_such(job: UUID) -> NoSuchJob:
    return NoSuchJob(f"there is no job {job}", hint="`treefolio jobs list` shows those that there are.")
