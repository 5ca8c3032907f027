"""One Postgres for the services that run within the process of the tests; services, and who asks them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from account_samples import House, Person, house
from service_samples import Served, wait_for
from treefolio.client import Client
from treefolio.service.models import API
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


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def raw(served: Served) -> Iterator[httpx.Client]:
    """Without a client's help."""
    with httpx.Client(base_url=served.url + API, timeout=60) as raw:
        yield raw


@pytest.fixture(scope="module")
def here(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service of several users within the process."""
    with house(server, tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(here: House) -> Person:
    return here.administrator()
