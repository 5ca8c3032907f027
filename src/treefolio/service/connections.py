"""Connections: how many there may be, and how long one lasts on which nothing is asked.

uvicorn ends a connection that is silent after an answer. One on which no request ever comes, or comes bit
by bit, or on which a body goes on that was answered long ago, would last for ever. Each is an open file, and
when a process may open no more, asyncio answers nobody and says so thousands of times a second.
"""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

AT_ONCE = 256
"""As many connections wait to be taken, and are taken in one turn of the event loop."""
_MOST = 2_000
_OTHERS = 500 + 5 * AT_ONCE
"""Files that are open beside them: sockets to the database, rows that are looked at, uploads; and connections
on their way out, because a few turns pass until one too many is closed."""
_SECONDS = 30.0
_FEWEST = 100


def room() -> int:
    """How many connections there may be: fewer where the process may not open as many files.

    It raises the limit that it may raise by itself.
    """
    now, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _OTHERS
    if limit != resource.RLIM_INFINITY:
        wanted = min(wanted, limit)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, limit))
    return max(wanted - _OTHERS, _FEWEST)


def bounded(*, most: int, seconds: float = _SECONDS) -> type[H11Protocol]:
    """A connection over HTTP, as uvicorn makes them.

    Args:
        most: as many are there at once; each further one is closed as it comes.
        seconds: no request is under way for so long, and it is closed.
    """

    class Connection(H11Protocol):
        """See the module."""

        waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.abort()
            else:
                self.look()

        def handle_events(self) -> None:
            super().handle_events()
            self.look()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.stop()

        def look(self) -> None:
            """Waits for a request from now on, or waits no longer: one is under way, or it is a socket."""
            asked = self.cycle is not None and not self.cycle.response_complete
            if asked or self.transport.get_protocol() is not self:
                self.stop()
            elif self.waiting is None:
                self.waiting = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

        def stop(self) -> None:
            """Waits no longer."""
            if self.waiting is not None:
                self.waiting.cancel()
                self.waiting = None

    return Connection
