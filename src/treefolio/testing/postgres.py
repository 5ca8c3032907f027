"""A real Postgres for tests: started, killed and started again; each test has a database of its own.

It is the one that is there when no other is named (`treefolio.jobs.embedded`), kept alive by its own process.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg
from psycopg import sql

from treefolio.jobs import embedded


class PostgresServer:
    """A server with its data in a folder that is gone at the end; a context manager."""

    def __init__(self) -> None:
        self.folder = Path()
        self._root = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._root = tempfile.mkdtemp(prefix="treefolio-postgres-")
        self.folder = Path(self._root) / "data"
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def url(self) -> str:
        """Its own database. Raises DatabaseError when it does not run."""
        return embedded.wait_until_running(self.folder, 0.0)

    def start(self) -> None:
        """Starts it and waits until it answers. Raises DatabaseError."""
        self._process = subprocess.Popen(
            embedded.command(self.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        embedded.wait_until_running(self.folder)

    def stop(self) -> None:
        """Ends it in order; the process that keeps it ends when its standard input closes."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def kill(self) -> None:
        """Ends it at once, as ``kill -9`` does, and waits for the process that keeps it."""
        found = embedded.postmaster(self.folder)
        if found is not None:
            found.kill()
            found.wait()
        if self._process is not None:
            self._process.wait()
            self._process.communicate()
            self._process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It stands still: its connections stay, and nothing is answered."""
        with silent(self.folder):
            yield

    def restart(self) -> None:
        """Kills it and starts it again on the same data."""
        self.kill()
        self.start()

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url.replace("/postgres?", f"/{name}?")


@contextmanager
def silent(folder: Path) -> Iterator[None]:
    """All processes of the Postgres with its data in ``folder`` stand still."""
    first = embedded.postmaster(folder)
    assert first is not None
    first.suspend()  # so that no others begin
    family = [first, *first.children(recursive=True)]
    try:
        for each in family[1:]:
            each.suspend()
        yield
    finally:
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.resume()
