"""A backup is made while the service works; restored elsewhere, everything is there and goes on."""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest

from cli_samples import Program
from postgres_samples import ESCAPED, PASSWORD, NetworkPostgres
from service_samples import Served, wait_for
from treefolio.engine.execution import Costs, Execution
from treefolio.errors import DatabaseError
from treefolio.jobs import programs
from treefolio.jobs.requests import Asked, SweepRequest, plan
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import Event
from treefolio.market.synthetic import synthetic_panel
from treefolio.service import backup as backups
from treefolio.service.backup import backup, restore
from treefolio.service.entering import enter
from treefolio.testing.postgres import PostgresServer

pytestmark = pytest.mark.service

STRATEGY = """\
name: Hot or not
variables: {hot: 70, days: 10}
tree: {if: 'rsi(TQQQ, $days) > $hot', then: BIL, else: TQQQ}
"""


TICKERS = ["BIL", "SPY", "TQQQ"]
ROWS = 160 * 60


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


def commands() -> list[list[str]]:
    """What docs/operations.md says: how to back up, and how to restore."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    block = page[page.index("## Backup and restore") :].partition("```sh\n")[2].partition("```")[0]
    return [line.split()[1:] for line in block.splitlines()]


def test_there_and_back(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that was done has its files; one that was under way goes on, to the library's own bytes."""
    monkeypatch.chdir(tmp_path)
    back_up, restore = commands()
    panel = synthetic_panel(seed=5, start=date(2015, 1, 2), end=date(2018, 12, 31), tickers=TICKERS)
    asked = Asked(snapshot=panel.content_hash)
    small = SweepRequest(strategy=STRATEGY, asked=asked, vary={"hot": "60:69:1"})
    slow = Asked(snapshot=panel.content_hash, execution=Execution(costs=Costs(slippage_bps=3.0)))
    large = SweepRequest(strategy=STRATEGY, asked=slow, vary={"hot": "50:89.75:0.25", "days": "2:61:1"})
    plan(large, panel).run(tmp_path / "library", threads=1)
    with Served(tmp_path / "old", workers=1) as old, old.client() as client:
        done, under_way = client.submit(small, panel), client.submit(large, panel)
        list(client.watch(done.id))
        client.export(done.id, tmp_path / "before")
        wait_for(lambda: client.job(under_way.id).rows_done, "a row")
        client.tell(under_way.id, Event.PAUSE)
        monkeypatch.setenv("TREEFOLIO_HOME", str(old.home))
        called = program(*back_up)
        assert called.status == 0, called.err
    assert stat.S_IMODE(Path(back_up[-1]).stat().st_mode) == 0o600
    shutil.rmtree(tmp_path / "old")
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "new"))
    called = program(*restore)
    assert called.status == 0, called.err
    with Served(tmp_path / "new", workers=2) as new, new.client() as client:
        assert {job.id for job in client.jobs().jobs} == {done.id, under_way.id}
        client.export(done.id, tmp_path / "after")
        assert 0 < client.job(under_way.id).rows_done < ROWS
        client.tell(under_way.id, Event.RESUME)
        list(client.watch(under_way.id))
        client.export(under_way.id, tmp_path / "ended")
    for each in (tmp_path / "before").iterdir():
        assert each.read_bytes() == (tmp_path / "after" / each.name).read_bytes(), each.name
    ours, theirs = ((tmp_path / each / "rows.parquet").read_bytes() for each in ("ended", "library"))
    assert ours == theirs


def test_a_database_on_the_network(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes what another one kept, once and in an empty database; its password is never said."""
    with NetworkPostgres() as network:
        first, second = network.database("one"), network.database("two")
        monkeypatch.setenv("TREEFOLIO_DATABASE_URL", first)
        store = enter(first, JobSettings())
        store.enter_user("ann", name="Ann")
        store.close()
        assert program("backup", tmp_path / "all.dump").status == 0
        monkeypatch.setenv("TREEFOLIO_DATABASE_URL", second)
        assert program("restore", tmp_path / "all.dump").status == 0
        with psycopg.connect(second) as connection:
            assert connection.execute("select name from users where id = 'ann'").fetchall() == [("Ann",)]
        again = program("restore", tmp_path / "all.dump")
        assert (again.status, "is not empty" in again.err) == (1, True)
        monkeypatch.setenv("TREEFOLIO_DATABASE_URL", network.url("two", "guessed"))
        for verb in (("backup", "--replace"), ("restore",)):
            refused = program(*verb, tmp_path / "all.dump")
            assert (refused.status, "password authentication failed" in refused.err) == (1, True)
            assert not any(word in refused.err for word in (PASSWORD, ESCAPED, "guessed", "Traceback"))
    assert os.listdir(tmp_path) == ["all.dump"]


def test_a_file_that_is_there(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is replaced by a whole one when that is said, and else left as it is."""
    file = tmp_path / "all.dump"
    file.write_text("of yesterday")
    with PostgresServer() as server:
        monkeypatch.setenv("TREEFOLIO_DATABASE_URL", server.url)
        called = program("backup", file)
        assert (called.status, called.err.splitlines()) == (
            1,
            [f"Error: {file} is there already", "Name another file, or add --replace."],
        )
        assert file.read_text() == "of yesterday"
        assert program("backup", file, "--replace").status == 0
        assert file.read_bytes().startswith(b"PGDMP")
    assert os.listdir(tmp_path) == ["all.dump"]
    kept = file.read_bytes()
    assert program("backup", file, "--replace").status == 1
    assert file.read_bytes() == kept


def test_what_is_no_backup(program: Program, tmp_path: Path) -> None:
    """Is said, and leaves a database that is empty still: the right file can be restored next."""
    (tmp_path / "file").write_text("This is no backup.")
    for file, said in (
        (tmp_path / "file", "name one that `treefolio backup` wrote"),
        (tmp_path / "none", "there is no file"),
    ):
        called = program("restore", file, "--home", tmp_path / "home")
        assert (called.status, said in called.err) == (1, True), called.err


def test_half_a_backup(tmp_path: Path) -> None:
    """Is said, and nothing of it is kept: the whole one can be restored next."""
    with PostgresServer() as server:
        whole, half = tmp_path / "whole.dump", tmp_path / "half.dump"
        first, second = server.database(), server.database()
        store = enter(first, JobSettings())
        store.enter_user("ann", name="Ann")
        store.put_snapshot("ann", "0" * 64, random.Random(7).randbytes(300_000))
        store.close()
        backup(whole, JobSettings(database_url=first))
        content = whole.read_bytes()
        settings = JobSettings(database_url=second)
        for part in (0.5, 0.9):
            half.write_bytes(content[: int(part * len(content))])
            with pytest.raises(DatabaseError, match="pg_restore did not do it") as caught:
                restore(half, settings)
            assert "copy the file again if it is not whole" in str(caught.value.hint)
        restore(whole, settings)
        with psycopg.connect(second) as connection:
            assert connection.execute("select name from users where id = 'ann'").fetchall() == [("Ann",)]


KNOWN = {
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "client_encoding",
    "standard_conforming_strings",
    "check_function_bodies",
    "xmloption",
    "client_min_messages",
    "row_security",
    "default_tablespace",
    "default_table_access_method",
}
"""Settings of Postgres 14."""


def test_a_backup_that_is_told_to_end(tmp_path: Path) -> None:
    """By whoever limits the time that it may take: nothing of it stays, neither file nor process."""
    with PostgresServer() as server, psycopg.connect(server.url) as holding:
        holding.execute("create table held ()")
        holding.commit()
        holding.execute("lock table held in access exclusive mode")
        with subprocess.Popen(
            [sys.executable, "-m", "treefolio", "backup", str(tmp_path / "night.dump")],
            env={**os.environ, "TREEFOLIO_DATABASE_URL": server.url},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            (dumping,) = wait_for(psutil.Process(process.pid).children, "pg_dump")
            assert list(tmp_path.iterdir())
            process.terminate()
            _, said = process.communicate()
        assert process.returncode == 130
        assert said.startswith("Error: stopped")
        assert not dumping.is_running()
        assert not list(tmp_path.iterdir())


def test_older_servers_know_all_that_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the backup is written by a newer one: a program that only listens stands for theirs."""
    listening = tmp_path / "psql"
    listening.write_text(f"#!/bin/sh\ncat > {tmp_path}/script\n", encoding="utf-8")
    listening.chmod(0o755)
    with PostgresServer() as server:
        database = server.database()
        enter(database, JobSettings()).close()
        backup(tmp_path / "all.dump", JobSettings(database_url=database))
        ours = programs.program
        monkeypatch.setattr(backups, "program", lambda name: listening if name == "psql" else ours(name))
        restore(tmp_path / "all.dump", JobSettings(database_url=server.database()))
    script = (tmp_path / "script").read_text(encoding="utf-8")
    assert "CREATE TABLE public.users" in script
    assert set(re.findall(r"^SET (\w+)", script, flags=re.MULTILINE)) == KNOWN


def test_nothing_to_keep(program: Program, tmp_path: Path) -> None:
    """A folder that was never served has no backup, and gets no database by asking; nor is a file left."""
    called = program("backup", tmp_path / "all.dump", "--home", tmp_path / "home")
    assert (called.status, "nothing is kept" in called.err) == (1, True)
    assert os.listdir(tmp_path) == []
    called = program("backup", tmp_path / "none" / "all.dump", "--home", tmp_path)
    assert called.status == 1
