"""A Dask cluster writes what threads write: two worker processes on this machine, reached over loopback.

Also when one of them is killed midway.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import treefolio as tf
from sweep_cases import QUESTION, STRATEGY, day
from treefolio.sweep import many

if TYPE_CHECKING:
    from distributed import Client

distributed = pytest.importorskip("distributed", reason="needs the extra dask")

STABLE = ("manifest.json", "rows.parquet", "summary.json")
WORKERS = 2


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a cluster whose workers are started again when they end."""
    with (
        distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def executor(client: Client) -> Executor:
    """What a user passes on."""
    found: Executor = client.get_executor()
    return found


def test_a_cluster_writes_the_same_bytes(
    executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Manifest, rows and summary, also where rows are marked as skipped after they came back."""
    monkeypatch.setattr(many, "FIRST_RANGE", 50)
    monkeypatch.setattr(many, "LARGEST_RANGE", 100)
    latest = day(QUESTION.panel, 10)
    for name, where in (("threads", None), ("cluster", executor)):
        tf.sweep(
            STRATEGY,
            QUESTION.panel,
            benchmark="B",
            latest_start=latest,
            threads=WORKERS,
            executor=where,
            out=tmp_path / name,
        )
    found = {
        name: [(tmp_path / name / file).read_bytes() for file in STABLE] for name in ("threads", "cluster")
    }
    assert found["threads"] == found["cluster"]
    statuses = pl.read_parquet(tmp_path / "cluster" / "rows.parquet")["status"]
    assert set(statuses) == {"ok", "skipped"}


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_worker_is_killed_midway(
    client: Client, executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kill -9` of one of two at some range: the other one goes on, and the bytes are the same."""
    monkeypatch.setattr(many, "FIRST_RANGE", 50)
    monkeypatch.setattr(many, "LARGEST_RANGE", 50)
    planned = many.plan_sweep(STRATEGY, QUESTION)
    dice = random.Random(6)
    moment = dice.randrange(planned.space.size // 4, planned.space.size // 2)
    victims = sorted(client.run(os.getpid).values())
    killed = []

    def kill(progress: many.Progress) -> None:
        if progress.done >= moment and not killed:
            killed.append(dice.choice(victims))
            os.kill(killed[0], signal.SIGKILL)

    planned.run(tmp_path / "threads", threads=WORKERS)
    planned.run(tmp_path / "cluster", threads=WORKERS, executor=executor, progress=kill)
    assert killed
    found = {
        name: [(tmp_path / name / file).read_bytes() for file in STABLE] for name in ("threads", "cluster")
    }
    assert found["threads"] == found["cluster"]
    client.wait_for_workers(WORKERS)
    assert killed[0] not in client.run(os.getpid).values()
