"""A Dask cluster writes what threads write: two worker processes on this machine, reached over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import polars as pl
import pytest

import treefolio as tf
from sweep_cases import QUESTION, STRATEGY, day
from treefolio.sweep import many

distributed = pytest.importorskip("distributed", reason="needs the extra dask")

STABLE = ("manifest.json", "rows.parquet", "summary.json")
WORKERS = 2


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """What a user passes on: the executor of a cluster's client."""
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
        yield client.get_executor()


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
