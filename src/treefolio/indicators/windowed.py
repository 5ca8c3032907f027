"""Kernels of what is computed from its window alone: the same bits, whatever came before.

There are no running sums. The loop over the window's lags is outside and the one over time inside, so that
each session's sum is taken oldest first, independently of its neighbours, and the inner loop runs in SIMD.
Sums are of differences from the window's oldest value: a constant series has exactly its value as mean and
exactly 0 as deviation, and large prices lose nothing.

All take ``x``: (m,) float64, contiguous and finite, and write ``out[look-back:m]``; ``out`` may not be ``x``.
"""

from __future__ import annotations

import math

from treefolio.indicators.table import Series
from treefolio.kernels import kernel


@kernel
def copy(x: Series, out: Series) -> None:
    """The series itself."""
    for i in range(x.size):
        out[i] = x[i]


@kernel
def growth(new: Series, old: Series, out: Series) -> None:
    """``new[i] / old[i] − 1`` for each of ``new``: called with ``x[n:], x, out[n:]`` for n sessions."""
    for i in range(new.size):
        out[i] = new[i] / old[i] - 1.0


@kernel
def growth_since_start(x: Series, out: Series) -> None:
    """``x[i] / x[0] − 1``; no look-back."""
    for i in range(x.size):
        out[i] = x[i] / x[0] - 1.0


@kernel
def mean(x: Series, n: int, out: Series) -> None:
    """Mean of the last n values; look-back n − 1."""
    count = x.size - n + 1
    if count <= 0:
        return
    acc = out[n - 1 :]
    _excess(x, n, acc[:count])
    for i in range(count):
        acc[i] = x[i] + acc[i]


@kernel
def _excess(x: Series, n: int, acc: Series) -> None:
    """``acc[i]`` = mean of ``x[i:i+n]`` less ``x[i]``, four lags a pass, oldest first."""
    count = acc.size
    for i in range(count):
        acc[i] = 0.0
    lag = 1
    while lag + 4 <= n:
        a, b, c, d = x[lag:], x[lag + 1 :], x[lag + 2 :], x[lag + 3 :]
        for i in range(count):
            o = x[i]
            acc[i] = (((acc[i] + (a[i] - o)) + (b[i] - o)) + (c[i] - o)) + (d[i] - o)
        lag += 4
    while lag < n:
        a = x[lag:]
        for i in range(count):
            acc[i] += a[i] - x[i]
        lag += 1
    for i in range(count):
        acc[i] /= n


@kernel
def deviation(x: Series, n: int, divisor: float, out: Series, scratch: Series) -> None:
    """√(Σ(x − mean)²/divisor) over the last n values, in two passes; look-back n − 1.

    ``scratch``: (≥ m,) float64.
    """
    count = x.size - n + 1
    if count <= 0:
        return
    acc, excess = out[n - 1 :], scratch[:count]
    _excess(x, n, excess)
    for i in range(count):
        acc[i] = excess[i] * excess[i]
    lag = 1
    while lag + 4 <= n:
        a, b, c, d = x[lag:], x[lag + 1 :], x[lag + 2 :], x[lag + 3 :]
        for i in range(count):
            o, e = x[i], excess[i]
            p, q, r, s = (a[i] - o) - e, (b[i] - o) - e, (c[i] - o) - e, (d[i] - o) - e
            acc[i] = (((acc[i] + p * p) + q * q) + r * r) + s * s
        lag += 4
    while lag < n:
        a = x[lag:]
        for i in range(count):
            p = (a[i] - x[i]) - excess[i]
            acc[i] += p * p
        lag += 1
    for i in range(count):
        acc[i] = math.sqrt(acc[i] / divisor)


@kernel
def drawdown(x: Series, n: int, out: Series, scratch: Series) -> None:
    """The largest loss from a peak to a later trough inside the last n values; look-back n − 1.

    A stretch of values is summed up by its highest, its lowest and its worst ratio of a later to an earlier
    value. Two adjoining stretches join in three steps, so a window is put together from stretches of 1, 2,
    4, 8 … values: log₂ n passes, not n. Division is monotone, hence the bits are those of the plain search.

    ``scratch``: (≥ 4, ≥ m) float64.
    """
    count = x.size - n + 1
    if count <= 0:
        return
    high, low, worst = scratch[0][: x.size], scratch[1][: x.size], scratch[2][: x.size]
    peak, ratio = scratch[3][:count], out[n - 1 :]
    for i in range(x.size):
        high[i], low[i], worst[i] = x[i], x[i], 1.0
    for i in range(count):
        peak[i], ratio[i] = x[i], 1.0
    begin, span = 0, 1
    while begin < n:
        if n & span:
            _join(peak, ratio, high[begin:], low[begin:], worst[begin:])
            begin += span
        later_low = low[span:]
        _join(high, worst, high[span:], later_low, worst[span:])
        for i in range(later_low.size):
            low[i] = min(low[i], later_low[i])
        span *= 2
    for i in range(count):
        ratio[i] = 1.0 - ratio[i]


@kernel
def _join(peak: Series, ratio: Series, high: Series, low: Series, worst: Series) -> None:
    """Peak and worst ratio of stretches, once each is continued by the one that follows it."""
    for i in range(min(peak.size, high.size)):
        ratio[i] = min(ratio[i], worst[i], low[i] / peak[i])
        peak[i] = max(peak[i], high[i])
