"""One Postgres for all tests of jobs; a database for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_cases import STABLE, give_prices, ledger, panel, sweep

from treefolio.jobs import requests
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.store import Store
from treefolio.report import SweepSummary, sweep_page
from treefolio.sweep.output import write_report
from treefolio.testing.postgres import PostgresServer


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def store(server: PostgresServer, tmp_path: Path) -> Iterator[Store]:
    """A ledger of its own, with short leases."""
    made = ledger(server, tmp_path)
    yield made
    made.close()


@pytest.fixture
def bench(store: Store) -> Bench:
    """The ledger as workers see it."""
    return Bench(store.engine, store.settings)


@pytest.fixture
def snapshot(store: Store, tmp_path: Path) -> str:
    """Prices that are in the ledger."""
    return give_prices(store, tmp_path / "prices", panel())


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the library writes for the sweep of these tests, on one thread, undisturbed."""
    out = tmp_path_factory.mktemp("library") / "out"
    prices = panel()
    planned = requests.plan(sweep(prices.content_hash), prices)
    swept = planned.run(out)
    summary = SweepSummary(
        rows=swept.rows,
        variables=swept.space.axes,
        manifest=swept.manifest,
        counts=dict(swept.summary["status"]),  # type: ignore[call-overload]
        selection=swept.selection,
        synthetic=True,
        notes=swept.notes,
    )
    write_report(out, sweep_page(summary))
    return {name: (out / name).read_bytes() for name in STABLE}
