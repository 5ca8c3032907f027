"""Everything that a service keeps, as one file; and a database made from such a file.

The file is what ``pg_dump`` writes: a view of one moment, also while jobs are worked on. Any Postgres that
the service works with takes it, so it is the way from the embedded one to one of your own, too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from filelock import FileLock, Timeout
from psycopg import conninfo

from treefolio.errors import DatabaseError, OutputError
from treefolio.jobs import embedded
from treefolio.jobs.admission import readable
from treefolio.jobs.programs import program
from treefolio.jobs.settings import JobSettings
from treefolio.service.serving import LOCK

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}
"""Parts of a URL, as Postgres' programs take them from the environment: other users see arguments."""
_TO_THE_FIRST_ERROR = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
_NEW = b"SET transaction_timeout = 0;\n"
"""Among the first lines of a script; servers before Postgres 17 do not know it."""
_REMEDIES = {
    "pg_restore": "copy the file again if it is not whole, or name one that `treefolio backup` wrote"
}
"""What to do when a program failed, where it says little itself."""
_COUNT = "select count(*) from pg_tables where schemaname = current_schema()"


def backup(path: Path, settings: JobSettings, *, replace: bool = False) -> int:
    """Writes all of the database to a file that only its owner can read; returns its bytes.

    replace: also one that is there; it stays until the new one is whole.

    Raises:
        DatabaseError: the database does not answer, or there is none.
        OutputError: the file cannot be written, or is there already.
    """
    if path.exists() and not replace:
        raise OutputError(f"{path} is there already", hint="Name another file, or add --replace.")
    if settings.database_url is None and not (settings.home / embedded.FOLDER).exists():
        raise DatabaseError(
            f"nothing is kept in {settings.home}", hint="Name the folder of the service with --home."
        )
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            written = Path(file.name)  # its mode is 600
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        with _database(settings) as url:
            _call("pg_dump", url, ["--format=custom", "--compress=gzip:1", f"--file={written}"])
        written.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        written.unlink(missing_ok=True)
    return path.stat().st_size


def restore(path: Path, settings: JobSettings) -> None:
    """Makes an empty database what the file says, as a whole or not at all.

    Raises:
        DatabaseError: the database is not empty, does not answer, or the file is none of `backup`.
    """
    if not path.is_file():
        raise OutputError(f"there is no file {path}", hint="Name one that `treefolio backup` wrote.")
    with _database(settings) as url:
        if _tables(url):
            raise DatabaseError(
                "the database is not empty",
                hint="Name a new folder with --home, or an empty database in TREEFOLIO_DATABASE_URL.",
            )
        _replay(path, url)


def _tables(url: str) -> int:
    """How many tables there are. Raises DatabaseError."""
    try:
        with psycopg.connect(url) as connection:
            return connection.execute(_COUNT).fetchall()[0][0]
    except psycopg.Error as error:
        raise DatabaseError(
            f"the database does not answer: {str(error).strip().splitlines()[-1]}",
            hint="See to the user, the password and the database in TREEFOLIO_DATABASE_URL.",
        ) from None


@contextlib.contextmanager
def _database(settings: JobSettings) -> Iterator[str]:
    """The database of these settings; the embedded one is started for as long when it does not run."""
    if settings.database_url is not None:
        yield readable(settings.database_url)
        return
    folder = settings.home / embedded.FOLDER
    running = embedded.running_url(folder)
    if running is not None:
        yield running
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.home / LOCK).acquire(timeout=0), _started(folder) as url:
            yield url
    except Timeout:
        raise DatabaseError(
            f"the service in {settings.home} is starting or ending", hint="Try again in a moment."
        ) from None


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[str]:
    """The embedded database in a folder, while it lasts."""
    keeper = subprocess.Popen(
        embedded.command(folder), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield embedded.wait_until_running(folder, gave_up=lambda: keeper.poll() == embedded.CANNOT_START)
    finally:
        keeper.communicate()  # closes its standard input, by which it ends


def _call(name: str, url: str, arguments: Sequence[str]) -> None:
    """Runs a program of Postgres. Raises DatabaseError with what it said."""
    called = subprocess.run(
        [program(name), "--no-password", *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=_surroundings(url),
    )
    if called.returncode != 0:
        raise _failed(name, called.returncode, called.stderr)


def _replay(path: Path, url: str) -> None:
    """Writes what the file says, in one transaction. Raises DatabaseError with what was said.

    It goes through a script because `pg_restore` by itself asks servers for a setting that is new.
    """
    with tempfile.TemporaryFile() as said:
        reading = subprocess.Popen(
            # nothing of the other database's own: who owns it, and what others may
            [program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        writing = subprocess.Popen(
            [program("psql"), "--no-password", *_TO_THE_FIRST_ERROR, "--file=-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_surroundings(url),
        )
        _pass_on(reading, writing)
        for name, process in (("pg_restore", reading), ("psql", writing)):
            if process.returncode not in (0, -signal.SIGPIPE):  # by that one it ends when nobody listens
                said.seek(0)
                raise _failed(name, process.returncode, said.read())


def _pass_on(reading: subprocess.Popen[bytes], writing: subprocess.Popen[bytes]) -> None:
    """Gives one the script of the other, until both have ended.

    It is committed when all of it has come: whatever is killed before, the database stays as it was.
    """
    script, end = reading.stdout, writing.stdin
    assert script is not None
    assert end is not None
    with script, contextlib.suppress(BrokenPipeError):
        end.write(b"BEGIN;\n")
        for line in script:
            if line == _NEW:
                break
            end.write(line)
        shutil.copyfileobj(script, end)
        if reading.wait() == 0:
            end.write(b"COMMIT;\n")
    reading.wait()
    with contextlib.suppress(BrokenPipeError):
        end.close()
    writing.wait()


def _surroundings(url: str) -> dict[str, str]:
    """The environment in which Postgres' programs find a database."""
    found = {_VARIABLES[part]: value for part, value in _parts(url).items() if part in _VARIABLES}
    return {**os.environ, **found}


def _failed(name: str, status: int, said: bytes) -> DatabaseError:
    lines = said.decode(errors="replace").strip().splitlines() or [f"it ended with status {status}"]
    return DatabaseError(
        f"{name} did not do it: {lines[0].removeprefix(f'{name}: ').removeprefix('error: ')}",
        hint=f"Nothing was changed; {_REMEDIES.get(name, 'see to that, then try again')}.",
    )


def _parts(url: str) -> dict[str, str]:
    """The parts of a URL by libpq's names."""
    return {name: str(value) for name, value in conninfo.conninfo_to_dict(url).items() if value is not None}


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {path}: {error.strerror}", hint="Name a file in another folder.")
