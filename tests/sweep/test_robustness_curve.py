"""Resampled histories, starts, costs and fills of one run, against plain runs and numbers by hand."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest
from robustness_cases import grown, planted, ran

from sweep_cases import market, parsed
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.errors import UsageError
from treefolio.market.panel import Panel
from treefolio.selection.bootstrap import paths
from treefolio.sweep.robustness.costs import LEVELS, BreakEven, Level, break_even, costs
from treefolio.sweep.robustness.monte_carlo import MOST_NUMBERS, monte_carlo
from treefolio.sweep.robustness.spread import QUANTILES
from treefolio.sweep.robustness.starts import starts
from treefolio.sweep.robustness.timing import NO_OPENS, timing
from treefolio.sweep.single import Result, run
from treefolio.testing.panels import panel_of

TREE = "tree: {if: 'rsi(C, 7) > 55', then: {equal: [A, D]}, else: B}"


@pytest.fixture(scope="module")
def result() -> Result:
    return ran(TREE, Question(panel=market(sessions=700), benchmark="B"))[1]


# ---- Monte Carlo


def test_histories_are_those_of_the_bootstrap(result: Result):
    """The bands begin at 1; the spreads are those of the selection package's draws."""
    found = monte_carlo(result, draws=80, seed=3)
    drawn = paths(result.run.returns, draws=80, seed=3)
    assert found.block == drawn.block
    np.testing.assert_array_equal(found.bands[:, 1:], drawn.bands)
    assert found.bands[:, 0].tolist() == [1.0] * 5
    assert found.spreads["sharpe"].quantiles == tuple(np.quantile(drawn.sharpe, QUANTILES))
    below = float((drawn.max_drawdown < result.metrics["max_drawdown"]).mean())
    ties = float((drawn.max_drawdown == result.metrics["max_drawdown"]).mean())
    assert found.spreads["max_drawdown"].below == pytest.approx(below + ties / 2)
    assert found.loss == float((drawn.annual_return < 0).mean())
    assert found.values[-1] == pytest.approx(1 + result.metrics["cumulative_return"])


def test_the_same_seed_draws_the_same(result: Result):
    """And another one others."""
    one, two, other = (monte_carlo(result, draws=30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.bands, two.bands)
    assert (one.bands != other.bands).any()


def test_more_than_fits_into_memory_is_refused(result: Result):
    """Nothing is capped silently; the hint says how many would do."""
    with pytest.raises(UsageError) as raised:
        monte_carlo(result, draws=MOST_NUMBERS, seed=0)
    assert f"{MOST_NUMBERS // len(result.run.returns):,} --draws" in str(raised.value.hint)


# ---- starts


def test_a_start_is_the_run_that_starts_there(result: Result):
    """Every second of them, run anew; the first is the run itself."""
    found = starts(result)
    assert found.caveat is None
    assert found.found[0].cagr == pytest.approx(result.metrics["cagr"], rel=1e-12)
    months = {each.session[:7] for each in found.found}
    assert len(months) == len(found.found) > 15
    for each in found.found[::2]:
        begun = run(
            result.strategy, replace(result.prepared.question, start=dt.date.fromisoformat(each.session))
        )
        assert str(begun.run.sessions[0]) == each.session
        assert len(begun.run.returns) == each.sessions
        for key in ("cagr", "sharpe", "max_drawdown"):
            assert getattr(each, key) == pytest.approx(begun.metrics[key], rel=1e-9), key
        rival = begun.benchmark
        assert rival is not None
        assert each.benchmark == pytest.approx((rival[-1] / rival[0]) ** (252 / each.sessions) - 1, rel=1e-9)


def test_starts_leave_a_year(result: Result):
    """The worst and the best are among them."""
    found = starts(result)
    assert min(each.sessions for each in found.found) >= 252
    yearly = [each.cagr for each in found.found]
    assert (found.worst.cagr, found.best.cagr) == (min(yearly), max(yearly))  # type: ignore[type-var]


def test_rolling_years_by_hand(result: Result):
    """Every stretch of 252 returns, compounded one by one; three years are not there."""
    returns = result.run.returns
    every = [math.prod(1.0 + returns[k : k + 252].astype(float)) - 1 for k in range(len(returns) - 251)]
    [year] = starts(result).rolling
    assert (year.years, year.windows) == (1, len(every))
    assert year.worst.cagr == pytest.approx(min(every))
    assert year.worst.first == str(result.run.sessions[int(np.argmin(every))])
    assert year.worst.last == str(result.run.sessions[int(np.argmin(every)) + 252])
    assert year.median == pytest.approx(float(np.median(every)))
    assert year.loss == pytest.approx(float(np.mean(np.array(every) < 0)))
    rival = result.benchmark
    assert rival is not None
    behind = [gain < rival[k + 252] / rival[k] - 1 for k, gain in enumerate(every)]
    assert year.behind == pytest.approx(float(np.mean(behind)))


@pytest.mark.parametrize(
    ("source", "execution", "word"),
    [
        (TREE, Execution(costs=Costs(slippage_bps=5)), "first purchase"),
        (TREE, Execution(whole_shares=True), "something else"),
        (f"rebalance: monthly\n{TREE}", Execution(), "something else"),
    ],
)
def test_what_depends_on_the_path_is_said(source: str, execution: Execution, word: str):
    """With costs, whole shares or another rhythm a later start is not exactly a slice."""
    _, found = ran(source, Question(panel=market(sessions=500), benchmark=None, execution=execution))
    assert word in (starts(found).caveat or "")


def test_a_run_below_a_year_has_no_starts():
    """It says how long it would have to be."""
    _, short = ran(TREE, Question(panel=market(sessions=200), benchmark=None))
    with pytest.raises(UsageError, match="252"):
        starts(short)


# ---- costs


def switching(sessions: int = 253) -> Panel:
    """S is 1 and 3 in turn; A and B rise by 0.1 % a session, SPY by 0.05 %."""
    days = np.arange(sessions - 1)
    return panel_of(
        {
            "A": grown(np.full(len(days), 0.001)).tolist(),
            "B": grown(np.full(len(days), 0.001)).tolist(),
            "S": np.where(np.arange(sessions) % 2, 3.0, 1.0).tolist(),
            "SPY": grown(np.full(len(days), 0.0005)).tolist(),
        }
    )


SWITCH = "tree: {if: 'price(S) > 2', then: A, else: B}"


def test_break_even_by_hand():
    """All is sold and bought each session: (1 − s) / (1 + s) of the growth is left, so s is about 0.00025."""
    strategy, found = ran(SWITCH, Question(panel=switching()))
    even = costs(found, strategy).benchmark
    assert even is not None
    # 252 returns, 253 switches but for the first purchase, which only buys
    exact = 252 / (2 * 252 + 1) * (math.log(1.001) - math.log(1.0005)) * 1e4
    assert even.bps == pytest.approx(exact, rel=2e-3)
    assert even.said == "at"
    assert even.target == pytest.approx(1.0005**252 - 1)


def test_at_the_break_even_it_earns_what_the_benchmark_does():
    """A run with that slippage shows it, on prices that nobody made even."""
    strategy, found = ran(
        "tree: {if: 'price(S) > 100', then: A, else: B}", Question(panel=planted(drift=0.001))
    )
    even = costs(found, strategy).benchmark
    assert even is not None
    assert even.bps is not None
    execution = Execution(costs=Costs(slippage_bps=even.bps))
    at_it = run(strategy, replace(found.prepared.question, execution=execution))
    assert at_it.metrics["cagr"] == pytest.approx(even.target, abs=2e-3)


def test_levels_are_plain_runs(result: Result):
    """The asked level is among them, other costs stay."""
    execution = Execution(costs=Costs(slippage_bps=3, commission_bps=1))
    question = replace(result.prepared.question, execution=execution)
    strategy = parsed(TREE)
    found = costs(run(strategy, question), strategy)
    assert [each.slippage_bps for each in found.levels] == sorted((*LEVELS, 3.0))
    assert found.asked == 3.0
    for each in found.levels:
        own = replace(execution, costs=Costs(slippage_bps=each.slippage_bps, commission_bps=1))
        expected = run(strategy, replace(question, execution=own)).metrics
        assert each.metrics == {key: expected[key] for key in each.metrics or {}}
        assert each.metrics


def test_a_level_that_cannot_be_run_has_its_reason():
    """Half of each trade is no slippage; the other level is there."""
    strategy, found = ran(SWITCH, Question(panel=switching(60)))
    made = costs(found, strategy, levels=(0.0, 5_000.0))
    assert made.levels[0].metrics is not None
    assert made.levels[1].metrics is None
    assert "5000 bps" in (made.levels[1].reason or "")


@pytest.mark.parametrize(
    ("yearly", "target", "expected"),
    [
        ([0.3, 0.2, 0.1], 0.05, BreakEven(target=0.05, bps=None, said="above")),
        ([0.3, 0.2, 0.1], 0.3, BreakEven(target=0.3, bps=None, said="below")),
        ([0.3, 0.2, 0.1], 0.2, BreakEven(target=0.2, bps=10.0, said="at")),
        ([0.3, None, 0.1], 0.1, BreakEven(target=0.1, bps=20.0, said="at")),
        ([0.21, None, -0.01], 0.1, BreakEven(target=0.1, bps=None, said="at")),
        ([None, None, None], 0.1, None),
    ],
)
def test_where_the_line_is_crossed(yearly: list[float | None], target: float, expected: BreakEven | None):
    """Between levels on the line of logarithms; before the first and after the last it is said."""
    levels = [
        Level(slippage_bps=10.0 * k, metrics=None if value is None else {"cagr": value})
        for k, value in enumerate(yearly)
    ]
    found = break_even(levels, target)
    if expected is not None and expected.said == "at" and expected.bps is None:
        between = 20 * math.log(1.21 / 1.1) / math.log(1.21 / 0.99)
        expected = replace(expected, bps=pytest.approx(between))
    assert found == expected


# ---- fills


def test_fills_are_plain_runs(result: Result):
    """Close, next open and next close, each as its own run has it."""
    strategy = parsed(TREE)
    found = timing(result, strategy)
    assert [each.fill for each in found.found] == ["close", "next_open", "next_close"]
    assert found.asked == "close"
    for each in found.found:
        question = replace(result.prepared.question, execution=Execution(fill=each.fill))  # type: ignore[arg-type]
        expected = run(strategy, question).metrics
        assert each.metrics == {key: expected[key] for key in each.metrics or {}}
        assert each.metrics


def test_prices_without_opens_say_so():
    """The other fills are there; another panel can lend the opens."""
    with_opens = market(sessions=300)
    closes = replace(with_opens, fields={"close": with_opens.fields["close"]})
    strategy, found = ran(TREE, Question(panel=closes, benchmark=None))
    missing = timing(found, strategy).found[1]
    assert (missing.metrics, missing.reason) == (None, NO_OPENS)
    lent = timing(found, strategy, Question(panel=with_opens)).found[1]
    expected = run(
        strategy, Question(panel=with_opens, benchmark=None, execution=Execution(fill="next_open"))
    ).metrics
    assert lent.metrics == {key: expected[key] for key in lent.metrics or {}}
    assert lent.metrics
