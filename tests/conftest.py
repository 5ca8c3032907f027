"""What every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from service_samples import Served

pytest_plugins = ["must_run"]

settings.register_profile("pinned", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("pinned")


@pytest.fixture(scope="session", autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Caches and ledgers of tests are not the user's, tables are as wide as in a file, and Ctrl-C is heard,
    also where the shell that began the tests ignores it; processes that tests start inherit all three."""
    os.environ["TREEFOLIO_HOME"] = str(tmp_path_factory.mktemp("home"))
    os.environ.pop("COLUMNS", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service with two workers, as `treefolio serve` starts it."""
    from service_samples import Served  # noqa: PLC0415 - only its tests need what it imports

    with Served(tmp_path_factory.mktemp("served") / "home") as service:
        yield service


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of private reference data: strategies, prices, golden answers."""
    folder = Path(os.environ.get("TREEFOLIO_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "SEMANTICS.md").exists():
        pytest.skip(f"needs the private reference data, which is not at {folder.name}/ beside the checkout")
    return folder
