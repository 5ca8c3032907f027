"""The ledger as workers see it: who has which chunk, and what came of it.

A chunk that is taken carries the number of the attempt. Whoever brings a result says which attempt it is of:
one that was taken away meanwhile, because its worker was silent for longer than a lease, writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from treefolio.errors import NoSuchJob
from treefolio.jobs import locks
from treefolio.jobs.ledger import attempts, clock, limits, tickets
from treefolio.jobs.ledger.attempts import End, chunk_of
from treefolio.jobs.ledger.clock import silent_for, within
from treefolio.jobs.ledger.database import name_of, reading, writing
from treefolio.jobs.ledger.records import Chunk, ChunkState, Figures, Work
from treefolio.jobs.ledger.transitions import happen, locked, locked_at_once, settle, tell
from treefolio.jobs.locks import Lock
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import WORKING, Event, State
from treefolio.jobs.tables import chunks, files, jobs, parts, snapshots, workers

PIECE = 8_000_000
"""Bytes of a file in one row."""
FORGET_S = 3_600.0
"""A worker that is silent for so long is no longer listed."""


class Bench:
    """What workers ask of the ledger. Methods raise DatabaseError."""

    def __init__(self, engine: Engine, settings: JobSettings) -> None:
        self.engine = engine
        self.settings = settings

    # The worker itself.

    def enter(self, host: str, pid: int, version: str) -> int:
        """Makes a worker known; returns its number."""
        with writing(self.engine) as connection:
            made = connection.execute(
                insert(workers).values(host=host, pid=pid, version=version).returning(workers.c.id)
            )
            return int(made.scalar_one())

    def leave(self, worker: int) -> None:
        """The worker ends; what it still has is free."""
        with writing(self.engine) as connection:
            connection.execute(delete(workers).where(workers.c.id == worker))
        self.expire()

    def beat(self, worker: int, chunk: Chunk | None) -> tuple[bool, bool]:
        """The worker is there. Returns whether it is known, and whether it shall go on with its chunk."""
        name = None if chunk is None else f"{chunk.job}/{chunk.work}/{chunk.number}/{chunk.attempt}"
        with writing(self.engine) as connection:
            known = connection.execute(
                update(workers).where(workers.c.id == worker).values(beat=func.now(), chunk=name)
            ).rowcount
            return bool(known), chunk is None or attempts.wanted(connection, chunk)

    def wanted(self, chunk: Chunk) -> bool:
        """The worker shall go on with its chunk; nothing is written."""
        with reading(self.engine) as connection:
            return attempts.wanted(connection, chunk)

    def alive(self) -> int:
        """How many workers are there."""
        with reading(self.engine) as connection:
            return clock.alive(connection, self.settings.lease_s)

    # A chunk.

    def claim(self, worker: int, job: UUID, work: Work, number: int) -> Chunk | None:
        """The chunk, now this worker's; None when somebody else has it, it is done, or its job rests."""
        with writing(self.engine) as connection:
            row = locked(connection, job)
            if row is None or row.held or row.state not in WORKING:
                return None
            taken = connection.execute(
                update(chunks)
                .where(
                    chunks.c.job == job,
                    chunks.c.work == work,
                    chunks.c.number == number,
                    chunks.c.state == ChunkState.WAITING,
                )
                .values(
                    state=ChunkState.TAKEN,
                    attempt=chunks.c.attempt + 1,
                    worker=worker,
                    begun_at=func.clock_timestamp(),  # it may have waited for the job's row
                    reason=None,
                )
                .returning(chunks)
            ).one_or_none()
            if taken is None:
                return None
            happen(connection, job, State(row.state), Event.BEGIN, self.settings)
            tickets.take(connection, row.owner, taken.tag, row.priority)
            return chunk_of(taken)

    def finish_plan(self, chunk: Chunk, rows: int, ranges: Sequence[tuple[int, int]], seconds: float) -> bool:
        """A sweep is planned: its ranges wait for workers. False: the attempt is not valid any more."""
        with writing(self.engine) as connection:
            state = attempts.done(connection, chunk, seconds)
            if state is None:
                return False
            connection.execute(update(jobs).where(jobs.c.id == chunk.job).values(rows_total=rows))
            connection.execute(
                insert(chunks),
                [
                    {
                        "job": chunk.job,
                        "work": Work.ROWS,
                        "number": number,
                        "first": first,
                        "last": last,
                        "state": ChunkState.WAITING,
                        "tag": 0,
                    }
                    for number, (first, last) in enumerate(ranges)
                ],
            )
            tell(connection, chunk.job, "planned", {"rows": rows, "chunks": len(ranges)})
            if state in WORKING:
                tickets.enqueue(connection, chunk.job, self.settings)
            settle(connection, chunk.job, state, self.settings)
            return True

    def finish_rows(self, chunk: Chunk, content: bytes, seconds: float, *, warm: bool | None = None) -> bool:
        """A range is done and these are its rows. False: the attempt is not valid any more.

        ``warm``: its worker was ready for the job before.
        """
        with writing(self.engine) as connection:
            state = attempts.done(connection, chunk, seconds, warm)
            if state is None:
                return False
            connection.execute(
                insert(parts).values(
                    job=chunk.job, number=chunk.number, first=chunk.first, last=chunk.last, content=content
                )
            )
            attempts.count(connection, chunk, failed=False)
            attempts.conclude(connection, chunk, state, self.settings)
            return True

    def finish_files(
        self, chunk: Chunk, folder: Path, names: Sequence[str], *, missing: str | None, seconds: float
    ) -> bool:
        """The job has its result: these files of the folder. False: the attempt is not valid any more.

        ``missing``: what of the job failed, in words; None when nothing did.
        """
        with writing(self.engine) as connection:
            state = attempts.done(connection, chunk, seconds)
            if state is None:
                return False
            for name in names:
                for number, content in enumerate(_pieces(folder / name)):
                    connection.execute(
                        insert(files).values(job=chunk.job, name=name, piece=number, content=content)
                    )
            if chunk.work is Work.RUN:
                whole = func.coalesce(jobs.c.rows_total, 1)
                connection.execute(
                    update(jobs).where(jobs.c.id == chunk.job).values(rows_done=whole, rows_total=whole)
                )
            event = Event.FINISH if missing is None else Event.FINISH_PARTLY
            happen(connection, chunk.job, state, event, self.settings, missing)
            return True

    def fail(self, chunk: Chunk, reason: str, *, for_good: bool = False, passing: bool = False) -> bool:
        """An attempt failed: the chunk is tried again, or given up. False: it is not valid any more.

        ``for_good``: the next attempt would fail as well. ``passing``: what was wrong may be gone by then, as
        a full disk. When the files are to be made all rows are there, so that is tried until it is done.
        """
        with writing(self.engine) as connection:
            end = End.HOPELESS if for_good else End.FAILED
            if passing and chunk.work is Work.FINISH:
                end = End.WAITS
            return attempts.release(connection, chunk, end, reason, self.settings)

    def hand_back(self, chunk: Chunk) -> bool:
        """The worker ends, or shall not go on: somebody else may take the chunk."""
        with writing(self.engine) as connection:
            return attempts.release(connection, chunk, End.HANDED_BACK, None, self.settings)

    # Chunks without a worker.

    def expire(self) -> int:
        """Takes chunks away from workers that are gone, or silent for longer than a lease; says how many.

        Those of a job whose row somebody has are passed over. That may be the worker itself, which was
        stopped as it wrote, or sent a result: its connections end, so at the next look the row is free.
        """
        lease = self.settings.lease_s
        name = func.concat_ws("/", chunks.c.job, chunks.c.work, chunks.c.number, chunks.c.attempt)
        forgotten = workers.c.chunk.is_distinct_from(name) & ~within(lease, chunks.c.begun_at)
        with writing(self.engine) as connection:
            early = workers.c.beat > func.now()  # the clock was put back: a lease from here
            connection.execute(update(workers).where(early).values(beat=func.now()))
            found = connection.execute(
                select(chunks)
                .outerjoin(workers, workers.c.id == chunks.c.worker)
                .where(
                    chunks.c.state == ChunkState.TAKEN,
                    workers.c.id.is_(None) | silent_for(lease) | forgotten,
                )
            ).all()
        return sum(self._taken_away(chunk_of(row)) for row in found)

    def _taken_away(self, chunk: Chunk) -> bool:
        reason = "its worker ended before its time"
        with writing(self.engine) as connection:
            if not locked_at_once(connection, chunk.job):
                self._break_off(connection, chunk)
                return False
            return attempts.release(connection, chunk, End.LOST, reason, self.settings)

    def _break_off(self, connection: Connection, chunk: Chunk) -> None:
        """Ends what the chunk's worker has under way in the database, if it says nothing any more."""
        silent = (workers.c.id == chunk.worker, silent_for(self.settings.lease_s))
        found = connection.execute(select(workers.c.host, workers.c.pid).where(*silent)).one_or_none()
        if found is not None:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = :name and usename = current_user"
                ),
                {"name": name_of(found.host, found.pid)},
            )

    def look(self) -> int:
        """Puts waiting chunks in the queue again whose task is lost; says how many.

        Tasks of a Procrastinate worker that is silent for longer than a lease are lost. Those that rest for
        longer than any pause were put there while the database's clock was another: they rest no longer.
        """
        with writing(self.engine) as connection:
            tickets.forget(connection, self.settings.lease_s)
            tickets.hasten(connection, attempts.longest_pause(self.settings))
            lost = tickets.put_lost(connection)
            connection.execute(delete(workers).where(silent_for(FORGET_S)))
        self._let_go()
        return lost

    def _let_go(self) -> None:
        """Jobs that are held although there is room: whoever made it could not have their rows.

        While somebody gives places, this can wait until the next look.
        """
        with reading(self.engine) as connection:
            owners = connection.execute(select(jobs.c.owner).where(jobs.c.held).distinct()).scalars().all()
        for owner in owners:
            with writing(self.engine) as connection:
                if locks.tried(connection, Lock.PLACES):
                    limits.let_go(connection, owner, self.settings)

    # What a chunk is of.

    def snapshot(self, name: str) -> bytes:
        """The file of a snapshot. Raises NoSuchJob."""
        query = select(snapshots.c.content).where(snapshots.c.hash == name)
        with reading(self.engine) as connection:
            found = connection.execute(query.execution_options(in_bytes=True)).scalar()
        if found is None:
            raise NoSuchJob(f"there is no snapshot {name}")
        return bytes(found)

    def parts(self, job: UUID) -> list[tuple[int, int, int]]:
        """Number, first and last row of the ranges that are done, in the order of their rows."""
        query = select(parts.c.number, parts.c.first, parts.c.last).where(parts.c.job == job)
        with reading(self.engine) as connection:
            return [(n, first, last) for n, first, last in connection.execute(query.order_by(parts.c.first))]

    def part(self, job: UUID, number: int) -> bytes:
        """The Parquet bytes of a range that is done."""
        query = select(parts.c.content).where(parts.c.job == job, parts.c.number == number)
        with reading(self.engine) as connection:
            return bytes(connection.execute(query.execution_options(in_bytes=True)).scalar_one())

    def given_up(self, job: UUID) -> list[Chunk]:
        """The job's ranges that failed."""
        query = select(chunks).where(chunks.c.job == job, chunks.c.state == ChunkState.FAILED)
        with reading(self.engine) as connection:
            return [chunk_of(row) for row in connection.execute(query.order_by(chunks.c.first))]

    def figures(self, job: UUID) -> Figures:
        """What the ranges of a job took."""
        ranges = chunks.c.work == Work.ROWS
        span = func.max(chunks.c.finished_at).filter(ranges) - func.min(chunks.c.begun_at).filter(ranges)
        query = select(
            func.coalesce(func.sum(chunks.c.seconds).filter(ranges), 0.0).label("execution"),
            func.coalesce(func.sum(chunks.c.seconds).filter(chunks.c.work == Work.PLAN), 0.0).label("plan"),
            func.extract("epoch", span).label("span"),
            func.count().filter(ranges).label("chunks"),
        ).where(chunks.c.job == job)
        with reading(self.engine) as connection:
            row = connection.execute(query).one()
        return Figures(
            execution=row.execution, plan=row.plan, span=float(row.span or 0.0), chunks=int(row.chunks)
        )


def _pieces(path: Path) -> Iterator[bytes]:
    """A file's content in pieces; an empty file has one."""
    with path.open("rb") as stream:
        yield stream.read(PIECE)
        while content := stream.read(PIECE):
            yield content
