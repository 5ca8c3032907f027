"""Wakes those who wait for news of a job, when the database says that there is some.

One connection listens for all of them. When it is lost, everybody is woken and looks for himself, and it is
made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterator

import psycopg

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0


class Bell:
    """See the module. For one event loop."""

    def __init__(self, dsn: str, channel: str) -> None:
        self.dsn = dsn
        self.channel = channel
        self.waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextlib.contextmanager
    def waiter(self, job: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever something happens to the job."""
        event = asyncio.Event()
        self.waiting[job].add(event)
        try:
            yield event
        finally:
            self.waiting[job].discard(event)
            if not self.waiting[job]:
                del self.waiting[job]

    async def listen(self) -> None:
        """Rings for ever; it ends by being cancelled."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
                    await connection.execute(f'LISTEN "{self.channel}"')
                    self.ring_all()
                    async for notice in connection.notifies():
                        self.ring(notice.payload)
            except psycopg.Error as error:
                log.debug("no ear at the database", extra={"action": "bell.lost", "error": str(error)[:200]})
            self.ring_all()
            await asyncio.sleep(_AGAIN_SECONDS)

    def ring(self, job: str) -> None:
        """Wakes those who wait for this job."""
        for event in self.waiting.get(job, ()):
            event.set()

    def ring_all(self) -> None:
        """Wakes everybody."""
        for job in list(self.waiting):
            self.ring(job)
