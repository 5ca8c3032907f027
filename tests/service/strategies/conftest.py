"""A service where users log in, for all tests of strategies; each test has users of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from account_samples import Answering
from treefolio.client import Client
from treefolio.service.settings import RATES, ServiceSettings
from treefolio.testing.postgres import PostgresServer


@pytest.fixture(scope="session")
def here(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    settings = ServiceSettings(users=True, rates=dict.fromkeys(RATES, 100_000))
    with Answering(server.database(), tmp_path_factory.mktemp("strategies"), settings) as answering:
        yield answering


@pytest.fixture(scope="module")
def ann(here: Answering, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with here.person(_named("ann", request)) as person:
        yield person


@pytest.fixture(scope="module")
def ben(here: Answering, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with here.person(_named("ben", request)) as person:
        yield person


@pytest.fixture(scope="module")
def token(here: Answering, ann: httpx.Client) -> Iterator[str]:
    """Of Ann."""
    with here.script(ann, "read", "write") as script:
        yield script.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture(scope="module")
def client(here: Answering, token: str) -> Iterator[Client]:
    """Ann's."""
    with Client(here.origin, token=token, patience=0) as client:
        yield client


def _named(name: str, request: pytest.FixtureRequest) -> str:
    module = re.sub(r"\W+", "-", request.module.__name__.rpartition(".")[2])
    return f"{name}-{module}"[:60]
