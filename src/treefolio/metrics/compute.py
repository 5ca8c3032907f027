"""The kernel: every metric of the table from one run's returns.

`measure` makes the passes (`treefolio.metrics.passes`, `treefolio.metrics.tails`) and turns their sums into
numbers, one small kernel for each group of the table. `measure_rows` does so for a block of runs;
`measure_one` is for callers that are not kernels.

``returns[i]`` is the return from session i to session i + 1. Costs of the first day belong to ``returns[0]``:
where a value series starts below the capital, its first value is replaced by the capital [golden], so
``returns[0] = V[1] / capital − 1``, and N = n + 1 sessions count for `annualized_return`.

What is undefined is NaN here and null in files; nothing is infinite. A run of one session has no returns:
only its activity and ``observations`` are defined, and likewise when returns are not all finite.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from treefolio.errors import UsageError
from treefolio.kernels import kernel
from treefolio.metrics.frames import Frame
from treefolio.metrics.marks import Marks, Rival
from treefolio.metrics.passes import Moments, Path, Periods, Sums, moments, path, periods, sums, versus
from treefolio.metrics.table import ACTIVITY_KEYS, AT, METRICS, Activity
from treefolio.metrics.tails import Tails, tails

Series = NDArray[np.float64]

COUNT = len(METRICS)
"""M, how many numbers `measure` writes."""

_ACTIVITY_COUNT = len(ACTIVITY_KEYS)
_YEAR = 252.0
_ROOT_YEAR = math.sqrt(252.0)
_NORMAL_P5 = -1.6448536269514722
"""Φ⁻¹(0.05)."""
_NORMAL_SHORTFALL = -math.exp(-(_NORMAL_P5**2) / 2) / math.sqrt(2 * math.pi) / 0.05
"""Mean of a standard normal variable below its 5th percentile."""
_NO_VARIANCE = 1e-12
"""Below this share of the whole, what is left of a sum of squares is rounding."""


def measure_one(
    returns: ArrayLike, frame: Frame, activity: Activity | None = None
) -> dict[str, float | None]:
    """Every metric of one run: key → number, or None where it is undefined, in the order of the table.

    ``returns`` is (n,), one for each session of ``frame`` after the first.

    Errors: UsageError when there is another number of them.
    """
    series = np.array(returns, dtype=np.float64)
    if series.shape != (frame.returns,):
        raise UsageError(
            f"{series.size} returns for {len(frame.sessions)} sessions",
            hint=f"It needs {frame.returns}: one from each session to the next.",
        )
    out = np.empty(COUNT)
    given = (activity or Activity()).vector()
    measure(series, given, frame.marks, np.empty(frame.scratch_size), out)
    return {
        key: None if math.isnan(value) else value for key, value in zip(METRICS, out.tolist(), strict=True)
    }


@kernel
def measure_rows(returns: Series, activity: Series, marks: Marks, scratch: Series, out: Series) -> None:
    """`measure` of each row: (C, n) returns, (C, K) activity → (C, M) ``out``. One scratch serves all."""
    for row in range(returns.shape[0]):
        measure(returns[row], activity[row], marks, scratch, out[row])


@kernel
def measure(returns: Series, activity: Series, marks: Marks, scratch: Series, out: Series) -> None:
    """Writes every metric of one run to ``out``; NaN where undefined.

    returns: (n,) fraction per session. activity: (K,) in the order of `ACTIVITY_KEYS`. marks: the frame's.
    scratch: (`Frame.scratch_size`,), overwritten. out: (`COUNT`,). Arrays are C-contiguous float64.
    Passes that ``marks`` does not want are left out. Allocates nothing.
    """
    n = returns.size
    out[:] = np.nan
    out[AT.observations] = n
    for k in range(_ACTIVITY_COUNT):
        out[AT.herfindahl + k] = activity[k]
    out[AT.effective_holdings] = 1.0 / activity[0]
    if n > 0:
        first = sums(returns, marks.months)
        if np.isfinite(first.total) and np.isfinite(first.high - first.low):
            second = moments(returns, first)
            way = path(returns, scratch)
            if marks.calendar:
                _write_trailing(out, returns, way, marks, scratch)
                _write_periods(out, first, way, periods(scratch, marks))
            _write_returns(out, n, first, second, way, marks)
            _write_days(out, n, first)
            _write_drawdown(out, n, way)
            _write_risk(out, n, returns, first, second)
            if marks.order:
                spread = math.sqrt(second.squares / n)
                tail = tails(returns, first.low, first.high, second.mean, spread, scratch)
                _write_tails(out, n, first, way, tail)
            _write_ratios(out, n, first, second, way)
            if marks.rival.returns.size > 0:
                _write_versus(out, returns, second, way, marks.rival)
    for k in range(out.size):
        if not np.isfinite(out[k]):
            out[k] = np.nan


@kernel
def _annual(growth: float, days: float) -> float:
    """growth^(252 / days) − 1; NaN when less than nothing is left."""
    return growth ** (_YEAR / days) - 1.0 if growth >= 0.0 else math.nan


@kernel
def _write_returns(out: Series, n: int, first: Sums, second: Moments, way: Path, marks: Marks) -> None:
    """Group ``return``, but for the median and what `_write_periods` writes."""
    growth = way.growth if way.growth >= 0.0 else np.nan
    out[AT.cumulative_return] = way.growth - 1.0
    out[AT.annualized_return] = _annual(growth, n + 1.0)
    out[AT.cagr] = _annual(growth, float(n))
    out[AT.cagr_calendar] = growth ** (1.0 / marks.years) - 1.0
    out[AT.mean] = second.mean
    out[AT.expected_day] = growth ** (1.0 / n) - 1.0
    active = first.wins + first.losses
    out[AT.average_return] = first.total / active
    out[AT.risk_adjusted_return] = out[AT.cagr] / (active / n)


@kernel
def _write_days(out: Series, n: int, first: Sums) -> None:
    """Group ``day``."""
    active = first.wins + first.losses
    out[AT.best_day] = first.high
    out[AT.worst_day] = first.low
    out[AT.win_rate] = first.wins / n
    out[AT.win_days] = first.wins / active
    out[AT.average_win] = first.gain / first.wins
    out[AT.average_loss] = first.loss / first.losses
    out[AT.consecutive_wins] = first.longest_wins
    out[AT.consecutive_losses] = first.longest_losses
    out[AT.time_in_market] = active / n


@kernel
def _write_drawdown(out: Series, n: int, way: Path) -> None:
    """Group ``drawdown``."""
    out[AT.max_drawdown] = way.episodes.deepest
    out[AT.average_drawdown] = way.episodes.depths / way.episodes.number
    out[AT.current_drawdown] = way.last_drop
    out[AT.longest_drawdown] = way.episodes.longest
    out[AT.average_drawdown_sessions] = way.episodes.sessions / way.episodes.number
    out[AT.drawdowns] = way.episodes.number
    out[AT.time_under_water] = way.episodes.sessions / n
    out[AT.pain_index] = way.drops / n
    if n > 1:
        out[AT.ulcer_index] = math.sqrt(way.drop_squares / (n - 1))


@kernel
def _write_risk(out: Series, n: int, returns: Series, first: Sums, second: Moments) -> None:
    """The moments in group ``risk``."""
    deviation = math.sqrt(second.squares / (n - 1))
    out[AT.volatility] = deviation * _ROOT_YEAR
    out[AT.downside_deviation] = math.sqrt(first.down_squares / n) * _ROOT_YEAR
    out[AT.value_at_risk_normal] = second.mean + _NORMAL_P5 * deviation
    out[AT.conditional_value_at_risk_normal] = second.mean + _NORMAL_SHORTFALL * deviation
    out[AT.autocorrelation] = _autocorrelation(returns, second)
    variance = second.squares / n
    if variance > 0.0 and n > 2:
        skewness = second.cubes / n / (variance * math.sqrt(variance))
        out[AT.skewness] = skewness * math.sqrt(n * (n - 1.0)) / (n - 2.0)
    if variance > 0.0 and n > 3:
        excess = second.fourths / n / (variance * variance) - 3.0
        out[AT.kurtosis] = ((n + 1.0) * excess + 6.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))


@kernel
def _autocorrelation(returns: Series, second: Moments) -> float:
    """Correlation of all but the first with all but the last; NaN when one of the two has no variance.

    From sums about the mean of all: each of the two lacks one deviation, and so has the mean −d / (n − 1).
    """
    n = returns.size
    if n < 3:
        return np.nan
    head, tail = returns[0] - second.mean, returns[n - 1] - second.mean
    early = second.squares - tail * tail - tail * tail / (n - 1)
    late = second.squares - head * head - head * head / (n - 1)
    if min(early, late) <= _NO_VARIANCE * second.squares:
        return np.nan
    together = second.lagged - head * tail / (n - 1)
    return max(-1.0, min(1.0, float(together / math.sqrt(early * late))))


@kernel
def _penalty(n: int, autocorrelation: float) -> float:
    """√(1 + 2 Σ (n − k)/n · cᵏ), k = 1 … n − 1, c the autocorrelation's size; 1 when that is undefined.

    The sum is c/(1 − c) − c (1 − cⁿ)/(n (1 − c)²), which cancels near c = 1: there it is added up.
    """
    c = abs(autocorrelation)
    if np.isnan(c):
        return 1.0
    if c < 0.9:
        total = c / (1.0 - c) - c * (1.0 - c**n) / (n * (1.0 - c) * (1.0 - c))
    else:
        total, power = 0.0, 1.0
        for k in range(1, n):
            power *= c
            total += (n - k) / n * power
    return math.sqrt(1.0 + 2.0 * total)


@kernel
def _write_tails(out: Series, n: int, first: Sums, way: Path, tail: Tails) -> None:
    """The order statistics in groups ``return`` and ``risk``."""
    out[AT.median] = tail.median
    out[AT.value_at_risk] = tail.p5
    out[AT.conditional_value_at_risk] = tail.shortfall
    out[AT.tail_ratio] = abs(tail.p95_weibull / tail.p5_weibull)
    out[AT.tail_ratio_linear] = abs(tail.p95 / tail.p5)
    out[AT.outlier_win_ratio] = tail.p99 / (first.gain / (n - first.losses))
    out[AT.outlier_loss_ratio] = tail.p1 / (first.loss / first.losses)
    if way.growth > 0.0:
        whole = math.log(way.growth)
        out[AT.top_one_day_contribution] = math.log(1.0 + tail.best) / whole
        out[AT.top_five_percent_day_contribution] = math.log(tail.best_five) / whole
        out[AT.top_ten_percent_day_contribution] = math.log(tail.best_ten) / whole


@kernel
def _write_ratios(out: Series, n: int, first: Sums, second: Moments, way: Path) -> None:
    """Group ``ratio``, but for the monthly gain to pain, from the groups already written."""
    deviation = math.sqrt(second.squares / (n - 1))
    penalty = _penalty(n, out[AT.autocorrelation])
    daily = second.mean / deviation if deviation > 0.0 else np.nan
    out[AT.risk_return_ratio] = daily
    out[AT.sharpe] = daily * _ROOT_YEAR
    out[AT.smart_sharpe] = out[AT.sharpe] / penalty
    out[AT.sortino] = second.mean * _YEAR / out[AT.downside_deviation]
    out[AT.smart_sortino] = out[AT.sortino] / penalty
    out[AT.adjusted_sortino] = out[AT.sortino] / math.sqrt(2.0)
    out[AT.smart_adjusted_sortino] = out[AT.smart_sortino] / math.sqrt(2.0)
    shape = 1.0 - out[AT.skewness] * daily + (out[AT.kurtosis] + 2.0) / 4.0 * daily * daily
    out[AT.psr] = 0.5 * math.erfc(-daily * math.sqrt((n - 1) / shape) / math.sqrt(2.0))
    out[AT.calmar] = out[AT.annualized_return] / way.episodes.deepest
    out[AT.recovery_factor] = first.total / way.episodes.deepest
    out[AT.ulcer_performance_index] = out[AT.cumulative_return] / out[AT.ulcer_index]
    out[AT.martin_ratio] = out[AT.cagr] / out[AT.ulcer_index]
    mean_drop = way.drops / n
    drop_deviation = math.sqrt(max(0.0, way.drop_squares - n * mean_drop * mean_drop) / (n - 1))
    if deviation > 0.0:
        pitfall = (mean_drop - _NORMAL_SHORTFALL * drop_deviation) / deviation
        out[AT.serenity_index] = first.total / (out[AT.ulcer_index] * pitfall)
    _write_wins(out, n, first)


@kernel
def _write_wins(out: Series, n: int, first: Sums) -> None:
    """Wins against losses, in group ``ratio``."""
    factor = first.gain / -first.loss
    payoff = out[AT.average_win] / -out[AT.average_loss]
    chance = out[AT.win_days]
    gains = n - first.losses
    out[AT.omega] = factor
    out[AT.profit_factor] = factor
    out[AT.gain_to_pain] = first.total / -first.loss
    out[AT.payoff_ratio] = payoff
    out[AT.profit_ratio] = first.gain / gains / gains / -(first.loss / first.losses / first.losses)
    out[AT.cpc_index] = factor * chance * payoff
    out[AT.common_sense_ratio] = factor * out[AT.tail_ratio_linear]
    out[AT.kelly] = (payoff * chance - (1.0 - chance)) / payoff
    out[AT.risk_of_ruin] = ((1.0 - chance) / (1.0 + chance)) ** n


@kernel
def _write_periods(out: Series, first: Sums, way: Path, span: Periods) -> None:
    """Group ``period``, what is expected of a month and a year, and the monthly gain to pain."""
    growth = way.growth if way.growth >= 0.0 else np.nan
    out[AT.expected_month] = growth ** (1.0 / span.months) - 1.0
    out[AT.expected_year] = growth ** (1.0 / span.years) - 1.0
    out[AT.gain_to_pain_month] = first.total / -first.month_pain
    out[AT.best_month] = span.best_month
    out[AT.worst_month] = span.worst_month
    out[AT.average_up_month] = span.month_gain / span.up_months
    out[AT.average_down_month] = span.month_loss / span.down_months
    out[AT.win_months] = span.up_months / (span.up_months + span.down_months)
    out[AT.win_quarters] = span.up_quarters / (span.up_quarters + span.down_quarters)
    out[AT.best_year] = span.best_year
    out[AT.worst_year] = span.worst_year
    out[AT.win_years] = span.up_years / (span.up_years + span.down_years)


@kernel
def _since(session: int, growth: float, values: Series) -> float:
    """Growth from a session to the last one; NaN before the run, or when nothing was left."""
    if session < 0:
        return np.nan
    before = values[session - 1] if session > 0 else 1.0
    return growth / before if before > 0.0 else np.nan


@kernel
def _write_trailing(out: Series, returns: Series, way: Path, marks: Marks, values: Series) -> None:
    """Group ``trailing``, in the order of `Marks.trailing` and `Marks.long`. ``values`` is `path`'s."""
    out[AT.trailing_1d] = returns[returns.size - 1]
    for k in range(1, marks.trailing.size):
        out[AT.trailing_1d + k] = _since(marks.trailing[k], way.growth, values) - 1.0
    for k in range(marks.long.size):
        growth = _since(marks.long[k], way.growth, values)
        out[AT.trailing_3y + k] = growth ** (1.0 / marks.long_years[k]) - 1.0 if growth >= 0.0 else np.nan
    out[AT.month_to_date] = _since(marks.month_start, way.growth, values) - 1.0
    out[AT.year_to_date] = _since(marks.year_start, way.growth, values) - 1.0


@kernel
def _write_versus(out: Series, returns: Series, second: Moments, way: Path, rival: Rival) -> None:
    """Group ``benchmark``."""
    n = returns.size
    both = versus(returns, second.mean, rival)
    error = math.sqrt(both.difference_squares / (n - 1))
    out[AT.information_ratio] = (second.mean - rival.mean) / error
    out[AT.tracking_error] = error * _ROOT_YEAR
    out[AT.batting_average] = both.above / n
    out[AT.excess_return] = way.growth - rival.growth
    out[AT.up_capture] = _annual(both.up_growth, float(rival.up_days)) / rival.up_annual
    out[AT.down_capture] = _annual(both.down_growth, float(rival.down_days)) / rival.down_annual
    if rival.squares > 0.0:
        beta = both.products / rival.squares if second.squares > 0.0 else 0.0
        alpha = second.mean - beta * rival.mean
        out[AT.beta] = beta
        out[AT.alpha_simple] = alpha * _YEAR
        out[AT.alpha] = (1.0 + alpha) ** _YEAR - 1.0
        out[AT.treynor_ratio] = out[AT.cumulative_return] / beta
        correlation = both.products / math.sqrt(rival.squares * second.squares)
        out[AT.correlation] = correlation
        out[AT.r_squared] = correlation * correlation
