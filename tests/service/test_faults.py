"""A service that is killed in parts and as a whole: nothing is lost, and results are the library's."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest

from service_samples import DEADLINE_SECONDS, Served, wait_for
from treefolio.client import Client, ServiceError
from treefolio.engine.execution import Costs, Execution
from treefolio.jobs import embedded
from treefolio.jobs.requests import Asked, SweepRequest, plan
from treefolio.jobs.states import Event, State
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.models import API
from treefolio.testing.postgres import silent

TREE = """\
name: Hot or not
variables: {hot: 70, days: 10}
tree:
  if: rsi(TQQQ, $days) > $hot
  then: BIL
  else: {filter: top 1 by cumulative_return(5), of: [TQQQ, TLT]}
"""
TICKERS = ["BIL", "SPY", "TLT", "TQQQ"]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(seed=3, start=date(2010, 1, 4), end=date(2019, 12, 31), tickers=TICKERS)


@pytest.fixture(scope="module")
def request_(panel: Panel) -> SweepRequest:
    """Ten thousand combinations, in many chunks."""
    return SweepRequest(
        strategy=TREE,
        asked=Asked(snapshot=panel.content_hash, start=date(2012, 1, 3)),
        vary={"hot": "50:99.8:0.3", "days": "2:61:1"},
    )


@pytest.fixture(scope="module")
def expected(request_: SweepRequest, panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The rows as the library computes them."""
    out = tmp_path_factory.mktemp("library") / "out"
    plan(request_, panel).run(out, threads=2)
    return (out / "rows.parquet").read_bytes()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A service that nobody else uses, with small chunks."""
    with Served(tmp_path / "home", settings={"TREEFOLIO_CHUNK_SECONDS": "0.02"}) as service:
        yield service


def further(client: Client, job: UUID, rows: int) -> int:
    """Rows that are done, as soon as they are more than this; or the job has ended."""

    def look() -> int:
        found = client.job(job)
        return found.rows_done if found.rows_done > rows or found.ended else 0

    return wait_for(look, "another row")


def fetched(client: Client, job: UUID, folder: Path) -> bytes:
    client.export(job, folder)
    return (folder / "rows.parquet").read_bytes()


def database_away(own: Served, job: UUID) -> None:
    """Postgres is killed, and for a while nobody starts it again: requests are told when to come back."""
    (keeper,) = own.processes("treefolio.jobs.embedded")
    found = embedded.postmaster(own.home / embedded.FOLDER)
    assert found is not None
    keeper.suspend()
    found.kill()
    for path in ("health", "jobs", f"jobs/{job}/rows"):
        answer = httpx.get(f"{own.url}{API}/{path}", timeout=DEADLINE_SECONDS)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        assert int(answer.headers["Retry-After"]) > 0
    keeper.resume()


def test_parts_are_killed_while_it_works(
    own: Served, request_: SweepRequest, panel: Panel, expected: bytes, tmp_path: Path
) -> None:
    """Workers, the answering process and Postgres, in turn, by ``kill -9``: the rows are the library's."""
    dice = random.Random(6)
    with own.client() as client:
        job = client.submit(request_, panel).id
        rows = 0
        for what in ("worker", "answer", "worker", "postgres", "worker", "answer"):
            rows = further(client, job, rows)
            if what == "postgres":
                database_away(own, job)
            else:
                dice.choice(own.processes("treefolio", what)).kill()
        for progress in client.watch(job):
            last = progress.job
        assert (last.state, last.rows_failed, last.rows_done) == (State.DONE, 0, last.rows_total)
        assert fetched(client, job, tmp_path / "out") == expected
        wait_for(lambda: len(own.processes("treefolio", "worker")) == 2, "both workers")
        full_disk(own, client, job)


def full_disk(own: Served, client: Client, job: UUID) -> None:
    """The answering process finds no room for rows, and says so; when there is room it has them."""
    (answering,) = own.processes("treefolio", "answer")
    shutil.rmtree(own.home / "service" / "rows" / str(job), ignore_errors=True)
    before = answering.rlimit(psutil.RLIMIT_FSIZE)
    answering.rlimit(psutil.RLIMIT_FSIZE, (50_000, before[1]))
    with pytest.raises(ServiceError, match="allows no more to be written") as caught:
        client.rows(job)
    assert (caught.value.code, caught.value.status) == ("output", 507)
    answering.rlimit(psutil.RLIMIT_FSIZE, before)
    assert client.rows(job, limit=1).complete


def test_the_whole_is_killed_and_then_asked_to_end(
    own: Served, request_: SweepRequest, panel: Panel, expected: bytes, tmp_path: Path
) -> None:
    """All of it ends, killed or asked, and then with status 0; on the same folder the job goes on."""
    with own.client() as client:
        job = client.submit(request_, panel, key="once").id
        done = further(client, job, 0)
    parts = own.processes()
    database = embedded.postmaster(own.home / embedded.FOLDER)
    assert len(parts) >= 4
    assert database is not None
    own.kill()
    for each in (*parts, database):
        wait_for(lambda each=each: not alive(each), "the end of a part")  # type: ignore[misc]
    own.start()
    with own.client() as client:
        assert client.submit(request_, panel, key="once").id == job
        done = further(client, job, done)
    parts = own.processes()
    assert own.stop() == 0
    assert not any(alive(each) for each in parts)
    assert embedded.postmaster(own.home / embedded.FOLDER) is None
    own.start()
    with own.client() as client:
        assert client.job(job).rows_done >= done
        for progress in client.watch(job):
            last = progress.job
        assert (last.state, last.rows_failed, last.rows_done) == (State.DONE, 0, last.rows_total)
        assert fetched(client, job, tmp_path / "out") == expected


def test_the_database_says_nothing(tmp_path: Path, request_: SweepRequest, panel: Panel) -> None:
    """Requests are told so, whichever connection they have; when it speaks again all of it goes on."""
    settings = {"TREEFOLIO_DATABASE_SECONDS": "1", "TREEFOLIO_CHUNK_SECONDS": "0.02"}
    with (
        Served(tmp_path / "home", workers=1, settings=settings) as service,
        service.client() as client,
        ThreadPoolExecutor(9) as pool,
    ):
        job = client.submit(replace(request_, vary={"hot": "50:99.8:0.3", "days": "2:9:1"}), panel).id
        further(client, job, 0)
        parts = service.processes("-m treefolio")
        paths = [f"{service.url}{API}/{path}" for path in ("health", "jobs", f"jobs/{job}/progress")]
        with silent(service.home / embedded.FOLDER):
            asked = [pool.submit(httpx.get, path, timeout=DEADLINE_SECONDS) for path in paths * 3]
            for each in asked:
                answer = each.result()
                assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        last = list(client.watch(job))[-1].job
        assert (last.state, last.rows_failed, last.rows_done) == (State.DONE, 0, last.rows_total)
        assert service.processes("-m treefolio") == parts


def alive(process: psutil.Process) -> bool:
    """It is there, and not only its entry."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def test_one_folder_is_served_once(served: Served) -> None:
    """A second service on it is refused, and the first one does not notice."""
    second = Served(served.home, workers=0)
    with pytest.raises(AssertionError, match="is served already"):
        second.start()
    with served.client() as client:
        assert client.health().status == "ok"


def test_workers_follow_the_work(tmp_path: Path, request_: SweepRequest, panel: Panel) -> None:
    """With ``--workers auto`` there is one to begin with, and one for each processor while there is work."""
    wanted = min(2, os.cpu_count() or 1)
    costly = Execution(costs=Costs(slippage_bps=3.0), whole_shares=True)
    longer = replace(request_, asked=replace(request_.asked, execution=costly))
    with Served(tmp_path / "home", workers="auto") as service, service.client() as client:
        wait_for(lambda: client.health().workers, "a worker")
        assert len(service.processes("treefolio", "worker")) == 1
        job = client.submit(longer, panel).id
        wait_for(lambda: len(service.processes("treefolio", "worker")) >= wanted, "another worker")
        client.tell(job, Event.CANCEL)


def test_a_worker_beside_a_service(served: Served, tmp_path: Path) -> None:
    """It is told the folder of the service; it ends when it is asked to."""
    command = [sys.executable, "-m", "treefolio", "worker", "--home", str(served.home)]
    env = {**os.environ, "TREEFOLIO_HOME": str(tmp_path / "elsewhere")}
    with served.client() as client, subprocess.Popen(command, env=env) as process:
        try:
            wait_for(lambda: process.pid in {each.pid for each in client.workers().workers}, "the worker")
            process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0
        finally:
            process.kill()
    assert not (tmp_path / "elsewhere").exists()


def test_ctrl_c_ends_all_of_it(own: Served) -> None:
    """It reaches the whole group; each part obeys in silence, and the status is 0."""
    assert own.process is not None
    with own.client() as client:
        wait_for(lambda: client.health().workers == 2, "both workers")
    os.killpg(own.process.pid, signal.SIGINT)
    assert own.process.wait(DEADLINE_SECONDS) == 0
    assert own.errors() == ""
    assert embedded.postmaster(own.home / embedded.FOLDER) is None
