"""Rows of the table: against the benchmark, and how much was held and traded."""

from __future__ import annotations

from treefolio.metrics.row import Metric

BENCHMARK = (
    Metric(
        key="alpha",
        label="Alpha",
        unit="fraction",
        convention="(1 + mean(r) − beta · mean(b))^252 − 1, compounded over a year",
        oracle="empyrical.alpha",
        better="high",
    ),
    Metric(
        key="alpha_simple",
        label="Alpha, not compounded",
        unit="fraction",
        convention="(mean(r) − beta · mean(b)) · 252",
        oracle="quantstats.greeks",
        better="high",
    ),
    Metric(
        key="beta",
        label="Beta",
        unit="ratio",
        convention="cov(r, b) / var(b); undefined when the benchmark has no variance",
        oracle="empyrical.beta",
    ),
    Metric(
        key="correlation",
        label="Correlation",
        unit="ratio",
        convention="Pearson's, of r and b; undefined when one of them has no variance",
        oracle="numpy.corrcoef",
    ),
    Metric(
        key="r_squared",
        label="R²",
        unit="ratio",
        convention="correlation²",
        oracle="quantstats.r_squared",
    ),
    Metric(
        key="information_ratio",
        label="Information ratio",
        unit="ratio",
        convention="mean(r − b) / std(r − b, ddof 1), per day, not annualized",
        oracle="empyrical.excess_sharpe",
        better="high",
    ),
    Metric(
        key="tracking_error",
        label="Tracking error",
        unit="fraction",
        convention="std(r − b, ddof 1) · √252",
        oracle="definition: empyrical.annual_volatility of r − b",
        better="low",
    ),
    Metric(
        key="treynor_ratio",
        label="Treynor ratio",
        unit="ratio",
        convention="cumulative_return / beta, over the whole run, as QuantStats does",
        oracle="quantstats.treynor_ratio",
        better="high",
    ),
    Metric(
        key="up_capture",
        label="Up capture",
        unit="ratio",
        convention="cagr of r over cagr of b, both over the days with b > 0 only",
        oracle="empyrical.up_capture",
        better="high",
    ),
    Metric(
        key="down_capture",
        label="Down capture",
        unit="ratio",
        convention="cagr of r over cagr of b, both over the days with b < 0 only",
        oracle="empyrical.down_capture",
        better="low",
    ),
    Metric(
        key="batting_average",
        label="Days above the benchmark",
        unit="fraction",
        convention="share of days with r > b",
        oracle="empyrical.batting_average",
        better="high",
    ),
    Metric(
        key="excess_return",
        label="Return above the benchmark",
        unit="fraction",
        convention="cumulative_return less the benchmark's",
        oracle="definition: difference of empyrical.cum_returns_final",
        better="high",
    ),
)

_GIVEN = "definition: the engine's sums over sessions, passed through"

ACTIVITY = (
    Metric(
        key="herfindahl",
        label="Herfindahl index",
        unit="ratio",
        convention="mean over sessions of Σw²; 1 is one holding",
        oracle=_GIVEN,
        better="low",
        composer="herfindahl_index",
    ),
    Metric(
        key="turnover",
        label="Annualized turnover",
        unit="ratio",
        convention="one-way traded notional / mean value · 252 / N",
        oracle=_GIVEN,
        better="low",
        composer="annualized_turnover",
    ),
    Metric(
        key="trades",
        label="Trades",
        unit="count",
        convention="number of orders executed",
        oracle=_GIVEN,
        better="low",
    ),
    Metric(
        key="exposure",
        label="Exposure",
        unit="fraction",
        convention="mean over sessions of Σ|w|",
        oracle=_GIVEN,
    ),
    Metric(
        key="holdings",
        label="Holdings",
        unit="count",
        convention="mean over sessions of the number of tickers with a weight other than 0",
        oracle=_GIVEN,
    ),
    Metric(
        key="costs",
        label="Costs",
        unit="fraction",
        convention="slippage, commissions and fees of the whole run over the starting capital",
        oracle=_GIVEN,
        better="low",
    ),
    Metric(
        key="effective_holdings",
        label="Effective holdings",
        unit="count",
        convention="1 / herfindahl",
        oracle="definition: the inverse Herfindahl index",
    ),
)
