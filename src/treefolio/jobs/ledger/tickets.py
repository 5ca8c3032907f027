"""Waiting chunks as tasks of Procrastinate, put and taken back in the ledger's own transactions.

A chunk's ticket is the number of its newest task there. A task that is there twice does no harm: only one
worker can claim its chunk. One that is lost is put again by `bench.Bench.look`.

The places of one user's chunks are in the order in which their jobs go (`ORDER`): when a job goes before
others, chunks change places among themselves, and other users' places stay.

Virtual time is the place of the chunk that was taken last in its turn, as its owner's row says. Chunks of a
job that was raised or lowered are taken out of their turn, so they do not move it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

import procrastinate
from procrastinate.jobs import Job as Task
from procrastinate.manager import JobManager, get_channel_for_queues
from sqlalchemy import Connection, column, exists, func, literal_column, select, table, text, update

from treefolio.jobs import fairness, locks
from treefolio.jobs.ledger.clock import now
from treefolio.jobs.locks import Lock
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, WORKING
from treefolio.jobs.tables import chunks, jobs, users

QUEUE = "chunks"
(CHANNEL,) = get_channel_for_queues([QUEUE])
"""Where Procrastinate's workers hear that they shall ask for a task."""
TASK = "chunk"
_TASKS = table("procrastinate_jobs", column("id"), column("status"))
_manager = JobManager(procrastinate.SyncPsycopgConnector())
"""Never opened: it is given the ledger's connection."""
ORDER = (jobs.c.kind != "run", -jobs.c.precedence)
"""Of one user's jobs: single runs, which somebody looks at a page for, then as the user put them."""


def alone(connection: Connection) -> None:
    """Until the end of the transaction nobody else gives places, or counts what a user has under way."""
    locks.alone(connection, Lock.PLACES)


def enqueue(connection: Connection, job: UUID, settings: JobSettings) -> None:
    """Gives the job's waiting chunks places behind what its owner has waiting, and puts these in order."""
    alone(connection)
    time = _time(connection)
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
    found = fairness.places(time, owner.served, len(waiting), settings.tiers.get(owner.tier, 1.0))
    connection.execute(update(users).where(users.c.id == owner.id).values(served=found.served))
    put(connection, waiting, found.tags, owner.priority)
    arrange(connection, owner.id)


def arrange(connection: Connection, owner: str) -> None:
    """Has the owner's waiting chunks change places, so that they are in the order of their jobs.

    One whose task a worker has is left out: its place may be virtual time in a moment.
    """
    found = connection.execute(
        select(chunks.c.job, chunks.c.work, chunks.c.number, chunks.c.tag, chunks.c.ticket, jobs.c.priority)
        .join(jobs, jobs.c.id == chunks.c.job)
        .join(_TASKS, _TASKS.c.id == chunks.c.ticket)
        .where(
            jobs.c.owner == owner,
            jobs.c.state.in_(WORKING),
            chunks.c.state == "waiting",
            _TASKS.c.status == literal_column("'todo'"),
        )
        .order_by(*ORDER, chunks.c.tag, chunks.c.ticket)
        .with_for_update(of=(chunks, _TASKS), skip_locked=True)
    ).all()
    tags = sorted(each.tag for each in found)
    moved = [(each, tag) for each, tag in zip(found, tags, strict=True) if each.tag != tag]
    if moved:
        _mark(connection, [(each, each.ticket, tag) for each, tag in moved])
        _rerank(connection, [(each.ticket, tag, each.priority) for each, tag in moved])


def precede(connection: Connection, job: UUID, owner: str, *, first: bool) -> None:
    """Puts the job, which is locked, before all others of its owner's that have not ended, or behind them."""
    alone(connection)
    end = func.max(jobs.c.precedence) + 1 if first else func.min(jobs.c.precedence) - 1
    others = (jobs.c.owner == owner, jobs.c.id != job, jobs.c.state.not_in(ENDED))
    place = select(func.coalesce(end, 0)).where(*others).scalar_subquery()
    connection.execute(update(jobs).where(jobs.c.id == job).values(precedence=place))
    arrange(connection, owner)


def take(connection: Connection, owner: str, tag: int, priority: int) -> None:
    """A chunk with this tag was taken: virtual time has come so far, unless it was not its turn."""
    if not priority:
        connection.execute(
            update(users).where(users.c.id == owner, users.c.reached < tag).values(reached=tag)
        )


def put(
    connection: Connection,
    found: Sequence[Any],
    tags: Sequence[int],
    priority: int,
    *,
    pause_seconds: float = 0.0,
) -> None:
    """Puts chunks of one job, rows with job, work and number, in the queue with these tags.

    They are taken ``pause_seconds`` from now at the earliest, by the database's clock.
    """
    if not found:
        return
    earliest = None
    if pause_seconds:
        earliest = now(connection) + dt.timedelta(seconds=pause_seconds)
    tasks = [
        Task(
            id=None,
            queue=QUEUE,
            lock=None,
            queueing_lock=None,
            task_name=TASK,
            priority=fairness.rank(tag, priority),
            scheduled_at=earliest,
            task_kwargs={"job": str(each.job), "work": each.work, "number": each.number},
        )
        for each, tag in zip(found, tags, strict=True)
    ]
    deferred = _manager.batch_defer_jobs(tasks, connection=connection.connection.driver_connection)
    _mark(connection, [(each, task.id, tag) for each, task, tag in zip(found, deferred, tags, strict=True)])


def forget(connection: Connection, lease_s: float) -> None:
    """Drops the tasks of Procrastinate workers that are silent for longer than a lease.

    Signs of life from the future are none: the clock was put back, and who lives will give another one.
    """
    connection.execute(
        text(
            "delete from procrastinate_jobs as tasks where status = 'doing' and not exists (select"
            " from procrastinate_workers as seen where seen.id = tasks.worker_id and seen.last_heartbeat"
            " between now() - make_interval(secs => :lease) and now() + make_interval(secs => :lease))"
        ),
        {"lease": lease_s},
    )


def hasten(connection: Connection, longest_s: float) -> None:
    """Ends pauses that are longer than any: the database's clock was put back since they began."""
    connection.execute(
        text(
            "update procrastinate_jobs set scheduled_at = null where id in (select id from procrastinate_jobs"
            " where queue_name = :queue and status = 'todo'"
            " and scheduled_at > now() + make_interval(secs => :longest) for update skip locked)"
        ),
        {"queue": QUEUE, "longest": longest_s},
    )


def put_lost(connection: Connection) -> int:
    """Puts waiting chunks in the queue again whose task is lost; says how many."""
    lost = connection.execute(
        text(
            "select chunks.job, chunks.work, chunks.number, chunks.tag, jobs.priority from chunks"
            " join jobs on jobs.id = chunks.job left join procrastinate_jobs as tasks"
            " on tasks.id = chunks.ticket and tasks.status in ('todo', 'doing')"
            " where chunks.state = 'waiting' and jobs.state in ('queued', 'running')"
            " and not jobs.held and tasks.id is null"
            " order by chunks.job, chunks.tag for update of chunks skip locked"
        )
    ).all()
    for _, found in groupby(lost, key=lambda row: row.job):
        chunks_of_one = list(found)
        tags = [each.tag for each in chunks_of_one]
        put(connection, chunks_of_one, tags, chunks_of_one[0].priority)
    return len(lost)


def _mark(connection: Connection, found: Sequence[tuple[Any, int | None, int]]) -> None:
    """Writes tickets and tags to rows with job, work and number."""
    _at_once(
        connection,
        "update chunks set ticket = put.ticket, tag = put.tag"
        " from unnest(cast(:jobs as uuid[]), cast(:works as text[]), cast(:numbers as integer[]),"
        " cast(:tickets as bigint[]), cast(:tags as bigint[])) as put (job, work, number, ticket, tag)"
        " where chunks.job = any(:jobs)"
        " and chunks.job = put.job and chunks.work = put.work and chunks.number = put.number",
        {
            "jobs": [each.job for each, _, _ in found],
            "works": [each.work for each, _, _ in found],
            "numbers": [each.number for each, _, _ in found],
            "tickets": [ticket for _, ticket, _ in found],
            "tags": [tag for _, _, tag in found],
        },
    )


def _at_once(connection: Connection, statement: str, values: dict[str, Any]) -> None:
    """Updates many rows from arrays.

    Of new rows Postgres knows too little, and would compare all with all: 25 s for 10,000, instead of 0.2.
    """
    connection.execute(text("set local enable_nestloop = off"))
    connection.execute(text(statement), values)
    connection.execute(text("set local enable_nestloop = on"))


def withdraw(connection: Connection, job: UUID, settings: JobSettings) -> None:
    """Takes the job's waiting chunks out of the queue; what comes behind them moves up."""
    alone(connection)
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
    served = 0 if last is None else last + fairness.cost(settings.tiers.get(owner.tier, 1.0))
    connection.execute(update(users).where(users.c.id == owner.id).values(served=served))


def reprioritise(connection: Connection, job: UUID, priority: int) -> None:
    """Moves the job's waiting chunks to another priority."""
    waiting = connection.execute(
        select(chunks.c.ticket, chunks.c.tag).where(chunks.c.job == job, chunks.c.state == "waiting")
    ).all()
    if waiting:
        _rerank(connection, [(each.ticket, each.tag, priority) for each in waiting])


def _rerank(connection: Connection, found: Sequence[tuple[int | None, int, int]]) -> None:
    """Puts tasks where tag and priority say, and wakes workers: who asked meanwhile was told of none."""
    tickets = [ticket for ticket, _, _ in found]
    _at_once(
        connection,
        "update procrastinate_jobs as tasks set priority = moved.rank from"
        " unnest(cast(:tickets as bigint[]), cast(:ranks as integer[])) as moved (ticket, rank)"
        " where tasks.id = any(:tickets) and tasks.id = moved.ticket and tasks.status = 'todo'",
        {"tickets": tickets, "ranks": [fairness.rank(tag, priority) for _, tag, priority in found]},
    )
    said = json.dumps({"type": "job_inserted", "job_id": tickets[0]})
    connection.execute(text("select pg_notify(:channel, :said)"), {"channel": CHANNEL, "said": said})


def _time(connection: Connection) -> int:
    """Virtual time. It begins anew when nobody waits."""
    open_ = exists().where(
        chunks.c.job == jobs.c.id,
        jobs.c.state.in_(WORKING),
        (chunks.c.state == "taken") | ((chunks.c.state == "waiting") & chunks.c.ticket.is_not(None)),
    )
    if connection.execute(select(open_)).scalar_one():
        return int(connection.execute(select(func.max(users.c.reached))).scalar_one())
    moved = (users.c.served != 0) | (users.c.reached != 0)
    connection.execute(update(users).where(moved).values(served=0, reached=0))
    return 0
