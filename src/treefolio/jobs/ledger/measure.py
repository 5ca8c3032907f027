"""How far a job is, and when it will be done: from its chunks and those before it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Row, and_, cast, func, select, tuple_

from treefolio.jobs.ledger import limits
from treefolio.jobs.ledger.clock import ago, alive
from treefolio.jobs.ledger.records import ChunkState, Hand, Job, Progress, Work
from treefolio.jobs.states import WORKING, State
from treefolio.jobs.tables import chunks, jobs, users, workers

RECENT = 40
"""Ranges from which the rate is taken."""
_SURE = 0.02
"""No estimate is narrower."""
_TURNS = 5
"""A job to which no worker came for as many ranges' time was paused, or the service was down."""
_REMEMBERED_S = 3_600.0
"""How long chunks take is told from jobs that are under way, or ended within as long."""


def measured(connection: Connection, job: Job, lease_s: float) -> Progress:
    """The progress of a job."""
    found = _counted(connection, job)
    ranges = [each for each in found if each.work == Work.ROWS]
    recent = connection.execute(
        select(chunks)
        .where(chunks.c.job == job.id, chunks.c.work == Work.ROWS, chunks.c.state == ChunkState.DONE)
        .order_by(chunks.c.finished_at.desc())
        .limit(RECENT)
    ).all()
    rate, parallelism = _rates(recent)
    position, starts = _ahead(connection, job, lease_s)
    return Progress(
        job=job,
        chunks=dict.fromkeys(ChunkState, 0) | {ChunkState(each.state): each.many for each in ranges},
        rate=rate,
        eta_seconds=None if job.state not in WORKING or rate is None else _left(job, rate, recent),
        seconds={each.work: each.seconds for each in found if each.seconds is not None},
        parallelism=parallelism,
        workers=sum(each.many for each in found if each.state == ChunkState.TAKEN),
        hands=_hands(connection, job),
        cache_hits=sum(each.hits for each in ranges),
        cache_misses=sum(each.misses for each in ranges),
        queue=depth(connection),
        position=position,
        starts_in_seconds=starts,
    )


def _counted(connection: Connection, job: Job) -> Sequence[Row[Any]]:
    """The job's chunks by work and state: they are many, and looked through once."""
    kinds = (chunks.c.work, chunks.c.state)
    query = select(
        *kinds,
        func.count().label("many"),
        func.sum(chunks.c.seconds).label("seconds"),
        func.count().filter(chunks.c.warm).label("hits"),
        func.count().filter(~chunks.c.warm).label("misses"),
    )
    return connection.execute(query.where(chunks.c.job == job.id).group_by(*kinds)).all()


def depth(connection: Connection) -> int:
    """How many chunks wait for a worker."""
    waiting = (chunks.c.state == ChunkState.WAITING, jobs.c.state.in_(WORKING), ~jobs.c.held)
    return connection.execute(
        select(func.count()).join_from(chunks, jobs, jobs.c.id == chunks.c.job).where(*waiting)
    ).scalar_one()


def _hands(connection: Connection, job: Job) -> list[Hand]:
    """The workers that have a chunk of the job, in the order of its rows."""
    found = connection.execute(
        select(
            workers.c.id.label("worker"),
            workers.c.host,
            workers.c.pid,
            workers.c.version,
            _since(workers.c.beat).label("beat_s"),
            _since(chunks.c.begun_at).label("busy_s"),
            chunks.c.work,
            chunks.c.first,
            chunks.c.last,
        )
        .join_from(chunks, workers, workers.c.id == chunks.c.worker)
        .where(chunks.c.job == job.id, chunks.c.state == ChunkState.TAKEN)
        .order_by(chunks.c.work, chunks.c.first)
    )
    return [Hand(**{**row._mapping, "work": Work(row.work)}) for row in found]


def _since(moment: ColumnElement[dt.datetime]) -> ColumnElement[float]:
    """Seconds from then to now, by the database's clock."""
    return cast(func.extract("epoch", func.clock_timestamp() - moment), Double)


def _rates(recent: Sequence[Row[Any]]) -> tuple[float | None, float | None]:
    """Rows a second over the last ranges, and how many were under way at once."""
    if not recent:
        return None, None
    under_way = [(each.begun_at, max(each.begun_at, each.finished_at)) for each in recent]  # clocks move
    seconds = max(_span(under_way), 1e-3)
    return sum(each.last - each.first for each in recent) / seconds, sum(e.seconds for e in recent) / seconds


def _span(under_way: Sequence[tuple[dt.datetime, dt.datetime]]) -> float:
    """Seconds from the first beginning to the last end, without the times in which the job had no turn.

    Short times between two ranges count: other users' chunks have their turns in them.
    """
    ordered = sorted(under_way)
    longest = _TURNS * sum(((end - begin) for begin, end in ordered), dt.timedelta()) / len(ordered)
    until, span = ordered[0][0], dt.timedelta()
    for begin, end in ordered:
        idle = begin - until
        span += max(end - until, dt.timedelta()) - (idle if idle > longest else dt.timedelta())
        until = max(until, end)
    return span.total_seconds()


def _left(job: Job, rate: float, recent: Sequence[Row[Any]]) -> tuple[float, float, float] | None:
    """Seconds to the end: low, middle, high, as far apart as the ranges' speeds make likely."""
    if job.rows_total is None:
        return None
    middle = (job.rows_total - job.rows_done) / rate
    speeds = [(each.last - each.first) / max(each.seconds, 1e-6) for each in recent]
    mean = sum(speeds) / len(speeds)
    spread = math.sqrt(sum((speed - mean) ** 2 for speed in speeds) / len(speeds)) / mean
    wide = min(0.9, _SURE + 2 * spread / math.sqrt(len(speeds)))
    return middle * (1 - wide), middle, middle * (1 + wide)


def _ahead(connection: Connection, job: Job, lease_s: float) -> tuple[int | None, float | None]:
    """How many jobs will begin before this one, and in how many seconds it may begin."""
    if job.state is not State.QUEUED:
        return None, None
    place, others = _held_place(connection, job) if job.held else _place(connection, job)
    if place is None:
        return 0, None
    own = and_(jobs.c.owner == job.owner, tuple_(*limits.HELD_ORDER) < tuple_(*_standing(job)))
    before = and_(
        chunks.c.ticket.is_not(None),
        tuple_(-jobs.c.priority, chunks.c.tag, chunks.c.ticket) < tuple_(*place),
    )
    waits = chunks.c.state == ChunkState.WAITING
    is_open = chunks.c.state.in_((ChunkState.WAITING, ChunkState.TAKEN))
    many, chunks_before, rows_before = connection.execute(
        select(
            func.count(jobs.c.id.distinct()).filter(waits, before, jobs.c.state == State.QUEUED),
            func.count().filter(waits, own | (before & (jobs.c.owner != job.owner))),
            func.coalesce(func.sum(jobs.c.rows_total).filter(chunks.c.work == Work.PLAN, own), 0),
        )
        .select_from(chunks)
        .join(jobs, jobs.c.id == chunks.c.job)
        .where(is_open, jobs.c.state.in_(WORKING), jobs.c.id != job.id)
    ).one()
    return many + others, _lasting(connection, chunks_before, int(rows_before), lease_s)


def _lasting(connection: Connection, count: int, rows: int, lease_s: float) -> float | None:
    """Seconds that so many chunks take, and rows that are not cut into chunks yet, if they are as those of
    late; None where nothing is known of them."""
    ranges = chunks.c.work == Work.ROWS
    each_takes, each_has = connection.execute(
        select(func.avg(chunks.c.seconds), func.avg(chunks.c.last - chunks.c.first).filter(ranges))
        .join_from(chunks, jobs, jobs.c.id == chunks.c.job)
        .where(
            chunks.c.state == ChunkState.DONE,
            jobs.c.state.in_(WORKING) | (jobs.c.finished_at > ago(_REMEMBERED_S)),
        )
    ).one()
    hands = alive(connection, lease_s)
    if each_takes is None or not hands or (rows and not each_has):
        return None
    uncut = rows / float(each_has) if rows else 0.0
    return (count + uncut) * float(each_takes) / hands


def _place(connection: Connection, job: Job) -> tuple[tuple[int, int, int] | None, int]:
    """Where the first of a job's chunks stands in the queue; None when it has none there."""
    mine = (chunks.c.job == job.id, chunks.c.state == ChunkState.WAITING, chunks.c.ticket.is_not(None))
    first = connection.execute(
        select(chunks.c.tag, chunks.c.ticket).where(*mine).order_by(chunks.c.tag, chunks.c.ticket).limit(1)
    ).one_or_none()
    return (None if first is None else (-job.priority, first.tag, first.ticket)), 0


def _held_place(connection: Connection, job: Job) -> tuple[tuple[int, int, int], int]:
    """Behind all that its owner has in the queue; and how many others of the owner are let go before."""
    served = connection.execute(select(users.c.served).where(users.c.id == job.owner)).scalar_one()
    before = tuple_(*limits.HELD_ORDER) < tuple_(*_standing(job))
    others = connection.execute(
        select(func.count()).where(jobs.c.owner == job.owner, jobs.c.held, before)
    ).scalar_one()
    return (-job.priority, served, 0), others


def _standing(job: Job) -> tuple[object, ...]:
    """Where a job stands among those of its owner, as `limits.HELD_ORDER` has them."""
    return -job.priority, job.kind != "run", -job.precedence, job.created_at, job.id
