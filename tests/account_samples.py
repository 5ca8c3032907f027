"""A service that answers within the process, and its users: in browsers, and as scripts.

* `Answering`  the service; its `person` and `script` are clients that have just come in
* `House`      one whose users log in; its `Person`s log in and out themselves, as a page has them do
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from starlette.types import ASGIApp, Message

from service_samples import wait_for
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.settings import JobSettings
from treefolio.service.accounts.store import Accounts, accounts_of
from treefolio.service.address import address_of
from treefolio.service.app import application
from treefolio.service.entering import enter
from treefolio.service.models import API
from treefolio.service.serving import listen
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

PASSWORD = "several words of a test"
_OF_EACH = "seven quiet words for {}"
OFTEN = {"login": 10_000, "submit": 10_000, "export": 10_000, "upload": 10_000}
"""Tests log in more often than people."""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Making one for each browser takes longer than what the browsers do."""


class Answering:
    """The part of a service that answers, on a thread of the test: real sockets, real Postgres, no workers.

    A context manager; `settings` say whether users log in. Its clients ask for routes: ``/jobs``.
    """

    def __init__(self, database: str, folder: Path, settings: ServiceSettings) -> None:
        self.database = database
        self.store: Store = enter(database, JobSettings(home=folder))
        self.settings = settings
        self.accounts: Accounts = accounts_of(self.store, settings)
        self.listening = listen("127.0.0.1", 0)
        self.app = application(self.store, database, folder / "service", settings)
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.listening],), daemon=True)

    def __enter__(self) -> Self:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self.thread.start()
        wait_for(lambda: self.server.started or not self.thread.is_alive(), "the service")
        assert self.server.started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listening.close()
        self.store.close()

    @property
    def origin(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def stranger(self) -> httpx.Client:
        """Somebody who is not logged in; a context manager."""
        return httpx.Client(base_url=self.origin + API, timeout=60, headers={"Origin": self.origin})

    @contextmanager
    def person(self, name: str, *, administrator: bool = False) -> Iterator[httpx.Client]:
        """A user in a browser: logged in, with the headers that a page of the service sends."""
        link = self.accounts.link(self.accounts.enter(name, administrator=administrator).id)
        self.accounts.open_link(link.secret, PASSWORD)
        with self.stranger() as client:
            said = client.post("/login", json={"name": name, "password": PASSWORD})
            assert said.status_code == 200, said.text
            client.headers["X-CSRF-Token"] = said.json()["csrf"]
            yield client

    @contextmanager
    def script(self, person: httpx.Client, *scopes: str) -> Iterator[httpx.Client]:
        """A program with a token of a user."""
        made = person.post("/tokens", json={"name": "script", "scopes": scopes}).json()
        headers = {"Authorization": f"Bearer {made['secret']}"}
        with httpx.Client(base_url=self.origin + API, timeout=60, headers=headers) as client:
            yield client


class Person:
    """A user with a browser: a client that keeps the cookie and sends what a page of ours sends.

    `http` has the header ``Origin``; a login adds ``X-CSRF-Token``.
    """

    def __init__(self, http: httpx.Client, name: str) -> None:
        self.http = http
        self.name = name
        self.password = _OF_EACH.format(name)

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
    """A service of several users, with a database of its own, and browsers that are closed at its end.

    Attributes:
        url: where it answers.
        origin: of its pages, as browsers write it.
    """

    def __init__(self, answering: Answering) -> None:
        self.app = answering.app
        self.database = answering.database
        self.store = answering.store
        self.settings = answering.settings
        self.accounts = answering.accounts
        self.url = answering.origin
        self.origin = address_of(answering.settings.public_url).origin or self.url
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
    """A service that lasts as long as the block, on a new database."""
    with served(server.database(), folder, **settings) as made:
        yield made


@contextmanager
def served(database: str, folder: Path, **settings: Any) -> Iterator[House]:
    """A service on a database that there is."""
    given = ServiceSettings(**{"users": True, "rates": OFTEN, **settings})
    with Answering(database, folder, given) as answering:
        made = House(answering)
        try:
            yield made
        finally:
            for each in made.browsers:
                each.close()


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


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, str]:
    """What a refusal says: it has the one shape, and its id is the header's."""
    said: dict[str, str] = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), said
    assert set(said) == {"code", "message", "path", "hint", "request_id"}
    assert said["request_id"] == answer.headers["X-Request-ID"]
    assert said["message"]
    assert said["hint"]
    return said
