"""Every backend, for the tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cache_cases import Store, flushed

from treefolio.testing.redis import RedisServer


@pytest.fixture(scope="session")
def running() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(running: RedisServer) -> Iterator[RedisServer]:
    """An empty server that nobody harms."""
    with flushed(running) as empty:
        yield empty


@pytest.fixture(params=["directory", "redis", "guarded"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty place for each kind of cache."""
    folder = tmp_path / "cache"
    if request.param == "directory":
        return Store(kind="directory", folder=folder)
    return Store(kind=request.param, folder=folder, url=request.getfixturevalue("server").url)
