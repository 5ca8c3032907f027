"""A sweep, its prices and its library's files; workers as processes: what the tests of jobs share."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event, text

from treefolio.engine.execution import Costs, Execution
from treefolio.jobs.ledger.records import Job
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.states import ENDED
from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.market.supply import SyntheticSupply
from treefolio.testing.postgres import PostgresServer

STRATEGY = """\
name: Interrupted
variables:
  window: 5:24:1
  hot: 50:77:3
  slow: 16:100:12
constraints:
  - $window < $slow
rebalance: threshold(5%)
tree:
  if: rsi(TQQQ, $window) > $hot
  then: [TLT, BIL]
  else: {if: 'price(SPY) > sma(SPY, $slow)', then: {weighted: [{60: TQQQ}, {40: QQQ}]}, else: [SPY, TLT]}
"""
ROWS = 1_510
OWNER = "ann"
STABLE = ("manifest.json", "rows.parquet", "summary.json")
"""The page counts trials over earlier sweeps, which differ from home to home."""
SHORT = {
    "TREEFOLIO_BEAT_S": "0.1",
    "TREEFOLIO_LEASE_S": "1.5",
    "TREEFOLIO_LOOK_S": "0.3",
    "TREEFOLIO_CHUNK_SECONDS": "0.1",
    "TREEFOLIO_CHUNK_PAUSES_S": "[0.05]",
}
PATIENCE_SECONDS = 60.0
_never = threading.Event()


def panel() -> Panel:
    """The made-up market's prices of all that the strategy names."""
    return SyntheticSupply(seed=7).supply({"TQQQ", "TLT", "BIL", "SPY", "QQQ"}).panel


def sweep(snapshot: str, **changed: Any) -> SweepRequest:
    """A sweep of `ROWS` combinations, about half a second of work."""
    asked = Asked(
        snapshot=snapshot,
        start=dt.date(2012, 1, 3),
        execution=Execution(whole_shares=True, costs=Costs(slippage_bps=3.0)),
    )
    return SweepRequest(**{"strategy": STRATEGY, "asked": asked, **changed})


def give_prices(store: Store, folder: Path, prices: Panel) -> str:
    """Puts the prices into the ledger; returns their hash."""
    name = snapshots.keep(prices, folder)
    store.put_snapshot(OWNER, name, (folder / snapshots.FOLDER / f"{name}{snapshots.SUFFIX}").read_bytes())
    return name


def newcomer(store: Store, user: str, snapshot: str, *, tier: str = "free") -> None:
    """Makes another user known, who has the same prices."""
    store.enter_user(user, tier=tier)
    store.put_snapshot(user, snapshot, store.snapshot(OWNER, snapshot))


def until(condition: Callable[[], Any], what: str) -> Any:
    """What the condition gives as soon as that is true; a failure when it does not become so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        _never.wait(0.01)
    return found


def blocked(store: Store) -> int:
    """How many connections wait for a lock that another one has."""
    query = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and cardinality(pg_blocking_pids(pid)) > 0"
    )
    with store.engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """What the database is asked by this process until the block ends."""
    said: list[str] = []

    def hear(*given: Any) -> None:
        said.append(given[2])

    event.listen(store.engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(store.engine, "before_cursor_execute", hear)


def url_of(store: Store) -> str:
    """The ledger's database, for a process."""
    return store.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")


def ended(store: Store, job: UUID) -> Job:
    """The job when it has ended."""
    found: Job = until(lambda: _ended(store, job), "the job's end")
    return found


def _ended(store: Store, job: UUID) -> Job | None:
    found = store.get(OWNER, job)
    return found if found.state in ENDED else None


def files_of(store: Store, job: UUID) -> dict[str, bytes]:
    """All final files of a job."""
    return {each.name: b"".join(store.file(OWNER, job, each.name)) for each in store.files(OWNER, job)}


class Workers:
    """Worker processes on one database; all are gone at the end."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, fault: str = "none", **environment: str) -> subprocess.Popen[bytes]:
        """One more; its log is in the folder."""
        number = len(self.processes)
        script = Path(__file__).with_name("worker_process.py")
        settings: Mapping[str, str] = {**os.environ, **SHORT, **environment}
        home = self.folder / f"home-{number}"
        with (self.folder / f"worker-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(script), self.url, fault],
                env={**settings, "TREEFOLIO_HOME": str(home)},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """Kills those that are left."""
        for process in self.processes:
            process.kill()
            process.wait()


@contextmanager
def workers(url: str, folder: Path) -> Iterator[Workers]:
    """Workers that end with the test."""
    made = Workers(url, folder)
    try:
        yield made
    finally:
        made.end()


def ledger(server: PostgresServer, folder: Path) -> Store:
    """A new ledger with short leases, which one user has, and her prices."""
    from treefolio.jobs import migrations  # noqa: PLC0415 - kept with what needs it
    from treefolio.jobs.ledger.database import engine_of  # noqa: PLC0415

    settings = JobSettings(home=folder, beat_s=0.1, lease_s=1.5, look_s=0.3, chunk_seconds=0.1)
    store = Store(engine_of(server.database()), settings)
    migrations.upgrade(store.engine)
    store.enter_user(OWNER)
    return store
