"""Applies `treefolio.jobs.states` to a job's row, in a transaction that holds its lock.

Whoever changes a job or a chunk of it locks the job's row first. So what happens to a job happens one after
the other, its counts are never lost, and its events have rising numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from treefolio.jobs.ledger import limits, tickets
from treefolio.jobs.ledger.records import ChunkState
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, WORKING, Action, Event, State, step
from treefolio.jobs.tables import chunks, events, job_columns, jobs, parts

CHANNEL = "treefolio_jobs"
"""NOTIFY says a job's id here whenever something happened to it: a row of ``events`` more."""


def locked(connection: Connection, job: UUID) -> Row[Any] | None:
    """The job's row, locked until the end of the transaction; None when there is none."""
    return connection.execute(select(*job_columns).where(jobs.c.id == job).with_for_update()).one_or_none()


def locked_at_once(connection: Connection, job: UUID) -> bool:
    """Locks the job's row as `locked` does, and does not wait. False: there is none, or somebody has it."""
    query = select(jobs.c.id).where(jobs.c.id == job).with_for_update(skip_locked=True)
    return connection.execute(query).scalar() is not None


def tell(connection: Connection, job: UUID, kind: str, data: Mapping[str, object]) -> None:
    """Adds an event, and wakes who listens."""
    connection.execute(insert(events).values(job=job, kind=kind, data=dict(data)))
    connection.execute(text("select pg_notify(:channel, :job)"), {"channel": CHANNEL, "job": str(job)})


def happen(
    connection: Connection,
    job: UUID,
    state: State,
    event: Event,
    settings: JobSettings,
    reason: str | None = None,
) -> State:
    """Lets the event happen to a job that is locked and in this state; returns its new state.

    Raises:
        Refused: see `step`.
    """
    found, actions = step(state, event)
    if found is state:
        return state
    values: dict[str, object] = {"state": found}
    if found is State.RUNNING:
        values["started_at"] = func.coalesce(jobs.c.started_at, func.now())
    if found in ENDED:
        values |= {"finished_at": func.now(), "reason": reason}
    if found not in WORKING:
        values["held"] = False
    owner = connection.execute(
        update(jobs).where(jobs.c.id == job).values(values).returning(jobs.c.owner)
    ).scalar_one()
    tell(connection, job, "state", {"state": found} | ({} if reason is None else {"reason": reason}))
    for action in actions:
        _act(connection, job, action, settings)
    if found in limits.RESTING:
        limits.let_go(connection, owner, settings)
    return settle(connection, job, found, settings)


def settle(connection: Connection, job: UUID, state: State, settings: JobSettings) -> State:
    """Brings a job that is being paused or cancelled there when none of its chunks is under way any more."""
    if state not in (State.PAUSING, State.CANCELLING):
        return state
    taken = connection.execute(
        select(func.count()).where(chunks.c.job == job, chunks.c.state == ChunkState.TAKEN)
    ).scalar_one()
    return state if taken else happen(connection, job, state, Event.IDLE, settings)


def _act(connection: Connection, job: UUID, action: Action, settings: JobSettings) -> None:
    if action is Action.ENQUEUE:
        limits.enter(connection, job, settings)
    elif action is Action.WITHDRAW:
        tickets.withdraw(connection, job, settings)
    else:
        connection.execute(delete(parts).where(parts.c.job == job))
        connection.execute(delete(chunks).where(chunks.c.job == job, chunks.c.state == ChunkState.WAITING))
