"""A network between workers and their database that can be cut, or hold what is said: on loopback."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType
from typing import Self

_PIECE = 1 << 16
_LOOK_SECONDS = 0.05


class Cable:
    """Listens on a port of this machine and leads to a Unix socket; a context manager.

    Attributes:
        held: nothing gets through, and nobody is told.
        cut: connections are closed, and new ones too.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.held = threading.Event()
        self.cut = threading.Event()
        self.over = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(_LOOK_SECONDS)
        self.threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listening.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        for each in self.threads:
            each.join()
        self.listening.close()

    def _start(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                near, _ = self.listening.accept()
                if self.cut.is_set():
                    near.close()
                    continue
                self._start(self._lead, near)

    def _lead(self, near: socket.socket) -> None:
        """Carries what is said both ways, until a side closes or the cable is cut."""
        with near, socket.socket(socket.AF_UNIX) as far, contextlib.suppress(OSError):
            far.connect(self.path)
            other = {near: far, far: near}
            while not self.over.is_set() and not self.cut.is_set():
                if self.held.is_set():
                    self.over.wait(_LOOK_SECONDS)
                    continue
                for source in select.select(list(other), [], [], _LOOK_SECONDS)[0]:
                    if not (said := source.recv(_PIECE)):
                        return
                    other[source].sendall(said)
