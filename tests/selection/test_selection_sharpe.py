"""The Sharpe ratio's statistics: published values, two other libraries, and noise that must not pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from treefolio.selection import sharpe

DAYS = 250
PAPER = {"sharpe": 2.5 / math.sqrt(DAYS), "sessions": 1250, "variance": 0.5 / DAYS}
FUND = {"sharpe": 1.585 / math.sqrt(12)}


def moments(returns: NDArray[np.float64], ddof: int) -> tuple[float, float, float]:
    """Sharpe ratio, skew and kurtosis (3 for a normal one) of the population."""
    centred = returns - returns.mean()
    deviation = centred.std()
    ratio = float(returns.mean() / returns.std(ddof=ddof))
    return ratio, float((centred**3).mean() / deviation**3), float((centred**4).mean() / deviation**4)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (5, 1.192594),
        (10, 1.574598),
        (45, 2.235640),
        (100, 2.530603),
        (1000, 3.255122),
        (10_000, 3.860665),
        (200_000, 4.539299),
    ],
)
def test_the_expected_maximum_is_the_published_one(trials: int, expected: float) -> None:
    assert sharpe.expected_maximum(trials) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("trials", [-3, 0, 0.5, 1, 1.01])
def test_one_trial_or_less_has_no_luck(trials: float) -> None:
    assert sharpe.expected_maximum(trials) == 0.0


@given(st.floats(1, 1e12), st.floats(1, 1e12))
def test_more_trials_are_luckier_and_need_not_be_whole(some: float, others: float) -> None:
    fewer, more = sorted((some, others))
    assert sharpe.expected_maximum(fewer) <= sharpe.expected_maximum(more) < 8


@pytest.mark.parametrize("trials", [5, 50, 2000])
def test_the_expected_maximum_is_within_3_percent_of_simulated_ones(trials: int) -> None:
    drawn = np.random.default_rng(5).normal(size=(4000, trials)).max(axis=1)
    assert sharpe.expected_maximum(trials) == pytest.approx(drawn.mean(), rel=0.03)


@pytest.mark.parametrize(("years", "expected"), [(5, 2.03), (10, 1.44), (20, 1.02)])
def test_the_best_of_200_000_without_skill_looks_good(years: int, expected: float) -> None:
    found = sharpe.expected_best_sharpe(200_000, 252 * years)
    assert found == pytest.approx(expected, abs=0.0055)
    assert sharpe.expected_best_sharpe(200_000, 0) == 0.0


@pytest.mark.parametrize(
    ("skew", "kurtosis", "trials", "expected"),
    [(-3, 10, 100, 0.9003968344), (-3, 10, 46, 0.9505017), (0, 3, 88, 0.9504908)],
)
def test_the_deflated_ratio_is_that_of_its_paper(
    skew: float, kurtosis: float, trials: int, expected: float
) -> None:
    found = sharpe.deflated(
        PAPER["sharpe"], PAPER["sessions"], skew, kurtosis, trials=trials, variance=PAPER["variance"]
    )
    assert found == pytest.approx(expected, abs=5e-8)


def test_the_threshold_is_that_of_its_paper() -> None:
    daily = sharpe.threshold(PAPER["variance"], 100)
    assert daily == pytest.approx(0.1132, abs=5e-5)
    assert daily * math.sqrt(DAYS) == pytest.approx(1.789, abs=5e-4)


@pytest.mark.parametrize(
    ("sessions", "skew", "kurtosis", "expected", "within"),
    [
        (24, -2.448, 10.164, 0.9132343, 5e-8),
        (24, 0, 3, 0.98159, 5e-6),
        (36, -2.448, 10.164, 0.95341, 5e-6),
    ],
)
def test_the_probabilistic_ratio_is_that_of_its_paper(
    sessions: int, skew: float, kurtosis: float, expected: float, within: float
) -> None:
    found = sharpe.probabilistic(FUND["sharpe"], sessions, skew, kurtosis)
    assert found == pytest.approx(expected, abs=within)


@pytest.mark.parametrize(
    ("ratio", "skew", "kurtosis", "error", "years"),
    [(0.7079, -0.2250, 2.9570, 0.1028, 0.7152), (0.8183, -1.4455, 7.0497, 0.1550, 1.1593)],
)
def test_standard_errors_and_track_records_of_two_funds(
    ratio: float, skew: float, kurtosis: float, error: float, years: float
) -> None:
    assert math.sqrt(sharpe.sharpe_variance(ratio, 134, skew, kurtosis)) == pytest.approx(error, abs=5e-5)
    assert sharpe.minimum_track_record(ratio, skew, kurtosis) / 12 == pytest.approx(years, abs=5e-5)


@pytest.mark.parametrize(
    ("a_year", "annual", "against", "skew", "kurtosis", "years", "within"),
    [
        (250, 2, 1, 0, 3, 2.7311878, 5e-8),
        (52, 2, 1, 0, 3, 2.8288336, 5e-8),
        (12, 2, 1, 0, 3, 3.2398, 5e-5),
        (12, 3, 2.5, -0.72, 5.78, 27.3529202, 5e-8),
    ],
)
def test_minimum_track_records_are_the_published_ones(
    a_year: int, annual: float, against: float, skew: float, kurtosis: float, years: float, within: float
) -> None:
    root = math.sqrt(a_year)
    found = sharpe.minimum_track_record(annual / root, skew, kurtosis, against / root)
    assert found / a_year == pytest.approx(years, abs=within)


@pytest.mark.parametrize(
    ("trials", "years", "within", "bound"),
    [(45, 4.9980870, 5e-8, 7.6133), (200_000, 20.605, 5e-4, 24.412)],
)
def test_minimum_backtests_are_the_published_ones(
    trials: int, years: float, within: float, bound: float
) -> None:
    assert sharpe.minimum_backtest_years(trials, 1) == pytest.approx(years, abs=within)
    assert sharpe.minimum_backtest_bound(trials, 1) == pytest.approx(bound, abs=5e-4)


@given(st.floats(2, 1e9), st.floats(0.01, 5))
def test_the_simple_bound_is_above_the_minimum_backtest(trials: float, ratio: float) -> None:
    assert sharpe.minimum_backtest_years(trials, ratio) <= sharpe.minimum_backtest_bound(trials, ratio)


def test_a_ratio_that_is_not_above_what_it_is_tested_against_is_never_proved() -> None:
    assert sharpe.minimum_track_record(0.1, 0, 3, against=0.1) == math.inf
    assert sharpe.minimum_backtest_years(10, 0.0) == math.inf
    assert sharpe.minimum_backtest_bound(10, -1.0) == math.inf
    assert sharpe.minimum_backtest_years(10, 1e-300) == sharpe.minimum_backtest_bound(10, 1e-300) == math.inf
    assert sharpe.minimum_backtest_bound(1, 1.0) == 0.0


@given(st.floats(-0.3, 0.3), st.integers(2, 5000), st.floats(-3, 3), st.floats(0, 20), st.floats(-0.2, 0.2))
def test_the_probability_reaches_the_confidence_after_the_minimum_track_record(
    ratio: float, sessions: int, skew: float, tails: float, against: float
) -> None:
    kurtosis = skew**2 + 1 + tails
    length = float(sharpe.minimum_track_record(ratio, skew, kurtosis, against))
    known = float(sharpe.probabilistic(ratio, sessions, skew, kurtosis, against))
    if math.isfinite(length) and abs(sessions - length) > 1e-6 * length:
        assert (known >= 0.95) == (sessions >= length)


def test_arrays_go_through_and_nan_stays() -> None:
    ratios = np.array([0.1, np.nan, 0.1, 0.1, 0.1])
    sessions = np.array([100, 100, 1, 100, 100])
    skews = np.array([0.0, 0.0, 0.0, np.nan, 20.0])
    found = sharpe.probabilistic(ratios, sessions, skews, np.full(5, 3.0))
    assert found.shape == (5,)
    assert found[0] == pytest.approx(sharpe.probabilistic(0.1, 100, 0, 3), abs=0)
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("bad", [math.nan, -0.1])
def test_a_variance_that_is_none_gives_nan(bad: float) -> None:
    assert math.isnan(sharpe.threshold(bad, 10))
    assert np.isnan(sharpe.deflated(0.1, 100, 0, 3, trials=10, variance=bad))
    assert math.isnan(sharpe.expected_maximum(math.nan))


@pytest.mark.parametrize("seed", range(5))
def test_skfolio_agrees_on_random_returns(seed: int) -> None:
    from skfolio.measures import deflated_sharpe_ratio, probabilistic_sharpe_ratio  # noqa: PLC0415 - heavy

    random = np.random.default_rng(seed)
    returns, others = random.standard_t(4, 300) * 0.01 + 0.001, random.normal(0, 0.06, 25)
    known = moments(returns, ddof=1)
    for against in (0.0, 0.05):
        found = sharpe.probabilistic(known[0], 300, *known[1:], against)
        assert found == pytest.approx(probabilistic_sharpe_ratio(returns, against), abs=1e-12)
    deflated = sharpe.deflated(known[0], 300, *known[1:], trials=25, variance=others.var(ddof=1))
    assert deflated == pytest.approx(deflated_sharpe_ratio(returns, others), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_purgedcv_agrees_on_random_returns(seed: int) -> None:
    import purgedcv  # noqa: PLC0415 - heavy

    returns = np.random.default_rng(seed).standard_t(4, 300) * 0.01 + 0.001
    theirs = purgedcv.deflated_sharpe_ratio_full(returns, 40, 0.004)
    known = (theirs.observed_sr, 300, theirs.skew, theirs.kurt)
    found = sharpe.deflated(*known, trials=40, variance=0.004)
    assert sharpe.threshold(0.004, 40) == pytest.approx(theirs.sr_star, abs=1e-12)
    assert found == pytest.approx(theirs.dsr, abs=1e-12)
    assert sharpe.probabilistic(*known, 0.02) == pytest.approx(
        purgedcv.probabilistic_sharpe_ratio(returns, 0.02), abs=1e-12
    )


@given(st.floats(0.05, 0.5), st.floats(-0.5, 0.04), st.floats(-2, 2), st.floats(0, 9))
def test_purgedcv_agrees_on_minimum_lengths(ratio: float, against: float, skew: float, tails: float) -> None:
    import purgedcv  # noqa: PLC0415 - heavy

    kurtosis = skew**2 + 1.5 + tails
    theirs = purgedcv.min_track_record_length(ratio, against, 0.05, skew, kurtosis)
    ours = float(sharpe.minimum_track_record(ratio, skew, kurtosis, against))
    assert math.ceil(ours) == theirs or ours == pytest.approx(round(ours), abs=1e-6)
    assert sharpe.minimum_backtest_years(77, ratio) == pytest.approx(
        purgedcv.minimum_backtest_length(77, ratio), rel=1e-12
    )


def test_winners_of_noise_are_rejected_by_the_deflated_ratio_and_not_by_the_probabilistic() -> None:
    random = np.random.default_rng(2024)
    deflated, probable = [], []
    for _ in range(200):
        sweep = random.standard_t(5, (100, 400)) * 0.01
        ratios = sweep.mean(axis=1) / sweep.std(axis=1, ddof=1)
        ratio, skew, kurtosis = moments(sweep[ratios.argmax()], ddof=1)
        variance = float(ratios.var(ddof=1))
        deflated.append(sharpe.deflated(ratio, 400, skew, kurtosis, trials=100, variance=variance))
        probable.append(sharpe.probabilistic(ratio, 400, skew, kurtosis))
    assert np.mean(np.array(deflated) > 0.95) <= 0.05
    assert np.mean(np.array(probable) > 0.95) >= 0.95


def test_a_winner_with_skill_passes_the_deflated_ratio() -> None:
    random = np.random.default_rng(7)
    passed = []
    for _ in range(50):
        sweep = random.normal(0, 0.01, (100, 1000))
        sweep[17] += 0.003
        ratios = sweep.mean(axis=1) / sweep.std(axis=1, ddof=1)
        assert ratios.argmax() == 17
        variance = float(np.delete(ratios, 17).var(ddof=1))
        known = moments(sweep[17], ddof=1)
        passed.append(sharpe.deflated(known[0], 1000, *known[1:], trials=100, variance=variance) > 0.95)
    assert np.mean(passed) > 0.95
