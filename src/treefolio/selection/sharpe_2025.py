"""The Sharpe ratio's statistics as restated in 2025, with autocorrelation. Not those of `selection.sharpe`.

López de Prado, Lipton and Zoonekynd ("How to use the Sharpe ratio", 2025) change four things:

* returns may be autocorrelated (AR(1), coefficient ρ), which widens the variance;
* the variance is evaluated at the ratio that is tested against, SR₀, instead of at the observed one;
* it is divided by T, instead of by T − 1;
* the deflated ratio takes the variance of a maximum: times Var[max of N], which is below 1.

V(SR) = (a − b γ₃ SR + c (γ₄ − 1)/4 SR²) / T with a = (1 + ρ)/(1 − ρ), b = (1 + ρ + ρ²)/(1 − ρ²) and
c = (1 + ρ²)/(1 − ρ²). Every Sharpe ratio is per observation; kurtosis is 3 for a normal distribution.

Two further questions are answered when one says how common skill is (``skilled``, the share of strategies
that have it) and how large (``with_skill``, their Sharpe ratio): how often a test that rejects is wrong
(`planned_discovery_rate`, pFDR), and how likely this very result is luck (`observed_discovery_rate`, oFDR).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from treefolio.selection.sharpe import normal_cdf, threshold

_REACH, _STEPS = 12.0, 4801


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a series of returns.

    Attributes:
        sharpe: per observation.
        sessions: how many returns.
        skew, kurtosis: of the returns; 0 and 3 for a normal distribution.
        autocorrelation: of a return with the one before it, between −1 and 1.
    """

    sharpe: float
    sessions: int
    skew: float = 0.0
    kurtosis: float = 3.0
    autocorrelation: float = 0.0


def sharpe_variance(record: Record, at: float, trials: float = 1) -> float:
    """The variance of the estimated Sharpe ratio if the true one is ``at``.

    Args:
        trials: the variance is that of the best of so many. NaN where the moments make it no variance.
    """
    rho = record.autocorrelation
    if not -1 < rho < 1 or record.sessions < 1:
        return math.nan
    level = (1 + rho) / (1 - rho)
    tilt = (1 + rho + rho**2) / (1 - rho**2)
    tails = (1 + rho**2) / (1 - rho**2)
    value = level - tilt * record.skew * at + tails * (record.kurtosis - 1) / 4 * at**2
    return value / record.sessions * maximum_variance(trials) if value > 0 else math.nan


def maximum_variance(trials: float) -> float:
    """The variance of the largest of so many independent standard normal numbers; 1 for one.

    The density N φ Φᴺ⁻¹ is summed over a grid on which both are smooth to double precision.
    """
    if trials <= 1:
        return 1.0
    x = np.linspace(-_REACH, _REACH, _STEPS)
    weight = np.exp((trials - 1) * np.log(normal_cdf(x)) - x**2 / 2)
    weight /= weight.sum()
    mean = float(weight @ x)
    return float(weight @ (x - mean) ** 2)


def probabilistic(record: Record, against: float = 0.0, trials: float = 1) -> float:
    """The probability that the true Sharpe ratio is above ``against``, by the variance at ``against``."""
    return _phi((record.sharpe - against) / _deviation(record, against, trials))


def deflated(record: Record, *, trials: float, variance: float) -> float:
    """The probability that the true ratio is above what the best of ``trials`` shows by luck.

    Args:
        variance: of the trials' Sharpe ratios, per observation.
    """
    return probabilistic(record, threshold(variance, trials), trials)


def minimum_track_record(record: Record, against: float = 0.0, confidence: float = 0.95) -> float:
    """Observations after which the ratio is above ``against`` with this confidence; inf if it is not."""
    if record.sharpe <= against:
        return math.inf
    root = max(0.0, NormalDist().inv_cdf(confidence)) / (record.sharpe - against)
    return sharpe_variance(record, against) * record.sessions * root * root


def critical(record: Record, against: float = 0.0, significance: float = 0.05, trials: float = 1) -> float:
    """The Sharpe ratio that the test against ``against`` demands."""
    return against + NormalDist().inv_cdf(1 - significance) * _deviation(record, against, trials)


def power(record: Record, with_skill: float, against: float = 0.0, significance: float = 0.05) -> float:
    """How often the test against ``against`` finds a strategy whose true ratio is ``with_skill``."""
    demanded = critical(record, against, significance)
    return _phi((with_skill - demanded) / _deviation(record, with_skill, 1))


def planned_discovery_rate(skilled: float, significance: float, found: float) -> float:
    """pFDR: the share of strategies without skill among those that pass the test.

    Args:
        skilled: the share of strategies that have skill.
        found: the test's `power`.
    """
    luck, skill = significance * (1 - skilled), found * skilled
    return luck / (luck + skill) if luck + skill else math.nan


def observed_discovery_rate(
    record: Record, skilled: float, with_skill: float, against: float = 0.0, trials: float = 1
) -> float:
    """oFDR: the probability of no skill, given a result at least as good as this one.

    Args:
        skilled: the share of strategies that have skill.
        with_skill: the Sharpe ratio of those.
    """
    luck = (1 - probabilistic(record, against, trials)) * (1 - skilled)
    skill = (1 - probabilistic(record, with_skill, trials)) * skilled
    return luck / (luck + skill) if luck + skill else math.nan


def _deviation(record: Record, at: float, trials: float) -> float:
    return math.sqrt(sharpe_variance(record, at, trials))


def _phi(x: float) -> float:
    return NormalDist().cdf(x) if not math.isnan(x) else math.nan
