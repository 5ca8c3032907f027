"""What else could have happened: histories resampled from a run's returns by the stationary bootstrap.

A resampled history is made of runs of consecutive sessions, whose lengths are geometric, so that most of what
ties a day to the days before it stays (Politis and Romano, "The stationary bootstrap", 1994). Their mean
length is chosen from the returns' autocorrelations (Politis and White, "Automatic block-length selection for
the dependent bootstrap", 2004, as corrected with Patton in 2009).

It shows the luck of the order and of the draw, given days like these. It does not show days that never came,
nor that the rule was chosen because these days suited it: for that see `treefolio.selection.cscv`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.selection.draws import stationary
from treefolio.selection.sharpe import SESSIONS_A_YEAR

FEWEST_SESSIONS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Resampled histories of one run.

    Attributes:
        block: the mean length of a run of consecutive sessions.
        returns: (draws, sessions), a fraction per session.
        bands: (5, sessions) `QUANTILES` over the draws of what 1 has become after each session.
        max_drawdown: (draws,) the largest loss from a peak, positive; the first peak is the capital.
        annual_return: (draws,) compound, at 252 sessions a year.
        sharpe: (draws,) annual, without a risk-free rate; NaN where the returns do not vary.
    """

    block: float
    returns: Floats
    bands: Floats
    max_drawdown: Floats
    annual_return: Floats
    sharpe: Floats


def paths(returns: NDArray[np.float64], *, draws: int, seed: int, block: float | None = None) -> Paths:
    """Histories of the same length, resampled from (sessions,) ``returns``.

    The memory needed is 40 bytes for each session of each draw.

    Args:
        block: the mean length of a run of sessions, at least 1; None for `optimal_block`.
        seed: of NumPy's default generator; the same seed gives the same paths, bit for bit.

    Raises:
        UsageError: there are fewer than 20 returns, or one is not a number, or there is nothing to draw.
    """
    series = _checked(returns)
    mean_length = optimal_block(series) if block is None else float(block)
    drawn = series[indices(len(series), draws=draws, seed=seed, block=mean_length)]
    values = np.cumprod(1 + drawn, axis=1)
    peaks = np.maximum(np.maximum.accumulate(values, axis=1), 1.0)
    growth = np.maximum(values[:, -1], 0.0)
    return Paths(
        block=mean_length,
        returns=drawn,
        bands=np.quantile(values, QUANTILES, axis=0),
        max_drawdown=(1 - values / peaks).max(axis=1),
        annual_return=growth ** (SESSIONS_A_YEAR / len(series)) - 1,
        sharpe=_sharpe(drawn),
    )


def indices(sessions: int, *, draws: int, seed: int, block: float) -> NDArray[np.int64]:
    """(draws, sessions) the session that each resampled session is taken from.

    Raises:
        UsageError: there is nothing to draw, or ``block`` is below 1.
    """
    if sessions < 1 or draws < 1:
        raise UsageError(f"{draws} draws of {sessions} sessions are none", hint="Ask for at least one draw.")
    if not block >= 1:
        raise UsageError(
            f"a block of {block:g} sessions is too short", hint="Give a mean length of 1 or more."
        )
    out = np.empty((draws, sessions), dtype=np.int64)
    stationary(np.random.default_rng(seed), 1.0 / block, out)
    return out


def optimal_block(returns: NDArray[np.float64]) -> float:
    """The mean length of runs that estimates the mean's variance best; at least 1.

    (2 G² T / D)^⅓ with G = Σ λ(k/m) |k| γₖ and D = 2 (Σ λ(k/m) γₖ)², the autocovariances γ, and the window λ,
    which is 1 up to a half and falls to 0 at 1. The lag m is twice the last before five or more
    autocorrelations that are not significant. The length is at most 3 √T, and T/3.

    Raises:
        UsageError: there are fewer than 20 returns, or one is not a number.
    """
    series = _checked(returns)
    sessions = len(series)
    centred = series - series.mean()
    if not centred @ centred > 1e-24 * (series @ series):
        return 1.0
    covariances, correlations = _lagged(centred)
    reach = _reach(correlations, sessions)
    lags = np.arange(1, reach + 1)
    window = 2 * covariances[1 : reach + 1] * np.minimum(1, 2 * (1 - lags / reach))
    variance = covariances[0] + window.sum()
    if variance == 0:
        return _longest(sessions)
    length = float(np.cbrt((lags @ window) ** 2 / variance**2 * sessions))
    return min(max(1.0, length), _longest(sessions))


def _checked(returns: NDArray[np.float64]) -> Floats:
    series = np.ascontiguousarray(returns, dtype=np.float64)
    if series.ndim != 1 or len(series) < FEWEST_SESSIONS:
        raise UsageError(
            f"returns of shape {series.shape} cannot be resampled",
            hint=f"Give a single series of at least {FEWEST_SESSIONS} sessions.",
        )
    if not np.isfinite(series).all():
        raise UsageError("a return is not a number", hint="Leave out the sessions without a return.")
    return series


def _longest(sessions: int) -> float:
    return float(math.ceil(min(3 * math.sqrt(sessions), sessions / 3)))


def _calm(sessions: int) -> int:
    """How many insignificant autocorrelations in a row end the search."""
    return max(5, int(math.log10(sessions)))


def _lagged(centred: Floats) -> tuple[Floats, Floats]:
    """Autocovariances (over T) and absolute autocorrelations (over the common sessions), from lag 0."""
    sessions = len(centred)
    most = math.ceil(math.sqrt(sessions)) + _calm(sessions)
    products = np.array([centred[lag:] @ centred[: sessions - lag] for lag in range(most + 1)])
    later = np.array([centred[lag + 1 :] @ centred[lag + 1 :] for lag in range(most + 1)])
    earlier = np.array([centred[: -lag - 1] @ centred[: -lag - 1] for lag in range(most + 1)])
    with np.errstate(divide="ignore", invalid="ignore"):
        return products / sessions, np.abs(products) / np.sqrt(later * earlier)


def _reach(correlations: Floats, sessions: int) -> int:
    """The lag m."""
    calm, most = _calm(sessions), len(correlations) - 1
    small = correlations < 2 * math.sqrt(math.log10(sessions) / sessions)
    for lag in range(calm, most + 1):
        if small[lag - calm : lag].all():
            return min(2 * max(lag - calm, 1), most)
    return most


def _sharpe(returns: Floats) -> Floats:
    deviation = returns.std(axis=1, ddof=1)
    varies = deviation > 1e-13
    ratio = np.divide(returns.mean(axis=1), deviation, out=np.full(len(returns), np.nan), where=varies)
    return ratio * math.sqrt(SESSIONS_A_YEAR)
