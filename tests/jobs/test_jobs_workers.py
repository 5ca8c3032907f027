"""Workers as processes, on a real sweep: killed, frozen, told to end, deaf, or without a database.

Every job ends, and its files are the bytes that the library writes.
"""

from __future__ import annotations

import datetime as dt
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from jobs_cases import (
    OWNER,
    ROWS,
    STABLE,
    Workers,
    ended,
    files_of,
    give_prices,
    ledger,
    panel,
    sweep,
    until,
    url_of,
    workers,
)
from sqlalchemy import text

from treefolio.jobs import embedded
from treefolio.jobs.ledger.records import ChunkState
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, RunRequest
from treefolio.jobs.states import ENDED, Event, State
from treefolio.sweep.warm import warm
from treefolio.testing.postgres import PostgresServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

KILLS = 10


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


def check(store: Store, job: UUID, expected: dict[str, bytes]) -> None:
    """The job is done, each row was counted once, and the files are the library's."""
    assert ended(store, job).state is State.DONE
    found = store.get(OWNER, job)
    assert (found.rows_done, found.rows_total, found.rows_failed) == (ROWS, ROWS, 0)
    files = files_of(store, job)
    assert {name: files[name] for name in STABLE} == expected
    with store.engine.connect() as connection:
        ranges = connection.execute(
            text("select first, last from chunks where job = :job and work = 'rows' order by first"),
            {"job": job},
        ).all()
    assert [first for first, _ in ranges] == [0, *(last for _, last in ranges[:-1])]
    assert ranges[-1].last == ROWS


def done(store: Store, job: UUID) -> int:
    return store.get(OWNER, job).rows_done


def test_kills(store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path) -> None:
    """``kill -9`` of a worker that has a chunk, at ten moments from planning to the end; each is replaced."""
    chance = random.Random(6)
    moments = [0, *sorted(chance.sample(range(1, ROWS), KILLS - 2)), ROWS]
    job = store.submit(OWNER, sweep(snapshot))
    with workers(url_of(store), tmp_path) as house:
        house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
        house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
        for moment in moments:
            until(lambda moment=moment: done(store, job.id) >= moment, f"row {moment}")
            victim = until(lambda: busy(store, house), "a worker with a chunk, or the end")
            if isinstance(victim, subprocess.Popen):
                victim.kill()
                victim.wait()
                house.start()
        check(store, job.id, expected)
        with store.engine.connect() as connection:
            assert connection.execute(text("select sum(lost) from chunks")).scalar_one() >= KILLS // 2


def busy(store: Store, house: Workers) -> subprocess.Popen[bytes] | bool:
    """A process, stopped, that has a chunk; True when nothing is left to do."""
    for process in (each for each in house.processes if each.poll() is None):
        process.send_signal(signal.SIGSTOP)
        with store.engine.connect() as connection:
            query = (
                "select count(*) from chunks join workers on id = worker where pid = :pid and state = 'taken'"
            )
            if connection.execute(text(query), {"pid": process.pid}).scalar_one():
                return process
        process.send_signal(signal.SIGCONT)
    return all(job.state in ENDED for job in store.list(OWNER))


def test_a_frozen_worker(store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path) -> None:
    """SIGSTOP past its lease, then SIGCONT: it brings what it had computed, and that is not taken.

    What the same worker brings late of the next job, but within its lease, is taken.
    """
    job = store.submit(OWNER, sweep(snapshot))
    with workers(url_of(store), tmp_path) as house:
        frozen = house.start("late")
        until((tmp_path / "home-0" / "computed-0").exists, "the first range")
        frozen.send_signal(signal.SIGSTOP)
        other = house.start()
        check(store, job.id, expected)
        before = state_of(store, job.id)
        (tmp_path / "home-0" / "thaw").touch()
        frozen.send_signal(signal.SIGCONT)
        answer = tmp_path / "home-0" / "answer"
        assert until(lambda: answer.exists() and answer.read_text(encoding="utf-8"), "its answer") == "False"
        until(lambda: store.workers()[0].alive and store.workers()[0].chunk is None, "it to let go")
        assert state_of(store, job.id) == before
        with store.engine.connect() as connection:
            query = "select lost, attempt from chunks where work = 'rows' and number = 0"
            assert tuple(connection.execute(text(query)).one()) == (1, 3)
        other.kill()
        (tmp_path / "home-0" / "thaw").unlink()
        answer.write_text("", encoding="utf-8")
        again = store.submit(OWNER, sweep(snapshot))
        until(lambda: taken(store, again.id, 0), "its next range")
        (tmp_path / "home-0" / "thaw").touch()
        check(store, again.id, expected)
        assert answer.read_text(encoding="utf-8") == "True"


def taken(store: Store, job: UUID, number: int) -> bool:
    with store.engine.connect() as connection:
        query = "select state from chunks where job = :job and work = 'rows' and number = :number"
        return connection.execute(text(query), {"job": job, "number": number}).scalar() == "taken"


def state_of(store: Store, job: UUID) -> list[object]:
    """All that is kept of a job's chunks and files."""
    with store.engine.connect() as connection:
        chunks = connection.execute(text("select * from chunks where job = :job order by 2, 3"), {"job": job})
        return [*chunks.all(), files_of(store, job), len(store.milestones(OWNER, job))]


def test_cancelled_and_told_to_end(
    store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """A cancelled job ends though its range does not. On SIGTERM, what cannot be finished soon is handed
    back, no attempt has failed, and the status is 0."""
    with workers(url_of(store), tmp_path) as house:
        ending = house.start("waits")
        other = store.submit(OWNER, sweep(snapshot))
        until(lambda: taken(store, other.id, 0), "the first range")
        store.ask(OWNER, other.id, Event.CANCEL)
        assert ended(store, other.id).state is State.CANCELLED
        assert store.parts(OWNER, other.id) == []
        job = store.submit(OWNER, sweep(snapshot))
        until(lambda: taken(store, job.id, 0), "the first range of the next one")
        ending.terminate()
        assert ending.wait(30) == 0
        assert not taken(store, job.id, 0)
        assert store.workers() == []
        house.start()
        check(store, job.id, expected)
        with store.engine.connect() as connection:
            assert connection.execute(text("select sum(failures + lost) from chunks")).scalar_one() == 0


def test_a_range_that_fails(store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path) -> None:
    """After three failures its rows say why, all others are what they are, and the job is partial."""
    job = store.submit(OWNER, sweep(snapshot))
    with workers(url_of(store), tmp_path) as house:
        house.start("fails")
        assert ended(store, job.id).state is State.PARTIAL
    found = store.get(OWNER, job.id)
    rows = pl.read_parquet(files_of(store, job.id)["rows.parquet"])
    whole = pl.read_parquet(expected["rows.parquet"])
    failed = rows["status"] == "failed"
    assert failed.sum() == found.rows_failed > 0
    assert set(rows.filter(failed)["reason"]) == {"ValueError: row 0 is cursed"}
    assert rows.filter(failed)["sharpe"].null_count() == found.rows_failed
    assert "row 0 is cursed" in (found.reason or "")
    names = [name for name in rows.columns if name not in ("dsr", "plateau")]
    assert rows.filter(~failed).select(names).equals(whole.tail(ROWS - found.rows_failed).select(names))


def test_a_range_that_takes_too_long(store: Store, snapshot: str, tmp_path: Path) -> None:
    """It is abandoned with its reason, three times, and the job comes to its end."""
    job = store.submit(OWNER, sweep(snapshot))
    with workers(url_of(store), tmp_path) as house:
        house.start("waits", TREEFOLIO_CHUNK_TIMEOUT_S="0.5")
        assert ended(store, job.id).state is State.PARTIAL
    assert "it took longer than 0.5 s" in (store.get(OWNER, job.id).reason or "")


def test_a_range_that_does_not_even_stop(
    store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """It costs the process, which begins anew under its number; the second attempt succeeds."""
    job = store.submit(OWNER, sweep(snapshot))
    with workers(url_of(store), tmp_path) as house:
        process = house.start("deaf", TREEFOLIO_CHUNK_TIMEOUT_S="0.5")
        check(store, job.id, expected)
        assert process.poll() is None
        with store.engine.connect() as connection:
            failures = connection.execute(text("select max(failures) from chunks")).scalar_one()
        assert failures == 1


def test_pause_and_resume(store: Store, snapshot: str, expected: dict[str, bytes], tmp_path: Path) -> None:
    """A paused job rests, and goes on to the library's bytes; its files are those of a sweep."""
    job = store.submit(OWNER, sweep(snapshot))
    with workers(url_of(store), tmp_path) as house:
        house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
        house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
        until(lambda: done(store, job.id), "the first rows")
        store.ask(OWNER, job.id, Event.PAUSE)
        until(lambda: store.get(OWNER, job.id).state is State.PAUSED, "the pause")
        rested = done(store, job.id)
        assert rested < ROWS
        store.ask(OWNER, job.id, Event.RESUME)
        check(store, job.id, expected)
    assert set(files_of(store, job.id)) == {*STABLE, "report.html", "selection.json", "stats.json"}
    progress = store.progress(OWNER, job.id)
    assert progress.chunks[ChunkState.DONE] > 4
    assert progress.chunks[ChunkState.FAILED] == 0


def test_the_database_is_frozen_and_killed(expected: dict[str, bytes], tmp_path: Path) -> None:
    """Workers wait for it, and go on: what was committed is there. A chunk is brought after its lease, if the
    database was silent for as long."""
    with PostgresServer() as server:
        store = ledger(server, tmp_path)
        snapshot = give_prices(store, tmp_path / "prices", panel())
        job = store.submit(OWNER, sweep(snapshot)).id
        with workers(url_of(store), tmp_path) as house:
            house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
            house.start(TREEFOLIO_CHUNK_SECONDS="0.02")
            rows = until(lambda: done(store, job), "the first rows")
            with frozen(server):
                threading.Event().wait(store.settings.lease_s + 0.5)  # longer than a lease: that is the fault
            until(lambda: done(store, job) > rows, "further rows")
            server.restart()
            check(store, job, expected)
        store.close()


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """Within, no process of Postgres moves."""
    postmaster = embedded.postmaster(server.folder)
    assert postmaster is not None
    family = [postmaster, *postmaster.children()]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            each.resume()


def test_a_run(store: Store, snapshot: str, tmp_path: Path) -> None:
    """A single backtest is a job as well; its files are those of a run."""
    asked = Asked(snapshot=snapshot)
    request = RunRequest(strategy=sweep(snapshot).strategy, asked=asked, values={"window": 7})
    job = store.submit(OWNER, request)
    with workers(url_of(store), tmp_path) as house:
        house.start()
        assert ended(store, job.id).state is State.DONE
    assert {each.name for each in store.files(OWNER, job.id)} == {
        "manifest.json",
        "metrics.json",
        "stats.json",
        "equity.parquet",
        "weights.parquet",
        "trades.parquet",
        "report.html",
    }


def test_a_job_that_cannot_be(store: Store, snapshot: str, tmp_path: Path) -> None:
    """What is wrong with it is said once, as the command line says it."""
    asked = Asked(snapshot=snapshot, start=dt.date(2040, 1, 3))
    job = store.submit(OWNER, sweep(snapshot, asked=asked))
    with workers(url_of(store), tmp_path) as house:
        house.start()
        found = ended(store, job.id)
    assert found.state is State.FAILED
    assert "2040" in (found.reason or "")
