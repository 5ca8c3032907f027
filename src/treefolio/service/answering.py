"""The process that answers requests, on a socket that its parent listens on.

The parent keeps the socket while this process is started again, so no client is turned away meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import socket

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from treefolio.jobs.embedded import database_url
from treefolio.jobs.ledger.store import open_store
from treefolio.jobs.settings import JobSettings
from treefolio.service.app import application
from treefolio.service.connections import AT_ONCE, bounded, room
from treefolio.service.settings import ServiceSettings

FOLDER = "service"
"""Below the home folder: what can be made again."""
_STOP_SECONDS = 3
_HEARD = 4_096
"""Bytes that a client may say on a socket: there is nothing to be said."""


def answer(descriptor: int) -> None:
    """Answers requests until SIGTERM."""
    settings = JobSettings()
    url = database_url(settings)
    service = ServiceSettings()
    store = open_store(url, settings, patience_s=service.database_seconds)
    app = application(store, url, settings.home / FOLDER, service)
    config = configuration(app, bounded(most=room()))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C reaches the whole group; it was obeyed
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])
    store.close()


def configuration(app: ASGIApp, connection: type[H11Protocol]) -> uvicorn.Config:
    """How requests are taken."""
    return uvicorn.Config(
        app,
        http=connection,
        backlog=AT_ONCE,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=_HEARD,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
