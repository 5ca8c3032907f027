"""What `treefolio doctor` looks at in a database that answers: a row of `CHECKS` for each thing.

All of them ask over one connection; nothing is changed by looking.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

from sqlalchemy import Connection, text

from treefolio.jobs import migrations
from treefolio.jobs.settings import JobSettings
from treefolio.service.findings import Finding, Missing, Noted, finding

OLDEST = 14
"""Of Postgres' versions."""
CONNECTIONS_OF_A_WORKER = 8
CONNECTIONS_OF_ANSWERING = 12
CLOCK_SECONDS = 5.0
_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")
_FREE = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - (select count(*) from pg_stat_activity where backend_type = 'client backend')
"""
_AT_WORK = """
select version, count(*) as number from workers where beat > now() - make_interval(secs => :lease)
group by version order by version
"""


def examine(connection: Connection) -> list[Finding]:
    """All findings, in the order of `CHECKS`."""
    return [finding(what, partial(check, connection)) for what, check in CHECKS]


def _tables(connection: Connection) -> str:
    settings = JobSettings()
    which = "of TREEFOLIO_DATABASE_URL" if settings.database_url else "embedded, running"
    if not migrations.is_newest(connection):
        raise Noted(f"{which}; its tables are of another version: `treefolio serve` brings them up to date")
    return f"{which}; its tables are of this version"


def _version(connection: Connection) -> str:
    number = int(connection.execute(text("show server_version_num")).scalar_one())
    if number < OLDEST * 10_000:
        raise Missing(f"version {number // 10_000} is too old", f"Install Postgres {OLDEST} or newer.")
    return f"version {number // 10_000}.{number % 100}"


def _connections(connection: Connection) -> str:
    """Whether there is room for a worker on each of this machine's processors."""
    processors = os.cpu_count() or 1
    wanted = processors * CONNECTIONS_OF_A_WORKER + CONNECTIONS_OF_ANSWERING
    free = int(connection.execute(text(_FREE)).scalar_one())
    if free < wanted:
        raise Missing(
            f"{free:,} are free; {processors} workers and the answering process take up to {wanted:,}",
            "Raise max_connections of the database, or start fewer workers.",
        )
    return f"{free:,} are free; this machine takes up to {wanted:,}"


def _durability(connection: Connection) -> str:
    off = [name for name in _DURABLE if connection.execute(text(f"show {name}")).scalar_one() == "off"]
    if off:
        raise Missing(
            f"the database may lose what it confirmed: {', '.join(off)} is off",
            "Switch it on: nothing is lost only if a commit is on the disk.",
        )
    return f"{', '.join(_DURABLE)} are on"


def _clock(connection: Connection) -> str:
    """How far this machine's clock is from the database's, beyond the time that asking took."""
    before = dt.datetime.now(dt.UTC)
    there = connection.execute(text("select clock_timestamp()")).scalar_one()
    after = dt.datetime.now(dt.UTC)
    apart = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    if apart > CLOCK_SECONDS:
        raise Missing(
            f"this machine's is {apart:,.0f} s from the database's",
            "Have both set by NTP: schedules and logs are read by the clock.",
        )
    return f"within {CLOCK_SECONDS:g} s of the database's"


def _workers(connection: Connection) -> str:
    if not migrations.is_newest(connection):
        raise Noted("there are no tables to see them in yet")
    found = connection.execute(text(_AT_WORK), {"lease": JobSettings().lease_s}).all()
    if not found:
        raise Noted("none is at work")
    ours = version("treefolio")
    others = [each.version for each in found if each.version != ours]
    if others:
        raise Missing(
            f"some are of version {', '.join(others)}; this is {ours}",
            "Install one version on all machines: the same bytes come from the same version only.",
        )
    return f"{found[0].number} at work, of this version"


CHECKS: tuple[tuple[str, Callable[[Connection], str]], ...] = (
    ("database", _tables),
    ("Postgres", _version),
    ("connections", _connections),
    ("durability", _durability),
    ("clock", _clock),
    ("workers", _workers),
)
"""What is looked at, and how."""
