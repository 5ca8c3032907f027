"""`doctor`: every check finds what it is for, on a real database with the fault in it."""

from __future__ import annotations

import datetime as dt
import os
import resource
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cli_samples import Program
from service_samples import Served, wait_for
from treefolio.jobs import migrations
from treefolio.jobs.embedded import running_url
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.settings import JobSettings
from treefolio.service import examination, examination_database
from treefolio.service.examination import examine
from treefolio.service.findings import Finding
from treefolio.testing.postgres import PostgresServer

pytestmark = pytest.mark.service


@pytest.fixture
def url(server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A new database, which is the one that is named, with this version's tables."""
    made = server.database()
    engine = engine_of(made)
    migrations.upgrade(engine)
    engine.dispose()
    monkeypatch.setenv("TREEFOLIO_DATABASE_URL", made)
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TREEFOLIO_SECRET_KEYS", raising=False)
    return made


def of(what: str) -> Finding:
    """What it finds of one thing."""
    (found,) = [each for each in examine() if each.what == what]
    return found


def found_in(home: Path) -> Finding:
    """What it finds of this home folder itself."""
    check = dict(examination.HOME_CHECKS)["home folder"]
    return examination.finding("it", lambda: check(JobSettings(home=home)))


def test_all_is_well(url: str) -> None:
    """Nothing is missing; each thing is looked at once; Postgres is the embedded one of today."""
    assert url
    found = examine()
    names = [each.what for each in found]
    assert len(set(names)) == len(names)
    assert set(names) == {
        what
        for table in (examination.CHECKS, examination.HOME_CHECKS, examination_database.CHECKS)
        for what, _ in table
    }
    assert [each for each in found if each.state == "missing"] == []
    assert of("Postgres").said.startswith("version 1")
    assert of("database").said == "of TREEFOLIO_DATABASE_URL; its tables are of this version"
    assert of("workers").said == "none is at work"


def test_tables_of_another_version(url: str) -> None:
    """Are no fault: `serve` sees to them; and workers cannot be asked for yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("delete from alembic_version")
    assert (of("database").state, of("workers").state) == ("note", "note")
    assert "`treefolio serve` brings them up to date" in of("database").said


def test_an_old_postgres(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says which is needed."""
    assert url
    monkeypatch.setattr(examination_database, "OLDEST", 99)
    assert (of("Postgres").state, of("Postgres").remedy) == ("missing", "Install Postgres 99 or newer.")


def test_too_few_connections(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a machine with a hundred processors."""
    assert url
    monkeypatch.setattr(os, "cpu_count", lambda: 100)
    found = of("connections")
    assert found.state == "missing"
    assert "100 workers and the answering process take up to 812" in found.said


def test_what_a_service_takes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with two workers has no more connections than are counted for it; they are seen."""
    monkeypatch.delenv("TREEFOLIO_DATABASE_URL", raising=False)
    monkeypatch.setenv("TREEFOLIO_HOME", str(served.home))
    database = running_url(served.home / "postgres")
    assert database is not None
    with served.client() as client:
        wait_for(lambda: sum(each.alive for each in client.workers().workers) == 2, "the workers")
    with psycopg.connect(database) as connection:
        query = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        (taken,) = connection.execute(query).fetchall()[0]
    worker, answering = (
        examination_database.CONNECTIONS_OF_A_WORKER,
        examination_database.CONNECTIONS_OF_ANSWERING,
    )
    assert 2 < taken <= 2 * worker + 2 * answering  # the one who serves looks after the workers, too
    assert of("workers").said == "2 at work, of this version"
    assert of("database").said == "embedded, running; its tables are of this version"


def test_a_database_that_forgets(url: str) -> None:
    """What it confirmed may be lost when the machine stops: nobody may choose that unknowingly."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(name))
    found = of("durability")
    assert (found.state, found.said) == (
        "missing",
        "the database may lose what it confirmed: synchronous_commit is off",
    )


def test_a_clock_that_is_wrong(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ahead or behind; a second is no matter."""
    assert url
    real = dt.datetime

    for seconds, state in ((-90, "missing"), (90, "missing"), (1, "ok")):

        class Shifted(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None, by: int = seconds) -> dt.datetime:  # type: ignore[override]
                return real.now(tz) + dt.timedelta(seconds=by)

        monkeypatch.setattr(examination_database.dt, "datetime", Shifted)
        found = of("clock")
        assert found.state == state
        assert state == "ok" or any(f"{number} s from the database's" in found.said for number in (89, 90))


def test_workers_of_another_version(url: str) -> None:
    """Their rows might differ in the last bit."""
    settings = JobSettings()
    engine = engine_of(url)
    Bench(engine, settings).enter("elsewhere", 1, "0.0.9")
    engine.dispose()
    found = of("workers")
    assert (found.state, "0.0.9" in found.said) == ("missing", True)


def test_keys_that_others_can_read(url: str) -> None:
    """And keys that are none; what they are is never said."""
    assert url
    assert of("users' keys").state == "note"
    file = JobSettings().home / "secret.keys"
    file.parent.mkdir()
    file.write_text("no-key-at-all\n")
    file.chmod(0o600)
    assert of("users' keys").state == "missing"
    file.chmod(0o640)
    found = of("users' keys")
    assert (found.state, "640" in found.said) == ("missing", True)
    assert "no-key-at-all" not in str(found)


def test_settings_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are meant, where that can be guessed."""
    check = dict(examination.CHECKS)["settings"]
    assert examination.finding("it", check).state == "ok"
    monkeypatch.setenv("TREEFOLIO_LEASE", "5")
    monkeypatch.setenv("TREEFOLIO_XYZZY", "5")
    found = examination.finding("it", check)
    assert found.state == "missing"
    assert found.said.startswith("TREEFOLIO_LEASE is no setting. Did you mean TREEFOLIO_LEASE_S? TREEFOLIO_X")


def test_too_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to write where."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    found = examination.finding("it", dict(examination.CHECKS)["open files"])
    assert (found.state, found.remedy) == ("missing", "`ulimit -n 1024`, or LimitNOFILE=1024 in the unit.")


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file stands where the folder should; or the disk is nearly full."""
    (tmp_path / "file").write_text("")
    for each in ("file", "file/home", 300 * "x", 300 * "x" + "/home"):
        found = found_in(tmp_path / each)
        assert (found.state, "cannot be written" in found.said) == ("missing", True)
    assert found_in(tmp_path).state == "ok"
    assert "can be made" not in found_in(tmp_path).said
    assert "not there yet and can be made" in found_in(tmp_path / "a" / "b").said
    assert os.listdir(tmp_path) == ["file"]
    long = {each.what: each.state for each in examine(tmp_path / (300 * "x"))}
    assert (long["home folder"], long["database"]) == ("missing", "missing")
    monkeypatch.setattr(examination, "_ROOM", 10**18)
    found = found_in(tmp_path)
    remedy = "Make room. Name another folder with --home or TREEFOLIO_HOME."
    assert (found.state, found.remedy) == ("missing", remedy)


def test_a_database_that_refuses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Is one thing that wants attention, and why it does not answer is said."""
    monkeypatch.setenv("TREEFOLIO_DATABASE_URL", "postgresql://x@127.0.0.1:1/x")
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    called = Program(capsys)("doctor")
    (line,) = [line for line in called.out.splitlines() if " database: " in line]
    assert "does not answer: " in line
    assert line.endswith("port 1 failed: Connection refused")
    assert "wants attention: database\n" in called.err


def test_none_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An embedded one is tried, and nothing of the trial stays in the home folder."""
    monkeypatch.delenv("TREEFOLIO_DATABASE_URL", raising=False)
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    called = Program(capsys)("doctor")
    assert "database: embedded; `treefolio serve` starts it" in called.out
    assert "clock" not in called.out
    assert not (tmp_path / "home" / "postgres").exists()
