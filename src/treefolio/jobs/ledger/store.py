"""The ledger as those see it who submit and watch: jobs, their progress and results, snapshots.

Every query about a job is scoped by its owner: a job of somebody else is a job that there is not.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, create_engine, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from treefolio.errors import NoSuchJob, Refused
from treefolio.jobs import migrations, requests
from treefolio.jobs.ledger import tickets
from treefolio.jobs.ledger.bench import silent_for
from treefolio.jobs.ledger.measure import measured
from treefolio.jobs.ledger.records import ChunkState, File, Job, Milestone, Part, Progress, Work, WorkerSeen
from treefolio.jobs.ledger.transitions import CHANNEL, happen, locked, reached, tell
from treefolio.jobs.requests import Request
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import WORKING, Event, State
from treefolio.jobs.tables import chunks, events, files, jobs, parts, snapshots, users, workers

__all__ = ["CHANNEL", "Store", "engine_of", "open_store"]


PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 15_000}
"""Of a connection, as libpq calls it: seconds to make it, milliseconds until a silent network is given up."""


def engine_of(url: str, *, connections: int = 10) -> Engine:
    """An engine for ``postgresql://…``."""
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        url = f"postgresql+psycopg://{rest}"
    return create_engine(
        url, pool_size=connections, max_overflow=0, pool_pre_ping=True, connect_args=PATIENCE
    )


def open_store(url: str, settings: JobSettings | None = None) -> Store:
    """The ledger at a URL; `migrations.upgrade` makes its tables."""
    return Store(engine_of(url), settings)


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
        with reached(), self.engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    def has_snapshot(self, name: str) -> bool:
        """The prices with this hash are here."""
        with reached(), self.engine.connect() as connection:
            return bool(connection.execute(select(func.count()).where(snapshots.c.hash == name)).scalar())

    def put_snapshot(self, name: str, content: bytes) -> None:
        """Keeps a snapshot's file under its panel's hash, which the caller has checked."""
        statement = postgresql.insert(snapshots).values(hash=name, content=content)
        with reached(), self.engine.begin() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def snapshot(self, name: str) -> bytes:
        """The file of a snapshot. Raises NoSuchJob."""
        with reached(), self.engine.connect() as connection:
            found = connection.execute(select(snapshots.c.content).where(snapshots.c.hash == name)).scalar()
        if found is None:
            raise NoSuchJob(f"there is no snapshot {name}", hint="Upload the prices first.")
        return bytes(found)

    # Jobs.

    def submit(self, owner: str, request: Request, *, key: str | None = None) -> Job:
        """A new job, which waits for a worker; the earlier one when the key was used for the same request.

        Raises:
            Refused: its prices are not here, or the key was used for another request.
            FormatError, StrategyError: its strategy cannot be read.
        """
        asked = requests.to_json(request)
        work = Work.PLAN if isinstance(request, requests.SweepRequest) else Work.RUN
        values = {
            "id": uuid.uuid4(),
            "owner": owner,
            "kind": requests.kind_of(request),
            "name": requests.name_of(request),
            "state": State.QUEUED,
            "request": asked,
            "snapshot": request.asked.snapshot,
            "rows_total": 1 if work is Work.RUN else None,
            "key": key,
        }
        if not self.has_snapshot(request.asked.snapshot):
            raise Refused(
                f"there is no snapshot {request.asked.snapshot}", hint="Upload the prices, then submit."
            )
        with reached(), self.engine.begin() as connection:
            statement = postgresql.insert(jobs).values(values)
            made = connection.execute(
                statement.on_conflict_do_nothing(constraint="jobs_owner_key").returning(jobs)
            ).one_or_none()
            if made is None:
                return _same(connection, owner, key, asked)
            rows = values["rows_total"] or 0
            first = {"job": made.id, "work": work, "number": 0, "first": 0, "last": rows}
            connection.execute(insert(chunks).values(**first, state=ChunkState.WAITING, tag=0))
            tickets.enqueue(connection, made.id, self.settings.tiers)
            tell(connection, made.id, "state", {"state": State.QUEUED})
            return job_of(made)

    def get(self, owner: str, job: UUID) -> Job:
        """The job. Raises NoSuchJob."""
        with reached(), self.engine.connect() as connection:
            return job_of(_owned(connection, owner, job))

    def list(
        self, owner: str, *, states: Collection[State] | None = None, limit: int = 100, offset: int = 0
    ) -> Sequence[Job]:
        """The owner's jobs, the newest first."""
        query = select(jobs).where(*_those(owner, states)).order_by(jobs.c.created_at.desc(), jobs.c.id)
        with reached(), self.engine.connect() as connection:
            return [job_of(row) for row in connection.execute(query.limit(limit).offset(offset))]

    def count(self, owner: str, *, states: Collection[State] | None = None) -> int:
        """How many jobs the owner has."""
        with reached(), self.engine.connect() as connection:
            return connection.execute(select(func.count()).where(*_those(owner, states))).scalar_one()

    def ask(self, owner: str, job: UUID, event: Event) -> Job:
        """Pauses, resumes or cancels a job. Raises Refused, NoSuchJob."""
        with reached(), self.engine.begin() as connection:
            row = locked(connection, _owned(connection, owner, job).id)
            if row is not None:
                happen(connection, job, State(row.state), event, self.settings.tiers)
            return job_of(_owned(connection, owner, job))

    def prioritise(self, job: UUID, priority: int) -> None:
        """Puts a job before all others (1 and more), or behind (−1 and less); for administrators."""
        with reached(), self.engine.begin() as connection:
            if locked(connection, job) is None:
                raise _no_such(job)
            connection.execute(update(jobs).where(jobs.c.id == job).values(priority=priority))
            tickets.reprioritise(connection, job, priority)

    def progress(self, owner: str, job: UUID) -> Progress:
        """How far the job is. Raises NoSuchJob."""
        with reached(), self.engine.connect() as connection:
            return measured(connection, job_of(_owned(connection, owner, job)), self.settings.lease_s)

    def milestones(self, owner: str, job: UUID, *, after: int = 0, limit: int = 1000) -> Sequence[Milestone]:
        """What happened to the job after the milestone of this number, oldest first. Raises NoSuchJob."""
        query = select(events).where(events.c.job == job, events.c.id > after).order_by(events.c.id)
        with reached(), self.engine.connect() as connection:
            _owned(connection, owner, job)
            return [Milestone(**row._mapping) for row in connection.execute(query.limit(limit))]

    # Results.

    def parts(self, owner: str, job: UUID) -> Sequence[Part]:
        """The ranges that are done, in the order of their rows; none when the job has ended."""
        query = select(
            parts.c.number, parts.c.first, parts.c.last, func.length(parts.c.content).label("size")
        )
        with reached(), self.engine.connect() as connection:
            _owned(connection, owner, job)
            found = connection.execute(query.where(parts.c.job == job).order_by(parts.c.first))
            return [Part(**row._mapping) for row in found]

    def part(self, owner: str, job: UUID, number: int) -> bytes:
        """The Parquet bytes of a range. Raises NoSuchJob, also when the job has ended meanwhile."""
        query = select(parts.c.content).where(parts.c.job == job, parts.c.number == number)
        with reached(), self.engine.connect() as connection:
            _owned(connection, owner, job)
            found = connection.execute(query).scalar()
        if found is None:
            raise NoSuchJob(f"job {job} has no part {number}", hint="When it has ended, it has files.")
        return bytes(found)

    def files(self, owner: str, job: UUID) -> Sequence[File]:
        """The final files, by name; none until there is a result."""
        size = func.sum(func.length(files.c.content))
        query = select(files.c.name, size).where(files.c.job == job).group_by(files.c.name)
        with reached(), self.engine.connect() as connection:
            _owned(connection, owner, job)
            return [File(name=n, size=int(s)) for n, s in connection.execute(query.order_by(files.c.name))]

    def file(self, owner: str, job: UUID, name: str) -> Iterator[bytes]:
        """A final file in pieces of at most 8 MB. Raises NoSuchJob, before the first piece."""
        here = (files.c.job == job, files.c.name == name)
        with reached(), self.engine.connect() as connection:
            _owned(connection, owner, job)
            count = connection.execute(select(func.count()).where(*here)).scalar_one()
        if not count:
            raise NoSuchJob(f"job {job} has no file {name}", hint="Files are there when it is done.")
        return self._pieces(here, count)

    def _pieces(self, here: tuple[Any, ...], count: int) -> Iterator[bytes]:
        for piece in range(count):
            with reached(), self.engine.connect() as connection:
                query = select(files.c.content).where(*here, files.c.piece == piece)
                content = bytes(connection.execute(query).scalar_one())
            yield content

    # The house.

    def workers(self) -> Sequence[WorkerSeen]:
        """The workers that were heard of within the last hour."""
        silent = silent_for(self.settings.lease_s)
        with reached(), self.engine.connect() as connection:
            found = connection.execute(select(workers, (~silent).label("alive")).order_by(workers.c.id))
            return [WorkerSeen(**row._mapping) for row in found]

    def depth(self) -> int:
        """How many chunks wait for a worker."""
        query = select(func.count()).join_from(chunks, jobs)
        waiting = (chunks.c.state == ChunkState.WAITING, jobs.c.state.in_(WORKING))
        with reached(), self.engine.connect() as connection:
            return connection.execute(query.where(*waiting)).scalar_one()


def job_of(row: Row[Any]) -> Job:
    """The job in a row."""
    return Job(**{**row._mapping, "state": State(row.state)})


def _those(owner: str, states: Collection[State] | None) -> tuple[Any, ...]:
    return (jobs.c.owner == owner, *(() if states is None else (jobs.c.state.in_(states),)))


def _owned(connection: Connection, owner: str, job: UUID) -> Row[Any]:
    found = connection.execute(select(jobs).where(jobs.c.id == job, jobs.c.owner == owner)).one_or_none()
    if found is None:
        raise _no_such(job)
    return found


def _no_such(job: UUID) -> NoSuchJob:
    return NoSuchJob(f"there is no job {job}", hint="`treefolio jobs list` shows those that there are.")


def _same(connection: Connection, owner: str, key: str | None, asked: dict[str, object]) -> Job:
    """The job that was submitted with this key before."""
    found = connection.execute(select(jobs).where(jobs.c.owner == owner, jobs.c.key == key)).one()
    if json.dumps(found.request) != json.dumps(asked):
        raise Refused(
            f"the key {key} was used for another job, {found.id}", hint="Choose another key for a new job."
        )
    return job_of(found)
