"""What a user may have: by the tier, in settings. A tier that a setting does not name has no limit.

Over the limit of jobs under way, a job waits: it is held, and let go when another one of its owner ends or
is paused. Over any other limit, what is asked is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import NoReturn
from uuid import UUID

from sqlalchemy import Connection, Date, cast, func, select, update
from sqlalchemy.dialects import postgresql

from treefolio.errors import OverLimit
from treefolio.jobs import locks, requests
from treefolio.jobs.ledger import tickets
from treefolio.jobs.ledger.records import Usage
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED, State
from treefolio.jobs.tables import (
    files,
    jobs,
    parts,
    schedules,
    snapshot_owners,
    snapshots,
    strategies,
    strategy_versions,
    usage_days,
    users,
)
from treefolio.settings import PREFIX

MEGABYTE = 1_000_000
HELD_ORDER = (-jobs.c.priority, *tickets.ORDER, jobs.c.created_at, jobs.c.id)
"""In which jobs of one owner are let go."""
RESTING = (*ENDED, State.PAUSED)
"""Jobs in these states make room for others of their owner."""


class Limit(StrEnum):
    """Which limit; its setting is called ``limit_`` and this."""

    RUNNING = "running"
    COMBINATIONS = "combinations"
    DAY = "combinations_a_day"
    MEGABYTES = "megabytes"
    SCHEDULES = "schedules"


def most(settings: JobSettings, tier: str, limit: Limit) -> int | None:
    """As much a user of this tier may have; None when there is no limit."""
    table: Mapping[str, int] = getattr(settings, f"limit_{limit}")
    return table.get(tier)


def tier_of(connection: Connection, owner: str) -> str:
    """The user's tier."""
    return connection.execute(select(users.c.tier).where(users.c.id == owner)).scalar_one()


# Jobs under way.


def enter(connection: Connection, job: UUID, settings: JobSettings) -> None:
    """The job's chunks go to the workers, unless its owner has as many jobs under way as may be.

    One that an administrator raised is not held.
    """
    query = select(jobs.c.owner, jobs.c.priority > 0).where(jobs.c.id == job)
    owner, raised = connection.execute(query).one()
    tickets.alone(connection)
    if raised or _room(connection, settings, owner, besides=job):
        tickets.enqueue(connection, job, settings)
    else:
        connection.execute(update(jobs).where(jobs.c.id == job).values(held=True))


def let_go(connection: Connection, owner: str, settings: JobSettings) -> int:
    """The owner's jobs that are held go to the workers, as far as there is room; says how many.

    One whose row somebody else has is passed over: `Bench.look` finds it later.
    """
    tickets.alone(connection)
    count = 0
    while _room(connection, settings, owner):
        found = connection.execute(
            select(jobs.c.id)
            .where(jobs.c.owner == owner, jobs.c.held)
            .order_by(*HELD_ORDER)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).scalar()
        if found is None:
            break
        release(connection, found, settings)
        count += 1
    return count


def release(connection: Connection, job: UUID, settings: JobSettings) -> None:
    """The job is held no longer; its row is locked."""
    connection.execute(update(jobs).where(jobs.c.id == job).values(held=False))
    tickets.enqueue(connection, job, settings)


def _room(connection: Connection, settings: JobSettings, owner: str, besides: UUID | None = None) -> bool:
    """The owner may have one job more under way."""
    limit = most(settings, tier_of(connection, owner), Limit.RUNNING)
    return limit is None or _under_way(connection, owner, besides) < limit


def _under_way(connection: Connection, owner: str, besides: UUID | None = None) -> int:
    query = select(func.count()).where(jobs.c.owner == owner, jobs.c.state.not_in(RESTING), ~jobs.c.held)
    return connection.execute(query if besides is None else query.where(jobs.c.id != besides)).scalar_one()


# What is refused.


def require_combinations(connection: Connection, settings: JobSettings, owner: str, count: int) -> None:
    """Counts the combinations of a new job. Raises OverLimit: it, or the day's, are too many."""
    tier = tier_of(connection, owner)
    limit = most(settings, tier, Limit.COMBINATIONS)
    if limit is not None and count > limit:
        _over(
            Limit.COMBINATIONS,
            f"the job has {count:,} combinations; at most {limit:,} may be in one",
            count,
            limit,
            "Take a sample, with --sample N, or split the sweep.",
        )
    limit = most(settings, tier, Limit.DAY)
    if limit is not None and count > limit:
        _full_day(connection, owner, count, limit)
    added = usage_days.c.combinations + count
    statement = postgresql.insert(usage_days).values(owner=owner, day=_today(), combinations=count)
    counted = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["owner", "day"],
            set_={"combinations": added},
            where=None if limit is None else added <= limit,
        ).returning(usage_days.c.combinations)
    ).one_or_none()
    if counted is None and limit is not None:
        _full_day(connection, owner, count, limit)


def require_room(connection: Connection, settings: JobSettings, owner: str, more: int = 0) -> None:
    """Nothing, when the owner has room for so many bytes more. Raises OverLimit."""
    limit = most(settings, tier_of(connection, owner), Limit.MEGABYTES)
    if limit is None:
        return
    locks.one_by_one(connection, owner)
    used = stored(connection, owner)
    if used + more > limit * MEGABYTE or used >= limit * MEGABYTE:
        _over(
            Limit.MEGABYTES,
            f"{used / MEGABYTE:,.0f} MB of prices, results and strategies are kept; {limit:,} MB may be",
            round(used / MEGABYTE),
            limit,
            "Remove jobs that are not needed: `treefolio jobs remove ID`.",
        )


def require_schedule(connection: Connection, settings: JobSettings, owner: str) -> None:
    """Nothing, when the owner may have one schedule more. Raises OverLimit."""
    limit = most(settings, tier_of(connection, owner), Limit.SCHEDULES)
    locks.one_by_one(connection, owner)
    used = _schedules(connection, owner)
    if limit is not None and used >= limit:
        _over(
            Limit.SCHEDULES,
            f"there are {used} schedules; at most {limit} may be",
            used,
            limit,
            "Remove one first: `treefolio jobs unschedule NAME`.",
        )


def _full_day(connection: Connection, owner: str, count: int, limit: int) -> NoReturn:
    used = _of_today(connection, owner)
    now = connection.execute(select(func.timezone("UTC", func.now()))).scalar_one()
    midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time())
    _over(
        Limit.DAY,
        f"{used:,} combinations were submitted today; {count:,} more would be over {limit:,}",
        used,
        limit,
        "The day ends at midnight UTC."
        if count <= limit
        else "So many are never taken: take a sample, with --sample N, or split the sweep over several days.",
        None if count > limit else int((midnight - now).total_seconds()) + 1,
    )


def _over(
    limit: Limit, message: str, used: int, allowed: int, hint: str, free_in_seconds: int | None = None
) -> NoReturn:
    setting = f"{PREFIX}LIMIT_{limit.upper()}"
    raise OverLimit(
        message,
        limit=limit,
        used=used,
        most=allowed,
        free_in_seconds=free_in_seconds,
        hint=f"{hint} Who runs the service can allow more: {setting}, or another tier.",
    )


# What is used.


def combinations(request: requests.Request) -> int:
    """Of a job, as it is submitted. Raises FormatError, StrategyError, SpaceError."""
    return requests.opened_space(request).size if isinstance(request, requests.SpaceRequest) else 1


def stored(connection: Connection, owner: str) -> int:
    """Bytes of the owner's prices, results and strategies."""
    size = func.coalesce(func.sum(func.length(snapshots.c.content)), 0)
    found = connection.execute(
        select(size)
        .join_from(snapshots, snapshot_owners, snapshot_owners.c.hash == snapshots.c.hash)
        .where(snapshot_owners.c.owner == owner)
    ).scalar_one()
    for table in (files, parts):
        size = func.coalesce(func.sum(func.length(table.c.content)), 0)
        query = select(size).join_from(table, jobs, jobs.c.id == table.c.job).where(jobs.c.owner == owner)
        found += connection.execute(query).scalar_one()
    texts = func.octet_length(strategy_versions.c.text) + func.octet_length(strategy_versions.c.original)
    query = select(func.coalesce(func.sum(texts), 0)).join_from(strategy_versions, strategies)
    found += connection.execute(query.where(strategies.c.owner == owner)).scalar_one()
    return int(found)


def usage(connection: Connection, settings: JobSettings, owner: str) -> dict[Limit, Usage]:
    """What the owner has of each limit, and may have."""
    tier = tier_of(connection, owner)
    used = {
        Limit.RUNNING: _under_way(connection, owner),
        Limit.COMBINATIONS: None,
        Limit.DAY: _of_today(connection, owner),
        Limit.MEGABYTES: -(-stored(connection, owner) // MEGABYTE),
        Limit.SCHEDULES: _schedules(connection, owner),
    }
    return {limit: Usage(used=count, most=most(settings, tier, limit)) for limit, count in used.items()}


def _today() -> object:
    return cast(func.timezone("UTC", func.now()), Date)


def _of_today(connection: Connection, owner: str) -> int:
    query = select(usage_days.c.combinations).where(usage_days.c.owner == owner, usage_days.c.day == _today())
    return connection.execute(query).scalar() or 0


def _schedules(connection: Connection, owner: str) -> int:
    return connection.execute(
        select(func.count()).select_from(schedules).where(schedules.c.owner == owner)
    ).scalar_one()
