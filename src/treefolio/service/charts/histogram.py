"""How one metric is spread over the rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from treefolio.service.charts.chosen import choose, require_metric, said
from treefolio.service.charts.models import Histogram
from treefolio.service.shelf import Table
from treefolio.sweep.groups import METRIC

MOST_BINS = 200
_DRAWN = 1e300
"""Values beyond it, infinite ones too, have no place on an axis."""
_ONE_VALUE = 1e-9
"""Values that differ by less than this share of their size stand in one bin."""

Floats = NDArray[np.float64]


def histogram(there: Table, *, metric: str, bins: int | None = None, where: str | None = None) -> Histogram:
    """The metric's values in the rows that satisfy the condition, in equal bins over all of them.

    Args:
        bins: how many; None for as many as Freedman and Diaconis say (Sturges, where half of the values are
            the same), at most `MOST_BINS`.

    Raises:
        UsageError: no metric, or no condition.
    """
    require_metric(metric, there.rows, "metric")
    found = choose(there, where, {METRIC: metric})[METRIC]
    values = found.drop_nulls().cast(float).to_numpy()
    drawn = values[np.abs(values) < _DRAWN]
    counts, edges = _counted(drawn, bins) if len(drawn) else (np.zeros(0, np.int64), np.zeros(0))
    return Histogram(
        **said(there, len(found)),
        metric=metric,
        edges=edges.tolist(),
        counts=counts.tolist(),
        undefined=found.null_count(),
        below=int((values <= -_DRAWN).sum()),
        above=int((values >= _DRAWN).sum()),
    )


def _counted(values: Floats, bins: int | None) -> tuple[NDArray[np.int64], Floats]:
    """Counts by bin, and its edges. A single value has one bin about it."""
    low, high = float(values.min()), float(values.max())
    least = max(_ONE_VALUE * max(abs(low), abs(high)), 1 / _DRAWN)
    if high - low <= least:
        low, high, bins = low - least, high + least, 1
    counts, edges = np.histogram(values, bins=bins or _bins(values, high - low), range=(low, high))
    return counts.astype(np.int64), edges


def _bins(values: Floats, reach: float) -> int:
    """How many bins show what there is to see, and no more."""
    low, high = np.quantile(values, (0.25, 0.75))
    width = 2 * (high - low) / math.cbrt(len(values))
    wanted = reach / width if width > reach / MOST_BINS else MOST_BINS
    if width <= 0:
        wanted = math.log2(len(values)) + 1
    return max(1, min(MOST_BINS, math.ceil(wanted)))
