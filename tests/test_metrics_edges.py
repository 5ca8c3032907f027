"""What metrics say where there is little to say, and that a row depends on nothing but itself."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from treefolio.errors import UsageError
from treefolio.metrics import (
    ACTIVITY_KEYS,
    COUNT,
    GROUPS,
    METRICS,
    POSITIONS,
    Activity,
    frame,
    measure,
    measure_one,
    measure_rows,
)

NO_ACTIVITY = {metric.key for metric in GROUPS["activity"]}
NO_BENCHMARK = {metric.key for metric in GROUPS["benchmark"]}


def days(count: int) -> np.ndarray:
    return np.datetime64("2023-11-01", "D") + np.arange(count)


def measured(r, b=None) -> dict[str, float | None]:
    return measure_one(r, frame(days(len(r) + 1), b))


def undefined(got: dict[str, float | None]) -> set[str]:
    return {key for key, value in got.items() if value is None}


def test_one_session_has_only_its_activity():
    got = measure_one([], frame(days(1), []), Activity(herfindahl=0.5, trades=3))
    assert {key: value for key, value in got.items() if value is not None} == {
        "observations": 0,
        "herfindahl": 0.5,
        "trades": 3,
        "effective_holdings": 2,
    }


def test_one_return_has_no_scatter():
    got = measured([0.02])
    assert got["mean"] == got["median"] == got["best_day"] == got["value_at_risk"] == 0.02
    assert got["cumulative_return"] == pytest.approx(0.02)
    assert got["annualized_return"] == pytest.approx(1.02**126 - 1)
    assert got["max_drawdown"] == 0
    assert {"volatility", "sharpe", "skewness", "kurtosis", "ulcer_index", "calmar"} <= undefined(got)


@pytest.mark.parametrize("rate", [0.0, 4e-4 / 3, -1e-3])
@pytest.mark.parametrize("noise", [0.0, 1e-16])
def test_returns_that_differ_by_rounding_have_no_variance(rate: float, noise: float):
    r = np.full(300, rate)
    r[::7] += noise
    got = measured(r, np.tile([0.01, -0.01, 0.02], 100))
    assert got["volatility"] == got["beta"] == 0
    ratios = {"sharpe", "smart_sharpe", "psr", "skewness", "kurtosis", "autocorrelation", "correlation"}
    assert ratios | {"treynor_ratio", "serenity_index"} <= undefined(got)


def test_no_return_at_all_is_a_run_in_cash():
    got = measured(np.zeros(300))
    assert got["cumulative_return"] == got["annualized_return"] == got["max_drawdown"] == 0
    assert got["time_in_market"] == got["win_rate"] == got["drawdowns"] == got["consecutive_losses"] == 0
    assert {"win_days", "omega", "kelly", "calmar", "tail_ratio", "top_one_day_contribution"} <= undefined(
        got
    )


def test_total_loss_stays_lost():
    r = np.full(80, 0.01)
    r[40] = -1.0
    got = measured(r)
    assert got["cumulative_return"] == got["annualized_return"] == got["cagr"] == got["expected_month"] == -1
    assert got["max_drawdown"] == got["current_drawdown"] == 1
    assert got["longest_drawdown"] == 40
    assert got["worst_month"] == got["worst_year"] == -1
    assert got["trailing_1d"] == pytest.approx(0.01)
    assert {"trailing_1w", "month_to_date", "top_one_day_contribution"} <= undefined(got)


def test_less_than_nothing_has_no_growth_rate():
    got = measured([0.1, -1.5, 0.1])
    assert got["cumulative_return"] == pytest.approx(1.1 * -0.5 * 1.1 - 1)
    assert got["max_drawdown"] == pytest.approx(1.55)
    assert {"annualized_return", "cagr", "cagr_calendar", "expected_day", "calmar"} <= undefined(got)


def test_without_losses_ratios_over_losses_are_undefined():
    got = measured(np.tile([0.01, 0.02, 0.005], 40))
    assert got["max_drawdown"] == got["ulcer_index"] == got["time_under_water"] == got["risk_of_ruin"] == 0
    assert got["win_rate"] == got["win_days"] == 1
    assert got["consecutive_wins"] == 120
    assert undefined(got) - NO_ACTIVITY - NO_BENCHMARK == {
        "sortino", "smart_sortino", "adjusted_sortino", "smart_adjusted_sortino", "calmar", "omega",
        "profit_factor", "gain_to_pain", "gain_to_pain_month", "payoff_ratio", "profit_ratio", "cpc_index",
        "common_sense_ratio", "kelly", "recovery_factor", "ulcer_performance_index", "martin_ratio",
        "serenity_index", "outlier_loss_ratio", "average_drawdown", "average_drawdown_sessions",
        "average_loss", "average_down_month", "trailing_6m", "trailing_1y", "trailing_3y", "trailing_5y",
        "trailing_10y",
    }  # fmt: skip


@pytest.mark.parametrize("b", [None, np.full(50, np.nan)])
def test_without_a_benchmark_only_its_group_is_undefined(b):
    r = np.random.default_rng(5).normal(0, 0.01, 50)
    lacking = undefined(measured(r, b)) - undefined(measured(r, r[::-1].copy()))
    assert lacking == NO_BENCHMARK


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_a_benchmark_without_variance_has_no_beta(level: float):
    r = np.random.default_rng(5).normal(0, 0.01, 50)
    got = measured(r, np.full(50, level))
    assert {"beta", "alpha", "alpha_simple", "correlation", "r_squared", "treynor_ratio"} <= undefined(got)
    assert got["tracking_error"] == pytest.approx(got["volatility"])
    assert got["batting_average"] == np.mean(r > level)


def test_the_benchmark_itself_has_no_information():
    r = np.random.default_rng(5).normal(0, 0.01, 50)
    got = measured(r, r)
    for key in ("beta", "correlation", "r_squared", "up_capture", "down_capture"):
        assert got[key] == pytest.approx(1)
    assert got["tracking_error"] == got["batting_average"] == 0
    assert got["excess_return"] == pytest.approx(0)
    assert got["information_ratio"] is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_returns_that_are_not_finite_leave_everything_undefined(bad: float):
    assert undefined(measured([0.01, bad, 0.02])) == set(METRICS) - {"observations"}


def test_nothing_is_infinite_when_values_overflow():
    r = np.array([1e307, -1e307, 1e200, 1e200, 3.0])
    got = measured(r, [0.1, 0.2, -0.1, 0.1, 0.3])
    assert got["best_day"] == 1e307
    assert all(value is None or math.isfinite(value) for value in got.values())


def test_first_days_costs_count_as_a_drawdown_from_the_capital():
    values = np.array([100_000.0, 99_500.0, 99_800.0])
    got = measured(values[1:] / values[:-1] - 1)
    assert got["cumulative_return"] == pytest.approx(-0.002)
    assert got["max_drawdown"] == pytest.approx(0.005)
    assert got["longest_drawdown"] == 2


@pytest.mark.parametrize(
    ("last", "key", "start"),
    [
        ("2024-03-29", "trailing_1m", "2024-02-29"),
        ("2024-03-31", "trailing_1m", "2024-02-29"),
        ("2023-03-31", "trailing_1m", "2023-02-28"),
        ("2024-02-29", "trailing_1y", "2023-02-28"),
        ("2024-01-15", "trailing_3m", "2023-10-15"),
        ("2024-01-15", "trailing_2w", "2024-01-01"),
        ("2024-01-15", "month_to_date", "2023-12-31"),
        ("2024-01-15", "year_to_date", "2023-12-31"),
        ("2024-01-15", "trailing_1d", "2024-01-14"),
    ],
)
def test_trailing_returns_start_on_the_calendar(last: str, key: str, start: str):
    sessions = np.arange(np.datetime64("2021-01-01"), np.datetime64(last) + 1)
    r = np.where(sessions[1:] > np.datetime64(start), 1e-3, 0.0)
    earned = 1.001 ** np.count_nonzero(r) - 1
    assert measure_one(r, frame(sessions))[key] == pytest.approx(earned, rel=1e-12)
    r[sessions[1:] == np.datetime64(start)] = 1.0
    assert measure_one(r, frame(sessions))[key] == pytest.approx(earned, rel=1e-12)


def test_a_trailing_return_starts_on_the_next_session_after_a_weekend():
    sessions = np.array(["2024-02-23", "2024-02-26", "2024-03-01", "2024-03-24"], dtype="datetime64[D]")
    got = measure_one([0.5, 0.1, 0.1], frame(sessions))
    assert got["trailing_1m"] == pytest.approx(0.21)


def test_rows_of_a_block_equal_single_runs_bit_for_bit():
    rng = np.random.default_rng(11)
    given = frame(days(400), rng.normal(0, 0.01, 399))
    returns = rng.standard_t(3, (40, 399)) * 0.01
    activity = rng.random((40, len(ACTIVITY_KEYS)))
    out = np.empty((40, COUNT))
    measure_rows(returns, activity, given.marks, np.full(given.scratch_size, np.nan), out)

    def single(row: int) -> np.ndarray:
        alone = np.empty(COUNT)
        measure(returns[row], activity[row], given.marks, rng.random(given.scratch_size), alone)
        return alone

    with ThreadPoolExecutor(4) as pool:
        for row, alone in enumerate(pool.map(single, range(40))):
            np.testing.assert_array_equal(out[row], alone)


def test_a_frame_survives_pickling():
    """Read-only again, too: kernels are compiled once for each kind of array."""
    rng = np.random.default_rng(3)
    for b in (None, rng.normal(0, 0.01, 30)):
        given = frame(days(31), b)
        again = pickle.loads(pickle.dumps(given))
        r = rng.normal(0, 0.01, 30)
        assert measure_one(r, again) == measure_one(r, given)
        arrays = [*again.marks, again.marks.rival.returns, again.sessions]
        assert not any(array.flags.writeable for array in arrays if isinstance(array, np.ndarray))


def test_an_even_number_of_losses_below_everything_has_no_logarithm():
    got = measured([-1.5, -1.5])
    assert got["cumulative_return"] == -0.75
    assert got["top_one_day_contribution"] is None


def test_activity_is_passed_through_in_its_order():
    values = {key: float(place + 2) for place, key in enumerate(ACTIVITY_KEYS)}
    got = measure_one([0.01, 0.02], frame(days(3)), Activity(**values))
    assert {key: got[key] for key in ACTIVITY_KEYS} == values
    assert POSITIONS["effective_holdings"] == COUNT - 1


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: frame([]), id="no session"),
        pytest.param(lambda: frame(["2024-01-03", "2024-01-02"]), id="descending"),
        pytest.param(lambda: frame(["2024-01-02", "2024-01-02"]), id="twice the same"),
        pytest.param(lambda: frame(["2024-01-02", "NaT"]), id="not a date"),
        pytest.param(lambda: frame(days(4), [0.1, 0.2]), id="benchmark of another length"),
        pytest.param(lambda: measure_one([0.1], frame(days(4))), id="returns of another length"),
    ],
)
def test_misuse_is_said(call):
    with pytest.raises(UsageError):
        call()


def test_a_gap_in_the_benchmark_is_named():
    with pytest.raises(UsageError) as caught:
        frame(days(4), [0.1, np.nan, 0.2])
    assert caught.value.session == "2023-11-03"
    assert caught.value.hint
