"""Is the database that is named one that lets this process in? Asked once, before work begins.

A database that does not answer yet is no reason to end: whoever works waits for it. One that answers and
refuses would be waited for in vain, and so would one whose tables are another version's.
"""

from __future__ import annotations

import psycopg
from psycopg import conninfo, pq
from sqlalchemy.exc import DBAPIError

from treefolio.errors import DatabaseError
from treefolio.jobs import migrations
from treefolio.jobs.ledger.database import engine_of


def readable(url: str) -> str:
    """The URL as libpq takes it. Raises DatabaseError, without the URL, which may hold a password."""
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        int(conninfo.conninfo_to_dict(plain).get("port") or 0)  # a / in a password ends up here
    except (psycopg.Error, ValueError):
        raise DatabaseError(
            "TREEFOLIO_DATABASE_URL cannot be read",
            hint="It is postgresql://user:password@host:port/database; in a password, / is %2F, @ is %40.",
        ) from None
    return plain


def reason(error: DBAPIError) -> str:
    """Why the database was not reached: what the driver says last, without what it asks in indented lines."""
    said = [line for line in str(error.orig).strip().splitlines() if not line[:1].isspace()]
    return said[-1] if said else str(error.orig)


def admitted(url: str) -> None:
    """Returns when the database lets us in, or does not answer yet.

    Raises:
        DatabaseError: it answers and refuses, or its tables are not this version's.
    """
    plain = readable(url)
    engine = engine_of(plain, connections=1)
    try:
        with engine.connect() as connection:
            newest = migrations.is_newest(connection)
    except DBAPIError as error:
        if pq.PGconn.ping(plain.encode()) != pq.Ping.OK:
            return
        raise DatabaseError(
            f"the database refuses: {reason(error)}",
            hint="See to the user, the password and the database in TREEFOLIO_DATABASE_URL.",
        ) from None
    finally:
        engine.dispose()
    if not newest:
        raise DatabaseError(
            "the database's tables are not those of this version of Treefolio",
            hint="`treefolio serve` brings older ones up to date; workers have the version that it has.",
        )
