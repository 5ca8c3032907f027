"""Sliding windows, the histogram of days, and how both are drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import market, result_of

from test_report_pages import check_inert
from treefolio.metrics import frame, measure_one
from treefolio.report import run_page
from treefolio.report.distribution import BINS, days_of
from treefolio.report.rolling import (
    kept_with_gaps,
    rolling_beta,
    rolling_correlation,
    rolling_section,
    rolling_sharpe,
    rolling_volatility,
)

RNG = np.random.default_rng(11)
RETURNS, RIVAL = RNG.normal(0.0005, 0.01, 240), RNG.normal(0.0003, 0.012, 240)
DAYS = np.arange("2020-01-01", "2020-12-31", dtype="datetime64[D]")


@pytest.mark.parametrize("window", [30, 90])
def test_windows_agree_with_pandas(window: int):
    """An independent library computes the same from the same returns."""
    own, other = pd.Series(RETURNS), pd.Series(RIVAL)
    rolled = own.rolling(window)
    year = np.sqrt(252)
    np.testing.assert_allclose(rolling_volatility(RETURNS, window), rolled.std() * year, rtol=1e-9)
    np.testing.assert_allclose(
        rolling_sharpe(RETURNS, window), rolled.mean() / rolled.std() * year, rtol=1e-9, atol=1e-9
    )
    beta = rolled.cov(other) / other.rolling(window).var()
    np.testing.assert_allclose(rolling_beta(RETURNS, RIVAL, window), beta, rtol=1e-9, atol=1e-12)
    together = rolled.corr(other)
    np.testing.assert_allclose(rolling_correlation(RETURNS, RIVAL, window), together, rtol=1e-9, atol=1e-12)


def test_the_last_window_is_the_metric_of_its_days():
    """By the conventions of the table of metrics."""
    made = frame(DAYS[:91], RIVAL[-90:])
    metrics = measure_one(RETURNS[-90:], made)
    assert rolling_sharpe(RETURNS, 90)[-1] == pytest.approx(metrics["sharpe"], rel=1e-12)
    assert rolling_volatility(RETURNS, 90)[-1] == pytest.approx(metrics["volatility"], rel=1e-12)
    assert rolling_beta(RETURNS, RIVAL, 90)[-1] == pytest.approx(metrics["beta"], rel=1e-12)


def test_windows_without_variance_are_undefined():
    """A stretch in cash has no Sharpe ratio, a benchmark that stands still no beta; both are gaps."""
    still = RETURNS.copy()
    still[100:160] = 0.0
    sharpe = rolling_sharpe(still, 30)
    assert np.isnan(sharpe[129:160]).all()
    assert np.isfinite(sharpe[[29, 128, 160]]).all()
    assert np.isnan(sharpe[:29]).all()
    assert rolling_volatility(still, 30)[140] == 0.0
    beta = rolling_beta(RETURNS, still, 30)
    assert np.isnan(beta[129:160]).all()
    assert np.isfinite(beta[160])
    assert np.isnan(rolling_correlation(still, still, 30)[140])


@pytest.mark.parametrize("roll", [rolling_sharpe, rolling_volatility])
def test_fewer_days_than_the_window_have_none(roll):
    assert np.isnan(roll(RETURNS[:29], 30)).all()
    assert np.isnan(rolling_beta(RETURNS[:29], RIVAL[:29], 30)).all()
    assert rolling_section(DAYS[:30], RETURNS[:29], None, "") is None


@given(st.lists(st.one_of(st.floats(-9, 9), st.just(float("nan"))), min_size=1, max_size=300))
def test_gaps_are_no_extremes(values: list[float]):
    series = np.array(values)
    places = kept_with_gaps(series, 24)
    assert len(places) <= 24 or len(series) <= 24
    if np.isfinite(series).any():
        assert np.nanmax(series[places]) == np.nanmax(series)
        assert np.nanmin(series[places]) == np.nanmin(series)


@given(st.lists(st.floats(-0.9, 3), min_size=1, max_size=200))
def test_every_day_is_in_one_bar(values: list[float]):
    found = days_of(np.array(values), None)
    assert found.counts.sum() == len(values)
    assert len(found.counts) == BINS == len(found.edges) - 1
    assert found.edges[0] == -found.edges[-1]
    assert found.outside == sum(abs(value) > found.edges[-1] for value in values)


def test_the_normal_curve_has_as_many_days():
    found = days_of(RETURNS, RIVAL)
    assert found.normal is not None
    assert found.rival is not None
    assert found.normal.sum() == pytest.approx(len(RETURNS))
    assert found.rival.sum() == len(RIVAL)
    middle = float((found.normal * 0.5 * (found.edges[1:] + found.edges[:-1])).sum() / found.normal.sum())
    assert middle == pytest.approx(RETURNS.mean(), abs=2e-4)


def test_the_page_shows_both():
    page = check_inert(run_page(result_of()))
    ids = page.ids()
    assert {"rolling", "distribution"} <= set(ids)
    quantiles = next(row for row in page.rows if row[:2] == ["", "Worst"])
    assert quantiles[-1] == "Best"
    short = check_inert(run_page(result_of("tree: A", market(sessions=20))))
    assert "rolling" not in short.ids()
    assert "distribution" in short.ids()


def test_without_a_benchmark_there_is_no_beta():
    with_rival, without = (check_inert(run_page(result_of(benchmark=name))) for name in ("B", None))
    assert "Beta is against B." in with_rival.text
    assert "Beta is against" not in without.text
