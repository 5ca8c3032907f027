"""A sweep as its page needs it: `SweepSummary`, and questions to its rows that each read a few columns.

Rows may be a scan of ``rows.parquet``. Every function below reads only the columns that it names and gives
back something small, or one column; so memory is that of one or two columns, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from treefolio.metrics import METRICS
from treefolio.sweep import groups
from treefolio.sweep.groups import metric

if TYPE_CHECKING:
    from treefolio.sweep.many import Planned, Swept

Value = int | float | str
Places = Mapping[Value, int]


@dataclass(frozen=True, kw_only=True)
class SweepSummary:
    """What there is to show of a sweep.

    Attributes:
        rows: the columns of ``rows.parquet``: one for each variable, ``start``, ``end``, ``sessions``, one
            for each metric key that was asked for, ``psr``, ``dsr``, ``plateau``, ``status``, ``reason``.
        variables: name → its values, in the listed order; the last one is fastest.
        manifest: what identifies the sweep.
        counts: status → number of combinations.
        selection: the content of ``selection.json``.
        synthetic: the prices are made up.
        notes: what the reader should know before the numbers.
    """

    rows: pl.DataFrame | pl.LazyFrame
    variables: Mapping[str, tuple[Value, ...]]
    manifest: Mapping[str, object]
    counts: Mapping[str, int]
    selection: Mapping[str, object]
    synthetic: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, planned: Planned, swept: Swept) -> SweepSummary:
        """Of a sweep that has come to its end."""
        return cls(
            rows=swept.rows,
            variables=swept.space.axes,
            manifest=swept.manifest,
            counts=dict(swept.summary["status"]),  # type: ignore[call-overload]  # it is a mapping
            selection=swept.selection,
            synthetic=planned.prepared.panel.synthetic,
            notes=swept.notes,
        )


RANKED = METRICS["sharpe"]
"""What rows are ranked by, and what variables are shown to change."""
ROW = "\0row"
"""Where the row's number stands, from 0: no variable has this name."""


def has(summary: SweepSummary, *keys: str) -> bool:
    """The rows have all of these columns."""
    return set(keys) <= set(summary.rows.lazy().collect_schema().names())


def done(summary: SweepSummary) -> pl.LazyFrame:
    """The rows with status ``ok``."""
    return summary.rows.lazy().filter(pl.col("status") == "ok")


def column(summary: SweepSummary, key: str) -> NDArray[np.float64]:
    """(≤ rows,) the defined values of a metric, in the order of the rows."""
    found = done(summary).select(metric(key)).collect(engine="streaming").to_series()
    return found.drop_nulls().to_numpy()


def best(summary: SweepSummary, keys: Sequence[str], count: int) -> pl.DataFrame:
    """The ``count`` highest rows by `RANKED` with the columns ``keys`` and `ROW`; of equals, the earlier."""
    key = RANKED.key
    ranked = (
        summary.rows.lazy()
        .select(*(cs.by_name(name) for name in keys if name != key), "status", metric(key))
        .with_row_index(ROW)
        .filter((pl.col("status") == "ok") & pl.col(key).is_not_null())
    )
    order = [pl.col(key), pl.col(ROW)]
    return (
        ranked.top_k(count, by=order, reverse=[False, True])
        .sort(order, descending=[True, False])
        .collect(engine="streaming")
    )


def by_value(summary: SweepSummary, variable: str) -> pl.DataFrame:
    """For each value of a variable, in its listed order: value, count, mean and median of `RANKED`."""
    rows = done(summary).select(
        cs.by_name(variable).as_expr().alias(groups.VALUE), metric(RANKED.key).alias(groups.METRIC)
    )
    found = groups.by_value(rows.drop_nulls()).collect(engine="streaming")
    place = {value: k for k, value in enumerate(summary.variables[variable])}
    order = [place.get(value, len(place)) for value in found["value"]]
    return found.with_columns(pl.Series("place", order, dtype=pl.Int64)).sort("place", "value").drop("place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Two variables' values against each other.

    Attributes:
        means: (D, A) the mean of `RANKED` over the rows of a cell; NaN where there is none.
        counts: (D, A) those rows.
        squares: the sum of squares of `RANKED` about its mean, over all rows of all cells.
    """

    means: NDArray[np.float64]
    counts: NDArray[np.int64]
    squares: float

    @property
    def told(self) -> float:
        """The share of the variance that the two account for (ε²), 0 or more.

        It is less than the squares between cells over all squares, by what as many cells of chance would
        show; 0 where every cell has one row only.
        """
        rows, cells = int(self.counts.sum()), int((self.counts > 0).sum())
        if rows <= cells or self.squares <= 0:
            return 0.0
        there = self.counts > 0
        means, weights = self.means[there], self.counts[there]
        between = float((weights * (means - np.average(means, weights=weights)) ** 2).sum())
        within = max(0.0, self.squares - between) / (rows - cells)
        return max(0.0, between - (cells - 1) * within) / self.squares


def grid(summary: SweepSummary, down: str, across: str, places: tuple[Places, Places]) -> Cells:
    """The cells of two variables.

    Args:
        places: for each of the two variables, value → its row or column in the grid.
    """
    value = pl.col("metric")
    found = (
        done(summary)
        .select(
            cs.by_name(down).as_expr().alias("down"),
            cs.by_name(across).as_expr().alias("across"),
            metric(RANKED.key).alias("metric"),
        )
        .drop_nulls()
        .group_by("down", "across")
        .agg(value.sum().alias("total"), (value**2).sum().alias("squares"), pl.len().alias("count"))
        .sort("down", "across")
        .collect(engine="streaming")
    )
    shape = tuple(max(place.values(), default=-1) + 1 for place in places)
    totals, counts, squares = np.zeros(shape), np.zeros(shape, np.int64), 0.0
    for d, a, total, square, count in found.iter_rows():
        if d in places[0] and a in places[1]:
            totals[places[0][d], places[1][a]] += total
            counts[places[0][d], places[1][a]] += count
            squares += square
    rows = max(1, int(counts.sum()))
    return Cells(
        means=np.divide(totals, counts, out=np.full(shape, np.nan), where=counts > 0),
        counts=counts,
        squares=max(0.0, squares - float(totals.sum()) ** 2 / rows),
    )


def numbered(summary: SweepSummary, keys: Sequence[str], rows: Sequence[int] | None = None) -> pl.DataFrame:
    """The columns ``keys`` and `ROW` of some rows, or of all that are ok, in their order."""
    found = summary.rows.lazy().select(*(cs.by_name(key) for key in keys), "status").with_row_index(ROW)
    kept = pl.col("status") == "ok" if rows is None else pl.col(ROW).is_in(list(rows))
    return found.filter(kept).drop("status").collect(engine="streaming")


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
