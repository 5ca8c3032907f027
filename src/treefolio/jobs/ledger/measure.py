"""How far a job is, and when it will be done: from its chunks and those before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from treefolio.jobs.fairness import rank
from treefolio.jobs.ledger.bench import silent_for
from treefolio.jobs.ledger.records import ChunkState, Job, Progress, Work
from treefolio.jobs.states import ENDED, WORKING, State
from treefolio.jobs.tables import chunks, jobs, workers

RECENT = 40
"""Ranges from which the rate is taken."""
_SURE = 0.02
"""No estimate is narrower."""


def measured(connection: Connection, job: Job, lease_s: float) -> Progress:
    """The progress of a job."""
    mine = chunks.c.job == job.id
    ranges = (mine, chunks.c.work == Work.ROWS)
    counts = connection.execute(select(chunks.c.state, func.count()).where(*ranges).group_by(chunks.c.state))
    seconds = connection.execute(
        select(chunks.c.work, func.sum(chunks.c.seconds)).where(mine).group_by(chunks.c.work)
    )
    recent = connection.execute(
        select(chunks)
        .where(*ranges, chunks.c.state == ChunkState.DONE)
        .order_by(chunks.c.finished_at.desc())
        .limit(RECENT)
    ).all()
    taken = connection.execute(
        select(func.count()).where(mine, chunks.c.state == ChunkState.TAKEN)
    ).scalar_one()
    rate, parallelism = _rates(recent)
    ended = job.state in ENDED
    position, starts = _ahead(connection, job, lease_s)
    return Progress(
        job=job,
        chunks=dict.fromkeys(ChunkState, 0) | {ChunkState(state): count for state, count in counts},
        rate=rate,
        eta_seconds=None if ended or rate is None else _left(job, rate, recent),
        seconds={work: total for work, total in seconds if total is not None},
        parallelism=parallelism,
        workers=taken,
        position=position,
        starts_in_seconds=starts,
    )


def _rates(recent: Sequence[Row[Any]]) -> tuple[float | None, float | None]:
    """Rows a second over the last ranges, and how many were under way at once."""
    if not recent:
        return None, None
    span = max(each.finished_at for each in recent) - min(each.begun_at for each in recent)
    seconds = max(span.total_seconds(), 1e-3)
    return sum(each.last - each.first for each in recent) / seconds, sum(e.seconds for e in recent) / seconds


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
    waiting = connection.execute(
        select(chunks.c.job, chunks.c.tag, jobs.c.priority, jobs.c.state)
        .join(jobs, jobs.c.id == chunks.c.job)
        .where(chunks.c.state == ChunkState.WAITING, jobs.c.state.in_(WORKING))
    ).all()
    ranks = [rank(each.tag, each.priority) for each in waiting]
    own = max((r for r, each in zip(ranks, waiting, strict=True) if each.job == job.id), default=None)
    if own is None:
        return 0, None
    before = [each for r, each in zip(ranks, waiting, strict=True) if r > own and each.job != job.id]
    each_takes = connection.execute(
        select(func.avg(chunks.c.seconds)).where(chunks.c.state == ChunkState.DONE)
    ).scalar()
    alive = connection.execute(
        select(func.count()).select_from(workers).where(~silent_for(lease_s))
    ).scalar_one()
    starts = None if each_takes is None or not alive else len(before) * float(each_takes) / alive
    return len({each.job for each in before if each.state == State.QUEUED}), starts
