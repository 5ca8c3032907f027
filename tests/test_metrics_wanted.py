"""Fewer metrics cost less and are the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import treefolio as tf
from sweep_cases import planned
from treefolio.errors import UsageError
from treefolio.metrics import ACTIVITY_KEYS, METRICS, frame, measure_one
from treefolio.metrics.table import Activity


@pytest.fixture(scope="module")
def series() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    days = np.arange("2019-01-01", "2023-06-01", dtype="datetime64[D]")
    return days, rng.normal(0.001, 0.02, len(days) - 1), rng.normal(0.0005, 0.01, len(days) - 1)


@pytest.mark.parametrize("key", METRICS)
def test_a_metric_alone_is_the_same_number(
    key: str, series: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """Each metric asked for by itself has the bits that it has among all."""
    days, returns, rival = series
    activity = Activity(**{name: 1.5 + k for k, name in enumerate(ACTIVITY_KEYS)})
    whole = measure_one(returns, frame(days, rival), activity)
    alone = measure_one(returns, frame(days, rival, {key}), activity)
    assert whole[key] is not None or key in {"trailing_10y", "trailing_5y"}
    assert alone[key] == whole[key]


def test_an_unknown_metric_is_refused(series: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """A misspelt key is an error with the nearest ones."""
    with pytest.raises(UsageError, match="sharp") as error:
        frame(series[0], None, {"sharp"})
    assert "sharpe" in str(error.value.hint)


def test_the_face_takes_metrics() -> None:
    """``tf.sweep(metrics=…)`` has just those columns, and psr, which always has its own."""
    rule = tf.define("S", tf.If(tf.rsi("SPY", tf.var("n")) > 50, "SPY", "TLT"), variables={"n": [5, 10]})
    swept = tf.sweep(rule, tf.synthetic_panel(tickers=["SPY", "TLT"], end="2012-12-31"), metrics=["sharpe"])
    assert [name for name in swept.rows.collect_schema().names() if name in METRICS] == [
        "sharpe",
        "psr",
    ]


def test_rows_with_some_metrics(tmp_path: Path) -> None:
    """A sweep of some metrics has just their columns, in the table's order, with the same numbers.

    What is said of the selection is the same as well.
    """
    some = planned(metrics=["max_drawdown", "sharpe", "cumulative_return"])
    assert not some.prepared.market.tracked
    rows = some.run(tmp_path / "some").rows.collect()
    whole = planned().run(tmp_path / "all").rows.collect()
    keys = [name for name in rows.columns if name in METRICS]
    assert keys == ["cumulative_return", "sharpe", "max_drawdown", "psr"]
    assert rows.equals(whole.select(rows.columns))
    assert planned(metrics=["turnover"]).prepared.market.tracked
    assert pl.read_parquet(tmp_path / "some" / "rows.parquet").columns == rows.columns
