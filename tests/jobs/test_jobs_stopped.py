"""A process that stops within a transaction, for ever as it seems: others go on, and nothing waits for long.

It is played by a connection that has begun and says nothing more, on whose end the database does not insist.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from jobs_cases import (
    OWNER,
    PATIENCE_SECONDS,
    STABLE,
    blocked,
    ended,
    files_of,
    sweep,
    until,
    url_of,
    workers,
)
from procrastinate import PsycopgConnector
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from treefolio.errors import DatabaseError, StrategyError
from treefolio.jobs.keyring import Keyring
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of, name_of, writing
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.ledger.transitions import locked
from treefolio.jobs.locks import Lock
from treefolio.jobs.queue import app_of
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import Event, State
from treefolio.jobs.vault import MassiveKey, Vault
from treefolio.sweep.warm import warm

unix = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
SHORT_S = 0.3


@contextmanager
def stopped(store: Store, statement: str, *values: object) -> Iterator[psycopg.Connection[Any]]:
    """Within, somebody has said this in a transaction, and is silent."""
    with psycopg.connect(url_of(store)) as connection:
        connection.execute(statement, values)
        yield connection


ROW = "select from jobs where id = %s for update"
PLACES = "select pg_advisory_xact_lock(%s)"


def asked(store: Store, query: str, **values: object) -> Any:
    """One value from the database."""
    with store.engine.connect() as connection:
        return connection.execute(text(query), values).scalar()


def planning(store: Store, bench: Bench, snapshot: str) -> Chunk:
    """A job whose plan a worker has that will not be heard of again; no task of it is in the queue."""
    job = store.submit(OWNER, sweep(snapshot)).id
    gone = bench.enter("gone", 1, "0")
    chunk = bench.claim(gone, job, Work.PLAN, 0)
    assert chunk is not None
    with store.engine.begin() as connection:
        connection.execute(
            text("delete from procrastinate_jobs where args ->> 'job' = :job"), {"job": str(job)}
        )
    return chunk


# What the database does.


@pytest.mark.parametrize("notices", ["at its next statement", "at its end"])
def test_it_holds_nothing_for_long(store: Store, snapshot: str, notices: str) -> None:
    """Others have the row soon; who comes back learns that its transaction is lost, and may begin another."""
    job = store.submit(OWNER, sweep(snapshot)).id
    engine = engine_of(url_of(store), connections=1, transaction_s=SHORT_S)

    def stop_and_come_back() -> None:
        with ThreadPoolExecutor(1) as pool, writing(engine) as connection:
            locked(connection, job)
            connection.execute(text("update jobs set name = 'lost'"))
            other = pool.submit(store.ask, OWNER, job, Event.CANCEL)
            assert other.result(PATIENCE_SECONDS).state is State.CANCELLED
            if notices == "at its next statement":
                connection.execute(text("select 1"))

    with pytest.raises(DatabaseError):
        stop_and_come_back()
    with engine.begin() as connection:
        row = locked(connection, job)
    assert row is not None
    assert row.name == "Interrupted"
    engine.dispose()


def test_a_connection_without_an_end_is_none(store: Store) -> None:
    """One whose transactions the database will not end, because it takes no such time, is closed at once."""
    engine = engine_of(url_of(store), transaction_s=1e9)
    with pytest.raises(DBAPIError) as caught:
        engine.connect()
    others = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    assert until(lambda: asked(store, others) == 0, "its end")
    assert "idle_in_transaction_session_timeout" in str(caught.value)
    engine.dispose()


def test_what_comes_slowly_is_no_silence(store: Store) -> None:
    """Nothing is prepared: the values of what is would come while the transaction counts as silent."""
    with store.engine.begin() as connection:
        connection.execute(text("create table contents (content bytea)"))
        for _ in range(20):
            connection.execute(text("insert into contents values (:content)"), {"content": b"x" * 1000})
        assert connection.execute(text("select count(*) from pg_prepared_statements")).scalar_one() == 0


def test_a_request_is_read_before_a_transaction_begins(store: Store, snapshot: str) -> None:
    """Reading a long one takes longer than a transaction may be silent."""
    begun: list[object] = []
    event.listen(store.engine, "begin", begun.append)
    with pytest.raises(StrategyError):
        store.submit(OWNER, sweep(snapshot, vary={"window": "5:24:1"}, strategy="tree: [$window]\n"))
    assert begun == []
    store.submit(OWNER, sweep(snapshot))
    assert len(begun) == 1


def test_the_queue_holds_nothing_between_two_statements(store: Store) -> None:
    """A process that stops there stops nobody."""
    app = app_of(url_of(store), lambda *_: None)

    async def states() -> list[str]:
        async with app.open_async():
            assert isinstance(app.connector, PsycopgConnector)
            async with app.connector.pool.connection() as connection:
                await connection.execute("select from procrastinate_jobs for update")
                query = "select state from pg_stat_activity where pid = :pid"
                return [await asyncio.to_thread(asked, store, query, pid=connection.info.backend_pid)]

    assert asyncio.run(states()) == ["idle"]


def test_a_rotation_of_keys_may_wait(store: Store, tmp_path: Path) -> None:
    """What it holds, so that no other one begins, is not taken from it while it encrypts."""
    engine = engine_of(url_of(store), transaction_s=SHORT_S)
    vault = Vault(engine, Keyring(JobSettings(home=tmp_path)))
    with engine.begin() as connection:
        vault.put(connection, OWNER, MassiveKey(key=SecretStr("m4ssive-0123456789")))
    silent = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and state = 'idle in transaction' and state_change < clock_timestamp() - interval '1 s'"
    )
    with ThreadPoolExecutor(1) as pool:
        with stopped(store, "lock table secrets in row exclusive mode"):
            rotating = pool.submit(vault.rotate)
            until(lambda: asked(store, silent) == 2, "its silence beside the other one's")
        assert rotating.result(PATIENCE_SECONDS) == 1
    engine.dispose()


# What those do who keep house.


def test_others_are_seen_to(store: Store, bench: Bench, snapshot: str) -> None:
    """A chunk of a job whose row somebody has is passed over; it is taken away when the row is free."""
    held, free = (planning(store, bench, snapshot) for _ in range(2))
    with store.engine.begin() as connection:
        connection.execute(text("update workers set beat = beat - interval '10 seconds'"))
    with ThreadPoolExecutor(1) as pool, stopped(store, ROW, held.job):
        assert pool.submit(bench.expire).result(PATIENCE_SECONDS) == 1
        assert not bench.wanted(free)
        assert bench.wanted(held)
    assert bench.expire() == 1
    assert not bench.wanted(held)


def test_a_worker_that_stopped_as_it_wrote(store: Store, bench: Bench, snapshot: str) -> None:
    """Whatever it does there, its connections end when its lease is over, and its job goes on without it."""
    chunk = planning(store, bench, snapshot)
    with psycopg.connect(url_of(store), application_name=name_of("gone", 1)) as its:
        its.execute(ROW, [chunk.job])
        assert bench.expire() == 0
        its.execute("select")  # it has a lease yet
        with store.engine.begin() as connection:
            connection.execute(text("update workers set beat = beat - interval '10 seconds'"))
        assert bench.expire() == 0
        assert until(bench.expire, "the end of its connection") == 1
        with pytest.raises(psycopg.OperationalError):
            its.execute("select")
    assert not bench.wanted(chunk)


def test_jobs_that_are_held_wait_for_the_next_look(store: Store, bench: Bench, snapshot: str) -> None:
    """While somebody gives places nobody who looks around waits for that."""
    store.settings = bench.settings = store.settings.model_copy(update={"limit_running": {"free": 1}})
    _, second = (store.submit(OWNER, sweep(snapshot)).id for _ in range(2))
    bench.settings = store.settings.model_copy(update={"limit_running": {}})
    with ThreadPoolExecutor(1) as pool, stopped(store, PLACES, Lock.PLACES):
        looking = pool.submit(bench.look)
        assert until(lambda: looking.done() or blocked(store), "the look") is True
        assert store.get(OWNER, second).held
    bench.look()
    assert not store.get(OWNER, second).held


def test_a_claim_that_waited_begins_when_it_was_made(store: Store, bench: Bench, snapshot: str) -> None:
    """Its lease does: what waited for a row for longer than that is not taken away for it."""
    job = store.submit(OWNER, sweep(snapshot)).id
    worker = bench.enter("here", 1, "0")
    with ThreadPoolExecutor(1) as pool:
        with stopped(store, ROW, job) as connection:
            claiming = pool.submit(bench.claim, worker, job, Work.PLAN, 0)
            until(lambda: blocked(store), "the claim")
            (moment,) = connection.execute("select clock_timestamp()").fetchone() or ()
        chunk = claiming.result(PATIENCE_SECONDS)
    assert chunk is not None
    assert chunk.begun_at is not None
    assert chunk.begun_at > moment


# What workers do.


def ends(process: subprocess.Popen[bytes]) -> int:
    """The status of a worker that is told to end."""
    process.terminate()
    return process.wait(PATIENCE_SECONDS)


@unix
def test_a_worker_goes_on(
    store: Store, bench: Bench, snapshot: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """It beats and does other jobs while somebody has the row of one, whose chunk it cannot take over; later
    it does that one, too."""
    warm()
    lost = planning(store, bench, snapshot)
    other = store.submit(OWNER, sweep(snapshot)).id
    with workers(url_of(store), tmp_path) as house:
        with stopped(store, ROW, lost.job):
            process = house.start()
            whole(store, other, expected)
            late = (
                "select min(beat) > (select begun_at + interval '4 s' from chunks where job = :job)"
                " from workers where pid = :pid"
            )
            until(lambda: asked(store, late, job=lost.job, pid=process.pid), "beats after two leases")
        whole(store, lost.job, expected)
        assert ends(process) == 0


def whole(store: Store, job: UUID, expected: dict[str, bytes]) -> None:
    """The job is done, and its files are the library's."""
    assert ended(store, job).state is State.DONE
    files = files_of(store, job)
    assert {name: files[name] for name in STABLE} == expected


@unix
def test_a_worker_ends(store: Store, snapshot: str, tmp_path: Path) -> None:
    """When it is told to, also while its claim waits for a row that it will not get."""
    job = store.submit(OWNER, sweep(snapshot)).id
    with workers(url_of(store), tmp_path) as house, stopped(store, ROW, job):
        process = house.start()
        until(lambda: blocked(store), "its claim")
        assert ends(process) == 0
