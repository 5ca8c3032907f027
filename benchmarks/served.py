"""A service as a process, as `treefolio serve` starts it: what the benchmarks of the service share."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from treefolio.client import Client
from treefolio.jobs import embedded

PATIENCE_SECONDS = 120.0
END_SECONDS = 60.0


class Service:
    """``treefolio serve`` with its data in ``home``; a context manager.

    Attributes:
        ready_seconds: from its start until it said where it serves.
    """

    def __init__(self, home: Path, *, workers: int, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.workers = workers
        self.settings = dict(settings or {})
        self.url = ""
        self.ready_seconds = 0.0
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        began = time.perf_counter()
        arguments = ["--port", "0", "--home", str(self.home), "--workers", str(self.workers)]
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "treefolio", "serve", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **self.settings},
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        self.ready_seconds = time.perf_counter() - began
        if not words:
            raise RuntimeError(f"it does not serve: {self.log.read_text(encoding='utf-8')}")
        self.url = next(word for word in words if word.startswith("http://"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def log(self) -> Path:
        """What it said on standard error."""
        return self.home.with_suffix(".log")

    @property
    def database(self) -> str:
        """The URL of its Postgres. Raises DatabaseError when that does not answer."""
        return embedded.wait_until_running(self.home / embedded.FOLDER)

    def client(self) -> Client:
        """A patient client."""
        return Client(self.url, patience=PATIENCE_SECONDS)

    def processes(self, verb: str) -> list[psutil.Process]:
        """Its processes of one kind: ``worker``, ``answer`` or ``postgres`` (its first)."""
        if verb == "postgres":
            found = embedded.postmaster(self.home / embedded.FOLDER)
            return [] if found is None else [found]
        assert self.process is not None
        return [each for each in family(self.process.pid) if is_verb(each, verb)]


def family(pid: int) -> list[psutil.Process]:
    """A process and all that come of it."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def is_verb(process: psutil.Process, verb: str) -> bool:
    """Whether it is ``python -m treefolio VERB``, and alive."""
    try:
        return f"treefolio {verb}" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
