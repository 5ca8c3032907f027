"""What rows without skill would show: the distribution of a metric that luck alone has, where there is one.

* Sharpe ratio: a true ratio of 0, estimated from T sessions, scatters by √(252 / T).
* Sortino ratio: the same, wider by √2: of symmetric returns a half is downside.
* Annualized return and maximum drawdown: of a value that wanders without a direction (the logarithm is a
  Brownian motion) with the rows' median volatility. Its drawdown is then distributed as the largest |W|
  (Lévy): P(|W| ≤ h up to T) = 4/π Σ (−1)ᵏ / (2k + 1) · exp(−(2k + 1)² π² σ² T / 8 h²).

Volatility and Calmar ratio have none: luck is no cause of the one, and the other mixes two of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from treefolio.report.luck import Luck
from treefolio.report.numerals import count, percent, ratio
from treefolio.selection.sharpe import SESSIONS_A_YEAR, normal_cdf

Floats = NDArray[np.float64]

_REACH = 2.6
"""Standard deviations that are drawn."""
_BAND = (0.05, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """Luck's distribution of a metric.

    Attributes:
        cdf: values → the probability to be at most that.
        low, high: where it is worth drawing.
        words: what it is of.
        best: the expected best of all trials; None where that is not known. band: from the 5 % to the 95 %
            quantile of that best.
    """

    cdf: Callable[[Floats], Floats]
    low: float
    high: float
    words: str
    best: float | None = None
    band: tuple[float, float] | None = None


def null_of(key: str, luck: Luck, sessions: int, volatility: float) -> Null | None:
    """What luck gives of a metric; None where it has no say.

    Args:
        sessions: with the first, which earns nothing. volatility: annual, the rows' median; NaN if unknown.
    """
    years = (sessions - 1) / SESSIONS_A_YEAR
    if sessions < 3 or (key in _BY_VOLATILITY and not volatility > 0):
        return None
    if key == "sharpe":
        return _sharpe(1 / math.sqrt(years), luck)
    if key == "sortino":
        return _normal(math.sqrt(2 / years), "rows whose true ratio is 0")
    made = _BY_VOLATILITY.get(key)
    words = f"values without a direction, at the median volatility of {percent(volatility)}"
    return None if made is None else made(volatility, years, words)


def _normal(scatter: float, words: str) -> Null:
    return Null(
        cdf=lambda x: normal_cdf(x / scatter), low=-_REACH * scatter, high=_REACH * scatter, words=words
    )


def _sharpe(scatter: float, luck: Luck) -> Null:
    made = _normal(scatter, f"rows whose true ratio is 0, which scatter by {ratio(scatter)}")
    if luck.trials < 2 or luck.expected is None:
        return made
    low, high = (scatter * _best_of(luck.trials, p) for p in _BAND)
    return Null(
        cdf=made.cdf,
        low=made.low,
        high=max(made.high, high),
        words=made.words,
        best=luck.expected,
        band=(low, high),
    )


def _best_of(trials: int, probability: float) -> float:
    """The quantile of the largest of so many standard normal numbers, by bisection."""
    wanted = math.log(probability) / trials
    low, high = -10.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        above = 0.5 * math.erfc(middle / math.sqrt(2))
        low, high = (middle, high) if math.log1p(-min(above, 1 - 1e-16)) < wanted else (low, middle)
    return (low + high) / 2


def _growth(volatility: float, years: float, words: str) -> Null:
    """Of e^x − 1, x normal about 0."""
    scatter = volatility / math.sqrt(years)

    def cdf(x: Floats) -> Floats:
        return normal_cdf(np.log(np.maximum(1.0 + x, 1e-300)) / scatter)

    return Null(cdf=cdf, low=math.expm1(-_REACH * scatter), high=math.expm1(_REACH * scatter), words=words)


def _drawdown(volatility: float, years: float, words: str) -> Null:
    """Of 1 − e^−h, h the largest |W|."""
    scatter = volatility * math.sqrt(years)

    def cdf(x: Floats) -> Floats:
        depth = -np.log1p(-np.clip(x, 0.0, 1 - 1e-12)) / scatter
        odd = np.arange(1, 40, 2)[:, None]
        signs = np.where(odd % 4 == 1, 1.0, -1.0)
        with np.errstate(divide="ignore"):
            terms = signs / odd * np.exp(-((odd * math.pi) ** 2) / (8 * np.maximum(depth, 1e-12) ** 2))
        return 4 / math.pi * terms.sum(axis=0)

    return Null(cdf=cdf, low=-math.expm1(-0.5 * scatter), high=-math.expm1(-3.0 * scatter), words=words)


_BY_VOLATILITY: Mapping[str, Callable[[float, float, str], Null]] = MappingProxyType(
    {"annualized_return": _growth, "max_drawdown": _drawdown}
)
"""Metrics whose distribution of luck hangs on the volatility."""


def said(null: Null, trials: int) -> str:
    """The legend of the drawing, in words."""
    text = f"Line: {null.words}."
    if null.best is not None and null.band is not None:
        low, high = null.band
        text += (
            f" Dashed: {ratio(null.best)}, the best to expect of {count(trials)} such rows; nine of ten such "
            f"bests are in the band, {ratio(low)} to {ratio(high)}."
        )
    return text
