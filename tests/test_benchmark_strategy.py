"""A strategy can be the benchmark: run over the same sessions, under the same rules."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from treefolio.cli import main
from treefolio.engine.question import Question
from treefolio.errors import WindowError
from treefolio.indicators import SIGNATURES
from treefolio.market.synthetic import synthetic_panel
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.sweep.single import run

TEXT = "name: {name}\ntree:\n  if: sma(SPY, {window}) > price(SPY)\n  then: TLT\n  else: QQQ\n"


def strategy(window: int, name: str = "Rule") -> Strategy:
    return parse(TEXT.format(name=name, window=window), SIGNATURES)


def test_its_value_is_its_own_run() -> None:
    """The benchmark's curve is the run of that strategy over the run's sessions; beta of itself is 1."""
    panel = synthetic_panel(tickers=["SPY", "QQQ", "TLT"], end="2014-12-31")
    question = Question(panel=panel, start=dt.date(2012, 1, 3), benchmark=strategy(20, "Fast"))
    result = run(strategy(50), question)
    alone = run(strategy(20), Question(panel=panel, start=dt.date(2012, 1, 3), benchmark=None))
    assert result.benchmark is not None
    np.testing.assert_array_equal(result.benchmark, alone.run.values)
    assert str(result.manifest["benchmark"]).startswith("Fast (")
    itself = run(strategy(20), question)
    assert itself.metrics["beta"] == pytest.approx(1.0, abs=1e-12)


def test_one_that_starts_later_is_an_error() -> None:
    """A benchmark whose look-back is longer than the run's says when it could start."""
    panel = synthetic_panel(tickers=["SPY", "QQQ", "TLT"], end="2012-12-31")
    with pytest.raises(WindowError, match="the benchmark Slow can start on") as error:
        run(strategy(20), Question(panel=panel, benchmark=strategy(200, "Slow")))
    assert "--start" in str(error.value.hint)


def test_the_command_line_takes_a_file(tmp_path: Path) -> None:
    """``--benchmark FILE`` reads its prices, too, and the curve has its column."""
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    ours.write_text("name: Ours\ntree:\n  equal: [SPY, TLT]\n", encoding="utf-8")
    theirs.write_text(TEXT.format(name="Theirs", window=30), encoding="utf-8")
    command = ["run", str(ours), "--synthetic", "--start", "2019-01-02", "--benchmark", str(theirs)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    equity = pl.read_parquet(tmp_path / "out" / "equity.parquet")
    assert equity["benchmark"].null_count() == 0
    assert equity["benchmark"][0] == 100_000
    assert "Theirs" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
