"""Every metric against the function of another library that its row names; where it differs, how."""

from __future__ import annotations

import math
from functools import cache

import empyrical
import ffn
import numpy as np
import pandas as pd
import polars as pl
import pytest
import quantstats.stats as qs

from treefolio.metrics import METRICS, frame, measure_one

pytestmark = pytest.mark.filterwarnings(
    "ignore:A future version of pandas will return a BaseOffset"  # ffn calls infer_freq
)

LIBRARIES = {"empyrical": empyrical, "quantstats": qs, "ffn": ffn, "numpy": np, "pandas": pd}


def prices(r: pd.Series) -> pd.Series:
    """From 1 on the session before the first return."""
    first = r.index[0] - pd.offsets.BDay(1)
    return pd.concat([pd.Series([1.0], index=[first]), (1 + r).cumprod()])


@cache
def ffn_stats(values: tuple[float, ...], start: pd.Timestamp) -> ffn.PerformanceStats:
    return ffn.PerformanceStats(prices(pd.Series(values, index=pd.bdate_range(start, periods=len(values)))))


def stats(r: pd.Series) -> ffn.PerformanceStats:
    return ffn_stats(tuple(r), r.index[0])


def episodes(r: pd.Series) -> pd.DataFrame:
    """QuantStats' drawdowns, on calendar days without weekends between, so that days are sessions."""
    daily = r.set_axis(pd.date_range("2000-01-01", periods=len(r)))
    return qs.drawdown_details(qs.to_drawdown_series(daily))


ORACLES = {
    "cumulative_return": lambda r, _: empyrical.cum_returns_final(r),
    "cagr": lambda r, _: empyrical.annual_return(r),
    "cagr_calendar": lambda r, _: ffn.calc_cagr(prices(r)),
    "mean": lambda r, _: np.mean(r),
    "median": lambda r, _: np.median(r),
    "expected_day": lambda r, _: qs.expected_return(r),
    "expected_month": lambda r, _: qs.expected_return(r, aggregate="ME"),
    "expected_year": lambda r, _: qs.expected_return(r, aggregate="YE"),
    "average_return": lambda r, _: qs.avg_return(r),
    "sharpe": lambda r, _: empyrical.sharpe_ratio(r),
    "sortino": lambda r, _: empyrical.sortino_ratio(r),
    "psr": lambda r, _: qs.probabilistic_sharpe_ratio(r),
    "smart_sharpe": lambda r, _: qs.smart_sharpe(r),
    "smart_sortino": lambda r, _: qs.smart_sortino(r),
    "adjusted_sortino": lambda r, _: qs.adjusted_sortino(r),
    "smart_adjusted_sortino": lambda r, _: qs.adjusted_sortino(r, smart=True),
    "risk_return_ratio": lambda r, _: qs.risk_return_ratio(r),
    "omega": lambda r, _: empyrical.omega_ratio(r),
    "profit_factor": lambda r, _: qs.profit_factor(r),
    "gain_to_pain": lambda r, _: qs.gain_to_pain_ratio(r),
    "gain_to_pain_month": lambda r, _: qs.gain_to_pain_ratio(r, resolution="ME"),
    "payoff_ratio": lambda r, _: qs.payoff_ratio(r),
    "profit_ratio": lambda r, _: qs.profit_ratio(r),
    "cpc_index": lambda r, _: qs.cpc_index(r),
    "common_sense_ratio": lambda r, _: qs.common_sense_ratio(r),
    "kelly": lambda r, _: qs.kelly_criterion(r),
    "risk_of_ruin": lambda r, _: qs.risk_of_ruin(r),
    "ulcer_performance_index": lambda r, _: qs.ulcer_performance_index(r),
    "serenity_index": lambda r, _: qs.serenity_index(r),
    "volatility": lambda r, _: empyrical.annual_volatility(r),
    "downside_deviation": lambda r, _: empyrical.downside_risk(r),
    "skewness": lambda r, _: r.skew(),
    "kurtosis": lambda r, _: r.kurt(),
    "autocorrelation": lambda r, _: r.autocorr(),
    "value_at_risk": lambda r, _: empyrical.value_at_risk(r),
    "conditional_value_at_risk": lambda r, _: empyrical.conditional_value_at_risk(r),
    "value_at_risk_normal": lambda r, _: qs.value_at_risk(r),
    "conditional_value_at_risk_normal": lambda r, _: qs.conditional_value_at_risk(r),
    "tail_ratio_linear": lambda r, _: empyrical.tail_ratio(r),
    "outlier_win_ratio": lambda r, _: qs.outlier_win_ratio(r),
    "outlier_loss_ratio": lambda r, _: qs.outlier_loss_ratio(r),
    "max_drawdown": lambda r, _: -empyrical.max_drawdown(r),
    "average_drawdown": lambda r, _: -episodes(r)["max drawdown"].mean() / 100,
    "current_drawdown": lambda r, _: -empyrical.stats.drawdown_series(r).iloc[-1],
    "drawdowns": lambda r, _: len(episodes(r)),
    "ulcer_index": lambda r, _: qs.ulcer_index(r),
    "best_day": lambda r, _: np.max(r),
    "worst_day": lambda r, _: np.min(r),
    "win_days": lambda r, _: qs.win_rate(r),
    "average_win": lambda r, _: qs.avg_win(r),
    "average_loss": lambda r, _: qs.avg_loss(r),
    "consecutive_wins": lambda r, _: qs.consecutive_wins(r),
    "consecutive_losses": lambda r, _: qs.consecutive_losses(r),
    "best_month": lambda r, _: qs.best(r, aggregate="ME"),
    "worst_month": lambda r, _: qs.worst(r, aggregate="ME"),
    "average_up_month": lambda r, _: qs.avg_win(r, aggregate="ME"),
    "average_down_month": lambda r, _: qs.avg_loss(r, aggregate="ME"),
    "win_months": lambda r, _: qs.win_rate(r, aggregate="ME"),
    "win_quarters": lambda r, _: qs.win_rate(r, aggregate="QE"),
    "best_year": lambda r, _: qs.best(r, aggregate="YE"),
    "worst_year": lambda r, _: qs.worst(r, aggregate="YE"),
    "win_years": lambda r, _: qs.win_rate(r, aggregate="YE"),
    "trailing_3y": lambda r, _: stats(r).three_year,
    "trailing_5y": lambda r, _: stats(r).five_year,
    "trailing_10y": lambda r, _: stats(r).ten_year,
    "month_to_date": lambda r, _: stats(r).mtd,
    "year_to_date": lambda r, _: stats(r).ytd,
    "alpha": empyrical.alpha,
    "alpha_simple": lambda r, b: qs.greeks(r, b)["alpha"],
    "beta": empyrical.beta,
    "correlation": lambda r, b: np.corrcoef(r, b)[0, 1],
    "r_squared": qs.r_squared,
    "information_ratio": empyrical.excess_sharpe,
    "treynor_ratio": qs.treynor_ratio,
    "up_capture": empyrical.up_capture,
    "down_capture": empyrical.down_capture,
    "batting_average": lambda r, b: empyrical.batting_average(r, b)["batting average"],
}
"""Metric → (returns, benchmark) → the other library's number."""

RELATIONS = {
    "annualized_return": lambda r, _: (1 + empyrical.annual_return(r)) ** (len(r) / (len(r) + 1)) - 1,
    "risk_adjusted_return": lambda r, _: qs.rar(r) * qs.exposure(r) / np.mean(r != 0),
    "calmar": lambda r, _: (
        ((1 + empyrical.annual_return(r)) ** (len(r) / (len(r) + 1)) - 1)
        / empyrical.annual_return(r)
        * empyrical.calmar_ratio(r)
    ),
    "recovery_factor": lambda r, _: math.copysign(qs.recovery_factor(r), r.sum()),
    "tail_ratio": lambda r, _: abs(np.divide(*np.percentile(r, [95, 5], method="weibull"))),
    "longest_drawdown": lambda r, _: episodes(r)["days"].max(),
    "average_drawdown_sessions": lambda r, _: episodes(r)["days"].mean(),
    "win_rate": lambda r, _: qs.win_rate(r) * np.mean(r != 0),
}
"""Metric whose row says that it differs → the other library's number, with the difference taken back."""

DERIVED = {
    "time_under_water": lambda r, _: (empyrical.stats.drawdown_series(r) < 0).mean(),
    "pain_index": lambda r, _: -empyrical.stats.drawdown_series(r).mean(),
    "martin_ratio": lambda r, _: empyrical.annual_return(r) / qs.ulcer_index(r),
    "tracking_error": lambda r, b: empyrical.annual_volatility(r - b),
    "excess_return": lambda r, b: empyrical.cum_returns_final(r) - empyrical.cum_returns_final(b),
}
"""Metric by definition → the same from other libraries' parts."""


def made(seed: int, n: int) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng([seed, n])
    b = rng.normal(5e-4, 0.01, n)
    r = 0.7 * b + 0.009 * rng.standard_t(4, n)
    r[rng.random(n) < 0.05] = 0.0
    index = pd.bdate_range("2012-03-05", periods=n)
    return pd.Series(r, index=index), pd.Series(b, index=index)


SERIES = {f"seed {seed}, {n} returns": made(seed, n) for seed, n in [(1, 60), (2, 505), (3, 1259), (4, 3000)]}


ANY = SERIES["seed 1, 60 returns"][0]


def agree(key: str, r: pd.Series, b: pd.Series, oracle) -> None:
    sessions = prices(r).index.to_numpy().astype("datetime64[D]")
    got = measure_one(r.to_numpy(), frame(sessions, b.to_numpy()))[key]
    wanted = float(oracle(r, b))
    if math.isnan(wanted):
        assert got is None
    else:
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("key", ORACLES)
def test_metric_equals_the_function_its_row_names(key: str, name: str):
    agree(key, *SERIES[name], ORACLES[key])


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("key", RELATIONS | DERIVED)
def test_metric_differs_as_its_row_says(key: str, name: str):
    agree(key, *SERIES[name], (RELATIONS | DERIVED)[key])


@pytest.mark.parametrize("name", SERIES)
def test_time_in_market_is_what_quantstats_rounds_up_to_a_percent(name: str):
    r, _ = SERIES[name]
    got = measure_one(r, frame(prices(r).index.to_numpy().astype("datetime64[D]")))["time_in_market"]
    assert math.ceil(got * 100) / 100 == qs.exposure(r)


@pytest.mark.shared
@pytest.mark.parametrize("key", ORACLES | DERIVED)
def test_metric_equals_the_function_its_row_names_on_real_prices(key: str, shared):
    closes = real(str(shared / "prices" / "etf_daily.parquet"))
    returns = closes.pct_change().dropna()
    business = pd.bdate_range(returns.index[0], periods=len(returns))
    agree(
        key, returns["TQQQ"].set_axis(business), returns["SPY"].set_axis(business), (ORACLES | DERIVED)[key]
    )


@cache
def real(path: str) -> pd.DataFrame:
    wanted = pl.scan_parquet(path).filter(pl.col("ticker").is_in(["TQQQ", "SPY"])).collect()
    table = wanted.select("date", "ticker", pl.col("adj_close").cast(pl.Float64))
    wide = table.pivot(on="ticker", index="date", values="adj_close").sort("date").drop_nulls()
    return pd.DataFrame(
        {ticker: wide[ticker].to_list() for ticker in ("TQQQ", "SPY")}, wide["date"].to_list()
    )


def function(oracle: str) -> object:
    """What a row's oracle names, resolved in its library."""
    library, *names = oracle.split(".")
    found: object = LIBRARIES[library]
    for name in names:
        # PerformanceStats sets its numbers when it has prices, so the class does not have them.
        found = getattr(found, name, None) if found is not ffn.PerformanceStats else hasattr(stats(ANY), name)
    return found


def test_every_row_is_tested_as_it_says():
    named = {key for key, row in METRICS.items() if ":" not in row.oracle}
    differing = {key for key, row in METRICS.items() if row.oracle.startswith("differs: ")}
    defined = {key for key, row in METRICS.items() if row.oracle.startswith("definition: ")}
    assert named == set(ORACLES)
    assert differing == {*RELATIONS, "time_in_market"}
    assert defined == set(METRICS) - named - differing
    assert set(DERIVED) <= defined


@pytest.mark.parametrize("key", ORACLES)
def test_the_function_that_a_row_names_exists(key: str):
    assert function(METRICS[key].oracle)
