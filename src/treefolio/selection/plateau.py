"""Whether a row stands on a plateau or on a spike: how its neighbours in the grid do.

A combination that is good because the rule is good has neighbours that are good too. A neighbour is one
step away in exactly one variable whose values have an order; tickers have none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError

_LARGEST = 2**62

Places = NDArray[np.int64]


def plateau(
    values: NDArray[np.float64], positions: NDArray[np.integer], ordered: Sequence[bool]
) -> NDArray[np.float64]:
    """For each row, how high its neighbours rank: 0 they are the worst of all rows, 1 the best.

    Args:
        values: (rows,) what rows are compared by, larger is better. Those not finite rank nowhere.
        positions: (rows, axes) the place of each row's value in its variable's list. Rows are distinct.
        ordered: per axis, whether neighbouring places mean neighbouring values.

    Returns:
        (rows,) the mean of the neighbours' percentile ranks; NaN for a row without a neighbour that ranks,
        and where all values are the same: then none ranks above another. Rows may be absent, as in a
        sample of a grid: then they are no one's neighbours.
    """
    ranks = percentile_ranks(np.asarray(values, dtype=np.float64))
    places = np.asarray(positions)
    if places.shape != (len(ranks), len(ordered)):
        message = f"positions are {places.shape}, but there are {len(ranks)} rows and {len(ordered)} axes"
        raise UsageError(message, hint="Give a position for each row and each variable.")
    if len(np.unique(ranks[np.isfinite(ranks)])) < 2:
        return np.full(len(ranks), np.nan)
    total, count = np.zeros(len(ranks)), np.zeros(len(ranks), dtype=np.int32)
    for axis in np.flatnonzero(ordered).tolist():
        lower, upper = _steps(places, axis)
        for row, other in ((lower, upper), (upper, lower)):
            ranked = np.isfinite(ranks[other])
            total[row[ranked]] += ranks[other[ranked]]
            count[row[ranked]] += 1
    return np.divide(total, count, out=np.full(len(ranks), np.nan), where=count > 0)


def percentile_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows,) average ranks among the finite values, from 0 for the lowest to 1; NaN for the others."""
    ranks = np.full(len(values), np.nan)
    finite = np.isfinite(values)
    if finite.sum() == 1:
        ranks[finite] = 0.5
    elif finite.any():
        _, place, times = np.unique(values[finite], return_inverse=True, return_counts=True)
        average = np.cumsum(times) - (times + 1) / 2
        ranks[finite] = average[place] / (finite.sum() - 1)
    return ranks


def _steps(places: NDArray[np.integer], axis: int) -> tuple[Places, Places]:
    """Pairs of rows that are the same but for one step of ``axis``: (pairs,) the lower, the upper ones."""
    if len(places) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    others = [i for i in range(places.shape[1]) if i != axis]
    key = np.zeros(len(places), dtype=np.int64)
    for i in [*others, axis]:
        key = _appended(key, places[:, i])
    order = np.argsort(key)
    step = np.flatnonzero(np.diff(key[order]) == 1)
    return order[step], order[step + 1]


def _appended(key: Places, column: NDArray[np.integer]) -> Places:
    """``key`` with one more digit. One value stays unused, so that the last and the next first are no step.

    Where that would overflow, keys are first replaced by their places in order.
    """
    digit = column.astype(np.int64) - int(column.min())
    base = int(digit.max()) + 2
    if (int(key.max()) + 1) * base >= _LARGEST:
        key = np.unique(key, return_inverse=True)[1]
    return key * base + digit
