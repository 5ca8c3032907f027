"""Users of a service, as its tests have them: an administrator and others, who log in and make tokens."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Message

from service_samples import wait_for
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.settings import JobSettings
from treefolio.service.accounts.store import accounts_of
from treefolio.service.address import address_of
from treefolio.service.app import application
from treefolio.service.entering import enter
from treefolio.service.models import API
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

PASSWORD = "seven quiet words for {}"
OFTEN = {"login": 10_000, "submit": 10_000, "export": 10_000, "upload": 10_000}
"""Tests log in more often than people."""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Making one for each browser takes longer than what the browsers do."""


class Person:
    """A user with a browser: a client that keeps the cookie and sends what a page of ours sends.

    `http` has the header ``Origin``; a login adds ``X-CSRF-Token``.
    """

    def __init__(self, http: httpx.Client, name: str) -> None:
        self.http = http
        self.name = name
        self.password = PASSWORD.format(name)

    @property
    def id(self) -> str:
        """The user's."""
        return str(self.get("/session").json()["user"])

    def entered(self, answer: httpx.Response) -> httpx.Response:
        """Takes the session in an answer up."""
        if answer.is_success:
            self.http.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return answer

    def open_link(self, url: str, **more: str) -> httpx.Response:
        """Uses a one-time link."""
        secret = url.partition("#")[2]
        body = {"secret": secret, "password": self.password, **more}
        return self.entered(self.post("/links", body))

    def login(self, name: str | None = None, password: str | None = None) -> httpx.Response:
        """Logs in."""
        body = {"name": name or self.name, "password": password or self.password}
        return self.entered(self.post("/login", body))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(API + path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        return self.http.post(API + path, json=body, **more)

    def put(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        return self.http.put(API + path, json=body, **more)

    def patch(self, path: str, body: object = None) -> httpx.Response:
        return self.http.patch(API + path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(API + path)

    def token(self, *scopes: str, **more: object) -> str:
        """The secret of a new token."""
        answer = self.post("/tokens", {"name": "script", "scopes": scopes or ("read", "write"), **more})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["secret"])

    def invited(self, http: httpx.Client, name: str, **more: object) -> Person:
        """A new user, whom this administrator made, and who has logged in by the link."""
        made = self.post("/users", {"name": name, **more})
        assert made.status_code == 201, made.text
        person = Person(http, name)
        answer = person.open_link(made.json()["url"])
        assert answer.status_code == 200, answer.text
        return person


class House:
    """A service of several users within the process, with a database of its own.

    Attributes:
        url: where it answers.
        origin: of its pages, as browsers write it.
    """

    def __init__(self, store: Store, folder: Path, settings: ServiceSettings, socket: socket.socket) -> None:
        self.store = store
        self.settings = settings
        self.accounts = accounts_of(store, settings)
        dsn = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.app = application(store, dsn, folder / "service", settings)
        self.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        self.origin = address_of(settings.public_url).origin or self.url
        self.browsers: list[httpx.Client] = []

    def browser(self, **headers: str) -> httpx.Client:
        """A browser, without a session yet."""
        given = {"Origin": self.origin, **headers}
        made = httpx.Client(base_url=self.url, headers=given, timeout=60, verify=_NO_TLS)
        self.browsers.append(made)
        return made

    def person(self, name: str) -> Person:
        """Somebody with a browser of their own, who has not logged in."""
        return Person(self.browser(), name)

    def script(self, token: str) -> Person:
        """Somebody with a token."""
        person = Person(self.browser(Authorization=f"Bearer {token}"), "script")
        del person.http.headers["Origin"]
        return person

    def administrator(self) -> Person:
        """The first one, who has come in by the link."""
        link = self.accounts.first_link()
        assert link is not None
        person = self.person("admin")
        assert person.open_link(link.url(self.url)).status_code == 200
        return person


@contextmanager
def house(server: PostgresServer, folder: Path, **settings: Any) -> Iterator[House]:
    """A service that lasts as long as the block."""
    url = server.database()
    store = enter(url, JobSettings(home=folder, database_url=url))
    with served(store, folder, ServiceSettings(**{"users": True, "rates": OFTEN, **settings})) as made:
        yield made
    store.close()


@contextmanager
def served(store: Store, folder: Path, settings: ServiceSettings) -> Iterator[House]:
    """A service with these settings on a database that there is, answering from a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = House(store, folder, settings, listening)
        config = uvicorn.Config(made.app, log_config=None, access_log=False, server_header=False)
        answering = uvicorn.Server(config)
        thread = threading.Thread(target=answering.run, args=([listening],))
        thread.start()
        try:
            wait_for(lambda: answering.started or not thread.is_alive(), "the service")
            yield made
        finally:
            for each in made.browsers:
                each.close()
            answering.should_exit = True
            thread.join()


def opened(app: ASGIApp, path: str = "/api/v1/jobs/x/socket", **headers: str) -> Message:
    """The first that a socket is told: that it is open, or why not."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        told.append(message)

    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": path, "headers": pairs, "query_string": b"", "subprotocols": []}
    asyncio.run(app(scope, receive, send))
    assert len(told) == 1
    return told[0]
