"""An attempt at a chunk: whether it is still valid, and what becomes of its chunk when it ends.

All of it happens in a transaction that `bench.Bench` began, with the job's row locked first.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, update

from treefolio.jobs.ledger import tickets
from treefolio.jobs.ledger.records import Chunk, ChunkState, Work
from treefolio.jobs.ledger.transitions import happen, locked, settle, tell
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import COUNTING, WORKING, Event, State
from treefolio.jobs.tables import chunks, jobs

MOST_LOST = 20
"""A chunk that so many workers did not survive is given up: it may be the reason."""
LONGEST_PAUSE_S = 300.0
"""Whoever makes room again waits no longer for what waited for it, unless the settings say so."""
_MOST_DOUBLED = 30
"""Times: a number that is doubled as often as a chunk may be tried is too large."""


def own(chunk: Chunk) -> tuple[Any, ...]:
    """The chunk is still taken, by the same attempt."""
    return (
        chunks.c.job == chunk.job,
        chunks.c.work == chunk.work,
        chunks.c.number == chunk.number,
        chunks.c.attempt == chunk.attempt,
        chunks.c.state == ChunkState.TAKEN,
    )


def wanted(connection: Connection, chunk: Chunk) -> bool:
    """The attempt is valid, and what comes of it counts."""
    query = select(func.count()).join_from(chunks, jobs).where(*own(chunk), jobs.c.state.in_(COUNTING))
    return bool(connection.execute(query).scalar_one())


def stays_wanted(connection: Connection, chunk: Chunk) -> bool:
    """As above, and it stays so until the transaction ends."""
    return locked(connection, chunk.job) is not None and wanted(connection, chunk)


def done(connection: Connection, chunk: Chunk, seconds: float, warm: bool | None = None) -> State | None:
    """Marks the chunk done; returns its job's state. None when the attempt is not valid any more."""
    row = locked(connection, chunk.job)
    if row is None or row.state not in COUNTING:
        return None
    marked = connection.execute(
        update(chunks)
        .where(*own(chunk))
        .values(state=ChunkState.DONE, finished_at=func.now(), seconds=seconds, worker=None, warm=warm)
    ).rowcount
    return State(row.state) if marked else None


def count(connection: Connection, chunk: Chunk, *, failed: bool) -> None:
    """The rows of a range are among those that are done."""
    rows = chunk.last - chunk.first
    so_far, total = connection.execute(
        update(jobs)
        .where(jobs.c.id == chunk.job)
        .values(rows_done=jobs.c.rows_done + rows, rows_failed=jobs.c.rows_failed + (rows if failed else 0))
        .returning(jobs.c.rows_done, jobs.c.rows_total)
    ).one()
    tell(connection, chunk.job, "rows", {"done": so_far, "total": total})


def conclude(connection: Connection, chunk: Chunk, state: State, settings: JobSettings) -> None:
    """After the last range comes the end.

    The job's chunks are looked through once, when all rows are counted: they are many, and its row is locked.
    """
    counted = (jobs.c.id == chunk.job, jobs.c.rows_done >= jobs.c.rows_total)
    priority = connection.execute(select(jobs.c.priority).where(*counted)).scalar()
    if priority is not None:
        _begin_end(connection, chunk.job, state, priority)
    settle(connection, chunk.job, state, settings)


def _begin_end(connection: Connection, job: UUID, state: State, priority: int) -> None:
    """Makes the chunk that makes the final files, if no other one is open."""
    still, tag = connection.execute(
        select(
            func.count().filter(chunks.c.state.in_((ChunkState.WAITING, ChunkState.TAKEN))),
            func.min(chunks.c.tag),
        ).where(chunks.c.job == job)
    ).one()
    if still:
        return
    ending = {"job": job, "work": Work.FINISH, "number": 0, "first": 0, "last": 0}
    made = connection.execute(
        insert(chunks)
        .values(**ending, state=ChunkState.WAITING, tag=tag)
        .returning(chunks.c.job, chunks.c.work, chunks.c.number)
    ).all()
    if state in WORKING:
        tickets.put(connection, made, [tag], priority)


class End(Enum):
    """How an attempt ended that brought nothing."""

    HANDED_BACK = auto()
    """Its worker ends, or shall not go on."""
    LOST = auto()
    """Its worker is gone."""
    FAILED = auto()
    """The next one may do better."""
    HOPELESS = auto()
    """The next one would fail as well."""
    WAITS = auto()
    """For what its reason says, however often that takes; until its end the job says so."""


def release(
    connection: Connection, chunk: Chunk, end: End, reason: str | None, settings: JobSettings
) -> bool:
    """Takes the chunk from whoever has this attempt; then it waits again, or is given up.

    False: the attempt is not valid any more.
    """
    row = locked(connection, chunk.job)
    if row is None:
        return False
    freed = connection.execute(
        update(chunks)
        .where(*own(chunk))
        .values(
            state=ChunkState.WAITING,
            attempt=chunks.c.attempt + 1,
            failures=chunks.c.failures + int(end in (End.FAILED, End.HOPELESS)),
            lost=chunks.c.lost + int(end is End.LOST),
            worker=None,
            reason=reason,
        )
        .returning(chunks)
    ).one_or_none()
    if freed is None:
        return False
    state = State(row.state)
    if end is End.WAITS:
        connection.execute(update(jobs).where(jobs.c.id == chunk.job).values(reason=reason))
        tell(connection, chunk.job, "waits", {"work": chunk.work, "reason": reason})
    if end is End.HOPELESS or freed.failures >= settings.chunk_tries or freed.lost >= MOST_LOST:
        _give_up(connection, chunk, state, reason or "", settings)
    elif state in WORKING:
        rest = _rest(freed, end, settings)
        tickets.put(connection, [freed], [freed.tag], row.priority, pause_seconds=rest)
    now = connection.execute(select(jobs.c.state).where(jobs.c.id == chunk.job)).scalar_one()
    settle(connection, chunk.job, State(now), settings)
    return True


def _give_up(connection: Connection, chunk: Chunk, state: State, reason: str, settings: JobSettings) -> None:
    """A range that is given up is counted, and its rows will say why; anything else fails the job."""
    connection.execute(
        update(chunks)
        .where(chunks.c.job == chunk.job, chunks.c.work == chunk.work, chunks.c.number == chunk.number)
        .values(state=ChunkState.FAILED, finished_at=func.now())
    )
    data = {"work": chunk.work, "first": chunk.first, "last": chunk.last, "reason": reason}
    tell(connection, chunk.job, "chunk_failed", data)
    if chunk.work is not Work.ROWS:
        happen(connection, chunk.job, state, Event.FAIL, settings, reason)
        return
    count(connection, chunk, failed=True)
    if state is not State.CANCELLING:
        conclude(connection, chunk, state, settings)


def _rest(chunk: Row[Any], end: End, settings: JobSettings) -> float:
    """Seconds until a chunk whose attempt ended so is tried again: what was away may be back then.

    After the pauses of the settings, each is twice as long as the one before.
    """
    if end in (End.HANDED_BACK, End.LOST):
        return 0.0
    tries = chunk.attempt // 2 if end is End.WAITS else chunk.failures  # it was taken, and let go
    pauses = settings.chunk_pauses_s
    further = min(max(tries - len(pauses), 0), _MOST_DOUBLED)
    return min(pauses[min(tries, len(pauses)) - 1] * 2.0**further, longest_pause(settings))


def longest_pause(settings: JobSettings) -> float:
    """Seconds; no chunk that failed is tried later."""
    return max(*settings.chunk_pauses_s, LONGEST_PAUSE_S)


def chunk_of(row: Row[Any]) -> Chunk:
    """The chunk in a row."""
    return Chunk(
        job=row.job,
        work=Work(row.work),
        number=row.number,
        first=row.first,
        last=row.last,
        state=ChunkState(row.state),
        attempt=row.attempt,
        failures=row.failures,
        lost=row.lost,
        worker=row.worker,
        begun_at=row.begun_at,
        finished_at=row.finished_at,
        seconds=row.seconds,
        reason=row.reason,
    )
