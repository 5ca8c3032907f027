"""The page of a walk-forward, and of combinatorial cross-validation."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_cases import TICKERS, market, parsed

from cli_samples import Program, write_prices, write_strategy
from test_report_pages import HOSTILE, Page, check_inert
from treefolio.engine.question import Question
from treefolio.metrics import METRICS
from treefolio.report import walk_page
from treefolio.report.numerals import percent, shown
from treefolio.report.walk_page import whole_sample
from treefolio.strategy.tree import Strategy
from treefolio.sweep.lengths import Length
from treefolio.sweep.many import plan_sweep
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme
from treefolio.sweep.walkforward.plan import PlannedWalk, plan_walk
from treefolio.sweep.walkforward.result import WalkForward

STRATEGY = f"""
name: {json.dumps(f"Walked {HOSTILE}")}
variables:
  hot: {{default: 70, values: [45, 55, 65, 75]}}
  days: {{default: 3, values: [2, 4]}}
  fund: {{default: B, values: [B, C]}}
tree:
  if: rsi(A, $days) > $hot
  then: $fund
  else: D
"""
ROLLING = Rolling(train=Length(sessions=80), test=Length(sessions=30), step=Length(sessions=30))
COMBINED = Combinatorial(groups=6, test_groups=2, purge=1, embargo=2)


def planned(
    scheme: Scheme = ROLLING,
    strategy: Strategy | None = None,
    by: str = "sharpe",
    benchmark: str | None = "B",
) -> PlannedWalk:
    question = Question(panel=market(sessions=400, tickers=TICKERS), benchmark=benchmark)
    return plan_walk(plan_sweep(strategy or parsed(STRATEGY), question), scheme, by)


def walked(plan: PlannedWalk) -> tuple[WalkForward, str]:
    result = plan.run()
    return result, walk_page(result, whole_sample(plan, result))


@pytest.fixture(scope="module", params=[ROLLING, COMBINED], ids=["rolling", "cpcv"])
def made(request: pytest.FixtureRequest) -> tuple[WalkForward, Page]:
    result, page = walked(planned(request.param))
    return result, check_inert(page)


def test_each_fold_stands_with_what_it_chose_and_what_came_of_it(made: tuple[WalkForward, Page]):
    result, page = made
    head = next(k for k, row in enumerate(page.rows) if row[:3] == ["", "Training", "Test"])
    lines = page.rows[head + 1 : head + 1 + len(result.folds)]
    for fold, cells in zip(result.folds, lines, strict=True):
        assert fold.winner is not None
        assert fold.out_of_sample is not None
        assert cells[0] == str(fold.number)
        assert cells[1].startswith(f"{fold.train[0].first} – {fold.train[0].last}")
        assert cells[2].startswith(f"{fold.test[0].first} – {fold.test[0].last}")
        assert cells[3:6] == [str(fold.winner.assignment[name]) for name in ("hot", "days", "fund")]
        numbers = (fold.winner.metrics, fold.out_of_sample)
        assert cells[6:8] == [shown(METRICS["sharpe"], each["sharpe"]) for each in numbers]
        assert cells[8:10] == [shown(METRICS["cagr"], each["cagr"]) for each in numbers]


def test_efficiency_is_said_with_the_rule_of_thumb(made: tuple[WalkForward, Page]):
    result, page = made
    eff = result.efficiency
    assert eff.in_sample is not None
    assert eff.out_of_sample is not None
    both = f"{percent(eff.out_of_sample)} a year out of sample, {percent(eff.in_sample)} in sample"
    assert both in page.text
    assert "half is wanted" in page.text


def test_the_kind_of_page_and_its_parts(made: tuple[WalkForward, Page]):
    result, page = made
    parts = {"curve", "folds", "scatter", "stability", "winners", "facts"}
    rolling = isinstance(result.scheme, Rolling)
    assert {anchor for anchor in page.ids() if "-" not in anchor} == parts | (set() if rolling else {"paths"})
    assert page.text.startswith(f"Walked {HOSTILE}")
    kind = "Walk-forward" if rolling else "Combinatorial cross-validation"
    assert kind in page.text
    words = "training 80d, test 30d, step 30d" if rolling else "2 of 6 groups tested at a time"
    assert words in page.text
    assert f"Walked {HOSTILE}" in page.text


def test_wins_of_all_values_add_up_to_the_folds(made: tuple[WalkForward, Page]):
    result, page = made
    heads = [k for k, row in enumerate(page.rows) if row[:2] == ["Value", "Folds"]]
    for each, head in zip(result.stability, heads, strict=True):
        won = sum(wins > 0 for wins in each.wins)
        lines = page.rows[head + 1 : head + 1 + won]
        assert sum(int(cells[1]) for cells in lines) == len(result.folds)
    moves = "It changed in" in page.text
    assert moves == isinstance(result.scheme, Rolling)


def test_the_best_of_the_whole_sample_is_drawn_from_its_own_run():
    """Its returns, compounded over all sessions, are its cumulative return."""
    plan = planned()
    result = plan.run()
    curve = whole_sample(plan, result)
    assert curve is not None
    assert result.whole is not None
    assert np.prod(1 + curve["return"].to_numpy()) - 1 == pytest.approx(
        result.whole.metrics["cumulative_return"]
    )
    assert curve["session"].to_list()[-len(result.curve) :] == result.curve["session"].to_list()
    assert "The best row of the whole sample" in walk_page(result, curve)
    assert "The best row of the whole sample" not in walk_page(result)


def test_paths_have_their_quantiles():
    result, text = walked(planned(COMBINED))
    page = check_inert(text)
    values = [path.metrics["sharpe"] for path in result.paths if path.metrics is not None]
    found = np.quantile(np.array(values, np.float64), (0, 0.25, 0.5, 0.75, 1))
    line = next(row for row in page.rows if row[:1] == ["Sharpe ratio"] and len(row) == 7)
    assert line[1:6] == [shown(METRICS["sharpe"], float(value)) for value in found]


@pytest.mark.parametrize(("end", "said"), [(1.2345, "1.23"), (208_912.3, "208,912")])
def test_what_1_becomes_is_written_out(end: float, said: str):
    """However much it is, short of a billion."""
    plan = planned()
    result = plan.run()
    grown = result.curve.with_columns(value=end, benchmark=0.5)
    assert f"1 becomes {said}, there 0.50." in walk_page(replace(result, curve=grown))


def test_without_a_benchmark_none_is_drawn():
    _, text = walked(planned(benchmark=None))
    page = check_inert(text)
    assert "On these days it ends" not in page.text
    assert "Out of sample The best row of the whole sample, which has seen these days" in page.text


def test_folds_that_could_not_choose_say_so():
    """Every row is cash, so no ratio is defined and nothing is chosen; the page is there."""
    idle = parsed(
        "{name: N, variables: {hot: [101, 102]}, tree: {if: 'rsi(A, 5) > $hot', then: A, else: cash}}"
    )
    result, text = walked(planned(strategy=idle))
    page = check_inert(text)
    assert all(fold.winner is None for fold in result.folds)
    assert "Sharpe ratio is defined for no row on any training: nothing was chosen." in page.text
    assert "No fold could choose, so there is no curve." in page.text
    assert "scatter" not in page.ids()


def test_the_lowest_metric_can_choose():
    result, text = walked(planned(by="max_drawdown"))
    page = check_inert(text)
    assert result.lowest
    found = re.search(r"(\d+) of (\d+) winners did worse in the test than in the training", page.text)
    assert found is not None
    pairs = [
        (f.winner.value, f.out_of_sample["max_drawdown"])
        for f in result.folds
        if f.winner and f.out_of_sample
    ]
    assert int(found[1]) == sum(outside > inside for inside, outside in pairs if outside is not None)
    assert "Maximum drawdown training" in page.text


def test_thousands_of_folds_and_paths_make_no_large_page():
    """Ten thousand splits, as many as there can be; some of them are drawn and listed, and that is said."""
    result, _ = walked(planned(COMBINED))
    many = replace(result, folds=result.folds * 670, paths=result.paths * 600)
    page = check_inert(walk_page(many))
    assert f"{len(many.folds) - 120:,} more folds are in folds.parquet." in page.text
    assert "500 of the folds." in page.text
    assert "A dot for 400 of the paths, lowest first." in page.text


def test_the_same_walk_has_the_same_page():
    assert walked(planned())[1] == walked(planned())[1]


def test_the_command_writes_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    out = tmp_path / "walk"
    files = write_strategy(tmp_path), "--prices", write_prices(tmp_path)
    called = Program(capsys)("walkforward", *files, "--train", "9m", "--test", "3m", "--out", out)
    assert called.status == 0, called.err
    assert str(out / "report.html") in called.out
    assert "Out of sample, stitched" in check_inert((out / "report.html").read_text(encoding="utf-8")).text
