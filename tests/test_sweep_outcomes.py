"""Rows that are ok are runs; those that fail or are skipped say why; what has no meaning is refused."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sweep_cases import QUESTION, STRATEGY, day, market, parsed, planned, without
from treefolio.engine.execution import Costs, Execution
from treefolio.errors import SpaceError, StrategyError, WindowError
from treefolio.metrics import METRICS
from treefolio.sweep.many import Planned, gaps
from treefolio.sweep.rows import JUDGED
from treefolio.sweep.single import run
from treefolio.sweep.space import Value


@pytest.fixture(scope="module")
def sweep() -> Planned:
    return planned()


# ---- rows that fail, rows that are skipped

PLAIN = parsed("{name: Plain, variables: {fund: [A, B, C]}, tree: [$fund, D]}")


@pytest.mark.parametrize(
    "execution", [Execution(), Execution(costs=Costs(slippage_bps=5))], ids=["free", "paid"]
)
def test_a_combination_that_fails_is_a_row_with_a_reason(execution: Execution, tmp_path: Path) -> None:
    """B has no price on three sessions on which it is held; the other rows are as without it."""
    panel = without(market(), "B", 150, 153)
    question = replace(
        QUESTION, panel=panel, benchmark="A", missing="skip", start=day(panel, 20), execution=execution
    )
    swept = planned(PLAIN, question).run(tmp_path / "out")
    rows = swept.rows.collect()
    assert rows["status"].to_list() == ["ok", "failed", "ok"]
    assert rows["reason"].to_list() == [None, f"B is held and has no price on {day(panel, 150)}", None]
    assert rows.select(METRICS.keys()).row(1) == (None,) * len(METRICS)
    assert swept.summary["status"] == {"ok": 2, "failed": 1, "skipped": 0}
    alone = planned(PLAIN, question, vary={"fund": ["C"]}).run().rows.collect()
    assert alone.drop(JUDGED).row(0) == rows.drop(JUDGED).row(2)
    assert swept.top("sharpe")["fund"].sort().to_list() == ["A", "C"]


def test_weights_that_sum_to_nothing_are_a_row_with_a_reason() -> None:
    """Only one of four combinations has no value."""
    strategy = parsed("{name: W, variables: {a: [0, 1], b: [0, 1]}, tree: {weighted: [$a: A, $b: B]}}")
    rows = planned(strategy).run().rows.collect()
    assert rows["status"].to_list() == ["failed", "ok", "ok", "ok"]
    assert "no weight above 0" in rows["reason"][0]


def test_a_lone_child_without_weight_is_a_row_with_a_reason() -> None:
    """As the run of that combination is an error."""
    strategy = parsed("{name: L, variables: {w: [0, 1]}, tree: [{weighted: [$w: A]}, B]}")
    rows = planned(strategy).run().rows.collect()
    assert rows["status"].to_list() == ["failed", "ok"]
    assert "no weight above 0" in rows["reason"][0]
    with pytest.raises(SpaceError, match="no weight above 0"):
        run(strategy, QUESTION, {"w": 0})


def test_a_scale_without_width_is_a_row_with_a_reason() -> None:
    """Both ends are variables, and meet in one combination."""
    strategy = parsed(
        """
        name: S
        variables: {low: [30, 50], high: [50, 70]}
        tree: {scale: "rsi(A, 10)", between: [$low, $high], from: A, to: B}
        """
    )
    rows = planned(strategy).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "ok", "failed", "ok"]
    assert rows["reason"][2]


WINDOWS = parsed('{name: W, variables: {n: [5, 60, 20]}, tree: {if: "rsi(A, $n) > 50", then: A, else: B}}')


def test_a_sweep_has_one_start() -> None:
    """The latest over its combinations; every row equals its run with that start."""
    sweep = planned(WINDOWS)
    panel = QUESTION.panel
    assert sweep.prepared.window.first == 60
    assert sweep.prepared.window.cause == "rsi(A, 60) is first defined then"
    rows = sweep.run().rows.collect()
    assert set(rows["start"]) == {day(panel, 60)}
    for row in rows.iter_rows(named=True):
        alone = run(WINDOWS, replace(QUESTION, start=day(panel, 60)), {"n": row["n"]})
        assert {key: row[key] for key in METRICS} == dict(alone.metrics)


TOO_LONG: dict[str, tuple[dict[str, list[Value]], str, str]] = {
    "a window": (
        {"n": [5, 500, 20, 300]},
        "rsi(A, 500) needs a longer history (n = 500)",
        (
            "Leave n = 500, 300 out, or add --latest-start {20}, which skips the combinations that need a "
            "later start."
        ),
    ),
    "two together": (
        {"n": [5, 20], "m": [100, 190]},
        "a condition for 190 sessions needs a longer history (m = 190)",
        "Add --latest-start {194}, which skips the combinations that need a later start.",
    ),
    "all": (
        {"n": [500, 300]},
        "rsi(A, 500) needs a longer history (n = 500)",
        "Use prices with more history, a later --end, or --missing skip with a --start.",
    ),
    "what looks back on a branch": (
        {"r": [5, 300]},
        "rsi(300) of a branch needs a longer history (r = 300)",
        "Leave r = 300 out, or add --latest-start {5}, which skips the combinations that need a later start.",
    ),
}
LONG = parsed("""
    name: L
    variables: {n: {default: 5, values: [5]}, m: {default: 1, values: [1]}, r: {default: 2, values: [2]}}
    tree:
      if: rsi(A, $n) > 50 for $m sessions
      then: A
      else: {filter: top 1 by rsi($r), of: [[B, D], [A, C]]}
    """)


@pytest.mark.parametrize("case", TOO_LONG)
def test_a_start_beyond_the_prices_says_what_sets_it_and_how_to_go_without(case: str) -> None:
    """The indicator, the variable with its value, and the latest start that the other rows need."""
    vary, said, hint = TOO_LONG[case]
    with pytest.raises(WindowError) as caught:
        planned(LONG, vary=vary)
    panel = QUESTION.panel
    last = panel.sessions[-1]
    assert caught.value.message == (
        f"the strategy does not have all its values by {last}, the end of the prices: {said}"
    )
    assert caught.value.hint == hint.format(*map(str, panel.sessions))


def test_the_latest_start_that_the_hint_names_gives_rows() -> None:
    """Of what cannot start, each is a row with its reason."""
    rows = planned(LONG, vary={"n": [5, 500, 20]}, latest_start=day(QUESTION.panel, 20)).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "skipped", "ok"]


def test_a_combination_that_starts_too_late_is_skipped() -> None:
    """The others start as early as they can, and are what they are without it."""
    panel = QUESTION.panel
    swept = planned(WINDOWS, latest_start=day(panel, 40)).run()
    rows = swept.rows.collect()
    assert rows["status"].to_list() == ["ok", "skipped", "ok"]
    assert rows["reason"].to_list()[1] == "it would need a later start than the latest allowed"
    assert rows.select(METRICS.keys()).row(1) == (None,) * len(METRICS)
    assert set(rows["start"]) == {day(panel, 20)}
    assert swept.summary["status"] == {"ok": 2, "failed": 0, "skipped": 1}
    without_it = planned(WINDOWS, vary={"n": [5, 20]}).run().rows.collect()
    assert [rows.row(0), rows.row(2)] == without_it.rows()


def test_a_ticker_that_is_listed_too_late_is_skipped() -> None:
    """It is no gap inside the run of the others."""
    panel = without(market(), "C", 0, 120)
    question = replace(QUESTION, panel=panel)
    rows = planned(PLAIN, question, latest_start=day(panel, 50)).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "ok", "skipped"]
    assert set(rows["start"]) == {day(panel, 0)}


@pytest.mark.parametrize(
    "vary", [{"n": [5, 60]}, {"n": [5], "c1.comparator": [">", "<"]}], ids=["n", "other"]
)
def test_a_sweep_without_any_combination_in_time_is_an_error(vary: dict[str, list[Value]]) -> None:
    """All of them would need a later start, whether or not the variables move it."""
    with pytest.raises(WindowError) as caught:
        planned(WINDOWS, vary=vary, latest_start=day(QUESTION.panel, 4))
    assert str(day(QUESTION.panel, 4)) in caught.value.message
    assert str(day(QUESTION.panel, 5)) in str(caught.value.hint)


def test_where_missing_prices_are_skipped_no_combination_starts_too_late() -> None:
    """Nothing moves the start there."""
    panel = without(market(), "C", 0, 120)
    question = replace(QUESTION, panel=panel, missing="skip", start=day(panel, 130))
    rows = planned(PLAIN, question, latest_start=day(panel, 50)).run().rows.collect()
    assert rows["status"].to_list() == ["ok", "ok", "ok"]


# ---- what is refused, estimated, written down


@pytest.mark.parametrize("values", [[0], [5, -1], [2.5]])
def test_a_window_that_has_no_meaning_is_refused_before_work_begins(values: list[float]) -> None:
    """Not as a row."""
    with pytest.raises((StrategyError, SpaceError)) as caught:
        planned(vary={"window": values})
    assert "window" in caught.value.message


@pytest.mark.parametrize("name", ["sharpe", "start", "status", "reason"])
def test_a_variable_may_not_be_called_like_a_column(name: str) -> None:
    """It would stand twice in the table."""
    strategy = parsed(f"{{name: X, variables: {{{name}: [A, B]}}, tree: ${name}}}")
    with pytest.raises(SpaceError) as caught:
        planned(strategy)
    assert name in caught.value.message
    assert caught.value.hint is not None


def test_the_estimate_is_of_the_space(sweep: Planned) -> None:
    """Combinations are counted, time and memory are positive, two threads take half the time of one."""
    estimate = sweep.estimate(1)
    assert estimate.combinations == 400
    assert estimate.seconds > 0
    assert estimate.bytes > 0


def test_the_manifest_holds_what_identifies_the_sweep_and_nothing_else(
    sweep: Planned, tmp_path: Path
) -> None:
    """No times, no counts of work: those are in stats.json."""
    sweep.run(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    stats = json.loads((tmp_path / "out" / "stats.json").read_text(encoding="utf-8"))
    assert manifest.keys() == {
        "strategy", "variables", "prices", "start", "end", "sessions", "start_set_by", "missing", "benchmark",
        "execution", "engine", "versions", "space",
    }  # fmt: skip
    assert not manifest.keys() & stats.keys()
    assert manifest["space"]["combinations"] == 400
    assert manifest["prices"]["snapshot"] == QUESTION.panel.content_hash
    assert dt.date.fromisoformat(manifest["start"]) == sweep.prepared.sessions[0].item()
    assert {"seconds", "rows_per_second", "rows_computed", "parallelism"} <= stats.keys()


# ---- rows equal runs


def picks(size: int, count: int) -> Iterator[int]:
    yield from np.linspace(0, size - 1, count).astype(int).tolist()


@pytest.mark.parametrize(
    "execution", [Execution(), Execution(fill="next_open", costs=Costs(slippage_bps=3))], ids=["free", "paid"]
)
def test_rows_equal_runs(execution: Execution) -> None:
    """Bit for bit, undefined numbers included."""
    question = replace(QUESTION, execution=execution)
    sweep = planned(question=question)
    rows = sweep.run(threads=2).rows.collect()
    start = sweep.prepared.sessions[0].item()
    for k in picks(400, 9):
        row = rows.row(k, named=True)
        values = sweep.space.assignment(k)
        assert {name: row[name] for name in values} == values
        alone = run(STRATEGY, replace(question, start=start), values)
        assert {key: row[key] for key in METRICS} == dict(alone.metrics), values


@pytest.mark.parametrize(
    "execution", [Execution(), Execution(whole_shares=True)], ids=["fractional", "whole"]
)
def test_a_corridor_can_be_varied(execution: Execution) -> None:
    """``threshold($w)``: each row is the run with that corridor, and they differ."""
    strategy = parsed(
        """
        name: Drift
        rebalance: threshold($w)
        variables: {w: [1%, 2%, 5%, 50%], share: [0.3, 0.6]}
        tree: {weighted: [$share: A, 0.4: B, 0.3: C]}
        """
    )
    question = replace(QUESTION, execution=execution)
    swept = planned(strategy, question).run()
    rows = swept.rows.collect()
    assert rows.columns[:2] == ["w", "share"]
    assert rows["volatility"].n_unique() == 8
    for row in rows.iter_rows(named=True):
        alone = run(strategy, question, {"w": row["w"], "share": row["share"]})
        assert {key: row[key] for key in METRICS} == dict(alone.metrics)


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4)], [(0, 2), (4, 10)]),
        ([(0, 3), (3, 5), (7, 10)], [(5, 7)]),
        ([(0, 6), (4, 5)], [(6, 10)]),
    ],
)
def test_gaps_are_what_is_not_done(done: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """In order."""
    assert list(gaps(done, 10)) == expected
