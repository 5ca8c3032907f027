"""What each variable does to a metric, all others together."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from treefolio.service.charts.chosen import (
    NUMBER,
    choose,
    require_metric,
    require_variable,
    rounded,
    said,
    variables_of,
)
from treefolio.service.charts.models import Marginal, Marginals
from treefolio.service.problems import Declined
from treefolio.service.shelf import Table
from treefolio.sweep.groups import COUNT, MEAN, MEDIAN, METRIC, VALUE, by_value, in_order
from treefolio.sweep.ranking import lowest_is_best

MOST_VALUES = 5_000
"""Of all variables together."""
_LOW, _HIGH, _BEST = "low", "high", "best"
_MORE = (
    pl.col(METRIC).quantile(0.25, interpolation="linear").alias(_LOW),
    pl.col(METRIC).quantile(0.75, interpolation="linear").alias(_HIGH),
    pl.col(METRIC).first().alias(_BEST),
    pl.col(NUMBER).filter(pl.col(METRIC).is_not_null()).first(),
)
"""Of rows that come best first, those without the metric last."""


def marginals(
    there: Table, *, metric: str, variables: Sequence[str] = (), where: str | None = None
) -> Marginals:
    """The variables' values over the rows that satisfy the condition; all variables when none is named.

    Raises:
        UsageError: no variable, no metric, or no condition. Declined: more than `MOST_VALUES`.
    """
    for name in variables:
        require_variable(name, there.rows, "variables")
    require_metric(metric, there.rows, "metric")
    names = list(dict.fromkeys(variables)) if there.rows.width else []
    names = names or variables_of(there.rows)
    found = choose(there, where, {**{str(k): name for k, name in enumerate(names)}, METRIC: metric})
    axes = [in_order(found[str(k)].unique(maintain_order=True).to_list()) for k in range(len(names))]
    _require_few(sum(map(len, axes)))
    falling = not lowest_is_best(metric)
    ordered = found.sort(METRIC, descending=falling, nulls_last=True, maintain_order=True)
    each = (
        _marginal(name, axis, ordered.select(pl.col(str(k)).alias(VALUE), METRIC, NUMBER))
        for k, (name, axis) in enumerate(zip(names, axes, strict=True))
    )
    return Marginals(**said(there, found.height), metric=metric, variables=list(each))


def _marginal(name: str, axis: list[int | float | str], ordered: pl.DataFrame) -> Marginal:
    found = by_value(ordered.lazy(), _MORE).collect()
    places = {value: k for k, value in enumerate(axis)}
    by_place = found.sort(pl.Series([places[value] for value in found[VALUE]], dtype=pl.Int64))
    columns = {key: by_place[key].to_list() for key in by_place.columns}
    quartiles = zip(columns[_LOW], columns[MEDIAN], columns[_HIGH], strict=True)
    return Marginal(
        variable=name,
        values=axis,
        count=columns[COUNT],
        mean=rounded(columns[MEAN]),
        quartiles=[rounded(three) for three in quartiles],
        best=rounded(columns[_BEST]),
        numbers=columns[NUMBER],
    )


def _require_few(values: int) -> None:
    if values > MOST_VALUES:
        raise Declined(
            f"the variables have {values:,} values; at most {MOST_VALUES:,} are drawn",
            code="too_large",
            status=422,
            hint="Name fewer with `variables`, or show a part of them with `where`.",
        )
