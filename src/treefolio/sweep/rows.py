"""The rows of a sweep as a table, and what is said of them.

A row is a combination: a column per variable, start, end, sessions, a column per metric, then psr, dsr and
plateau, status, reason. dsr and plateau are known when all rows are. Until then rows stand in parts, which
lack these two and hold what they are made of instead: columns that begin with a dot, which `scan` leaves out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared, fault
from treefolio.engine.trading import DONE, NO_CULPRIT
from treefolio.errors import OutputError
from treefolio.metrics import COUNT, METRICS, POSITIONS
from treefolio.sweep.space import Space

STATUSES = ("ok", "failed", "skipped")
LARGEST_INTEGER = 2**63 - 1
SKIPPED = -3
"""A row's code beside those of `trade_root`: it would need a later start than the latest allowed."""
PROBABILISTIC = "psr"
"""A metric that always has its column, and has it after the others."""
JUDGED = ("dsr", "plateau")
"""Columns that compare a row with the others of its sweep."""
MOMENTS = ("sharpe", "skewness", "kurtosis", PROBABILISTIC)
"""Metrics that selection statistics are made of."""


def value_type(values: tuple[int | float | str, ...]) -> type[pl.Int64 | pl.Float64 | pl.String]:
    """The column type of a variable: words make all of them words, one fraction makes all fractions.

    So does a whole number that no integer column can hold.
    """
    if any(isinstance(value, str) for value in values):
        return pl.String
    if any(isinstance(value, float) or abs(value) > LARGEST_INTEGER for value in values):  # type: ignore[arg-type]
        return pl.Float64
    return pl.Int64


def schema(space: Space, keys: Iterable[str] = METRICS) -> dict[str, type[pl.DataType]]:
    """Columns of ``rows.parquet`` and their types, in order, with these metrics."""
    columns: dict[str, type[pl.DataType]] = {n: value_type(v) for n, v in space.axes.items()}
    columns |= {name: value_type((value,)) for name, value in set_by_hand(space).items()}
    columns |= {"start": pl.Date, "end": pl.Date, "sessions": pl.Int64}
    columns |= dict.fromkeys((*_metrics(keys), *JUDGED), pl.Float64)
    return columns | {"status": pl.String, "reason": pl.String}


def _metrics(keys: Iterable[str]) -> tuple[str, ...]:
    """The metrics of a row in the order of their columns."""
    return (*(key for key in keys if key != PROBABILISTIC), PROBABILISTIC)


def hidden(keys: Collection[str], blocks: int) -> dict[str, int]:
    """The columns of parts that ``rows.parquet`` has not: name → place in a row of numbers.

    They are the `MOMENTS` that nobody asked for, and the sums over blocks of `block.Worker.measure`.
    """
    places = {f".{key}": POSITIONS[key] for key in MOMENTS if key not in _metrics(keys)}
    sums, squares = block_columns(blocks)
    return places | {name: COUNT + k for k, name in enumerate((*sums, *squares))}


def block_columns(blocks: int) -> tuple[list[str], list[str]]:
    """The columns of sums and of sums of squares, a column for each block."""
    numbers = range(1, blocks + 1)
    return [f".sum{b}" for b in numbers], [f".squares{b}" for b in numbers]


def set_by_hand(space: Space) -> Mapping[str, int | float | str]:
    """Variables that are not varied but were given a value: they are columns too."""
    return {name: value for name, value in space.fixed.items() if name not in space.axes}


class Table:
    """Makes tables of rows for the parts of one sweep."""

    def __init__(self, prepared: Prepared, space: Space, keys: Collection[str] = tuple(METRICS)) -> None:
        self.prepared = prepared
        self.space = space
        self.keys = tuple(key for key in METRICS if key in keys)
        self.schema = schema(space, self.keys)
        self.values = {
            name: pl.Series(name, values, dtype=self.schema[name], strict=False)
            for name, values in space.axes.items()
        }
        self._reasons: dict[int, str] = {}

    def frame(
        self, first: int, choices: NDArray[np.int64], metrics: NDArray[np.float64], codes: NDArray[np.int64]
    ) -> pl.DataFrame:
        """The rows from position ``first`` of the space on; ``metrics`` is what `Worker.measure` returns."""
        rows = len(choices)
        sessions = self.prepared.sessions
        columns: list[pl.Series] = [
            series.gather(choices[:, v]) for v, series in enumerate(self.values.values())
        ]
        fixed = {**set_by_hand(self.space), "start": sessions[0].item(), "end": sessions[-1].item()}
        for name, value in (fixed | {"sessions": len(sessions)}).items():
            columns.append(pl.Series(name, [value], dtype=self.schema[name]).new_from_index(0, rows))
        columns += [self._numbers(key, metrics[:, POSITIONS[key]]) for key in _metrics(self.keys)]
        statuses = np.where(codes == DONE, 0, np.where(codes == SKIPPED, 2, 1))
        columns.append(pl.Series("status", STATUSES).gather(statuses))
        columns.append(pl.Series("reason", self._reasons_of(first, codes), dtype=pl.String))
        for name, k in hidden(self.keys, (metrics.shape[1] - COUNT) // 2).items():
            columns.append(self._numbers(name, metrics[:, k]))
        return pl.DataFrame(columns)

    @staticmethod
    def _numbers(name: str, values: NDArray[np.float64]) -> pl.Series:
        return pl.Series(name, np.ascontiguousarray(values), nan_to_null=True)

    def _reasons_of(self, first: int, codes: NDArray[np.int64]) -> list[str | None]:
        reasons: list[str | None] = [None] * len(codes)
        for j in np.flatnonzero(codes != DONE):
            reasons[j] = self._reason(first + int(j), int(codes[j]))
        return reasons

    def _reason(self, row: int, code: int) -> str:
        """Why a row failed; a missing price is looked up once, a tree without value for each row."""
        if code == SKIPPED:
            return "it would need a later start than the latest allowed"
        if code == NO_CULPRIT:
            return fault(self.prepared, code, self.space.assignment(row)).message
        if code not in self._reasons:
            self._reasons[code] = fault(self.prepared, code, {}).message
        return self._reasons[code]


def summarise(rows: pl.LazyFrame) -> dict[str, object]:
    """summary.json: counts by status; best, worst, mean and quartiles of every metric over rows that are ok.

    Metrics are taken one at a time, so memory is that of one column.
    """
    counts = rows.group_by("status").len().collect()
    by_status = dict.fromkeys(STATUSES, 0) | dict(counts.iter_rows())
    ok = rows.filter(pl.col("status") == "ok")
    summary: dict[str, object] = {}
    there = rows.collect_schema()
    for key, metric in METRICS.items():
        if key not in there:
            continue
        column = ok.select(key).collect().to_series().drop_nulls()
        low, high = column.min(), column.max()
        best, worst = (low, high) if metric.better == "low" else (high, low)
        summary[key] = {
            "best": best if metric.better else None,
            "worst": worst if metric.better else None,
            "min": low,
            "max": high,
            "mean": column.mean(),
            "quartiles": [column.quantile(q, interpolation="linear") for q in (0.25, 0.5, 0.75)],
            "defined": len(column),
        }
    return {"rows": sum(by_status.values()), "status": by_status, "metrics": summary}


PARTS = "parts"
WHOLE = "rows.parquet"


def scan(folder: Path) -> tuple[pl.LazyFrame, bool]:
    """The rows of a sweep's folder, and whether they are all there; until then they lack `JUDGED`.

    Raises:
        OutputError: the folder holds no rows, or damaged ones.
    """
    whole = folder / WHOLE
    if whole.exists():
        try:
            pl.scan_parquet(whole).collect_schema()
        except pl.exceptions.PolarsError:
            raise OutputError(
                f"{whole} is damaged", hint="Run the sweep again, in another --out folder."
            ) from None
        return pl.scan_parquet(whole), True
    parts = sorted((folder / PARTS).glob("rows-*.parquet"))
    if not parts:
        raise OutputError(
            f"{folder} holds no rows of a sweep", hint="Give the --out folder of `treefolio sweep`."
        )
    found = pl.scan_parquet(parts)
    return found.select(name for name in found.collect_schema().names() if not name.startswith(".")), False


def judged(rows: pl.LazyFrame, dsr: NDArray[np.float64], plateau: NDArray[np.float64]) -> pl.LazyFrame:
    """The rows of ``rows.parquet``: those of the parts, with the columns that are known at the end."""
    names = rows.collect_schema().names()
    columns = [pl.Series(n, v, nan_to_null=True) for n, v in zip(JUDGED, (dsr, plateau), strict=True)]
    both = pl.concat([rows, pl.LazyFrame(columns)], how="horizontal")
    return both.select(*names[:-2], *JUDGED, *names[-2:])
