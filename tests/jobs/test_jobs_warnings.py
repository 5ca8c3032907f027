"""What workers warn of, as it stands on a terminal: what it is about, and why."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest
from jobs_cases import OWNER, sweep, until, url_of
from sqlalchemy import text

from treefolio.cli.log import lines
from treefolio.jobs.agenda import Days, Timing
from treefolio.jobs.chunks import Workshop
from treefolio.jobs.ledger.agenda import Agenda
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.ledger.records import Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.worker import Worker

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture(autouse=True)
def _in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a terminal."""
    monkeypatch.delenv("TREEFOLIO_LOG", raising=False)


class Beating(Worker):
    """A worker that counts its beats."""

    beats = 0

    def _beat(self) -> None:
        self.beats += 1
        super()._beat()


def worker_of(url: str, folder: Path, **settings: float) -> Beating:
    given = JobSettings(home=folder, **settings)  # type: ignore[arg-type]  # seconds, all of them
    bench = Bench(engine_of(url, connections=2), given)
    return Beating(url, bench, Workshop(bench, given), given)


def test_a_chunk_that_fails(
    store: Store, snapshot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names its job and the reason."""
    worker = worker_of(url_of(store), tmp_path)
    worker.number = worker.bench.enter("here", 1, "0")
    job = store.submit(OWNER, sweep(snapshot, latest_start=dt.date(1990, 1, 2))).id
    with lines():
        worker.take(job, Work.PLAN, 0)
    worker.bench.engine.dispose()
    reason = store.get(OWNER, job).reason
    assert reason
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"Warning: chunk failed, plan 0 of job {job}: ")
    assert said.partition(f"{job}: ")[2] in reason


def test_a_schedule_that_cannot_be_submitted(
    store: Store, snapshot: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is named."""
    store.settings = store.settings.model_copy(update={"limit_combinations": {"free": 1}})
    agenda = Agenda(store.engine, store.settings)
    agenda.make(OWNER, "each night", sweep(snapshot), Timing(at=dt.time(18, 30), days=Days.DAILY))
    with store.engine.begin() as connection:
        connection.execute(text("update schedules set next_at = now() - interval '1 minute'"))
    with lines():
        assert agenda.fire() == 1
    said = capsys.readouterr().err
    assert said.startswith("Warning: the schedule 'each night' was not submitted: the job has 1,510 comb")


def test_a_database_that_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is said once, however often it is asked for."""
    worker = worker_of(NOBODY, tmp_path, beat_s=0.01)
    beating = threading.Thread(target=worker.beat)
    with lines():
        beating.start()
        until(lambda: worker.beats > 3, "some beats")
        worker.ended.set()
        beating.join()
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("Warning: no database for this worker, which waits: ")
