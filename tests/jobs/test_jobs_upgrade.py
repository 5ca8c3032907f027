"""A database of the first version, with what was going on in it, brought up to date: nothing is lost.

Its rows are those of a real sweep: they are made by today's code and copied into the tables of then, as far
as these had the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from jobs_cases import OWNER, STABLE, ended, files_of, sweep, workers
from sqlalchemy import Engine, MetaData, Table, insert, select, text

from treefolio.jobs import migrations
from treefolio.jobs.chunks import Workshop
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, RunRequest
from treefolio.jobs.states import State
from treefolio.testing.postgres import PostgresServer

FIRST = "0001"
TABLES = ("users", "snapshots", "jobs", "chunks", "parts", "files", "events", "procrastinate_jobs")
"""In an order in which what is referred to comes first."""
SAID_LATER = ("fetch",)
"""What a question could not say then."""
GENERATED = ("events", "procrastinate_jobs")


@pytest.fixture
def old(server: PostgresServer) -> Iterator[Engine]:
    """A database as the first version made it."""
    engine = engine_of(server.database())
    with engine.begin() as connection:
        command.upgrade(migrations._config(connection), FIRST)
    yield engine
    engine.dispose()


def run(snapshot: str) -> RunRequest:
    return RunRequest(strategy="name: Held\ntree: [SPY]\n", asked=Asked(snapshot=snapshot))


def take(bench: Bench, worker: int, job: UUID, work: Work, number: int = 0) -> Chunk:
    """Claims a chunk."""
    chunk = bench.claim(worker, job, work, number)
    assert chunk is not None
    return chunk


def going_on(store: Store, snapshot: str, home: Path) -> tuple[UUID, UUID, UUID]:
    """A job that is done, one that is running with some of its ranges done, one that waits."""
    settings = store.settings.model_copy(update={"home": home, "chunk_seconds": 0.05})
    bench = Bench(store.engine, settings)
    workshop = Workshop(bench, settings)
    worker = bench.enter("here", 1, "0")
    done = store.submit(OWNER, run(snapshot)).id
    assert workshop.do(take(bench, worker, done, Work.RUN), lambda: True)
    running = store.submit(OWNER, sweep(snapshot)).id
    assert workshop.do(take(bench, worker, running, Work.PLAN), lambda: True)
    for number in range(3):
        assert workshop.do(take(bench, worker, running, Work.ROWS, number), lambda: True)
    take(bench, worker, running, Work.ROWS, 3)  # its worker ends with the old version
    waiting = store.submit(OWNER, run(snapshot), key="k").id
    assert [store.get(OWNER, job).state for job in (done, running, waiting)] == [
        State.DONE,
        State.RUNNING,
        State.QUEUED,
    ]
    return done, running, waiting


def as_then(row: dict[str, Any]) -> dict[str, Any]:
    """A row, with its request as the first version wrote it."""
    if "request" not in row:
        return row
    asked = {name: value for name, value in row["request"]["asked"].items() if name not in SAID_LATER}
    return row | {"request": row["request"] | {"asked": asked}}


def copy(source: Engine, target: Engine) -> None:
    """All rows into the tables of the first version, in the columns that these have."""
    for name in TABLES:
        then, now = (
            Table(name, MetaData(), autoload_with=engine, resolve_fks=False) for engine in (target, source)
        )
        with source.connect() as connection:
            found = connection.execute(select(*(now.c[column.name] for column in then.c)))
            rows = [as_then(dict(row)) for row in found.mappings()]
        with target.begin() as connection:
            if name == "procrastinate_jobs":  # its triggers would count what was counted already
                connection.execute(text("set session_replication_role = replica"))
            if rows:
                connection.execute(insert(then), rows)
            if name in GENERATED:
                connection.execute(
                    text(f"select setval(pg_get_serial_sequence('{name}', 'id'), max(id)) from {name}")
                )


def contents(engine: Engine) -> dict[str, list[dict[str, object]]]:
    """All rows of the first version's tables, in its columns."""
    found = {}
    for name in TABLES:
        table = Table(name, MetaData(), autoload_with=engine, resolve_fks=False)
        with engine.connect() as connection:
            query = select(table).order_by(*(table.primary_key.columns or [table.c[0]]))
            found[name] = [dict(row) for row in connection.execute(query).mappings()]
    return found


def test_what_was_going_on_goes_on(
    store: Store, old: Engine, snapshot: str, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    """Every row is there still; a sweep that was running ends with the library's bytes."""
    done, running, waiting = going_on(store, snapshot, tmp_path / "then")
    results = files_of(store, done)
    copy(store.engine, old)
    before = contents(old)
    assert sum(len(rows) for rows in before.values()) > 30
    migrations.upgrade(old)
    after = contents(old)
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        assert kept == rows, name
    new = Store(old, store.settings)
    assert new.ready()
    assert files_of(new, done) == results
    assert new.has_snapshot(OWNER, snapshot)
    assert (
        new.submit(
            OWNER, RunRequest(strategy="name: Held\ntree: [SPY]\n", asked=Asked(snapshot=snapshot)), key="k"
        ).id
        == waiting
    )
    url = old.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with workers(url, tmp_path) as house:
        for _ in range(2):
            house.start()
        assert ended(new, running).state is State.DONE
        assert ended(new, waiting).state is State.DONE
    files = files_of(new, running)
    assert {name: files[name] for name in STABLE} == expected


def test_the_schema_comes_out_the_same(store: Store, old: Engine) -> None:
    """Upgraded from the first version, it is what a new database has."""
    migrations.upgrade(old)

    def columns(engine: Engine) -> list[object]:
        query = (
            "select table_name, column_name, data_type, is_nullable, column_default"
            " from information_schema.columns where table_schema = 'public' order by 1, 2"
        )
        with engine.connect() as connection:
            return list(connection.execute(text(query)).all())

    assert columns(old) == columns(store.engine)
