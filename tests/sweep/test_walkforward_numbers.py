"""Walk-forward over real rows: every fold's winner and numbers are those of plain loops over all rows."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import empyrical
import numpy as np
import polars as pl
import pytest

from sweep_cases import QUESTION, STRATEGY, day, market, parsed, planned, without
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.errors import SpaceError, UsageError
from treefolio.metrics import METRICS, frame, measure_one
from treefolio.strategy.tree import Strategy
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.single import run
from treefolio.sweep.walkforward.folds import Combinatorial, Range, Rolling, Scheme
from treefolio.sweep.walkforward.plan import plan_walk
from treefolio.sweep.walkforward.result import HEADLINE, WalkForward
from treefolio.sweep.walkforward.screens import SCREENS

Floats = np.ndarray


def rolling(train: str, test: str, step: str | None = None, *, anchored: bool = False) -> Rolling:
    lengths = {"train": train, "test": test, "step": step or test}
    return Rolling(**{k: parse_length(v, k) for k, v in lengths.items()}, anchored=anchored)


ROLLING = rolling("60d", "25d")
ANCHORED = rolling("3m", "1m", "6w", anchored=True)
COMBINED = Combinatorial(groups=6, test_groups=2, purge=2, embargo=3)
PAID = replace(QUESTION, execution=Execution(costs=Costs(slippage_bps=8)))
WEEKLY = replace(STRATEGY, rebalance=parsed("{rebalance: weekly, tree: A}").rebalance)


def walk(
    scheme: Scheme = ROLLING,
    by: str = "sharpe",
    strategy: Strategy = STRATEGY,
    question: Question = QUESTION,
    threads: int = 1,
    **asked: object,
) -> WalkForward:
    return plan_walk(planned(strategy, question, **asked), scheme, by).run(threads=threads)


def all_returns(strategy: Strategy = STRATEGY, question: Question = QUESTION) -> Floats:
    """(rows, n) daily returns of every row, each from a run of its own."""
    plan = planned(strategy, question)
    asked = replace(question, start=plan.prepared.sessions[0].item())
    rows = [plan.space.assignment(k) for k in range(plan.space.size)]
    return np.array([run(strategy, asked, row).run.returns for row in rows])


@pytest.fixture(scope="module")
def returns() -> Floats:
    return all_returns()


@pytest.fixture(scope="module")
def paid() -> Floats:
    return all_returns(WEEKLY, PAID)


@functools.cache
def sessions() -> np.ndarray:
    return planned().prepared.sessions


def places(ranges: tuple[Range, ...]) -> list[int]:
    return [i for each in ranges for i in range(*each)]


def measured(returns: Floats, kept: list[int], key: str) -> list[float]:
    """A metric of each row's returns at some places; NaN where undefined."""
    days = sessions()
    value = planned().prepared.benchmark
    assert value is not None
    rival = (value[1:] / value[:-1] - 1.0)[kept]
    framed = frame(np.concatenate((days[kept[:1]], days[[i + 1 for i in kept]])), rival)
    found = [measure_one(row[kept], framed)[key] for row in returns]
    return [math.nan if value is None else value for value in found]


def winner_of(values: list[float], *, lowest: bool) -> int:
    """The first of the best rows; −1 when there is none."""
    best, row = math.nan, -1
    for k, value in enumerate(values):
        if not math.isnan(value) and (row < 0 or (value < best if lowest else value > best)):
            best, row = value, k
    return row


# ---- the winner is the best of all rows

KEYS = (
    *SCREENS,
    "-max_drawdown",
    "-calmar",
    "-sharpe",
    "-sortino",
    "-cagr",
    "omega",
    "median",
    "beta",
    "psr",
)
WITH_CALENDAR = ("win_months", "trailing_1m", "best_month", "time_under_water")


@pytest.mark.parametrize("by", [*KEYS, *WITH_CALENDAR])
def test_the_winner_of_each_fold_is_the_best_of_all_rows(by: str, returns: Floats) -> None:
    """By every metric that is screened, and by some that are not; in both directions."""
    _check_winners(ROLLING, by, returns)


@pytest.mark.parametrize("by", [key for key in KEYS if key != "cagr_calendar"])
def test_the_winner_of_each_split_is_the_best_of_all_rows(by: str, returns: Floats) -> None:
    """Training of combinatorial cross-validation has gaps: its parts are joined."""
    _check_winners(COMBINED, by, returns)


def _check_winners(scheme: Scheme, by: str, returns: Floats) -> None:
    key = by.removeprefix("-")
    lowest = (METRICS[key].better == "low") != by.startswith("-")
    cut = scheme.cut(sessions())
    result = walk(scheme, by)
    everything = list(range(returns.shape[1]))
    windows = [*(places(fold.train) for fold in cut.folds), everything, places(cut.current)]
    found = [*(fold.winner for fold in result.folds), result.whole, result.current]
    undefined = []
    for kept, winner in zip(windows, found, strict=True):
        values = measured(returns, kept, key)
        expected = winner_of(values, lowest=lowest)
        assert winner is not None
        assert (winner.row, winner.value) == (expected, values[expected])
        assert winner.metrics[key] == values[expected]
        undefined.append(sum(map(math.isnan, values)))
    assert [fold.undefined for fold in result.folds] == undefined[: len(cut.folds)]


def test_costs_and_rules_of_rebalancing_are_those_of_the_whole_run(paid: Floats) -> None:
    """A fold has the slice of a run that began long before, with what it paid there."""
    result = walk(ANCHORED, "cagr", WEEKLY, PAID)
    cut = ANCHORED.cut(sessions())
    for fold, ranges in zip(result.folds, cut.folds, strict=True):
        values = [float(np.prod(1 + row[places(ranges.train)])) for row in paid]
        assert fold.winner is not None
        assert values[fold.winner.row] == pytest.approx(max(values), rel=1e-12)


# ---- numbers, by other means

ORACLES: Mapping[str, Callable[[Floats], float]] = {
    "cumulative_return": empyrical.cum_returns_final,
    "cagr": empyrical.annual_return,
    "volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
    "max_drawdown": lambda r: -empyrical.max_drawdown(r),
    "win_rate": lambda r: sum(x > 1e-13 for x in r) / len(r),
}


@pytest.mark.parametrize("scheme", [ROLLING, ANCHORED, COMBINED], ids=["rolling", "anchored", "cpcv"])
def test_numbers_of_a_fold_are_those_of_empyrical(scheme: Scheme, returns: Floats) -> None:
    """On exactly the daily returns of its sessions, in sample and out of sample."""
    result = walk(scheme)
    for fold, ranges in zip(result.folds, scheme.cut(sessions()).folds, strict=True):
        assert fold.winner is not None
        assert fold.out_of_sample is not None
        row = returns[fold.winner.row]
        for key, oracle in ORACLES.items():
            for kept, found in ((ranges.train, fold.winner.metrics), (ranges.test, fold.out_of_sample)):
                expected = oracle(row[places(kept)])
                known = math.isfinite(expected)  # two sessions of gains have no downside
                assert found[key] == (pytest.approx(expected, rel=1e-9) if known else None)


def test_a_fold_is_a_run_that_starts_at_the_close_before_it() -> None:
    """Bit for bit, where trading is free: training is a run to its last session, the test one from there."""
    result = walk()
    days = [str(each) for each in sessions()]
    for fold in result.folds[:3]:
        assert fold.winner is not None
        for span, found in ((fold.train[0], fold.winner.metrics), (fold.test[0], fold.out_of_sample)):
            start = days[days.index(span.first) - 1]
            asked = replace(QUESTION, start=_date(start), end=_date(span.last))
            alone = run(STRATEGY, asked, fold.winner.assignment)
            assert len(alone.run.returns) == span.sessions
            assert found == {key: alone.metrics[key] for key in METRICS if key in HEADLINE}


def _date(text: str):  # type: ignore[no-untyped-def]  # a date
    return np.datetime64(text).item()


# ---- what is made of the folds


@pytest.mark.parametrize("step", ["25d", "10d", "40d"])
def test_the_stitched_curve_has_each_fold_s_winner_on_its_sessions(step: str, returns: Floats) -> None:
    """Each session once; overlapping tests go to the later fold, gaps are left out."""
    scheme = rolling("60d", "25d", step)
    result, cut, days = walk(scheme), scheme.cut(sessions()), sessions()
    expected = []
    for k, piece in enumerate(cut.paths[0]):
        winner = result.folds[k].winner
        assert winner is not None
        expected += [(days[i + 1].item(), k + 1, returns[winner.row, i]) for i in range(*piece.places)]
    curve = result.curve
    assert list(curve.select("session", "fold", "return").iter_rows()) == expected
    assert curve["session"].is_unique().all()
    growth = math.prod(1 + r for _, _, r in expected)
    assert curve["value"][-1] == pytest.approx(growth, rel=1e-12)
    metrics = result.paths[0].metrics
    assert metrics is not None
    assert metrics["sharpe"] == pytest.approx(empyrical.sharpe_ratio(np.array([r for *_, r in expected])))
    assert metrics["turnover"] is None
    price = QUESTION.panel.column("B")[-len(days) :]
    kept = np.array(places(tuple(piece.places for piece in cut.paths[0])))
    assert curve["benchmark"][-1] == pytest.approx(np.prod(price[kept + 1] / price[kept]), rel=1e-12)


def test_each_path_has_each_session_once_from_a_split_that_tested_it(returns: Floats) -> None:
    """And the path's winner never learnt from that session."""
    result, cut, days = walk(COMBINED), COMBINED.cut(sessions()), sessions()
    assert [path.number for path in result.paths] == [1, 2, 3, 4, 5]
    for number, path in result.curve.group_by("path", maintain_order=True):
        assert path["session"].to_list() == [each.item() for each in days[1:]]
        for i, fold, value in zip(range(len(path)), path["fold"], path["return"], strict=True):
            winner = result.folds[fold - 1].winner
            assert winner is not None
            assert value == returns[winner.row, i]
            assert i not in places(cut.folds[fold - 1].train)
            assert i in places(cut.folds[fold - 1].test)
        assert result.paths[number[0] - 1].sessions == len(path)


def test_efficiency_is_the_annual_return_out_of_sample_over_that_in_sample(returns: Floats) -> None:
    """Of the stitched curve, over the mean of the winners'; of a fold, of its own, but for short tests."""
    result, cut = walk(by="cagr"), ROLLING.cut(sessions())
    inside = []
    for fold, ranges in zip(result.folds, cut.folds, strict=True):
        assert fold.winner is not None
        row = returns[fold.winner.row]
        mine = empyrical.annual_return(row[places(ranges.train)])
        inside.append(mine)
        theirs = empyrical.annual_return(row[places(ranges.test)])
        if fold.complete:
            assert fold.efficiency == pytest.approx(theirs / mine)
        else:
            assert fold.efficiency is None
    assert not result.folds[-1].complete
    outside = empyrical.annual_return(result.curve["return"].to_numpy())
    found = result.efficiency
    assert (found.in_sample, found.out_of_sample) == (
        pytest.approx(np.mean(inside)),
        pytest.approx(outside),
    )
    assert found.ratio == pytest.approx(outside / np.mean(inside))


def test_winners_that_lose_in_sample_have_no_efficiency() -> None:
    """A ratio of two losses would look like success."""
    result = walk(by="-cagr")
    assert result.efficiency.in_sample is not None
    assert result.efficiency.in_sample < 0
    assert result.efficiency.ratio is None
    losing = [fold for fold in result.folds if fold.winner and (fold.winner.metrics["cagr"] or 0) < 0]
    assert losing
    assert all(fold.efficiency is None for fold in losing)


def test_stability_counts_wins_changes_and_steps() -> None:
    """Of each variable, from fold to fold; words have no steps, and splits no order."""
    result = walk()
    chosen = [fold.winner for fold in result.folds]
    for each in result.stability:
        won = [winner.assignment[each.variable] for winner in chosen if winner is not None]
        assert dict(zip(each.values, each.wins, strict=True)) == {v: won.count(v) for v in each.values}
        pairs = list(itertools.pairwise(won))
        assert each.changed == sum(a != b for a, b in pairs) / len(pairs)
        if each.variable == "fund":
            assert each.mean_step is None
        else:  # the values are whole numbers one apart
            assert each.mean_step == sum(abs(b - a) for a, b in pairs) / len(pairs)  # type: ignore[operator]
    rows = [winner.row for winner in chosen if winner is not None]
    assert result.changed == sum(a != b for a, b in itertools.pairwise(rows)) / (len(rows) - 1)
    split = walk(COMBINED)
    assert split.changed is None
    assert all(each.changed is None and each.mean_step is None for each in split.stability)


# ---- rows that have no number


def test_of_equal_rows_the_first_wins() -> None:
    """A variable without effect stays at its first value, whatever the threads."""
    strategy = parsed(
        "{name: E, variables: {hot: 101:140:1}, tree: {if: 'rsi(A, 5) > $hot', then: B, else: A}}"
    )
    for threads in (1, 3):
        result = walk(strategy=strategy, threads=threads)
        assert {fold.winner.row for fold in result.folds if fold.winner} == {0}
        assert result.changed == 0


def test_rows_without_the_metric_are_left_out_and_counted() -> None:
    """Cash has no Sharpe ratio; the others are ranked as without it."""
    strategy = parsed(
        "{name: C, variables: {hot: [-1, 40, 60]}, tree: {if: 'rsi(A, 5) > $hot', then: cash, else: A}}"
    )
    result = walk(strategy=strategy)
    assert [fold.undefined for fold in result.folds] == [1] * len(result.folds)
    assert all(fold.winner is not None and fold.winner.row > 0 for fold in result.folds)
    assert any("rows without sharpe" in note for note in result.notes)


def test_a_fold_in_which_no_row_has_the_metric_says_so() -> None:
    """It chooses nothing; what can be said of the others is said."""
    strategy = parsed(
        "{name: N, variables: {hot: [101, 102]}, tree: {if: 'rsi(A, 5) > $hot', then: A, else: cash}}"
    )
    result = walk(strategy=strategy)
    assert all(fold.winner is None and fold.out_of_sample is None for fold in result.folds)
    assert all(fold.undefined == 2 and fold.efficiency is None for fold in result.folds)
    assert (result.whole, result.current, result.changed) == (None, None, None)
    assert result.curve.is_empty()
    assert result.paths[0].metrics is None
    assert result.efficiency.ratio is None
    assert any("sharpe is defined for no row on the training of folds 1, 2" in note for note in result.notes)


def test_rows_that_fail_are_counted_and_do_not_win() -> None:
    """B has no price on three sessions on which it is held."""
    plain = parsed("{name: Plain, variables: {fund: [B, A, C]}, tree: [$fund, D]}")
    panel = without(market(), "B", 150, 153)
    question = replace(QUESTION, panel=panel, benchmark=None, missing="skip", start=day(panel, 20))
    result = walk(strategy=plain, question=question)
    assert (result.rows, result.failed, result.skipped) == (3, 1, 0)
    assert {fold.winner.assignment["fund"] for fold in result.folds if fold.winner} <= {"A", "C"}


def test_rows_that_would_start_late_are_skipped() -> None:
    """They are counted, and do not move the start."""
    panel = QUESTION.panel
    result = walk(latest_start=day(panel, 11))
    full = planned(latest_start=day(panel, 11)).run().rows.collect()
    skipped = full["status"].eq("skipped")
    assert 0 < result.skipped == skipped.sum() < 400
    assert all(not skipped[fold.winner.row] for fold in result.folds if fold.winner)
    assert result.manifest["latest_start"] == str(day(panel, 11))


def test_a_total_loss_is_no_reason_to_stop() -> None:
    """Growth is undefined from there on; rows are measured where screens cannot tell."""
    crash = market().fields["close"].copy()
    crash[120:, 0] *= 1e-9
    panel = replace(market(), fields={"close": crash})
    question = replace(QUESTION, panel=panel)
    rows = all_returns(STRATEGY, question)
    for by in ("cagr", "max_drawdown", "calmar", "sharpe", "sortino"):
        result = walk(by=by, question=question)
        for fold, ranges in zip(result.folds, ROLLING.cut(sessions()).folds, strict=True):
            values = measured(rows, places(ranges.train), by)
            assert fold.winner is not None
            assert fold.winner.row == winner_of(values, lowest=METRICS[by].better == "low")


# ---- what has no meaning is refused


@pytest.mark.parametrize(
    ("by", "scheme", "said"),
    [
        ("sharp", ROLLING, "unknown metric 'sharp'"),
        ("turnover", ROLLING, "turnover cannot choose"),
        ("win_months", COMBINED, "win_months cannot choose here"),
        ("cagr_calendar", COMBINED, "cagr_calendar cannot choose here"),
    ],
)
def test_metrics_that_a_stretch_does_not_have_are_refused(by: str, scheme: Scheme, said: str) -> None:
    """Before any row is computed."""
    with pytest.raises(UsageError, match=said) as caught:
        plan_walk(planned(), scheme, by)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["fold", "train_x", "out_of_sample_sharpe"])
def test_a_variable_cannot_be_called_like_a_column_of_folds(name: str) -> None:
    """The two would stand in one table."""
    strategy = parsed(f"{{name: V, variables: {{{name}: [A, B]}}, tree: ${name}}}")
    with pytest.raises(SpaceError, match=f"a column {name} already"):
        plan_walk(planned(strategy), ROLLING)


def test_folds_longer_than_the_data_are_refused() -> None:
    """With what is there."""
    with pytest.raises(UsageError, match="no fold fits: training takes 3y"):
        plan_walk(planned(), rolling("3y", "6m"))


def test_the_curve_has_no_undefined_number() -> None:
    """Nor has any fold: undefined is None."""
    result = walk()
    assert result.curve.select(pl.all().is_null().sum()).row(0) == (0, 0, 0, 0, 0, 0)
    assert not any(isinstance(x, float) and math.isnan(x) for x in result.paths[0].metrics.values())  # type: ignore[union-attr]
