"""One backtest from end to end: a sweep of one, by either engine, and the files of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sweep_cases import QUESTION, STRATEGY, parsed, planned
from treefolio.engine.execution import Costs, Execution
from treefolio.errors import OutputError, SpaceError, StrategyError, UsageError
from treefolio.metrics import METRICS
from treefolio.strategy.tree import Asset, Equal, Reading, Strategy, Var
from treefolio.sweep.ask import opened
from treefolio.sweep.output import write_run
from treefolio.sweep.single import ENGINES, run

CHOSEN: dict[str, int | float | str] = {"window": 7, "hot": 48, "fund": "A"}
EXECUTIONS = [
    Execution(),
    Execution(fill="next_open", costs=Costs(slippage_bps=5)),
    Execution(whole_shares=True, cash_rate=0.02),
]


@pytest.mark.parametrize("execution", EXECUTIONS, ids=["free", "costly", "whole"])
def test_a_run_is_its_row(execution: Execution) -> None:
    """Metric by metric, to the last bit."""
    question = replace(QUESTION, execution=execution)
    row = planned(question=question, vary={n: [v] for n, v in CHOSEN.items()}).run().rows.collect()
    found = run(STRATEGY, question, CHOSEN)
    assert row.select(METRICS.keys()).row(0, named=True) == dict(found.metrics)
    assert (row["start"][0], row["sessions"][0]) == (found.run.sessions[0].item(), len(found.run.sessions))


def test_a_run_with_a_handle_is_its_row() -> None:
    """A handle that is opened becomes a variable like any other."""
    rows = planned(vary={"f1.window": "4:6:1"}, fix=CHOSEN).run().rows.collect()
    tree, _ = opened(STRATEGY, {"f1.window": 5})
    start = rows["start"][0]
    found = run(tree, replace(QUESTION, start=start), {**CHOSEN, "f1.window": 5})
    assert rows.filter(pl.col("f1.window") == 5).select(METRICS.keys()).row(0, named=True) == dict(
        found.metrics
    )


def test_what_is_not_chosen_takes_its_default() -> None:
    """And the result says which values it ran with."""
    found = run(STRATEGY, QUESTION, {"hot": 48})
    assert found.assignment == {"window": 3, "hot": 48, "fund": "A"}
    assert found.manifest["variables"] == found.assignment
    assert found.metrics == run(STRATEGY, QUESTION, {"window": 3, "hot": 48, "fund": "A"}).metrics
    assert found.strategy.variables == ()


@pytest.mark.parametrize("execution", EXECUTIONS, ids=["free", "costly", "whole"])
def test_both_engines_say_the_same(execution: Execution) -> None:
    """Metrics to 1e-9; the manifests differ in the engine's name alone."""
    question = replace(QUESTION, execution=execution)
    fast, slow = (run(STRATEGY, question, CHOSEN, engine=engine) for engine in ENGINES)
    assert {k for k, v in fast.metrics.items() if v is None} == {
        k for k, v in slow.metrics.items() if v is None
    }
    for key, expected in slow.metrics.items():
        if expected is not None:
            assert fast.metrics[key] == pytest.approx(expected, rel=1e-9, abs=1e-12), key
    assert {k for k in fast.manifest if fast.manifest[k] != slow.manifest[k]} == {"engine"}


def test_what_has_no_meaning_is_refused() -> None:
    """An engine, a variable, a value, a tree."""
    with pytest.raises(UsageError, match="unknown engine 'fast'"):
        run(STRATEGY, QUESTION, engine="fast")  # type: ignore[arg-type]
    with pytest.raises(SpaceError) as caught:
        run(STRATEGY, QUESTION, {"widow": 3})
    assert caught.value.hint == "Did you mean window?"
    with pytest.raises(SpaceError):
        run(STRATEGY, QUESTION, {"fund": 3})
    with pytest.raises(SpaceError, match="nobody"):
        run(Strategy(name="x", root=Asset(Var("nobody"))), QUESTION)
    with pytest.raises(StrategyError):
        run(Strategy(name="x", root=Equal(())), QUESTION)
    condition = Reading("rsi", (5,), "A") > 50
    with pytest.raises(StrategyError):
        run(Strategy(name="x", root=condition), QUESTION)  # type: ignore[arg-type]


# ---- tables and files

SCHEMAS = {
    "equity": {"session": pl.Date, "value": pl.Float64, "benchmark": pl.Float64},
    "weights": {"session": pl.Date, "ticker": pl.String, "weight": pl.Float64},
    "trades": {
        "session": pl.Date, "ticker": pl.String, "shares": pl.Float64,
        "price": pl.Float64, "notional": pl.Float64, "cost": pl.Float64,
    },
}  # fmt: skip


@pytest.mark.parametrize("benchmark", ["B", None])
@pytest.mark.parametrize("execution", EXECUTIONS, ids=["free", "costly", "whole"])
def test_the_files_of_a_run(execution: Execution, benchmark: str | None, tmp_path: Path) -> None:
    """Seven of them, with the stated columns, saying what the result says."""
    found = run(STRATEGY, replace(QUESTION, execution=execution, benchmark=benchmark), CHOSEN)
    write_run(found, "<p>page</p>", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "equity.parquet", "manifest.json", "metrics.json", "report.html", "stats.json", "trades.parquet",
        "weights.parquet",
    ]  # fmt: skip
    tables = {name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in SCHEMAS}
    assert {name: dict(table.schema) for name, table in tables.items()} == SCHEMAS
    equity, weights, trades = tables.values()
    assert equity["session"].to_list() == found.run.sessions.tolist()
    assert equity["value"].to_list() == found.run.values.tolist()
    if benchmark:
        assert equity["benchmark"][0] == execution.capital
        prices = found.prepared.panel.column(benchmark)[found.prepared.window.first :]
        np.testing.assert_allclose(
            equity["benchmark"] / equity["benchmark"][0], prices / prices[0], rtol=1e-12
        )
    else:
        assert equity["benchmark"].null_count() == len(equity)
    assert (weights["weight"] != 0).all()
    assert weights.select("session", "ticker").is_unique().all()
    waits = execution.fill != "close"
    assert set(weights["session"]) == set(equity["session"][1 if waits else 0 :])
    assert trades["session"].is_sorted()
    np.testing.assert_allclose(trades["notional"], trades["shares"] * trades["price"], rtol=1e-12)
    assert (trades["cost"] >= 0).all()


def test_weights_sum_to_the_invested_part() -> None:
    """Here always to 1; they are those after the session's trade."""
    found = run(STRATEGY, QUESTION, CHOSEN)
    sums = found.weights.group_by("session").agg(pl.col("weight").sum())
    np.testing.assert_allclose(sums["weight"], 1.0, rtol=1e-12)


def test_metrics_and_manifest_are_json_without_nan(tmp_path: Path) -> None:
    """Undefined is null; every metric is there."""
    found = run(STRATEGY, QUESTION, CHOSEN)
    write_run(found, "", tmp_path / "out")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == dict(found.metrics)
    assert metrics.keys() == METRICS.keys()
    assert None in metrics.values()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["start"], manifest["sessions"]) == (str(found.run.sessions[0]), len(found.run.sessions))
    assert "space" not in manifest


def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    """All but stats.json."""
    for name in ("one", "other"):
        write_run(run(STRATEGY, QUESTION, CHOSEN), "page", tmp_path / name)
    one, other = (
        {p.name: p.read_bytes() for p in (tmp_path / n).iterdir() if p.name != "stats.json"}
        for n in ("one", "other")
    )
    assert one == other


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at its last table."""
    real = pl.LazyFrame.sink_parquet

    def sink(frame: pl.LazyFrame, path: Path, **options: Any) -> None:
        if "trades" in str(path):
            raise OSError(28, "No space left on device")
        real(frame, path, **options)

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", sink)
    with pytest.raises(OutputError, match="the disk is full"):
        write_run(run(STRATEGY, QUESTION, CHOSEN), "page", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_held_is_nothing_written() -> None:
    """Cash alone: no weights, no trades, a flat curve; tables keep their types."""
    never = parsed('{name: Cash, tree: {if: "rsi(A, 10) > 200", then: A, else: cash}}')
    found = run(never, QUESTION)
    assert found.weights.schema == pl.Schema(SCHEMAS["weights"])
    assert (len(found.weights), len(found.trades)) == (0, 0)
    assert set(found.equity["value"]) == {100_000.0}


def test_made_up_prices_are_said_to_be() -> None:
    """By the result and by its manifest."""
    found = run(STRATEGY, QUESTION)
    assert found.synthetic
    assert found.manifest["prices"]["synthetic"] is True  # type: ignore[index]
    real = run(STRATEGY, replace(QUESTION, panel=replace(QUESTION.panel, synthetic=False)))
    assert not real.synthetic
