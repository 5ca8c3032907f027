"""A sweep as its page needs it: `SweepSummary`, and questions to its rows that each read a few columns.

Rows may be a scan of ``rows.parquet``. Every function below reads only the columns that it names and gives
back something small, or one column; so memory is that of one or two columns, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

Value = int | float | str
Places = Mapping[Value, int]

_ROW = "\0row"
"""Where the row's number stands: no variable has this name."""


@dataclass(frozen=True, kw_only=True)
class SweepSummary:
    """What there is to show of a sweep.

    Attributes:
        rows: the columns of ``rows.parquet``: one for each variable, ``start``, ``end``, ``sessions``, one
            for each metric key, ``status``, ``reason``.
        variables: name → its values, in the listed order; the last one is fastest.
        manifest: what identifies the sweep.
        counts: status → number of combinations.
        synthetic: the prices are made up.
        rank_by: the metric whose highest values are listed.
        top: the rows to list, already ranked; worked out from ``rows`` when None.
    """

    rows: pl.DataFrame | pl.LazyFrame
    variables: Mapping[str, tuple[Value, ...]]
    manifest: Mapping[str, object]
    counts: Mapping[str, int]
    synthetic: bool
    rank_by: str = "sharpe"
    top: pl.DataFrame | None = None


def done(summary: SweepSummary) -> pl.LazyFrame:
    """The rows with status ``ok``."""
    return summary.rows.lazy().filter(pl.col("status") == "ok")


def column(summary: SweepSummary, key: str) -> NDArray[np.float64]:
    """(≤ rows,) the defined values of a metric, in the order of the rows."""
    found = done(summary).select(_numbers(key)).collect(engine="streaming").to_series()
    return found.drop_nulls().to_numpy()


def best(summary: SweepSummary, keys: Sequence[str], count: int) -> pl.DataFrame:
    """The ``count`` highest rows by ``rank_by`` with the columns ``keys``; of equals, the earlier row."""
    if summary.top is not None:
        return summary.top.head(count)
    ranked = (
        summary.rows.lazy()
        .select(
            *(cs.by_name(key) for key in keys if key != summary.rank_by), "status", _numbers(summary.rank_by)
        )
        .with_row_index(_ROW)
        .filter((pl.col("status") == "ok") & cs.by_name(summary.rank_by).is_not_null())
    )
    order = [cs.by_name(summary.rank_by).as_expr(), pl.col(_ROW)]
    return (
        ranked.top_k(count, by=order, reverse=[False, True])
        .sort(order, descending=[True, False])
        .collect(engine="streaming")
    )


def by_value(summary: SweepSummary, variable: str) -> pl.DataFrame:
    """For each value of a variable, in its listed order: value, count, mean and median of ``rank_by``."""
    found = (
        done(summary)
        .select(cs.by_name(variable).as_expr().alias("value"), _numbers(summary.rank_by).alias("metric"))
        .drop_nulls()
        .group_by("value")
        .agg(pl.len().alias("count"), pl.mean("metric").alias("mean"), pl.median("metric").alias("median"))
        .collect(engine="streaming")
    )
    place = {value: k for k, value in enumerate(summary.variables[variable])}
    order = [place.get(value, len(place)) for value in found["value"]]
    return found.with_columns(pl.Series("place", order, dtype=pl.Int64)).sort("place", "value").drop("place")


def grid(summary: SweepSummary, down: str, across: str, places: tuple[Places, Places]) -> NDArray[np.float64]:
    """(D, A) mean of ``rank_by`` over all rows of a cell; NaN where there is none.

    Args:
        places: for each of the two variables, value → its row or column in the grid.
    """
    found = (
        done(summary)
        .select(
            cs.by_name(down).as_expr().alias("down"),
            cs.by_name(across).as_expr().alias("across"),
            _numbers(summary.rank_by).alias("metric"),
        )
        .drop_nulls()
        .group_by("down", "across")
        .agg(pl.sum("metric").alias("total"), pl.len().alias("count"))
        .sort("down", "across")
        .collect(engine="streaming")
    )
    shape = tuple(max(place.values(), default=-1) + 1 for place in places)
    totals, counts = np.zeros(shape), np.zeros(shape)
    for d, a, total, count in found.iter_rows():
        if d in places[0] and a in places[1]:
            totals[places[0][d], places[1][a]] += total
            counts[places[0][d], places[1][a]] += count
    return np.divide(totals, counts, out=np.full(shape, np.nan), where=counts > 0)


def reasons(summary: SweepSummary, count: int) -> list[tuple[str, str, int]]:
    """Status, reason and number of the most frequent reasons why combinations were not done."""
    found = (
        summary.rows.lazy()
        .filter(pl.col("status") != "ok")
        .group_by("status", "reason")
        .agg(pl.len().alias("count"))
        .sort("count", "status", "reason", descending=[True, False, False])
        .head(count)
        .collect(engine="streaming")
    )
    return [(status, reason or "–", number) for status, reason, number in found.iter_rows()]


def _numbers(key: str) -> pl.Expr:
    """A metric's column, NaN as null: undefined either way."""
    return cs.by_name(key).as_expr().cast(pl.Float64).fill_nan(None)
