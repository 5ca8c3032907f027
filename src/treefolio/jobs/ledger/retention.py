"""What is kept and for whom: whose prices are whose, jobs that are removed, prices that nobody needs.

The content of a snapshot is kept once, whoever brought it. It is there for its owners alone, so nobody learns
from it what others have. It goes when no job needs it and nobody brought it within a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, exists, func, or_, select
from sqlalchemy.dialects import postgresql

from treefolio.errors import Refused
from treefolio.jobs import locks
from treefolio.jobs.ledger.records import HOUSE
from treefolio.jobs.locks import Lock
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, State
from treefolio.jobs.tables import jobs, snapshot_owners, snapshots, usage_days

RECENT_DAYS = 1
"""Prices that were brought within as long are kept for the job that will follow."""
HOUSE_DAYS = 7
"""The service's own jobs are of interest for so long."""
USAGE_DAYS = 40
"""What was submitted on a day is known for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How much was removed."""

    jobs: int
    snapshots: int


def needing(connection: Connection) -> None:
    """Until the end of the transaction no snapshot is removed."""
    locks.shared(connection, Lock.SNAPSHOTS)


def own(connection: Connection, owner: str, name: str) -> None:
    """The prices with this hash, which are there, are the owner's too, brought now."""
    statement = postgresql.insert(snapshot_owners).values(owner=owner, hash=name)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["owner", "hash"], set_={"made": func.now()})
    )


def owns(connection: Connection, owner: str, name: str) -> bool:
    """The owner has the prices with this hash."""
    mine = exists().where(snapshot_owners.c.owner == owner, snapshot_owners.c.hash == name)
    return bool(connection.execute(select(mine)).scalar_one())


def remove(connection: Connection, job: UUID, state: State) -> None:
    """The job, which is locked, goes with its results. Raises Refused unless it has ended."""
    if state not in ENDED:
        raise Refused(f"a job that is {state} cannot be removed", hint="Cancel it first.")
    connection.execute(delete(jobs).where(jobs.c.id == job))


def tidy(connection: Connection, settings: JobSettings) -> Removed:
    """Removes what is kept no longer: jobs that ended long ago, prices without use, days gone by."""
    old: ColumnElement[bool] = (jobs.c.owner == HOUSE) & (jobs.c.finished_at < _days_ago(HOUSE_DAYS))
    if settings.keep_days is not None:
        old = or_(old, jobs.c.finished_at < _days_ago(settings.keep_days))
    count = connection.execute(delete(jobs).where(jobs.c.state.in_(ENDED), old)).rowcount
    connection.execute(
        delete(usage_days).where(usage_days.c.day < func.timezone("UTC", _days_ago(USAGE_DAYS)))
    )
    locks.alone(connection, Lock.SNAPSHOTS)
    needed = exists().where(
        jobs.c.owner == snapshot_owners.c.owner, jobs.c.snapshot == snapshot_owners.c.hash
    )
    connection.execute(
        delete(snapshot_owners).where(snapshot_owners.c.made < _days_ago(RECENT_DAYS), ~needed)
    )
    used = exists().where(jobs.c.snapshot == snapshots.c.hash)
    owned = exists().where(snapshot_owners.c.hash == snapshots.c.hash)
    gone = connection.execute(delete(snapshots).where(~used, ~owned)).rowcount
    return Removed(jobs=count, snapshots=gone)


def _days_ago(days: int) -> object:
    return func.now() - func.make_interval(0, 0, 0, days)
