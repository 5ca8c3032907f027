"""A new job, in one transaction with whatever submits it: a request over HTTP, or a schedule.

A request is read before that begins: a strategy of megabytes takes seconds for each, others wait for what a
transaction holds, and one in which nothing is asked for long is ended.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.dialects import postgresql

from treefolio.errors import Refused
from treefolio.jobs import requests
from treefolio.jobs.ledger import limits, retention
from treefolio.jobs.ledger.records import ChunkState, Work
from treefolio.jobs.ledger.transitions import tell
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import State
from treefolio.jobs.tables import chunks, job_columns, jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A request, as a job begins with it.

    Attributes:
        asked: as `requests.to_json` writes it.
        prices: the hash of its prices; None when they will be fetched, or none are needed.
        name: what the job is called.
        combinations: how many it has.
    """

    kind: str
    asked: dict[str, object]
    prices: str | None
    name: str
    combinations: int


def new(request: requests.Request, name: str | None = None) -> New:
    """Reads a request. The job is called as its strategy is, unless there is a name for it.

    Raises:
        FormatError, StrategyError, SpaceError: its strategy cannot be read.
    """
    return New(
        kind=requests.kind_of(request),
        asked=requests.to_json(request),
        prices=requests.snapshot_of(request),
        name=name or requests.name_of(request),
        combinations=limits.combinations(request),
    )


def submit(
    connection: Connection, settings: JobSettings, owner: str, made_of: New, key: str | None
) -> Row[Any]:
    """The row of the new job, which waits for a worker; of the earlier one when the key is known.

    The key is looked up before the prices are locked: its job may be being purged, and the purge would wait
    for who waits for that.

    Raises:
        Refused: its prices are not here, or the key was used for another request.
        OverLimit: its owner has as much as may be.
    """
    earlier = None if key is None else _earlier(connection, owner, key, made_of.asked)
    if earlier is not None:
        return earlier
    kind = requests.KINDS[made_of.kind]
    if made_of.prices is not None:
        retention.needing(connection)
        _require_prices(connection, owner, made_of.prices)
    values = {
        "id": uuid.uuid4(),
        "owner": owner,
        "kind": made_of.kind,
        "name": made_of.name,
        "state": State.QUEUED,
        "request": made_of.asked,
        "snapshot": made_of.prices,
        "rows_total": made_of.combinations if kind.first is Work.PLAN else kind.rows,
        "key": key,
    }
    statement = postgresql.insert(jobs).values(values)
    made = connection.execute(
        statement.on_conflict_do_nothing(constraint="jobs_owner_key").returning(jobs.c.id)
    ).one_or_none()
    if made is None:  # somebody used the key just now
        return submit(connection, settings, owner, made_of, key)
    limits.require_combinations(connection, settings, owner, made_of.combinations)
    limits.require_room(connection, settings, owner)
    first = {"job": made.id, "work": kind.first, "number": 0, "first": 0, "last": kind.rows or 0}
    connection.execute(insert(chunks).values(**first, state=ChunkState.WAITING, tag=0))
    limits.enter(connection, made.id, settings)
    tell(connection, made.id, "state", {"state": State.QUEUED})
    return connection.execute(select(*job_columns).where(jobs.c.id == made.id)).one()


def _require_prices(connection: Connection, owner: str, name: str) -> None:
    if not retention.owns(connection, owner, name):
        raise Refused(f"there is no snapshot {name}", hint="Upload the prices, then submit.")


def _earlier(connection: Connection, owner: str, key: str, asked: dict[str, object]) -> Row[Any] | None:
    """The job that was submitted with this key before. Raises Refused: it was another one."""
    mine = (jobs.c.owner == owner, jobs.c.key == key)
    found = connection.execute(select(jobs.c.id, jobs.c.request).where(*mine)).one_or_none()
    if found is None:
        return None
    known = requests.to_json(requests.from_json(found.request))  # an earlier version may have written it
    if json.dumps(known) != json.dumps(asked):
        raise Refused(
            f"the key {key} was used for another job, {found.id}", hint="Choose another key for a new job."
        )
    return connection.execute(select(*job_columns).where(jobs.c.id == found.id)).one_or_none()
