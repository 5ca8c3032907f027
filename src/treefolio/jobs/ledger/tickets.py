"""Waiting chunks as tasks of Procrastinate, put and taken back in the ledger's own transactions.

A chunk's ticket is the number of its newest task there. A task that is there twice does no harm: only one
worker can claim its chunk. One that is lost is put again by `bench.Bench.look`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import procrastinate
from procrastinate.jobs import Job as Task
from procrastinate.manager import JobManager
from sqlalchemy import Connection, bindparam, func, select, text, update

from treefolio.jobs import fairness
from treefolio.jobs.states import WORKING
from treefolio.jobs.tables import chunks, jobs, users

QUEUE = "chunks"
TASK = "chunk"
_FAIR = 7_336_453_656
"""Of Postgres' advisory locks: places in virtual time are given one after the other."""
_manager = JobManager(procrastinate.SyncPsycopgConnector())
"""Never opened: it is given the ledger's connection."""


def enqueue(connection: Connection, job: UUID, weights: dict[str, float]) -> None:
    """Gives the job's waiting chunks their places behind all that its owner has waiting."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _FAIR})
    now = _now(connection)
    owner = connection.execute(
        select(users.c.id, users.c.tier, users.c.served, jobs.c.priority)
        .join(jobs, jobs.c.owner == users.c.id)
        .where(jobs.c.id == job)
    ).one()
    waiting = connection.execute(
        select(chunks.c.job, chunks.c.work, chunks.c.number)
        .where(chunks.c.job == job, chunks.c.state == "waiting")
        .order_by(chunks.c.number)
    ).all()
    found = fairness.places(now, owner.served, len(waiting), weights.get(owner.tier, 1.0))
    connection.execute(update(users).where(users.c.id == owner.id).values(served=found.served))
    put(connection, waiting, found.tags, owner.priority)


def put(connection: Connection, found: Sequence[Any], tags: Sequence[int], priority: int) -> None:
    """Puts chunks of one job, rows with job, work and number, in the queue with these tags."""
    if not found:
        return
    tasks = [
        Task(
            id=None,
            queue=QUEUE,
            lock=None,
            queueing_lock=None,
            task_name=TASK,
            priority=fairness.rank(tag, priority),
            task_kwargs={"job": str(each.job), "work": each.work, "number": each.number},
        )
        for each, tag in zip(found, tags, strict=True)
    ]
    deferred = _manager.batch_defer_jobs(tasks, connection=connection.connection.driver_connection)
    connection.execute(
        update(chunks)
        .where(
            chunks.c.job == bindparam("b_job"),
            chunks.c.work == bindparam("b_work"),
            chunks.c.number == bindparam("b_number"),
        )
        .values(ticket=bindparam("b_ticket"), tag=bindparam("b_tag")),
        [
            {
                "b_job": each.job,
                "b_work": each.work,
                "b_number": each.number,
                "b_ticket": task.id,
                "b_tag": tag,
            }
            for each, task, tag in zip(found, deferred, tags, strict=True)
        ],
    )


def withdraw(connection: Connection, job: UUID, weights: dict[str, float]) -> None:
    """Takes the job's waiting chunks out of the queue; what comes behind them moves up."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _FAIR})
    connection.execute(
        text(
            "delete from procrastinate_jobs where status = 'todo' and id in"
            " (select ticket from chunks where job = :job and state = 'waiting')"
        ),
        {"job": job},
    )
    connection.execute(
        update(chunks).where(chunks.c.job == job, chunks.c.state == "waiting").values(ticket=None)
    )
    owner = connection.execute(
        select(users.c.id, users.c.tier).join(jobs, jobs.c.owner == users.c.id).where(jobs.c.id == job)
    ).one()
    last = connection.execute(
        select(func.max(chunks.c.tag))
        .join(jobs, jobs.c.id == chunks.c.job)
        .where(
            jobs.c.owner == owner.id,
            jobs.c.id != job,
            jobs.c.state.in_(WORKING),
            chunks.c.state.in_(("waiting", "taken")),
        )
    ).scalar()
    served = 0 if last is None else last + fairness.cost(weights.get(owner.tier, 1.0))
    connection.execute(update(users).where(users.c.id == owner.id).values(served=served))


def reprioritise(connection: Connection, job: UUID, priority: int) -> None:
    """Moves the job's waiting chunks to another priority."""
    waiting = connection.execute(
        select(chunks.c.ticket, chunks.c.tag).where(chunks.c.job == job, chunks.c.state == "waiting")
    ).all()
    if waiting:
        connection.execute(
            text("update procrastinate_jobs set priority = :rank where id = :ticket and status = 'todo'"),
            [{"rank": fairness.rank(each.tag, priority), "ticket": each.ticket} for each in waiting],
        )


def _now(connection: Connection) -> int:
    """Virtual time: the tag that was taken last. It begins anew when nobody waits."""
    taken, waiting = connection.execute(
        select(
            func.max(chunks.c.tag).filter(chunks.c.state == "taken"),
            func.min(chunks.c.tag).filter(chunks.c.state == "waiting", chunks.c.ticket.is_not(None)),
        )
        .join(jobs, jobs.c.id == chunks.c.job)
        .where(chunks.c.state.in_(("waiting", "taken")), jobs.c.state.in_(WORKING))
    ).one()
    if taken is None and waiting is None:
        connection.execute(update(users).values(served=0))
        return 0
    return int(waiting if taken is None else taken)
