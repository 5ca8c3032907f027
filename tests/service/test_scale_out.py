"""A database on the network, the answering process alone, and workers of other machines: other home folders,
nothing shared but the URL."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Self

import httpx
import pytest
import yaml

from cli_samples import Program
from postgres_samples import ESCAPED, PASSWORD, NetworkPostgres
from service_samples import DEADLINE_SECONDS, QUICK, Served, wait_for
from treefolio.jobs.keyring import new_key
from treefolio.jobs.requests import Asked, SweepRequest, plan
from treefolio.jobs.states import State
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.models import API

pytestmark = pytest.mark.service

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose.yaml"
STRATEGY = """\
name: Hot or not
variables: {hot: 70, days: 10}
tree: {if: 'rsi(TQQQ, $days) > $hot', then: BIL, else: TQQQ}
"""
SPACE = {"hot": "50:99:1", "days": "2:41:1"}
ROWS = 2_000


@pytest.fixture(scope="module")
def network() -> Iterator[NetworkPostgres]:
    with NetworkPostgres() as running:
        yield running


@pytest.fixture(scope="module")
def panel() -> Panel:
    tickers = ["BIL", "SPY", "TQQQ"]
    return synthetic_panel(seed=5, start=date(2014, 1, 2), end=date(2018, 12, 31), tickers=tickers)


class Workers:
    """``treefolio worker`` on other machines; a context manager, after which there is none."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> Path:
        """One more; returns its home folder. What it says is beside that."""
        home = self.folder / f"machine-{len(self.processes)}"
        given = {"TREEFOLIO_HOME": str(home), "TREEFOLIO_DATABASE_URL": self.url, "TREEFOLIO_LOG": "info"}
        with home.with_suffix(".err").open("wb") as errors:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "treefolio", "worker"],
                    stdin=subprocess.DEVNULL,
                    stderr=errors,
                    env={**os.environ, **QUICK, **given},
                )
            )
        return home

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def end(self) -> list[int]:
        """Asks all of them to end; their statuses."""
        for process in self.processes:
            process.terminate()
        return [process.wait(DEADLINE_SECONDS) for process in self.processes]


@pytest.fixture
def apart(network: NetworkPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The answering process alone, on a new database."""
    monkeypatch.setenv("TREEFOLIO_DATABASE_URL", network.database("scaled"))
    with Served(tmp_path / "front", workers=0) as service:
        yield service


def test_workers_of_other_machines(apart: Served, panel: Panel, tmp_path: Path) -> None:
    """They take prices from the database, share the work, and the rows are the library's own bytes."""
    request = SweepRequest(strategy=STRATEGY, asked=Asked(snapshot=panel.content_hash), vary=SPACE)
    plan(request, panel).run(tmp_path / "library", threads=1)
    assert (apart.processes("treefolio", "worker"), apart.processes("treefolio.jobs.embedded")) == ([], [])
    assert not (apart.home / "postgres").exists()
    with Workers(os.environ["TREEFOLIO_DATABASE_URL"], tmp_path) as workers, apart.client() as client:
        job = client.submit(request, panel)
        assert httpx.get(f"{apart.url}{API}/health").status_code == 200
        assert httpx.get(f"{apart.url}{API}/ready").status_code == 503
        assert client.job(job.id).state is State.QUEUED
        homes = [workers.start(), workers.start()]
        assert list(client.watch(job.id))[-1].label == "final"
        found = client.job(job.id)
        seen = {worker.pid for worker in client.workers().workers}
        client.export(job.id, tmp_path / "out")
        assert workers.end() == [0, 0]
    assert (found.state, found.rows_done) == (State.DONE, ROWS)
    assert seen == {process.pid for process in workers.processes}
    ours, theirs = ((tmp_path / each / "rows.parquet").read_bytes() for each in ("out", "library"))
    assert ours == theirs
    assert all((home / "work" / "snapshots").exists() for home in homes)


def test_who_is_not_let_in(
    network: NetworkPostgres,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Says why, with status 1, and nothing of the password: a worker before there are tables, with a wrong
    password, with a database that there is not, or a URL that is none; so do `serve` and `doctor`."""
    empty = network.database("empty")
    wrong = {
        empty: "brings older ones up to date",
        empty.replace(ESCAPED, "guessed"): "password authentication failed",
        network.url("nowhere"): 'database "nowhere" does not exist',
        network.url("empty", "gue/ssed"): "/ is %2F",
    }
    serve = ("serve", "--home", tmp_path / "home", "--port", "0", "--workers", "0")
    for url, reason in wrong.items():
        monkeypatch.setenv("TREEFOLIO_DATABASE_URL", url)
        for arguments in (("worker",), ("doctor",), serve)[: 1 if url == empty else 3]:
            called = Program(capsys)(*arguments)
            said = called.out + called.err
            assert (called.status, reason in said) == (1, True), (arguments, said)
            assert not any(word in said for word in (PASSWORD, ESCAPED, "guessed", "ssed@", "Traceback"))


def test_a_worker_waits_for_a_database_that_starts(network: NetworkPostgres, tmp_path: Path) -> None:
    """Nobody listens: that is no reason to end, and its log says it as one JSON object a line."""
    silent = network.url("first").replace(f":{network.port}/", ":1/")
    with Workers(silent, tmp_path) as workers:
        home = workers.start()

        def said() -> list[dict[str, object]]:
            lines = home.with_suffix(".err").read_text().splitlines(keepends=True)
            return [json.loads(line) for line in lines if line.endswith("\n")]

        found = wait_for(
            lambda: [each for each in said() if each["action"] == "worker.no_database"], "a line"
        )
        assert ESCAPED not in str(found)
        assert workers.processes[0].poll() is None
        assert workers.end() == [0]


@contextmanager
def started(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A verb of ours as a process, which is gone at the end."""
    with subprocess.Popen(
        [sys.executable, "-m", "treefolio", *command],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_compose_starts(network: NetworkPostgres, tmp_path: Path) -> None:
    """Its own commands and settings, with this test's database and port: the health check succeeds, the
    administrator's link is said under the public name, and the worker makes it ready."""
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    settings = {name: value for name, value in services["api"]["environment"].items() if value is not None}
    env = {
        **os.environ,
        **QUICK,
        **settings,
        "TREEFOLIO_DATABASE_URL": network.database("composed"),
        "TREEFOLIO_PUBLIC_URL": "https://treefolio.example.org",
        "TREEFOLIO_SECRET_KEYS": new_key(),
        "TREEFOLIO_HOME": str(tmp_path / "home"),
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [{"0.0.0.0": "127.0.0.1", "8000": port}.get(each, each) for each in services["api"]["command"]]
    check = services["api"]["healthcheck"]["test"][-1].replace(":8000/", f":{port}/")
    with started(command, env) as api:
        assert api.stdout is not None
        said = "".join(api.stdout.readline() for _ in range(2))
        assert "https://treefolio.example.org/" in said
        subprocess.run([sys.executable, "-c", check], check=True, stdout=subprocess.DEVNULL)
        with started(services["worker"]["command"], env) as worker:
            ready = f"http://127.0.0.1:{port}{API}/ready"
            wait_for(lambda: httpx.get(ready, timeout=60).status_code == 200, "the worker")
            for process in (worker, api):
                process.terminate()
            assert [process.wait(DEADLINE_SECONDS) for process in (worker, api)] == [0, 0]
