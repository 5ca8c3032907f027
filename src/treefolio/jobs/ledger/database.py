"""The database of the ledger: an engine for it, and how it is read and written.

What is asked through `reading` and `writing` meets a DatabaseError when the database is away, or refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Cursor
from psycopg.pq import Format
from sqlalchemy import Connection, Dialect, Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import ConnectionPoolEntry

from treefolio.errors import DatabaseError
from treefolio.jobs.ledger.patience import Patient
from treefolio.jobs.settings import TRANSACTION_S

PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 15_000}
"""Of a connection, as libpq calls it: seconds to make it, milliseconds until a silent network is given up."""
KEPT_ALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""Of a connection, as Postgres calls it: it looks so whether a machine that says nothing is there still."""


def engine_of(
    url: str,
    *,
    connections: int = 10,
    patience_s: float = math.inf,
    transaction_s: float = TRANSACTION_S,
    name: str = "treefolio",
) -> Engine:
    """An engine for ``postgresql://…``.

    Statements are not prepared: the first message of one that is has its values, and while these come, a
    transaction counts as one in which nothing is asked.

    Args:
        patience_s: how long it waits for a database that says nothing.
        transaction_s: how long the database waits within a transaction for whoever says nothing.
        name: what the database calls its connections.
    """
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        url = f"postgresql+psycopg://{rest}"
    made = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged, and parameters are hashes of passwords, strategies, keys
        connect_args={**PATIENCE, "prepare_threshold": None, "application_name": name},
    )
    event.listen(made, "before_cursor_execute", _in_bytes)

    def connected(_: Dialect, __: ConnectionPoolEntry, how: Sequence[Any], named: dict[str, Any]) -> Patient:
        return _bound(Patient.within(patience_s, *how, **named), transaction_s)

    event.listen(made, "do_connect", connected)
    return made


def name_of(host: str, pid: int) -> str:
    """What the database calls the connections of a worker, in as many bytes as it keeps."""
    return f"treefolio worker {pid} of {host}"[:63]


def _bound(connection: Patient, transaction_s: float) -> Patient:
    """Has the database let go of what it holds for a process that was stopped, or a machine that is gone."""
    values = {**KEPT_ALIVE, "idle_in_transaction_session_timeout": max(1, round(transaction_s * 1000))}
    try:
        connection.autocommit = True
        connection.execute("; ".join(f"set {name} = {value}" for name, value in values.items()))
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _in_bytes(
    connection: Connection, cursor: Cursor[Any], statement: str, given: Any, context: Any, many: bool
) -> None:
    """Has contents come as bytes where a query asks for that: as text they take three times as long."""
    del connection, statement, given, many
    if context is not None and context.execution_options.get("in_bytes"):
        cursor.format = Format.BINARY


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements see what is there; nothing of it is kept. Raises DatabaseError."""
    with _reached(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction: at its end all is kept, after an error nothing. Raises DatabaseError."""
    with _reached(), engine.begin() as connection:
        yield connection


@contextmanager
def _reached() -> Iterator[None]:
    """Turns errors of a database that is away, or refuses, into a DatabaseError.

    A value that it cannot hold is another matter: asking again would not help, so that error stays itself.
    """
    try:
        yield
    except DataError:
        raise
    except (DBAPIError, NoConnection) as error:
        said = str(getattr(error, "orig", error)).strip().splitlines()
        raise DatabaseError(
            f"the database does not do what it is asked: {said[0] if said else error}",
            hint="Is it running, and has its disk room? What was done is kept; this can be tried again.",
        ) from error
