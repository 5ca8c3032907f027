"""One Postgres for the services that run within the process of the tests; one service of several users."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from account_samples import Person
from service_samples import Served, wait_for
from treefolio.testing.postgres import PostgresServer


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="session")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service of several users, as `treefolio serve --users` starts it."""
    with Served(tmp_path_factory.mktemp("inhabited") / "home", users=True) as service:
        wait_for(lambda: httpx.get(f"{service.url}/api/v1/ready").is_success, "a worker")
        yield service


@pytest.fixture(scope="session")
def administrator(inhabited: Served) -> Iterator[Person]:
    """The first one, who has come in by the link that `serve` said."""
    with httpx.Client(base_url=inhabited.url, headers={"Origin": inhabited.url}, timeout=60) as browser:
        person = Person(browser, "admin")
        answer = person.open_link(inhabited.link())
        assert answer.status_code == 200, answer.text
        yield person
