"""Strategies side by side: pure functions over their curves.

1. `common` cuts the curves to the sessions that all of them have.
2. `compare` correlates their daily returns, and asks of each pair whether the difference is more than chance.

Two questions are asked of a pair, a and b, over n common returns. Is the mean of a − b other than 0: a t test
with the standard error of Newey and West (1987). Are the Sharpe ratios different: the delta method of Ledoit
and Wolf (2008, "Robust performance hypothesis testing with the Sharpe ratio") over the joint moments of the
two, which need be neither normal nor independent of each other or of their past. Both take the long-run
covariance from `long_run`: Bartlett weights, ⌊4 (n / 100)^(2/9)⌋ lags (Newey and West 1994). P-values are of
the normal distribution, two-sided, and beside them adjusted by Holm (1979) for the number of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError, WindowError
from treefolio.metrics.passes import FLAT

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
Numbers = Mapping[str, float | None]

MOST = 10
"""Curves that are compared at once: as many as colours can be told apart."""
FEWEST = 30
"""Returns below which nothing is said about significance."""
YEAR = 252
CONFIDENT = 1.959963984540054
"""Standard errors to each side of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One curve that is compared.

    Attributes:
        source: what the user named: a file, a ticker, a folder.
        sessions: (N,) datetime64[D]. values: (N,) USD.
        text: the strategy's native text; None where it is not known.
        manifest: what identifies the result.
    """

    name: str
    source: str
    sessions: Dates
    values: Floats
    text: str | None
    manifest: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A difference, a minus b, a year.

    Attributes:
        value: the difference. error: its standard error.
        low, high: of the 95 % interval.
        p: the probability of one as large without any true difference; holm: adjusted for all pairs.
    """

    value: float
    error: float
    low: float
    high: float
    p: float
    holm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two curves, by their positions, and how they differ; None where nothing can be said.

    Attributes:
        mean: 252 · mean(a − b), a fraction.
        sharpe: Sharpe ratio of a less that of b.
    """

    a: int
    b: int
    mean: Estimate | None
    sharpe: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Curves on their common sessions.

    Attributes:
        entrants: K of them, cut to the sessions.
        sessions: (N,). returns: (N − 1, K) fractions.
        correlations: (K, K), NaN where a curve does not vary.
        differences: one for each pair.
        lags: of the long-run covariance.
        metrics: one mapping for each curve, over these sessions.
    """

    entrants: tuple[Entrant, ...]
    sessions: Dates
    returns: Floats
    correlations: Floats
    differences: tuple[Difference, ...]
    lags: int
    metrics: tuple[Numbers, ...]

    @property
    def synthetic(self) -> bool:
        """Some curve is of made-up prices."""
        prices = (each.manifest.get("prices") for each in self.entrants)
        return any(isinstance(each, Mapping) and bool(each.get("synthetic")) for each in prices)


def span(entrants: Sequence[Entrant]) -> tuple[np.datetime64, np.datetime64]:
    """The latest start and the earliest end.

    Raises:
        WindowError: the curves do not overlap.
    """
    first, last = max(each.sessions[0] for each in entrants), min(each.sessions[-1] for each in entrants)
    if first >= last:
        ranges = "; ".join(f"{each.name} {each.sessions[0]} to {each.sessions[-1]}" for each in entrants)
        raise WindowError(f"there are no common sessions: {ranges}", hint="Compare curves that overlap.")
    return first, last


def common(entrants: Sequence[Entrant]) -> tuple[Entrant, ...]:
    """The curves cut to the sessions that all of them have.

    Raises:
        UsageError: fewer than two, or more than `MOST`. WindowError: fewer than two common sessions.
    """
    if not 2 <= len(entrants) <= MOST:
        raise UsageError(
            f"{len(entrants)} given, and 2 to {MOST} can be compared", hint="Name some strategies or tickers."
        )
    span(entrants)
    shared = entrants[0].sessions
    for each in entrants[1:]:
        shared = np.intersect1d(shared, each.sessions)
    if len(shared) < 2:
        raise WindowError("the curves have no two sessions in common", hint="Compare curves that overlap.")
    return tuple(_cut(each, shared) for each in entrants)


def _cut(entrant: Entrant, sessions: Dates) -> Entrant:
    places = np.searchsorted(entrant.sessions, sessions)
    return replace(entrant, sessions=sessions, values=entrant.values[places])


def returns_of(values: Floats) -> Floats:
    """(N − 1,) daily returns of (N,) values; 0 after ruin."""
    before = values[:-1]
    return np.divide(values[1:], before, out=np.ones(len(before)), where=before > 0) - 1.0


def compare(entrants: Sequence[Entrant], metrics: Sequence[Numbers]) -> Comparison:
    """The comparison of curves that have the same sessions, and their metrics, in the same order."""
    returns = np.column_stack([returns_of(each.values) for each in entrants])
    lags = lags_of(len(returns))
    pairs = [
        Difference(
            a=a,
            b=b,
            mean=mean_difference(returns[:, a], returns[:, b], lags),
            sharpe=sharpe_difference(returns[:, a], returns[:, b], lags),
        )
        for a, b in combinations(range(len(entrants)), 2)
    ]
    return Comparison(
        entrants=tuple(entrants),
        sessions=entrants[0].sessions,
        returns=returns,
        correlations=correlations(returns),
        differences=tuple(_adjusted(pairs)),
        lags=lags,
        metrics=tuple(metrics),
    )


def correlations(returns: Floats) -> Floats:
    """(K, K) of (n, K) returns, symmetric; NaN where a column does not vary, 1 with itself otherwise."""
    moving = np.ptp(returns, axis=0) > FLAT
    apart = returns - returns.mean(axis=0)
    size = np.sqrt((apart * apart).sum(axis=0))
    unit = np.where(moving, apart / np.where(moving, size, 1.0), np.nan)
    found = np.clip(unit.T @ unit, -1.0, 1.0)
    found[np.diag_indices_from(found)] = np.where(moving, 1.0, np.nan)
    return found


def lags_of(size: int) -> int:
    """How many lags the long-run covariance of so many observations takes."""
    return math.floor(4.0 * (size / 100.0) ** (2.0 / 9.0))


def long_run(moments: Floats, lags: int) -> Floats:
    """(m, m) long-run covariance of (n, m) observations: Newey and West, Bartlett weights."""
    apart = moments - moments.mean(axis=0)
    size = len(apart)
    found = apart.T @ apart / size
    for lag in range(1, min(lags, size - 1) + 1):
        joint = apart[lag:].T @ apart[:-lag] / size
        found += (1.0 - lag / (lags + 1.0)) * (joint + joint.T)
    return found


def mean_difference(a: Floats, b: Floats, lags: int) -> Estimate | None:
    """252 · mean(a − b); None below `FEWEST` returns, or where the difference does not vary."""
    apart = a - b
    if len(apart) < FEWEST or np.ptp(apart) <= FLAT:
        return None
    variance = float(long_run(apart[:, None], lags)[0, 0]) / len(apart)
    return _estimate(YEAR * float(apart.mean()), YEAR * math.sqrt(max(variance, 0.0)))


def sharpe_difference(a: Floats, b: Floats, lags: int) -> Estimate | None:
    """The Sharpe ratio of a less that of b; None below `FEWEST` returns, or where one does not vary.

    Sharpe ratios are as in the table of metrics: mean / std(ddof 1) · √252.
    """
    size = len(a)
    if size < FEWEST or min(np.ptp(a), np.ptp(b), np.ptp(a - b)) <= FLAT:
        return None
    moments = np.column_stack((a, b, a * a, b * b))
    mean_a, mean_b, square_a, square_b = moments.mean(axis=0).tolist()
    below_a, below_b = square_a - mean_a**2, square_b - mean_b**2
    gradient = np.array(
        (
            square_a / below_a**1.5,
            -square_b / below_b**1.5,
            -0.5 * mean_a / below_a**1.5,
            0.5 * mean_b / below_b**1.5,
        )
    )
    variance = float(gradient @ long_run(moments, lags) @ gradient) / size
    scale = math.sqrt(YEAR * (size - 1) / size)  # from std(ddof 0) a day to std(ddof 1) a year
    value = mean_a / math.sqrt(below_a) - mean_b / math.sqrt(below_b)
    return _estimate(scale * value, scale * math.sqrt(max(variance, 0.0)))


def _estimate(value: float, error: float) -> Estimate | None:
    if not error > 0.0:
        return None
    p = math.erfc(abs(value) / error / math.sqrt(2.0))
    reach = CONFIDENT * error
    return Estimate(value=value, error=error, low=value - reach, high=value + reach, p=p, holm=p)


def _adjusted(pairs: Sequence[Difference]) -> list[Difference]:
    """The pairs with their p-values adjusted: of the means among each other, and of the Sharpe ratios."""
    means = holm([None if pair.mean is None else pair.mean.p for pair in pairs])
    sharpes = holm([None if pair.sharpe is None else pair.sharpe.p for pair in pairs])
    return [
        replace(
            pair,
            mean=None if pair.mean is None or m is None else replace(pair.mean, holm=m),
            sharpe=None if pair.sharpe is None or s is None else replace(pair.sharpe, holm=s),
        )
        for pair, m, s in zip(pairs, means, sharpes, strict=True)
    ]


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted for how many there are, by Holm's step-down; None stays."""
    order = sorted((k for k, p in enumerate(ps) if p is not None), key=lambda k: ps[k] or 0.0)
    found: list[float | None] = [None] * len(ps)
    highest = 0.0
    for step, k in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - step) * (ps[k] or 0.0)))
        found[k] = highest
    return found
