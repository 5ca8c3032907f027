"""What workers keep below their home folder: prices that they looked at, within a bound, and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from jobs_cases import OWNER, give_prices

from treefolio.jobs.chunks import Workshop
from treefolio.jobs.folders import LEFT_SECONDS, passing, sweep_up
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Work
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.panels import kept, panel_of
from treefolio.jobs.requests import Asked, Fetch, RunRequest
from treefolio.jobs.settings import JobSettings
from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel

TICKERS = ("BIL", "SPY")
"""A snapshot of their prices has 400 KB: a megabyte has room for two."""
MANY = (*TICKERS, "GLD", "IEF", "QQQ", "TLT", "TQQQ", "UVXY")
"""A snapshot of theirs exceeds a megabyte."""
HOUR = 3_600
TREE = "tree: {if: 'rsi(SPY, 5) > 70', then: BIL, else: SPY}\n"


def prices(seed: int, tickers: Sequence[str] = TICKERS) -> Panel:
    return synthetic_panel(seed=seed, tickers=tickers)


@pytest.fixture
def narrow(tmp_path: Path) -> JobSettings:
    """A worker's, with room for two snapshots."""
    return JobSettings(home=tmp_path / "worker", snapshots_megabytes=1)


def there(settings: JobSettings) -> set[str]:
    """The snapshots that the worker has."""
    return {path.stem for path in (settings.home / "work" / "snapshots").iterdir()}


def aged(settings: JobSettings) -> None:
    """All that is there was used an hour earlier than it was."""
    for path in (settings.home / "work" / "snapshots").iterdir():
        moment = path.stat().st_mtime - HOUR
        os.utime(path, (moment, moment))


# Prices.


def test_prices_that_were_not_used_longest_make_room(
    store: Store, narrow: JobSettings, tmp_path: Path
) -> None:
    """To look at some is to use them; what went comes from the ledger again."""
    bench = Bench(store.engine, narrow)
    names = [give_prices(store, tmp_path / "prices", prices(seed)) for seed in range(3)]
    for name in (names[0], names[1], names[0], names[2]):
        assert panel_of(name, bench, narrow).content_hash == name
        aged(narrow)
    assert there(narrow) == {names[0], names[2]}
    assert panel_of(names[1], bench, narrow).content_hash == names[1]
    assert there(narrow) == {names[1], names[2]}


def test_prices_that_exceed_the_bound_alone(narrow: JobSettings) -> None:
    """Are kept, and nothing beside them."""
    kept(prices(1), narrow)
    large = prices(1, MANY)
    assert len(kept(large, narrow)) > 1_000_000
    assert there(narrow) == {large.content_hash}


def test_prices_that_are_kept_again(narrow: JobSettings) -> None:
    """Count as used, though they were there."""
    for seed in (0, 1, 0, 2):
        kept(prices(seed), narrow)
        aged(narrow)
    assert there(narrow) == {prices(0).content_hash, prices(2).content_hash}


def test_the_user_s_own_snapshots_stay(store: Store, narrow: JobSettings, tmp_path: Path) -> None:
    """Those of the command line in the same home folder, however many: workers have theirs apart."""
    bench = Bench(store.engine, narrow)
    own = [snapshots.keep(prices(seed), narrow.home) for seed in range(4)]
    for seed in range(4):
        panel_of(give_prices(store, tmp_path / "prices", prices(seed)), bench, narrow)
    assert {each.hash for each in snapshots.listed(narrow.home)[0]} == set(own)
    assert len(there(narrow)) == 2


def test_workers_make_room_under_each_other(store: Store, narrow: JobSettings, tmp_path: Path) -> None:
    """Where there is room for one snapshot: what another worker removes meanwhile is not missing."""
    bench = Bench(store.engine, narrow)
    names = [give_prices(store, tmp_path / "prices", prices(seed, MANY)) for seed in range(3)]
    wrong: list[object] = []

    def look(first: int) -> None:
        try:
            for turn in range(24):
                name = names[(first + turn) % len(names)]
                wrong.extend([name] if panel_of(name, bench, narrow).content_hash != name else [])
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=look, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_jobs_keep_to_the_bound(store: Store, narrow: JobSettings, tmp_path: Path) -> None:
    """Those whose prices were brought, and those that fetch them; the user's folder is not made."""
    bench = Bench(store.engine, narrow)
    workshop, worker = Workshop(bench, narrow), bench.enter("here", 1, "0")
    own = [Asked(snapshot=give_prices(store, tmp_path / "prices", prices(seed))) for seed in range(2)]
    for asked in (*own, Asked(fetch=Fetch(source="synthetic"))):
        job = store.submit(OWNER, RunRequest(strategy=TREE, asked=asked)).id
        chunk = bench.claim(worker, job, Work.RUN, 0)
        assert chunk is not None
        assert workshop.do(chunk, lambda: True)
        aged(narrow)
    fetched = store.get(OWNER, job).snapshot
    assert there(narrow) == {own[1].snapshot, fetched}
    assert not (narrow.home / "snapshots").exists()


def test_damaged_prices_are_fetched_again(store: Store, snapshot: str, tmp_path: Path) -> None:
    """A worker's own copy may be damaged; the ledger's is checked again."""
    settings = JobSettings(home=tmp_path / "worker")
    bench = Bench(store.engine, settings)
    first = panel_of(snapshot, bench, settings)
    (path,) = (settings.home / "work" / "snapshots").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert panel_of(snapshot, bench, settings).content_hash == first.content_hash == snapshot


# Folders in which files are made.


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """Of this machine when the process is gone, or this one has its number now; of others when it is old."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    work, host = tmp_path / "work", socket.gethostname()
    left = {
        "dead": f"{host}.{process.pid}-x",
        "this one's number": f"{host}.{os.getpid()}-x",
        "old, elsewhere": f"{host}x.{os.getppid()}-x",
    }
    stay = {
        "alive": f"{host}.{os.getppid()}-x",
        "elsewhere": f"{host}x.{process.pid}-x",
        "a longer name": f"{host}.example.{process.pid}-x",
        "none of them": "snapshots",
    }
    for name in (*left.values(), *stay.values()):
        (work / name / "parts").mkdir(parents=True)
    for name in (left["old, elsewhere"], stay["alive"], stay["none of them"]):
        moment = (work / name).stat().st_mtime - LEFT_SECONDS - HOUR
        os.utime(work / name, (moment, moment))
    sweep_up(tmp_path)
    assert {path.name for path in work.iterdir()} == set(stay.values())


def test_a_folder_says_whose_it_is(tmp_path: Path) -> None:
    """What a process of this number leaves is what the next one removes."""
    with passing(tmp_path) as folder:
        (folder / "file").write_bytes(b"")
        sweep_up(tmp_path)
        assert not folder.exists()
    sweep_up(tmp_path / "nowhere")
