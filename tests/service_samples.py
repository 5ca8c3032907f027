"""What the tests of the service share: the real one, as `treefolio serve` starts it, and ways to wait."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil

from treefolio.client import Client

DEADLINE_SECONDS = 120.0
"""Nothing here takes as long; it is there so that a test ends."""
QUICK = {
    "TREEFOLIO_CHUNK_SECONDS": "0.1",
    "TREEFOLIO_BEAT_S": "0.2",
    "TREEFOLIO_LEASE_S": "1",
    "TREEFOLIO_LOOK_S": "0.5",
    "TREEFOLIO_REQUEST_MEGABYTES": "1",
    "TREEFOLIO_UPLOAD_MEGABYTES": "20",
}
"""Short chunks and leases, so that little has to be waited for."""
OFTEN = {"TREEFOLIO_RATES": '{"login": 10000, "submit": 10000, "export": 10000, "upload": 10000}'}
"""Tests ask more often than people."""
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found], what: str = "it") -> Found:
    """What ``look`` finds, as soon as that is something."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come"
        pause.wait(0.02)
    return found


class Served:
    """A service with its database and workers; a context manager. users: several, who log in."""

    def __init__(
        self,
        home: Path,
        *,
        workers: int | str = 2,
        port: int = 0,
        users: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.settings = {**QUICK, **(OFTEN if users else {}), **(settings or {})}
        self.workers = workers
        self.port = port
        self.users = users
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it and waits until it says that it serves."""
        arguments = ["--port", str(self.port), "--home", str(self.home), "--workers", str(self.workers)]
        arguments += ["--users"] if self.users else []
        self.said = []
        with (self.home.parent / f"{self.home.name}.err").open("ab") as errors:
            self.process = process = subprocess.Popen(
                [sys.executable, "-m", "treefolio", "serve", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **self.settings},
                text=True,
                start_new_session=True,
            )
        stream = process.stdout
        assert stream is not None

        def listen() -> None:
            with stream:
                self.said.extend(stream)

        threading.Thread(target=listen, daemon=True).start()
        wait_for(lambda: self.said or process.poll() is not None, "the service")
        assert process.poll() is None, self.errors()

    def errors(self) -> str:
        """What it said on standard error."""
        return (self.home.parent / f"{self.home.name}.err").read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """Where it answers."""
        found = re.search(r"http://\S+", self.said[0])
        assert found is not None
        return found[0]

    def link(self) -> str:
        """The link for the first administrator, which is said after the URL."""
        said = wait_for(lambda: [line for line in self.said if "/welcome#" in line], "the link")
        return said[0].split()[-1]

    def client(self, token: str | None = None) -> Client:
        """A patient client."""
        return Client(self.url, token=token, patience=DEADLINE_SECONDS)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Its processes whose command line has these words, one after the other."""
        assert self.process is not None
        found = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(each.cmdline())
            except psutil.Error:
                continue
            if " ".join(words) in line and each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
        return found

    def stop(self) -> int:
        """Asks it to end, and waits; returns its status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """Ends it at once, as ``kill -9`` does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(DEADLINE_SECONDS)
