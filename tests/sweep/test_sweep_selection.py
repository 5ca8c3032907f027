"""What the end of a sweep says of choosing its best row: the columns, selection.json, and bad input."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from sweep_cases import QUESTION, STRATEGY, day, market, parsed, planned, without
from treefolio.errors import UsageError
from treefolio.metrics import COUNT
from treefolio.selection import cscv, effective_trials, overfitting, per_block, plateau
from treefolio.selection.reality import reality_check
from treefolio.sweep import many
from treefolio.sweep.block import Worker
from treefolio.sweep.many import Planned, Progress, Swept
from treefolio.sweep.ranking import top
from treefolio.sweep.rows import scan
from treefolio.sweep.selection import best_rows, stored
from treefolio.sweep.single import run

EULER = 0.5772156649015329
PHI = NormalDist()


@pytest.fixture(scope="module")
def plan() -> Planned:
    return planned()


@pytest.fixture(scope="module")
def folder(plan: Planned, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("selection") / "out"
    plan.run(out, threads=2)
    return out


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "selection.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def rows(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "rows.parquet")


@pytest.fixture(scope="module")
def returns(plan: Planned) -> np.ndarray:
    """(400, 187) of every row."""
    return Worker(plan.prepared, plan.frame).returns(plan.space.choices(0, plan.space.size))


def expected_maximum(trials: float) -> float:
    """By the formula, written out here."""
    first, second = PHI.inv_cdf(1 - 1 / trials), PHI.inv_cdf(1 - 1 / (trials * math.e))
    return (1 - EULER) * first + EULER * second


# ---- what the kernel keeps


def test_returns_of_a_row_are_those_of_its_run(plan: Planned, returns: np.ndarray) -> None:
    """To the last bit."""
    for row in (0, 173, 399):
        found = run(
            STRATEGY, replace(QUESTION, start=plan.prepared.sessions[0].item()), plan.space.assignment(row)
        )
        np.testing.assert_array_equal(returns[row], found.run.returns)


def test_block_sums_are_those_of_the_returns(plan: Planned, returns: np.ndarray) -> None:
    """16 sums, then 16 sums of squares; 187 returns make blocks of 11, so the first 11 are in none."""
    numbers, _ = Worker(plan.prepared, plan.frame).measure(plan.space.choices(0, 400))
    sums, squares, lengths = per_block(returns)
    assert numbers.shape == (400, COUNT + 32)
    assert lengths.tolist() == [11] * 16
    np.testing.assert_allclose(numbers[:, COUNT : COUNT + 16], sums, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(numbers[:, COUNT + 16 :], squares, rtol=1e-12)
    by_hand = [sum(returns[7, 11 + 11 * b : 22 + 11 * b].tolist()) for b in range(16)]
    assert numbers[7, COUNT : COUNT + 16].tolist() == by_hand


def test_parts_keep_them_and_nobody_sees_them(
    plan: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns of an unfinished sweep are those of the rows, without what is known at the end."""
    monkeypatch.setattr(many, "FIRST_RANGE", 100)
    monkeypatch.setattr(many, "LARGEST_RANGE", 100)

    def fail(at: Progress) -> None:
        if at.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan.run(tmp_path / "out", progress=fail)
    part = pl.read_parquet(next((tmp_path / "out" / "parts").iterdir()))
    assert sum(name.startswith(".") for name in part.columns) == 32
    columns, _ = scan(tmp_path / "out")
    seen = columns.collect_schema().names()
    assert not any(name.startswith(".") for name in seen)
    assert seen[-3:] == ["psr", "status", "reason"]
    with pytest.raises(UsageError) as caught:
        top(columns, by="dsr")
    assert "finished" in str(caught.value.hint)


# ---- the numbers


def test_columns_stand_between_metrics_and_status(rows: pl.DataFrame) -> None:
    """psr, dsr, plateau, then status and reason; probabilities and ranks are from 0 to 1."""
    assert rows.columns[-5:] == ["psr", "dsr", "plateau", "status", "reason"]
    for name in ("psr", "dsr", "plateau"):
        assert rows[name].null_count() == 0
        assert rows[name].is_between(0, 1).all()


def test_psr_and_dsr_by_the_formula(rows: pl.DataFrame, said: dict[str, object]) -> None:
    """Against 0, and against what the best of all trials shows by luck."""
    assert said["trials"] == 400
    count = int(rows["sessions"][0]) - 1
    ratios = rows["sharpe"].to_numpy() / math.sqrt(252)
    assert said["sharpe_variance"] == pytest.approx(ratios.var(ddof=1) * 252)
    luck = ratios.std(ddof=1) * expected_maximum(400)
    assert said["sharpe_threshold"] == pytest.approx(luck * math.sqrt(252))
    moments = rows.select("skewness", "kurtosis", "psr", "dsr").rows()
    for ratio, (skewness, kurtosis, psr, dsr) in zip(ratios, moments, strict=True):
        scatter = math.sqrt((1 - skewness * ratio + (kurtosis + 2) / 4 * ratio**2) / (count - 1))
        assert psr == pytest.approx(PHI.cdf(ratio / scatter), rel=1e-9)
        assert dsr == pytest.approx(PHI.cdf((ratio - luck) / scatter), rel=1e-9)


def test_what_luck_alone_shows(said: dict[str, object], returns: np.ndarray) -> None:
    """The best of 400, and of as many independent trials as their correlations leave."""
    year = math.sqrt(252 / returns.shape[1])
    assert said["expected_max_sharpe"] == pytest.approx(year * expected_maximum(400))
    effective = said["effective_trials"]
    assert effective == pytest.approx(effective_trials(returns), rel=1e-5)
    assert said["effective_trials_sample"] == 400
    assert said["expected_max_sharpe_effective"] == pytest.approx(
        year * expected_maximum(float(str(effective)))
    )


def test_overfitting_is_that_of_the_returns(
    plan: Planned, said: dict[str, object], returns: np.ndarray
) -> None:
    """What cross-validation of the curves says, but for ties broken by a last bit; ratios are annual here."""
    numbers, _ = Worker(plan.prepared, plan.frame).measure(plan.space.choices(0, 400))
    sums, squares, lengths = per_block(returns)
    assert said["pbo"] == pytest.approx(overfitting(sums, squares, lengths).pbo, abs=0.01)
    found = overfitting(numbers[:, COUNT : COUNT + 16], numbers[:, COUNT + 16 :], lengths)
    for key in ("pbo", "pbo_error", "probability_of_loss"):
        assert said[key] == pytest.approx(getattr(found, key)), key
    assert said["degradation_slope"] == pytest.approx(found.degradation_slope, rel=1e-5)
    assert (said["pbo_blocks"], said["pbo_splits"], said["pbo_splits_total"]) == (16, 12870, 12870)
    logit: dict[str, list[float]] = said["logit"]  # type: ignore[assignment]
    assert sum(logit["counts"]) == 12870
    assert len(logit["edges"]) == len(logit["counts"]) + 1
    np.testing.assert_allclose(said["in_sample"], np.array(found.in_sample) * math.sqrt(252), rtol=1e-9)  # type: ignore[arg-type]


def test_plateau_is_how_neighbours_rank(plan: Planned, rows: pl.DataFrame) -> None:
    """One step in ``window`` or ``hot``; funds have no order. Row 173 by hand."""
    ratios = rows["sharpe"].to_numpy()
    expected = plateau(ratios, plan.space.choices(0, 400), [True, True, False])
    np.testing.assert_array_equal(rows["plateau"].to_numpy(), expected)
    beside = (173 - 40, 173 + 40, 173 - 2, 173 + 2)
    ranks = [((ratios < ratios[k]).sum() + (ratios <= ratios[k]).sum() - 1) / 2 / 399 for k in beside]
    assert rows["plateau"][173] == pytest.approx(np.mean(ranks))


def test_neighbours_are_nearest_values_whatever_their_order() -> None:
    """Values listed at random have the neighbours that they have in order."""
    listed = [7, 3, 11, 5, 9]
    mixed = planned(vary={"window": listed}, fix={"fund": "A"}).run().rows.collect()
    ordered = planned(vary={"window": sorted(listed)}, fix={"fund": "A"}).run().rows.collect()
    by = ["window", "hot"]
    assert mixed.sort(by).select(*by, "plateau").equals(ordered.sort(by).select(*by, "plateau"))


def test_the_best_row_is_said(plan: Planned, rows: pl.DataFrame, said: dict[str, object]) -> None:
    """The first with the highest Sharpe ratio, as its row has it, and how long a history it would take."""
    row = int(np.argmax(rows["sharpe"].to_numpy()))
    best: dict[str, object] = said["best"]  # type: ignore[assignment]
    assert (best["row"], best["variables"]) == (row, plan.space.assignment(row))
    for key in ("sharpe", "psr", "dsr", "plateau"):
        assert best[key] == rows[key][row], key
    assert best["dsr"] < best["dsr_effective"] < best["psr"]  # type: ignore[operator]
    years = (expected_maximum(400) / rows["sharpe"][row]) ** 2
    assert said["min_backtest_years"] == pytest.approx(years)


def test_fewer_metrics_leave_the_selection_as_it_is(said: dict[str, object]) -> None:
    """Sharpe ratio and moments need not be among the columns."""
    some = planned(metrics=["max_drawdown"]).run()
    assert json.loads(json.dumps(some.selection)) == said
    assert some.rows.collect_schema().names()[-6:] == [
        "max_drawdown",
        "psr",
        "dsr",
        "plateau",
        "status",
        "reason",
    ]


def test_best_rows_come_first_ties_in_row_order() -> None:
    """NaN is none of them."""
    ratios = np.array([1.0, np.nan, 3.0, 1.0, 2.0, np.nan])
    assert best_rows(ratios, 10).tolist() == [2, 4, 0, 3]
    assert best_rows(ratios, 2).tolist() == [2, 4]


def test_rows_are_ranked_by_the_columns(folder: Path) -> None:
    """Largest first; a minus turns them around."""
    found, _ = scan(folder)
    for name in ("psr", "dsr", "plateau"):
        values = top(found, by=name, n=400)[name].to_list()
        assert values == sorted(values, reverse=True)
        assert top(found, by=f"-{name}", n=400)[name].to_list() == sorted(values)


def test_a_space_of_one_row_without_variables_is_judged_too() -> None:
    """It has no neighbours."""
    fixed = parsed("{name: F, tree: {if: 'rsi(A, 5) > 50', then: B, else: C}}")
    row = planned(fixed).run().rows.collect()
    assert row.select("dsr", "plateau").null_count().row(0) == (0, 1)


# ---- what cannot be told


def swept(**asked: object) -> Swept:
    return planned(**asked).run()  # type: ignore[arg-type]


def test_one_row() -> None:
    """Nothing was chosen: its deflated ratio is its probabilistic one."""
    found = swept(vary={"window": [7], "hot": [46], "fund": ["B"]})
    row = found.rows.collect().row(0, named=True)
    assert row["dsr"] == pytest.approx(row["psr"], rel=1e-12)
    assert row["plateau"] is None
    assert (found.selection["trials"], found.selection["effective_trials"]) == (1, 1.0)
    assert found.selection["expected_max_sharpe"] == 0.0
    assert found.selection["pbo"] is None
    assert "nothing was chosen" in str(found.selection["note"])


def test_rows_that_never_vary_are_no_trials() -> None:
    """Cash alone has no Sharpe ratio; nothing is said of a best."""
    cash = parsed('{name: C, variables: {n: 2:9:1}, tree: {if: "rsi(A, $n) > 200", then: A, else: cash}}')
    found = swept(strategy=cash)
    assert found.selection["trials"] == 0
    assert found.selection["left_out"] == {"failed": 0, "skipped": 0, "no_sharpe": 8}
    for key in ("best", "pbo", "min_backtest_years", "degradation_slope"):
        assert found.selection[key] is None, key
    assert "no row has a Sharpe ratio" in str(found.selection["note"])
    assert found.rows.select("psr", "dsr", "plateau").collect().null_count().row(0) == (8, 8, 8)


def test_rows_that_are_one_and_the_same() -> None:
    """A condition that never holds leaves nothing to choose: neither overfit nor a spike, and it is said."""
    idle = parsed('{name: I, variables: {n: 2:9:1}, tree: {if: "rsi(A, $n) > 200", then: B, else: A}}')
    found = swept(strategy=idle)
    assert found.selection["trials"] == 8
    assert found.selection["effective_trials"] == pytest.approx(1.0)
    assert found.selection["pbo"] is found.selection["degradation_slope"] is None
    assert found.selection["best"]["plateau"] is None  # type: ignore[index]
    assert "earn the same, so nothing was chosen" in str(found.selection["note"])


def test_fewer_sessions_than_blocks() -> None:
    """No probability of overfitting, and it is said why; the rest is there."""
    start = day(QUESTION.panel, 186)
    found = swept(question=replace(QUESTION, start=start))
    assert found.rows.select("sessions").head(1).collect().item() == 14
    assert found.selection["pbo"] is None
    assert "fewer sessions than blocks" in str(found.selection["note"])
    assert found.selection["expected_max_sharpe"] > 0  # type: ignore[operator]


def test_rows_that_failed_or_were_skipped_are_counted() -> None:
    """And are no trials."""
    plain = parsed("{name: P, variables: {fund: [A, B, C]}, tree: {equal: [$fund]}}")
    panel = without(market(), "B", 150, 153)
    question = replace(QUESTION, panel=panel, benchmark="A", missing="skip", start=day(panel, 20))
    found = swept(strategy=plain, question=question)
    assert found.selection["left_out"] == {"failed": 1, "skipped": 0, "no_sharpe": 0}
    assert (found.selection["rows"], found.selection["trials"]) == (3, 2)
    late = swept(vary={"window": [3, 60]}, latest_start=day(QUESTION.panel, 30))
    assert late.selection["left_out"] == {"failed": 0, "skipped": 40, "no_sharpe": 0}
    assert late.selection["trials"] == 40


# ---- on request


def test_the_best_rows_are_tested_together(
    plan: Planned, rows: pl.DataFrame, returns: np.ndarray, folder: Path
) -> None:
    """Against the benchmark's returns; also of a sweep that is finished already, whose rows stay."""
    order = np.argsort(-rows["sharpe"].to_numpy(), kind="stable")[:7]
    rival = plan.prepared.benchmark
    assert rival is not None
    expected = reality_check(returns[order], rival[1:] / rival[:-1] - 1)
    found = plan.run(reality=7).selection["reality"]
    before = (folder / "rows.parquet").read_bytes()
    later = plan.run(folder, resume=True, reality=7)
    assert later.stats["rows_computed"] == 0
    assert (folder / "rows.parquet").read_bytes() == before
    for tested in (found, later.selection["reality"], (stored(folder) or {})["reality"]):
        assert isinstance(tested, dict)
        assert (tested["models"], tested["against"]) == (7, "B")
        assert tested["white"] == expected.white
        assert tested["spa_consistent"] == expected.spa_consistent


def test_all_splits_are_looked_at_on_request(
    plan: Planned, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they are too many, a sample says how far it may be off; a finished sweep can be asked again."""
    with monkeypatch.context() as patch:
        patch.setattr(cscv, "WORK", 400 * 200)
        sampled = plan.run(tmp_path / "out").selection
        exact = plan.run(tmp_path / "out", resume=True, exact=True).selection
    assert (sampled["pbo_splits"], exact["pbo_splits"]) == (400, 12870)
    assert 0 < sampled["pbo_error"] < 0.05  # type: ignore[operator]
    assert exact["pbo_error"] == 0
    assert abs(sampled["pbo"] - exact["pbo"]) < 5 * sampled["pbo_error"]  # type: ignore[operator]
    for name in ("rows.parquet", "summary.json", "manifest.json"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes(), name


def test_without_a_benchmark_they_are_tested_against_cash() -> None:
    """Which earns nothing."""
    found = planned(question=replace(QUESTION, benchmark=None)).run(reality=3).selection["reality"]
    assert isinstance(found, dict)
    assert found["against"] == "cash"
    assert 0 <= found["white"] <= 1


def test_nobody_asked_for_them(said: dict[str, object]) -> None:
    """Then they are not there."""
    assert "reality" not in said
