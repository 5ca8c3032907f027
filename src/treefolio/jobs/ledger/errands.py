"""What a chunk brings to the ledger before it is done: prices that it fetched, and how far it is.

Both count only while the attempt is valid, as its result does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, exists, func, select, update
from sqlalchemy.dialects import postgresql

from treefolio.errors import NoSuchJob
from treefolio.jobs.ledger import retention
from treefolio.jobs.ledger.attempts import stays_wanted
from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.ledger.records import HOUSE, Chunk
from treefolio.jobs.ledger.transitions import tell
from treefolio.jobs.tables import jobs, snapshots, strategies, strategy_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is to do for a job.

    Attributes:
        owner: whose keys are used for it.
        request: what is asked, as `requests.to_json` writes it.
        snapshot: the hash of its prices; None when it needs none, or they are still to be fetched.
        at: when it was submitted.
    """

    owner: str
    request: Mapping[str, Any]
    snapshot: str | None
    at: dt.datetime


def order_of(connection: Connection, *which: ColumnElement[bool]) -> Order | None:
    """What is to be done for the job that satisfies this; None when there is none."""
    asked = (jobs.c.owner, jobs.c.request, jobs.c.snapshot, jobs.c.created_at.label("at"))
    row = connection.execute(select(*asked).where(*which)).one_or_none()
    return None if row is None else Order(**row._mapping)


class Errands:
    """See the module. Methods raise DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def order(self, job: UUID) -> Order:
        """What is to be done for the job. Raises NoSuchJob."""
        with reading(self.engine) as connection:
            found = order_of(connection, jobs.c.id == job)
        if found is None:
            raise NoSuchJob(f"there is no job {job} any more")
        return found

    def fix_prices(
        self, chunk: Chunk, name: str, content: bytes, *, requests: int, notes: Sequence[str]
    ) -> bool:
        """The job has these prices from now on, whoever does it. False: the attempt is not valid any more.

        Args:
            name, content: of the snapshot. requests: that it took. notes: what the user should know of them.
        """
        statement = postgresql.insert(snapshots).values(hash=name, content=content).on_conflict_do_nothing()
        there = exists().where(snapshots.c.hash == name)
        with writing(self.engine) as connection:  # it may take long: nobody waits for it meanwhile
            connection.execute(statement)
        with writing(self.engine) as connection:
            if not stays_wanted(connection, chunk):
                return False
            retention.needing(connection)
            if not connection.execute(select(there)).scalar_one():  # it was removed: it had no owner
                connection.execute(statement)
            owner = connection.execute(
                update(jobs).where(jobs.c.id == chunk.job).values(snapshot=name).returning(jobs.c.owner)
            ).scalar_one()
            retention.own(connection, owner, name)
            said = {"snapshot": name, "requests": requests, "notes": list(notes)}
            tell(connection, chunk.job, "prices", said)
            return True

    def tell_progress(self, chunk: Chunk, done: int, total: int) -> bool:
        """A job in one piece has done so much. False: the attempt is not valid any more."""
        with writing(self.engine) as connection:
            if not stays_wanted(connection, chunk):
                return False
            values = {"rows_done": done, "rows_total": total}
            connection.execute(update(jobs).where(jobs.c.id == chunk.job).values(**values))
            tell(connection, chunk.job, "rows", {"done": done, "total": total})
            return True

    def tickers(self, owner: str) -> list[str]:
        """All tickers of the newest versions of the user's strategies, sorted; the house has everybody's."""
        number = func.max(strategy_versions.c.number).label("number")
        newest = select(strategy_versions.c.strategy, number).join(strategies)
        if owner != HOUSE:
            newest = newest.where(strategies.c.owner == owner)
        found = newest.group_by(strategy_versions.c.strategy).subquery()
        here = (found.c.strategy == strategy_versions.c.strategy) & (
            found.c.number == strategy_versions.c.number
        )
        query = select(func.unnest(strategy_versions.c.tickers)).join(found, here).distinct()
        with reading(self.engine) as connection:
            return sorted(connection.execute(query).scalars())
