"""Correlations and differences of curves: against other libraries, closed forms and simulations."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from treefolio.errors import UsageError, WindowError
from treefolio.metrics import frame, measure_one
from treefolio.sweep.compare import (
    FEWEST,
    MOST,
    Entrant,
    Floats,
    common,
    compare,
    correlations,
    holm,
    lags_of,
    long_run,
    mean_difference,
    returns_of,
    sharpe_difference,
)

RNG = np.random.default_rng(7)
A = RNG.normal(0.0008, 0.012, 900)
B = 0.6 * A + RNG.normal(0.0001, 0.009, 900)


def days(count: int, first: str = "2020-01-01") -> np.ndarray:
    return np.datetime64(first, "D") + np.arange(count)


def entrant(name: str, returns: Floats, first: str = "2020-01-01") -> Entrant:
    values = 100.0 * np.concatenate(([1.0], np.cumprod(1 + returns)))
    return Entrant(
        name=name, source=name, sessions=days(len(values), first), values=values, text=None, manifest={}
    )


def test_correlations_are_numpys():
    found = correlations(np.column_stack((A, B, A - B)))
    np.testing.assert_allclose(found, np.corrcoef(np.column_stack((A, B, A - B)).T), rtol=1e-12, atol=1e-12)


def test_a_curve_that_stands_still_correlates_with_nothing():
    found = correlations(np.column_stack((A, np.zeros(900))))
    assert found[0, 0] == 1.0
    assert np.isnan(found[[0, 1, 1], [1, 0, 1]]).all()


@pytest.mark.parametrize("size", [60, 300, 900])
def test_the_error_of_a_mean_is_that_of_statsmodels(size: int):
    """Newey and West, Bartlett weights, the same lags, no small-sample factor."""
    a, b, lags = A[:size], B[:size], lags_of(size)
    fitted = sm.OLS(a - b, np.ones(size)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    found = mean_difference(a, b, lags)
    assert found is not None
    assert found.value / 252 == pytest.approx(fitted.params[0], rel=1e-10)
    assert found.error / 252 == pytest.approx(fitted.bse[0], rel=1e-10)
    assert found.p == pytest.approx(fitted.pvalues[0], rel=1e-8)
    low, high = fitted.conf_int()[0]
    assert (found.low / 252, found.high / 252) == pytest.approx((low, high), rel=1e-8)


def test_without_lags_of_normal_returns_the_error_is_that_of_jobson_korkie_and_memmel():
    """The closed form for independent normal returns, up to the noise of sampled third and fourth moments."""
    rng, size, rho = np.random.default_rng(3), 200_000, 0.7
    x = rng.normal(size=(size, 2)) @ np.linalg.cholesky(np.array([[1.0, rho], [rho, 1.0]])).T
    a, b = 0.06 + x[:, 0], 0.02 + x[:, 1]
    s, t = 0.06, 0.02
    variance = (2 - 2 * rho + 0.5 * (s * s + t * t - 2 * s * t * rho * rho)) / size
    found = sharpe_difference(a, b, 0)
    assert found is not None
    assert found.error == pytest.approx(math.sqrt(252 * variance), rel=0.01)


def test_the_difference_is_that_of_the_metric():
    found = sharpe_difference(A, B, 5)
    made = frame(days(901))
    own, other = (measure_one(returns, made)["sharpe"] for returns in (A, B))
    assert found is not None
    assert own is not None
    assert other is not None
    assert found.value == pytest.approx(own - other, rel=1e-10)


def test_equal_skill_is_rejected_about_as_often_as_it_says():
    """400 pairs with fat tails, correlated with each other: 5 % rejections expected, 3 to 9 % allowed."""
    rng = np.random.default_rng(12)
    rejected = np.zeros(2)
    for _ in range(400):
        market = rng.standard_t(5, 500)
        a, b = (0.01 * (market + rng.standard_t(5, 500)) for _ in range(2))
        mean, sharpe = mean_difference(a, b, lags_of(500)), sharpe_difference(a, b, lags_of(500))
        assert mean is not None
        assert sharpe is not None
        rejected += (mean.p < 0.05, sharpe.p < 0.05)
    assert (rejected >= 0.03 * 400).all()
    assert (rejected <= 0.09 * 400).all()


def test_a_planted_difference_is_found():
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.01, 1500)
    found = compare(
        [entrant("good", 0.0015 + noise), entrant("bad", 0.8 * noise + rng.normal(0, 0.003, 1500))], [{}, {}]
    )
    (pair,) = found.differences
    assert pair.mean is not None
    assert pair.sharpe is not None
    assert pair.mean.p < 1e-6
    assert pair.sharpe.p < 1e-6
    assert pair.mean.low > 0


def test_days_that_depend_on_each_other_widen_the_interval():
    """A difference that persists is less certain than its variance says."""
    rng = np.random.default_rng(5)
    steps = rng.normal(0, 0.01, 2000)
    slow = np.convolve(steps, np.ones(5) / 5, mode="same")
    narrow, wide = mean_difference(slow, np.zeros(2000), 0), mean_difference(slow, np.zeros(2000), 8)
    assert narrow is not None
    assert wide is not None
    assert wide.error > 1.7 * narrow.error


@given(st.integers(2, 60), st.integers(0, 12), st.integers(0, 10_000))
def test_a_long_run_covariance_is_symmetric_and_not_negative(size: int, lags: int, seed: int):
    moments = np.random.default_rng(seed).normal(size=(size, 3))
    found = long_run(moments, lags)
    np.testing.assert_allclose(found, found.T, atol=1e-15)
    assert np.linalg.eigvalsh(found).min() >= -1e-12


@pytest.mark.parametrize("seed", range(6))
def test_adjusted_p_values_are_holms(seed: int):
    ps = (np.random.default_rng(seed).random(seed + 1) / 3).tolist()
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1].tolist(), abs=1e-12)


def test_what_cannot_be_told_counts_for_nothing_in_the_adjustment():
    assert holm([0.04, None, 0.01]) == [0.04, None, 0.02]
    assert holm([None]) == [None]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (A[: FEWEST - 1], B[: FEWEST - 1]),
        (A, A),
        (np.zeros(900), np.zeros(900)),
    ],
)
def test_too_short_and_equal_curves_have_no_difference(a: Floats, b: Floats):
    assert mean_difference(a, b, 3) is None
    assert sharpe_difference(a, b, 3) is None


def test_against_a_curve_that_stands_still_returns_differ_and_sharpe_ratios_do_not():
    still = np.zeros(900)
    assert mean_difference(A, still, 3) is not None
    assert sharpe_difference(A, still, 3) is None


def test_curves_are_cut_to_the_sessions_that_all_have():
    one, two = entrant("one", A[:50]), entrant("two", B[:50], "2020-01-11")
    cut = common([one, two])
    assert cut[0].sessions.tolist() == cut[1].sessions.tolist()
    assert str(cut[0].sessions[0]) == "2020-01-11"
    assert cut[0].values.tolist() == one.values[10:].tolist()
    assert cut[1].values.tolist() == two.values[:-10].tolist()


def test_holes_in_one_curve_are_left_out_of_all():
    one, two = entrant("one", A[:50]), entrant("two", B[:50])
    keep = np.arange(51) != 20
    holed = Entrant(
        name="two", source="two", sessions=two.sessions[keep], values=two.values[keep], text=None, manifest={}
    )
    assert [len(each.sessions) for each in common([one, holed])] == [50, 50]


def test_curves_that_do_not_overlap_are_refused_by_name():
    with pytest.raises(WindowError, match="one 2020-01-01 to 2020-02-20; two 2021-01-01"):
        common([entrant("one", A[:50]), entrant("two", B[:50], "2021-01-01")])


@pytest.mark.parametrize("count", [1, MOST + 1])
def test_one_and_too_many_are_refused(count: int):
    with pytest.raises(UsageError):
        common([entrant(str(k), A[:50]) for k in range(count)])


def test_returns_after_ruin_are_none():
    assert returns_of(np.array([100.0, 50.0, 0.0, 0.0])).tolist() == [-0.5, -1.0, 0.0]


def test_every_pair_is_there_once():
    found = compare([entrant(name, A[:100] + k * 1e-3 * B[:100]) for k, name in enumerate("abc")], [{}] * 3)
    assert [(each.a, each.b) for each in found.differences] == [(0, 1), (0, 2), (1, 2)]
    assert found.lags == lags_of(100) == 4
    assert isinstance(found.sessions[0].item(), dt.date)
