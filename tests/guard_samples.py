"""The part of the service that answers, on a thread of the test: real sockets, real Postgres, no workers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import uvicorn

from service_samples import wait_for
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.settings import JobSettings
from treefolio.service.accounts.store import Accounts, accounts_of
from treefolio.service.app import application
from treefolio.service.entering import enter
from treefolio.service.serving import listen
from treefolio.service.settings import ServiceSettings

API = "/api/v1"
PASSWORD = "several words of a test"


class Answering:
    """A context manager. The database is a new one; `settings` say whether users log in."""

    def __init__(self, database: str, folder: Path, settings: ServiceSettings) -> None:
        self.jobs = JobSettings(home=folder)
        self.store: Store = enter(database, self.jobs)
        self.settings = settings
        self.accounts: Accounts = accounts_of(self.store, settings)
        self.listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(
            application(self.store, database, folder / "service", settings),
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


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, str]:
    """What a refusal says: it has the one shape, and its id is the header's."""
    said: dict[str, str] = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), said
    assert set(said) == {"code", "message", "path", "hint", "request_id"}
    assert said["request_id"] == answer.headers["X-Request-ID"]
    assert said["message"]
    assert said["hint"]
    return said
