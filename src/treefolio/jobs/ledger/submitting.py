"""A new job, in one transaction with whatever submits it: a request over HTTP, or a schedule."""

from __future__ import annotations

import json
import uuid
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
from treefolio.jobs.tables import chunks, jobs


def submit(
    connection: Connection,
    settings: JobSettings,
    owner: str,
    request: requests.Request,
    key: str | None,
    name: str | None = None,
) -> Row[Any]:
    """The row of the new job, which waits for a worker; of the earlier one when the key is known.

    It is called as its strategy is, unless there is a name for it.

    The key is looked up before the prices are locked: its job may be being purged, and the purge would wait
    for who waits for that.

    Raises:
        Refused: its prices are not here, or the key was used for another request.
        OverLimit: its owner has as much as may be.
        FormatError, StrategyError, SpaceError: its strategy cannot be read.
    """
    asked = requests.to_json(request)
    earlier = None if key is None else _earlier(connection, owner, key, asked)
    if earlier is not None:
        return earlier
    kind = requests.KINDS[requests.kind_of(request)]
    prices = requests.snapshot_of(request)
    if prices is not None:
        retention.needing(connection)
        _require_prices(connection, owner, prices)
    combinations = limits.combinations(request)
    values = {
        "id": uuid.uuid4(),
        "owner": owner,
        "kind": requests.kind_of(request),
        "name": name or requests.name_of(request),
        "state": State.QUEUED,
        "request": asked,
        "snapshot": prices,
        "rows_total": combinations if kind.first is Work.PLAN else kind.rows,
        "key": key,
    }
    statement = postgresql.insert(jobs).values(values)
    made = connection.execute(
        statement.on_conflict_do_nothing(constraint="jobs_owner_key").returning(jobs)
    ).one_or_none()
    if made is None:  # somebody used the key just now
        return submit(connection, settings, owner, request, key, name)
    limits.require_combinations(connection, settings, owner, combinations)
    limits.require_room(connection, settings, owner)
    first = {"job": made.id, "work": kind.first, "number": 0, "first": 0, "last": kind.rows or 0}
    connection.execute(insert(chunks).values(**first, state=ChunkState.WAITING, tag=0))
    limits.enter(connection, made.id, settings)
    tell(connection, made.id, "state", {"state": State.QUEUED})
    return connection.execute(select(jobs).where(jobs.c.id == made.id)).one()


def _require_prices(connection: Connection, owner: str, name: str) -> None:
    if not retention.owns(connection, owner, name):
        raise Refused(f"there is no snapshot {name}", hint="Upload the prices, then submit.")


def _earlier(connection: Connection, owner: str, key: str, asked: dict[str, object]) -> Row[Any] | None:
    """The job that was submitted with this key before. Raises Refused: it was another one."""
    mine = (jobs.c.owner == owner, jobs.c.key == key)
    found = connection.execute(select(jobs).where(*mine)).one_or_none()
    if found is None:
        return None
    known = requests.to_json(requests.from_json(found.request))  # an earlier version may have written it
    if json.dumps(known) != json.dumps(asked):
        raise Refused(
            f"the key {key} was used for another job, {found.id}", hint="Choose another key for a new job."
        )
    return found
