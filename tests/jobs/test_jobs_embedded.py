"""The Postgres that is there when no other one is named."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from jobs_cases import until
from sqlalchemy import text

from treefolio.errors import DatabaseError
from treefolio.jobs import embedded
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.settings import JobSettings
from treefolio.testing.postgres import PostgresServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it is not there for Windows")


def keeper(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        embedded.command(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )


def test_it_ends_with_its_parent_and_its_data_stays() -> None:
    """What was committed before the end, or before a kill, is there under the same URL."""
    with PostgresServer() as server:
        before = server.url
        with psycopg.connect(before, autocommit=True) as connection:
            connection.execute("create table kept (number int)")
            connection.execute("insert into kept values (7)")
        server.restart()
        assert server.url == before
        server.stop()
        assert embedded.postmaster(server.folder) is None
        assert embedded.running_url(server.folder) is None
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("select number from kept").fetchall() == [(7,)]


def test_a_keeper_that_was_killed_leaves_it_running(tmp_path: Path) -> None:
    """The next one takes it over, and ends it on SIGTERM with status 0."""
    folder = tmp_path / "postgres"
    first = keeper(folder)
    embedded.wait_until_running(folder)
    found = embedded.postmaster(folder)
    first.kill()
    first.communicate()
    second = keeper(folder)
    assert second.stdout is not None
    assert second.stdout.readline().decode().strip() == embedded.running_url(folder)
    assert embedded.postmaster(folder) == found
    second.send_signal(signal.SIGTERM)
    second.communicate()
    assert second.returncode == 0
    assert embedded.postmaster(folder) is None


def test_its_keeper_ends_when_it_dies(tmp_path: Path) -> None:
    """Whoever keeps the keeper alive starts both again; a stale file of its number does no harm."""
    folder = tmp_path / "postgres"
    process = keeper(folder)
    embedded.wait_until_running(folder)
    found = embedded.postmaster(folder)
    assert found is not None
    found.kill()
    found.wait()
    assert process.wait(30) == 1
    process.communicate()
    lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    (folder / "postmaster.pid").write_text("\n".join(["1", *lines[1:]]) + "\n", encoding="utf-8")
    assert embedded.postmaster(folder) is None
    again = keeper(folder)
    until(lambda: embedded.running_url(folder), "the second start")
    again.communicate()
    assert again.returncode == 0


def test_where_it_listens(tmp_path: Path) -> None:
    """On a socket that is its user's alone; its folder's name is written as a URL has it."""
    folder = tmp_path / "a+b%20c"
    process = keeper(folder)
    url = embedded.wait_until_running(folder)
    engine = engine_of(url)
    with engine.connect() as connection:
        found = Path(connection.execute(text("show unix_socket_directories")).scalar_one())
        assert connection.execute(text("show listen_addresses")).scalar_one() == ""
    engine.dispose()
    assert found == folder
    assert (found / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
    process.communicate()


def test_which_database(tmp_path: Path) -> None:
    """The one that is named, else the one of the home folder, which must run."""
    named = JobSettings(home=tmp_path, database_url="postgresql://there/jobs")
    assert embedded.database_url(named) == "postgresql://there/jobs"
    with pytest.raises(DatabaseError) as caught:
        embedded.database_url(JobSettings(home=tmp_path, database_url=None))
    assert "treefolio serve" in (caught.value.hint or "")
    process = keeper(tmp_path / embedded.FOLDER)
    found = embedded.wait_until_running(tmp_path / embedded.FOLDER)
    assert embedded.database_url(JobSettings(home=tmp_path, database_url=None)) == found
    process.communicate()


STRANGE = {
    "damaged": (lambda folder: written(folder / "PG_VERSION", "x"), "PG_VERSION says 'x'"),
    "emptied": (lambda folder: written(folder / "PG_VERSION", ""), "PG_VERSION says ''"),
    "of an older version": (lambda folder: written(folder / "PG_VERSION", "9.6\n"), "says '9.6'"),
    "of something else": (lambda folder: written(folder / "notes.txt", "mine"), "something else"),
    "a file": (lambda folder: written(folder, "mine"), "Not a directory"),
}


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("write", "part"), STRANGE.values(), ids=STRANGE)
def test_a_folder_from_which_it_never_starts(
    tmp_path: Path, write: Callable[[Path], None], part: str
) -> None:
    """Is seen without trying, said in one sentence with what to do, and left as it is."""
    folder = tmp_path / "postgres"
    write(folder)
    before = sorted(tmp_path.rglob("*"))
    process = keeper(folder)
    assert process.wait(30) == embedded.CANNOT_START
    process.communicate()
    error = embedded.cannot_start(folder)
    assert error.message.startswith(f"Postgres cannot start in {folder}: ")
    assert part in error.message
    assert "restore a backup" in str(error.hint)
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "postgres.failed"]
    with pytest.raises(DatabaseError, match=re.escape(part)):
        embedded.wait_until_running(folder, gave_up=lambda: True)


def test_data_from_which_it_does_not_start(tmp_path: Path) -> None:
    """It is tried, then what Postgres itself says is said, without a traceback."""
    folder = tmp_path / "postgres"
    process = keeper(folder)
    embedded.wait_until_running(folder)
    process.communicate()
    config = folder / "postgresql.conf"
    with config.open("a", encoding="utf-8") as file:
        file.write("nonsense = 1\n")
    called = subprocess.run(embedded.command(folder), check=False, capture_output=True, stdin=subprocess.PIPE)
    assert (called.returncode, called.stdout, called.stderr) == (embedded.CANNOT_START, b"", b"")
    assert embedded.cannot_start(folder).message.endswith(f'file "{config}" contains errors')


def test_what_a_killed_one_left_is_waited_for(tmp_path: Path) -> None:
    """A connection that was at work goes on without its Postgres; nothing is given up meanwhile."""
    folder = tmp_path / "postgres"
    first = keeper(folder)
    url = embedded.wait_until_running(folder)
    found = embedded.postmaster(folder)
    assert found is not None
    with contextlib.closing(psycopg.connect(url)) as connection:
        busy = psutil.Process(connection.info.backend_pid)
        connection.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        found.kill()
        first.communicate()
        second = keeper(folder)
        said = "pre-existing shared memory"
        until(lambda: (folder / "log").read_text().count(said) > embedded.STARTS, "one try more than usual")
        assert second.poll() is None
        busy.kill()
        assert embedded.wait_until_running(folder) == url
    second.communicate()
    assert second.returncode == 0
