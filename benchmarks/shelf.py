"""Pages and charts of a sweep's rows, while they come and when they are all there.

    python benchmarks/shelf.py [ROWS OF A PART]

200,000 rows of made-up numbers, with all metrics, come part by part; after each comes a page of the best.
No database and no network: what is measured is the answering process's own work.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from treefolio.jobs.ledger.records import Part
from treefolio.metrics import METRICS
from treefolio.service.charts.heatmap import heat_map
from treefolio.service.charts.histogram import histogram
from treefolio.service.charts.marginals import marginals
from treefolio.service.charts.pareto import pareto
from treefolio.service.charts.summary import summary
from treefolio.service.growing import Growing
from treefolio.service.shelf import Table
from treefolio.service.table import Wanted, find, plain_rows

ROWS, EACH, TIMES = 200_000, 2_000, 5
AXES = {"a": 20, "b": 200, "c": 200, "d": 30, "e": 10}
AIMS = ("annualized_return", "max_drawdown", "sharpe")


def main() -> None:
    """Prints the figures."""
    each = int(sys.argv[1]) if len(sys.argv) > 1 else EACH
    rows = made_up()
    contents = [packed(rows.slice(first, each)) for first in range(0, ROWS, each)]
    parts = [
        Part(number=k, first=first, last=min(ROWS, first + each), size=len(contents[k]))
        for k, first in enumerate(range(0, ROWS, each))
    ]
    with tempfile.TemporaryDirectory() as folder:
        grown = Growing(Path(folder) / "job")
        came, asked = [], []
        for k in range(len(parts)):
            came.append(seconds(lambda upto=k + 1: grown.add(parts[:upto], contents.__getitem__)))  # type: ignore[misc]
            asked.append(seconds(lambda: page(grown)))
        say(f"{len(parts)} parts of {each:,} rows, as {len(grown.pieces)} files")
        say(f"a part that comes: {spread(came)}; a page after it: {spread(asked)}")
        there = Table(rows=grown.rows, numbers=grown.numbers, total=ROWS, complete=False)
        charts(there)


def charts(there: Table) -> None:
    """Each chart, with its answer's length."""
    for name, chart in {
        "heat map, 40,000 cells, best": lambda: heat_map(there, x="b", y="c", metric="sharpe"),
        "heat map, 40,000 cells, median": lambda: heat_map(
            there, x="b", y="c", metric="sharpe", how="median"
        ),
        "heat map, 600 cells": lambda: heat_map(there, x="a", y="d", metric="max_drawdown"),
        "marginals of 5 variables": lambda: marginals(there, metric="sharpe"),
        "histogram": lambda: histogram(there, metric="sharpe"),
        "front in 2 metrics": lambda: pareto(there, metrics=AIMS[:2]),
        "front in 3 metrics": lambda: pareto(there, metrics=AIMS),
        "summary of 10 metrics": lambda: summary(there, metrics=tuple(METRICS)[:10]),
    }.items():
        taken = [seconds(lambda chart=chart: chart().model_dump_json()) for _ in range(TIMES)]  # type: ignore[misc]
        say(f"{name}: {spread(taken)}, {len(chart().model_dump_json()):,} bytes")


def made_up() -> pl.DataFrame:
    """Rows as a sweep's, of numbers that mean nothing."""
    chance = np.random.default_rng(1)
    columns: dict[str, object] = {name: chance.integers(0, size, ROWS) for name, size in AXES.items()}
    columns |= dict.fromkeys(("start", "end"), np.repeat(np.datetime64("2020-01-02"), ROWS))
    columns |= {key: chance.normal(size=ROWS) for key in METRICS}
    return pl.DataFrame(columns).with_columns(
        pl.col("start", "end").cast(pl.Date), status=pl.lit("ok"), reason=pl.lit(None, dtype=pl.String)
    )


def packed(rows: pl.DataFrame) -> bytes:
    """As workers bring them."""
    stream = io.BytesIO()
    rows.write_parquet(stream, compression="zstd", compression_level=1)
    return stream.getvalue()


def page(grown: Growing) -> None:
    """The hundred best, as the service answers."""
    plain_rows(find(grown.rows, grown.numbers, Wanted(sort=("sharpe",)), offset=0, limit=100).rows)


def seconds(work: Callable[[], object]) -> float:
    """That it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def spread(taken: list[float]) -> str:
    """The median and the 95th percentile."""
    middle, high = np.quantile(taken, (0.5, 0.95))
    return f"{1e3 * middle:.1f} ms, p95 {1e3 * high:.1f} ms"


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
