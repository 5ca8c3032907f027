"""How much of a Sharpe ratio is skill: the probabilistic, the deflated, and how long a record must be.

Every Sharpe ratio here is PER OBSERVATION (per session: the annual one divided by √252) unless the name says
annual. Kurtosis is NOT the excess: a normal distribution has 3. Whatever is undefined is NaN.

* Φ[(SR − SR*) √(T − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 SR²)] is the probability that the true ratio is above SR*
  (Bailey and López de Prado, "The Sharpe ratio efficient frontier", 2012).
* SR₀ = √V E[max of N] is what the best of N trials without skill shows, when the trials' ratios have the
  variance V. Deflated means: probabilistic, against SR₀ (the same, "The deflated Sharpe ratio", 2014).
* E[max of N] ≈ (1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e)) with Euler's γ; it gives the shortest backtest
  that N trials allow (Bailey, Borwein, López de Prado, Zhu, "Pseudo-mathematics and financial
  charlatanism", Notices of the AMS, 2014).

The newer form of the same authors is in `treefolio.selection.sharpe_2025`.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

SESSIONS_A_YEAR = 252
EULER = 0.5772156649015329
_ERFC = np.frompyfunc(math.erfc, 1, 1)

Numbers = NDArray[np.float64]


def expected_maximum(trials: float) -> float:
    """Of that many independent standard normal numbers; 0 for one or none.

    An effective number of trials need not be whole. The approximation falls below 0 just above one trial,
    where 0 is returned. From 5 trials on it is within 3 % of the exact expectation.
    """
    if trials <= 1:
        return 0.0
    if math.isnan(trials) or math.isinf(trials):
        return trials
    upper = NormalDist().inv_cdf
    return max(0.0, -(1 - EULER) * upper(1 / trials) - EULER * upper(1 / (trials * math.e)))


def expected_best_sharpe(trials: float, sessions: int) -> float:
    """The best annual Sharpe ratio that so many independent trials without skill show, on average.

    An annual ratio that is truly 0 scatters by about √(252 / sessions).
    """
    return math.sqrt(SESSIONS_A_YEAR / sessions) * expected_maximum(trials) if sessions > 0 else 0.0


def spread(sharpe: ArrayLike, skew: ArrayLike, kurtosis: ArrayLike) -> Numbers:
    """The variance of an estimated Sharpe ratio times the sessions less one; NaN where it is not above 0.

    Moments that no distribution has, or those of a few observations, can make it so.
    """
    ratio = np.asarray(sharpe, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        value = 1 - np.asarray(skew) * ratio + (np.asarray(kurtosis) - 1) / 4 * ratio**2
        return np.where(value > 0, value, np.nan)


def sharpe_variance(sharpe: ArrayLike, sessions: ArrayLike, skew: ArrayLike, kurtosis: ArrayLike) -> Numbers:
    """The variance of a Sharpe ratio estimated from that many sessions; NaN for fewer than two."""
    return spread(sharpe, skew, kurtosis) / _degrees(sessions)


def probabilistic(
    sharpe: ArrayLike, sessions: ArrayLike, skew: ArrayLike, kurtosis: ArrayLike, against: ArrayLike = 0.0
) -> Numbers:
    """The probability that the true Sharpe ratio is above ``against``. NaN where any argument is.

    Args:
        sharpe, skew, kurtosis: of the returns, per observation; kurtosis is 3 for a normal distribution.
        sessions: how many returns they come from.
    """
    with np.errstate(invalid="ignore"):
        distance = np.asarray(sharpe, dtype=np.float64) - np.asarray(against, dtype=np.float64)
        return normal_cdf(distance / np.sqrt(sharpe_variance(sharpe, sessions, skew, kurtosis)))


def threshold(variance_of_trials: float, trials: float) -> float:
    """SR₀: the Sharpe ratio to expect of the best of so many trials without skill, per observation.

    Args:
        variance_of_trials: of the trials' Sharpe ratios, per observation.
        trials: independent ones; correlated trials count for fewer.
    """
    if variance_of_trials < 0:
        return math.nan
    return math.sqrt(variance_of_trials) * expected_maximum(trials)


def deflated(
    sharpe: ArrayLike,
    sessions: ArrayLike,
    skew: ArrayLike,
    kurtosis: ArrayLike,
    *,
    trials: float,
    variance: float,
) -> Numbers:
    """The probability that the true Sharpe ratio is above what the best of ``trials`` shows by luck.

    Args:
        variance: of the trials' Sharpe ratios, per observation.
    """
    return probabilistic(sharpe, sessions, skew, kurtosis, threshold(variance, trials))


def minimum_track_record(
    sharpe: ArrayLike,
    skew: ArrayLike,
    kurtosis: ArrayLike,
    against: ArrayLike = 0.0,
    confidence: float = 0.95,
) -> Numbers:
    """Observations after which ``sharpe`` is above ``against`` with this confidence; inf if it is not above.

    Observations are not rounded up: the papers divide them by those of a year.
    """
    needed = max(0.0, NormalDist().inv_cdf(confidence))
    distance = np.asarray(sharpe, dtype=np.float64) - np.asarray(against, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        length = 1 + spread(sharpe, skew, kurtosis) * (needed / distance) ** 2
    return np.where(distance <= 0, np.inf, length)


def minimum_backtest_years(trials: float, annual_sharpe: float) -> float:
    """Years below which the best of so many trials without skill is expected to show that Sharpe ratio.

    inf for a ratio that is not above 0: no history makes it rare.
    """
    if annual_sharpe <= 0:
        return math.inf
    root = expected_maximum(trials) / annual_sharpe
    return root * root


def minimum_backtest_bound(trials: float, annual_sharpe: float) -> float:
    """The simple upper bound 2 ln N / SR² of `minimum_backtest_years`, in years."""
    if annual_sharpe <= 0:
        return math.inf
    return 2 * math.log(trials) / annual_sharpe / annual_sharpe if trials > 1 else 0.0


def normal_cdf(x: ArrayLike) -> Numbers:
    """Φ, precise in both tails."""
    return 0.5 * np.asarray(_ERFC(np.asarray(x, dtype=np.float64) / -math.sqrt(2)), dtype=np.float64)


def _degrees(sessions: ArrayLike) -> Numbers:
    """Sessions less one; NaN for fewer than two."""
    count = np.asarray(sessions, dtype=np.float64) - 1
    return np.where(count > 0, count, np.nan)
