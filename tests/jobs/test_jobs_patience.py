"""A database that is connected and says nothing: who asked is told so, and goes on when it speaks again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from jobs_cases import PATIENCE_SECONDS, until
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from treefolio.jobs.ledger.database import engine_of
from treefolio.testing.postgres import PostgresServer

SHORT_S = 0.5


@pytest.fixture(scope="module")
def stopping() -> Iterator[PostgresServer]:
    """One that no other test uses."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def engine(stopping: PostgresServer) -> Iterator[Engine]:
    made = engine_of(stopping.database(), patience_s=SHORT_S)
    with made.begin() as connection:
        connection.execute(text("create table counted as select 1 as value"))
    yield made
    made.dispose()


def value(connection: Connection) -> int:
    return int(connection.execute(text("select value from counted")).scalar_one())


def test_silence(stopping: PostgresServer, engine: Engine) -> None:
    """The connection is given up with what was under way on it; later the same engine makes another one."""
    with ThreadPoolExecutor(1) as pool, engine.connect() as connection:
        connection.execute(text("update counted set value = 2"))
        with stopping.silent():
            asked = pool.submit(value, connection)
            with pytest.raises(OperationalError, match="said nothing"):
                asked.result(PATIENCE_SECONDS)
            assert connection.invalidated
    with engine.connect() as connection:
        until(lambda: alone(connection), "the end of the other one")
        assert value(connection) == 1


def alone(connection: Connection) -> bool:
    """No other connection to the database is there."""
    others = "select count(*) from pg_stat_activity where datname = current_database()"
    return bool(connection.execute(text(others)).scalar_one() == 1)


def test_signs_of_life(stopping: PostgresServer) -> None:
    """What takes long is waited for, as long as something of it comes."""
    engine = engine_of(stopping.database(), patience_s=2.0)
    pieces = text("select repeat('x', 100000), pg_sleep(0.1) from generate_series(1, 30)")
    with engine.connect() as connection:
        assert len(connection.execute(pieces).all()) == 30
    engine.dispose()
