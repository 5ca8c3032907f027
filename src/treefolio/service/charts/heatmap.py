"""Two variables, and a metric in each cell of their values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from treefolio.errors import UsageError
from treefolio.service.charts.chosen import NUMBER, choose, require_metric, require_variable, rounded, said
from treefolio.service.charts.models import Axis, HeatMap, How
from treefolio.service.problems import Declined
from treefolio.service.shelf import Table
from treefolio.sweep.groups import METRIC, in_order
from treefolio.sweep.ranking import lowest_is_best

MOST_CELLS = 40_000
_X, _Y, _FOUND = "x", "y", "found"
_VALUE = pl.col(METRIC)
HOW: Mapping[How, pl.Expr] = MappingProxyType(
    {
        "best": _VALUE.first(),
        "mean": _VALUE.mean(),
        "median": _VALUE.median(),
        "worst": _VALUE.last(),
        "count": pl.len().cast(pl.Float64),
    }
)
"""What a cell shows of its rows, which come best first."""


def heat_map(
    there: Table, *, x: str, y: str, metric: str, how: How = "best", where: str | None = None
) -> HeatMap:
    """The map over the rows that satisfy the condition and have the metric.

    Both axes have all values of the rows that satisfy the condition, so a cell can be empty.

    Raises:
        UsageError: no variable, no metric, or no condition. Declined: it has more than `MOST_CELLS`.
    """
    for path, name in (("x", x), ("y", y)):
        require_variable(name, there.rows, path)
    require_metric(metric, there.rows, "metric")
    if x == y:
        raise UsageError(f"both axes are {x!r}", path="y", hint="`marginals` shows one variable by itself.")
    found = choose(there, where, {_X: x, _Y: y, METRIC: metric})
    across, down = (in_order(found[name].unique(maintain_order=True).to_list()) for name in (_X, _Y))
    _require_few(len(across), len(down))
    values: list[list[float | None]] = [[None] * len(across) for _ in down]
    numbers: list[list[int | None]] = [[None] * len(across) for _ in down]
    columns, lines = ({v: k for k, v in enumerate(axis)} for axis in (across, down))
    for a, d, value, number in _cells(found, how, falling=not lowest_is_best(metric)).iter_rows():
        values[lines[d]][columns[a]] = value
        numbers[lines[d]][columns[a]] = number
    return HeatMap(
        **said(there, found.height),
        x=Axis(variable=x, values=across),
        y=Axis(variable=y, values=down),
        metric=metric,
        how=how,
        values=[rounded(line) for line in values],
        numbers=numbers,
    )


def _cells(found: pl.DataFrame, how: How, *, falling: bool) -> pl.DataFrame:
    """x, y, value and number of the best row, of each cell that has one."""
    best_first = found.drop_nulls(METRIC).sort(METRIC, descending=falling, maintain_order=True)
    return best_first.group_by(_X, _Y).agg(HOW[how].alias(_FOUND), pl.col(NUMBER).first())


def _require_few(across: int, down: int) -> None:
    if across * down > MOST_CELLS:
        raise Declined(
            f"the map has {across:,} × {down:,} cells; at most {MOST_CELLS:,} are drawn",
            code="too_large",
            status=422,
            hint="Show a part of it with `where`, such as: hot >= 60 and hot < 80.",
        )
