"""The statistics of 2025, with autocorrelation: the paper's example, and tables of order statistics."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.selection import sharpe
from treefolio.selection import sharpe_2025 as newer

FUND = newer.Record(sharpe=0.036 / 0.079, sessions=24, skew=-2.448, kurtosis=10.164)
TIED = replace(FUND, autocorrelation=0.2)
SKILL = 0.5


@pytest.mark.parametrize(
    ("record", "error", "against_0", "against_1", "track_0", "track_1"),
    [(FUND, 0.329, 0.987, 0.939, 13.029, 27.109), (TIED, 0.379, 0.966, 0.900, 19.543, 39.369)],
)
def test_the_papers_example(
    record: newer.Record, error: float, against_0: float, against_1: float, track_0: float, track_1: float
) -> None:
    found = (
        math.sqrt(newer.sharpe_variance(record, record.sharpe)),
        newer.probabilistic(record),
        newer.probabilistic(record, 0.1),
        newer.minimum_track_record(record),
        newer.minimum_track_record(record, 0.1),
    )
    assert found == pytest.approx((error, against_0, against_1, track_0, track_1), abs=5e-4)


def test_the_papers_normal_standard_error() -> None:
    plain = newer.Record(sharpe=FUND.sharpe, sessions=24)
    assert math.sqrt(newer.sharpe_variance(plain, plain.sharpe)) == pytest.approx(0.214, abs=5e-4)


@pytest.mark.parametrize(
    ("record", "skilled", "missed", "planned", "observed"),
    [(FUND, 0.05, 0.315, 0.581, 0.306), (TIED, 0.10, 0.411, 0.433, 0.361)],
)
def test_the_papers_discovery_rates(
    record: newer.Record, skilled: float, missed: float, planned: float, observed: float
) -> None:
    power = newer.power(record, SKILL)
    assert 1 - power == pytest.approx(missed, abs=5e-4)
    assert newer.planned_discovery_rate(skilled, 0.05, power) == pytest.approx(planned, abs=5e-4)
    assert newer.observed_discovery_rate(record, skilled, SKILL) == pytest.approx(observed, abs=5e-4)


@pytest.mark.parametrize(
    ("trials", "variance"),
    [(1, 1.0), (2, 1 - 1 / math.pi), (3, 0.5594672), (5, 0.4475341), (10, 0.3443438), (20, 0.2757)],
)
def test_the_variance_of_a_maximum_is_that_of_the_tables(trials: int, variance: float) -> None:
    assert newer.maximum_variance(trials) == pytest.approx(variance, abs=6e-5)


def test_the_variance_of_the_maximum_of_many_is_the_simulated_one() -> None:
    drawn = np.random.default_rng(1).normal(size=(20_000, 1000)).max(axis=1)
    assert newer.maximum_variance(1000) == pytest.approx(drawn.var(), rel=0.03)


@given(st.floats(1, 1e9), st.floats(1.0001, 10))
def test_the_variance_of_a_maximum_falls_with_the_trials(trials: float, times: float) -> None:
    assert 0 < newer.maximum_variance(trials * times) < newer.maximum_variance(trials) <= 1


def test_the_deflated_ratio_is_against_the_threshold_with_the_variance_of_a_maximum() -> None:
    against = sharpe.threshold(0.01, 10)
    spread = math.sqrt(newer.sharpe_variance(FUND, against) * 0.3443438)
    expected = sharpe.normal_cdf((FUND.sharpe - against) / spread)
    assert newer.deflated(FUND, trials=10, variance=0.01) == pytest.approx(float(expected), abs=1e-8)
    assert newer.deflated(FUND, trials=1, variance=0.01) == newer.probabilistic(FUND)


@given(st.floats(-0.5, 0.5), st.integers(2, 5000))
def test_normal_returns_against_0_are_as_in_2012_but_for_the_divisor(ratio: float, sessions: int) -> None:
    ours = newer.probabilistic(newer.Record(sharpe=ratio, sessions=sessions))
    older = sharpe.normal_cdf(ratio * math.sqrt(sessions))
    assert ours == pytest.approx(float(older), abs=1e-12)


@given(st.floats(0.01, 0.5), st.floats(0.01, 0.9))
def test_autocorrelation_makes_less_of_a_record(ratio: float, rho: float) -> None:
    plain = newer.Record(sharpe=ratio, sessions=100)
    tied = replace(plain, autocorrelation=rho)
    assert newer.probabilistic(tied) < newer.probabilistic(plain)
    assert newer.minimum_track_record(tied) > newer.minimum_track_record(plain)


def test_the_variance_of_autocorrelated_returns_is_the_simulated_one() -> None:
    random, rho = np.random.default_rng(3), 0.4
    drawn = random.normal(size=(4000, 600)) * math.sqrt(1 - rho**2)
    drawn[:, 0] /= math.sqrt(1 - rho**2)
    for i in range(1, drawn.shape[1]):
        drawn[:, i] += rho * drawn[:, i - 1]
    ratios = (drawn + 0.1).mean(axis=1) / drawn.std(axis=1, ddof=1)
    record = newer.Record(sharpe=0.1, sessions=600, autocorrelation=rho)
    assert newer.sharpe_variance(record, 0.1) == pytest.approx(ratios.var(), rel=0.08)


def test_what_cannot_be_is_nan_or_never() -> None:
    assert math.isnan(newer.probabilistic(replace(FUND, autocorrelation=1.0)))
    assert math.isnan(newer.probabilistic(replace(FUND, sharpe=math.nan)))
    assert math.isnan(newer.sharpe_variance(replace(FUND, skew=50.0), 1.0))
    assert newer.minimum_track_record(FUND, against=1.0) == math.inf
    assert newer.planned_discovery_rate(0.0, 0.05, 0.7) == 1.0
    assert newer.planned_discovery_rate(1.0, 0.05, 0.7) == 0.0
    assert math.isnan(newer.planned_discovery_rate(math.nan, 0.05, 0.7))
    assert math.isnan(newer.planned_discovery_rate(0.5, 0.0, 0.0))
