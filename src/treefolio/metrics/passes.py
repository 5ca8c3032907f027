"""The passes over a run's returns. Each goes through them once, in order, and returns a named tuple of sums.

1. `sums`      totals of gains and losses, extremes, streaks, months' sums
2. `moments`   about the mean: squares, cubes, fourth powers, lag 1
3. `path`      the value (kept in scratch), drawdowns and their episodes
4. `periods`   months, quarters and years, from the value at their ends (reads scratch)
5. `versus`    against the benchmark

The order statistics, which need more than a loop, are in `treefolio.metrics.tails`.

They are plain loops in the order of the sessions, so a number depends on nothing but the row. Several
sums share a loop because each addition waits for the one before it: with four or five of them in flight
the loop takes no longer than with one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.kernels import kernel
from treefolio.metrics.marks import Marks, Rival

Series = NDArray[np.float64]
Places = NDArray[np.int64]

FLAT = 1e-13
"""Returns that differ by no more differ by rounding: they have no variance (and no Sharpe ratio of 1e13).

A return no further from 0 is none: a flat day is neither won nor lost, whatever its last bit says.
"""


class Sums(NamedTuple):
    """What needs neither mean nor value."""

    total: float
    gain: float
    loss: float
    """Σ min(r, 0), so 0 or less."""
    down_squares: float
    wins: int
    losses: int
    longest_wins: int
    longest_losses: int
    low: float
    high: float
    month_pain: float
    """Σ of the months' sums below 0."""


class Moments(NamedTuple):
    """Sums of powers of d = r − mean."""

    mean: float
    squares: float
    cubes: float
    fourths: float
    lagged: float
    """Σ dᵢ dᵢ₋₁."""


class Episodes(NamedTuple):
    """Stretches of sessions below the highest value before them."""

    deepest: float
    depths: float
    """Σ of the deepest drop of each."""
    sessions: int
    number: int
    longest: int


class Path(NamedTuple):
    """The value, which starts at 1, and its drops: positive fractions of the highest value so far."""

    growth: float
    last_drop: float
    drops: float
    drop_squares: float
    episodes: Episodes


class Periods(NamedTuple):
    """Returns of calendar periods."""

    best_month: float
    worst_month: float
    up_months: int
    down_months: int
    month_gain: float
    month_loss: float
    up_quarters: int
    down_quarters: int
    best_year: float
    worst_year: float
    up_years: int
    down_years: int
    months: int
    years: int


class Versus(NamedTuple):
    """Against the benchmark b. Sums of products of deviations from the means."""

    products: float
    difference_squares: float
    up_growth: float
    down_growth: float
    above: int


@kernel
def sums(returns: Series, months: Places) -> Sums:
    """The first pass. ``months`` is `Marks.months`."""
    total = gain = loss = down_squares = month_pain = 0.0
    wins = losses = win_run = loss_run = longest_wins = longest_losses = 0
    low = high = returns[0]
    for month in range(months.size - 1):
        month_sum = 0.0
        for i in range(months[month], months[month + 1]):
            r = returns[i]
            up, down = r > FLAT, r < -FLAT
            fall = r if down else 0.0
            month_sum += r
            gain += r if up else 0.0
            loss += fall
            down_squares += fall * fall
            wins += up
            losses += down
            win_run = win_run + 1 if up else 0
            loss_run = loss_run + 1 if down else 0
            longest_wins = max(win_run, longest_wins)
            longest_losses = max(loss_run, longest_losses)
            low = min(low, r)
            high = max(high, r)
        total += month_sum
        month_pain += min(0.0, month_sum)
    return Sums(
        total, gain, loss, down_squares, wins, losses, longest_wins, longest_losses, low, high, month_pain
    )


@kernel
def moments(returns: Series, first: Sums) -> Moments:
    """The second pass. The sums of returns that are equal, by `FLAT`, are exactly 0."""
    n = returns.size
    mean = first.total / n
    if first.high - first.low <= FLAT:
        return Moments(mean, 0.0, 0.0, 0.0, 0.0)
    squares = cubes = fourths = lagged = before = 0.0
    for i in range(n):
        d = returns[i] - mean
        square = d * d
        squares += square
        cubes += square * d
        fourths += square * square
        lagged += d * before
        before = d
    return Moments(mean, squares, cubes, fourths, lagged)


@kernel
def path(returns: Series, scratch: Series) -> Path:
    """The third pass. Leaves the value after each return in ``scratch[:n]``.

    An episode is closed when the next peak is reached, so that a session below the peak has little to do.
    """
    n = returns.size
    value = peak = low = 1.0
    drops = drop_squares = 0.0
    start = 0
    episodes = Episodes(0.0, 0.0, 0, 0, 0)
    for i in range(n):
        value *= 1.0 + returns[i]
        scratch[i] = value
        if value >= peak * (1.0 - FLAT):
            if i > start:
                episodes = _closed(episodes, i - start, 1.0 - low / peak)
            start = i + 1
            peak = low = max(peak, value)
            continue
        low = min(low, value)
        drop = 1.0 - value / peak
        drops += drop
        drop_squares += drop * drop
    if n > start:
        episodes = _closed(episodes, n - start, 1.0 - low / peak)
    return Path(value, 1.0 - value / peak, drops, drop_squares, episodes)


@kernel
def _closed(before: Episodes, sessions: int, depth: float) -> Episodes:
    """The episodes with one more."""
    return Episodes(
        max(before.deepest, depth),
        before.depths + depth,
        before.sessions + sessions,
        before.number + 1,
        max(before.longest, sessions),
    )


@kernel
def periods(values: Series, marks: Marks) -> Periods:
    """The fourth pass, over months. ``values`` is what `path` left. After a total loss periods return 0."""
    best_month = best_year = -np.inf
    worst_month = worst_year = np.inf
    up_months = down_months = up_quarters = down_quarters = up_years = down_years = 0
    years = 0
    month_gain = month_loss = 0.0
    month_from = quarter_from = year_from = 1.0
    for month in range(marks.months.size - 1):
        value = values[marks.months[month + 1] - 1]
        earned = _earned(month_from, value)
        best_month, worst_month = max(best_month, earned), min(worst_month, earned)
        up_months += earned > FLAT
        down_months += earned < -FLAT
        month_gain += max(earned, 0.0)
        month_loss += min(earned, 0.0)
        month_from = value
        if marks.quarter_ends[month]:
            earned = _earned(quarter_from, value)
            up_quarters += earned > FLAT
            down_quarters += earned < -FLAT
            quarter_from = value
        if marks.year_ends[month]:
            earned = _earned(year_from, value)
            best_year, worst_year = max(best_year, earned), min(worst_year, earned)
            up_years += earned > FLAT
            down_years += earned < -FLAT
            year_from = value
            years += 1
    return Periods(
        best_month, worst_month, up_months, down_months, month_gain, month_loss, up_quarters, down_quarters,
        best_year, worst_year, up_years, down_years, marks.quarter_ends.size, years,
    )  # fmt: skip


@kernel
def _earned(before: float, after: float) -> float:
    """The return from one value to another; 0 when nothing was left."""
    return after / before - 1.0 if before != 0.0 else 0.0


@kernel
def versus(returns: Series, mean: float, rival: Rival) -> Versus:
    """The fifth pass. ``mean`` is the mean of ``returns``."""
    products = difference_squares = 0.0
    low, high = np.inf, -np.inf
    up_growth = down_growth = 1.0
    above = 0
    for i in range(returns.size):
        r, b = returns[i], rival.returns[i]
        d, e = r - mean, b - rival.mean
        products += d * e
        difference_squares += (d - e) * (d - e)
        low, high = min(low, r - b), max(high, r - b)
        growth = 1.0 + r
        up_growth *= growth if b > FLAT else 1.0
        down_growth *= growth if b < -FLAT else 1.0
        above += r - b > FLAT
    if high - low <= FLAT:
        difference_squares = 0.0
    return Versus(products, difference_squares, up_growth, down_growth, above)
