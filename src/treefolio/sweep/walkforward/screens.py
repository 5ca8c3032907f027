"""Screens: what tells, without measuring it, that a row is worse on a window than the best row so far.

Prefix sums of a run's daily returns give a window's mean, deviation and growth in a few steps, whatever its
length; a look for a drawdown deeper than is allowed ends where it is found. Both are off by some rounding, so
a row is passed over only when it is worse by more than that (`TOLERANCE`, `SLACK`); all others are measured.
Hence a screen saves time and changes no result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from treefolio.engine.program import Floats, Ints
from treefolio.kernels import inner
from treefolio.metrics import POSITIONS

NONE, MEAN, SPREAD, RATIO, DOWNSIDE, SORTINO, GROWTH, DRAWDOWN, CALMAR = range(9)
SCREENS = {
    "mean": MEAN,
    "volatility": SPREAD,
    "sharpe": RATIO,
    "risk_return_ratio": RATIO,
    "downside_deviation": DOWNSIDE,
    "sortino": SORTINO,
    "adjusted_sortino": SORTINO,
    "cumulative_return": GROWTH,
    "annualized_return": GROWTH,
    "cagr": GROWTH,
    "cagr_calendar": GROWTH,
    "expected_day": GROWTH,
    "max_drawdown": DRAWDOWN,
    "calmar": CALMAR,
}
"""Metric → what it rises with. Metrics that are not here are always measured."""

TOLERANCE = 1e-6
SLACK = 1e-8
"""A row is passed over when it is worse by more than that share and this together; rounding is far less."""
CANCELLED = 1e-4
"""Below this share of all squares, what prefix sums leave of a window's squares is too coarse to judge by."""


class Wish(NamedTuple):
    """What is looked for: the metric's place, 1 for the highest or −1 for the lowest, and its screen."""

    place: int
    sign: float
    screen: int


class Prefixes(NamedTuple):
    """(n + 1,) sums up to each place of returns, squares, squared losses and logs; and the value, from 1."""

    totals: Floats
    squares: Floats
    losses: Floats
    logs: Floats
    values: Floats


def wish(key: str, *, lowest: bool) -> Wish:
    """The wish for the highest, or the lowest, of a metric."""
    screen = SCREENS.get(key, NONE)
    if (screen == DRAWDOWN and not lowest) or (screen == CALMAR and lowest):
        screen = NONE  # the look for a drawdown ends early in one direction only
    return Wish(POSITIONS[key], -1.0 if lowest else 1.0, screen)


def make_prefixes(count: int) -> Prefixes:
    """Room for those of so many returns."""
    return Prefixes(*(np.zeros(count + 1) for _ in Prefixes._fields))


@inner
def add_up(returns: Floats, screen: int, sums: Prefixes) -> None:
    """Fills the sums that a screen needs. A total loss makes those of the logs undefined from there on."""
    total = square = loss = log = 0.0
    value = 1.0
    sums.values[0] = 1.0
    for i in range(returns.shape[0]):
        r = returns[i]
        total += r
        square += r * r
        loss += r * r if r < 0.0 else 0.0
        value *= 1.0 + r
        sums.totals[i + 1] = total
        sums.squares[i + 1] = square
        sums.losses[i + 1] = loss
        sums.values[i + 1] = value
    if screen in (GROWTH, CALMAR):
        for i in range(returns.shape[0]):
            log += math.log(1.0 + returns[i]) if returns[i] > -1.0 else math.nan
            sums.logs[i + 1] = log


@inner
def proxy_of(ranges: Ints, wish: Wish, sums: Prefixes) -> float:
    """What a metric over ranges of places rises with (falls, for the lowest); NaN where it cannot be told."""
    screen = wish.screen
    total = square = loss = log = 0.0
    count = 0
    for j in range(ranges.shape[0]):
        first, last = ranges[j, 0], ranges[j, 1]
        count += last - first
        total += sums.totals[last] - sums.totals[first]
        square += sums.squares[last] - sums.squares[first]
        loss += sums.losses[last] - sums.losses[first]
        log += sums.logs[last] - sums.logs[first]
    if screen in (GROWTH, CALMAR):
        return wish.sign * log
    mean = total / count
    if screen == MEAN:
        return wish.sign * mean
    rest = loss if screen in (DOWNSIDE, SORTINO) else square - mean * total
    if not rest > CANCELLED * sums.squares[sums.squares.shape[0] - 1]:
        return math.nan
    spread = math.sqrt(rest / count)
    return wish.sign * (spread if screen in (DOWNSIDE, SPREAD) else mean / spread)


@inner
def deeper(ranges: Ints, limit: float, values: Floats) -> bool:
    """The value over the ranges, joined, falls by more than ``limit`` from its highest so far."""
    peak = scale = 1.0
    floor = 1.0 - limit
    for j in range(ranges.shape[0]):
        first, last = ranges[j, 0], ranges[j, 1]
        if not values[first] > 0.0:
            return False
        scale = scale / values[first]
        for i in range(first + 1, last + 1):
            value = values[i] * scale
            if value > peak:
                peak = value
            elif value < peak * floor:
                return True
        scale *= values[last]
    return False


@inner
def is_worse(ranges: Ints, wish: Wish, best: float, best_proxy: float, proxy: float, sums: Prefixes) -> bool:
    """Over these ranges a row is certainly worse than the best so far; false where that cannot be told."""
    if wish.screen == DRAWDOWN:
        return deeper(ranges, best * (1.0 + TOLERANCE) + TOLERANCE, sums.values)
    if wish.screen != CALMAR:
        return proxy < best_proxy - TOLERANCE * abs(best_proxy) - SLACK
    if not best > 0.0 or proxy != proxy:
        return False
    count = 0
    for j in range(ranges.shape[0]):
        count += ranges[j, 1] - ranges[j, 0]
    annual = math.exp(proxy * 252.0 / (count + 1)) - 1.0
    if annual < -TOLERANCE:
        return True
    return deeper(ranges, annual / best * (1.0 + TOLERANCE) + TOLERANCE, sums.values)
