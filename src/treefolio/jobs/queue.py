"""Chunks on their way to workers: one task of Procrastinate, on the ledger's own database.

Procrastinate brings a chunk's name to a worker soon and in order. It keeps nothing that counts: who has a
chunk, and whether it is done, is in the ledger, and a task that is lost is put there again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import procrastinate
import psycopg

from treefolio.jobs.ledger.records import Work
from treefolio.jobs.ledger.tickets import QUEUE, TASK

Take = Callable[[UUID, Work, int], None]
_CONNECTIONS = 3
_CONNECT_SECONDS = 5.0


def app_of(url: str, take: Take) -> procrastinate.App:
    """The application whose one task calls ``take`` with a chunk's job, work and number."""
    connector = procrastinate.PsycopgConnector(
        conninfo=url,
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_CONNECT_SECONDS,
        reconnect_timeout=_CONNECT_SECONDS,
        kwargs={"connect_timeout": int(_CONNECT_SECONDS)},
        configure=_one_by_one,
    )
    app = procrastinate.App(connector=connector)

    @app.task(name=TASK, queue=QUEUE)
    def chunk(job: str, work: str, number: int) -> None:
        take(UUID(job), Work(work), number)

    return app


async def _one_by_one(connection: psycopg.AsyncConnection[Any]) -> None:
    """Each statement is a transaction of its own: a process that stops between two of them holds nothing."""
    await connection.set_autocommit(True)
