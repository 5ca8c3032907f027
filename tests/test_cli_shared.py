"""The command line on a real strategy of 3,752 nodes and real prices."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cli_samples import Program
from treefolio.metrics import METRICS

pytestmark = pytest.mark.shared
WINDOW = ("--missing", "skip", "--start", "2022-01-03", "--end", "2023-12-29")


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture(scope="module")
def anansi(shared: Path) -> Path:
    return shared / "strategies" / "composer_json" / "anansi_strategy.json"


@pytest.fixture(scope="module")
def prices(shared: Path) -> Path:
    return shared / "prices" / "etf_daily.parquet"


def test_inspect_counts_as_composer_does(program: Program, anansi: Path) -> None:
    """3,752 steps in the file; some hundreds of nodes in the graph."""
    found = json.loads(program("inspect", anansi, "--json").out)
    assert (found["format"], found["nodes"]) == ("composer-json", 3752)
    assert found["graph_nodes"] < 500
    assert "CXH" in found["tickers"]
    assert len({handle["id"] for handle in found["handles"]}) == len(found["handles"])
    assert found["report"]["unsupported"] == []


def test_a_delisted_fund_is_named_with_its_place(
    program: Program, anansi: Path, prices: Path, tmp_path: Path
) -> None:
    """And what to do about it."""
    called = program("run", anansi, "--prices", prices, "--out", tmp_path / "run")
    assert called.status == 1
    assert "CXH: used at root" in called.err
    assert "--missing skip" in called.err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_rows_of_a_sweep_are_runs_to_the_bit(
    program: Program, anansi: Path, prices: Path, tmp_path: Path
) -> None:
    """metrics.json and rows.parquet, read back from the files; with costs as well."""
    vary = [
        "--vary",
        "c76.threshold=20,30",
        "--vary",
        "c75.threshold=70:78:4",
        "--vary",
        "c12.right_window=9,10",
    ]
    costs = ["--slippage-bps", "1"]
    out = tmp_path / "sweep"
    assert program("sweep", anansi, "--prices", prices, *WINDOW, *costs, *vary, "--out", out).status == 0
    rows = pl.read_parquet(out / "rows.parquet")
    assert len(rows) == 12
    for k in (0, 7, 11):
        row = rows.row(k, named=True)
        sets = [part for name in rows.columns[:3] for part in ("--set", f"{name}={row[name]}")]
        run = tmp_path / f"run{k}"
        called = program("run", anansi, "--prices", prices, *WINDOW, *costs, *sets, "--out", run)
        assert called.status == 0, called.err
        assert json.loads((run / "metrics.json").read_text()) == {key: row[key] for key in METRICS}


def test_explain_agrees_with_the_run(program: Program, anansi: Path, prices: Path, tmp_path: Path) -> None:
    """The weights of the trace are those in weights.parquet."""
    assert program("run", anansi, "--prices", prices, *WINDOW, "--out", tmp_path / "run").status == 0
    weights = pl.read_parquet(tmp_path / "run" / "weights.parquet")
    for day in ("2022-01-03", "2023-03-15"):
        flags = ["--prices", prices, "--missing", "skip", "--on", day, "--json"]
        found = json.loads(program("explain", anansi, *flags).out)
        held = weights.filter(pl.col("session") == pl.lit(day).str.to_date())
        assert found["weights"] == dict(held.select("ticker", "weight").rows())


def test_check_finds_both_engines_agreed(program: Program, anansi: Path, prices: Path) -> None:
    """Decisions, curve, metrics, and no look at the future."""
    window = ["--missing", "skip", "--start", "2023-01-03", "--end", "2023-12-29"]
    called = program("check", anansi, "--prices", prices, *window)
    assert called.status == 0, called.err
    assert called.out.count("✓") == 6


def test_a_real_strategy_survives_conversion(
    program: Program, anansi: Path, prices: Path, tmp_path: Path
) -> None:
    """Composer's JSON → native JSON: the same run."""
    assert program("convert", anansi, "-o", tmp_path / "anansi.json").status == 0
    for name, path in (("own", anansi), ("native", tmp_path / "anansi.json")):
        assert program("run", path, "--prices", prices, *WINDOW, "--out", tmp_path / name).status == 0
    assert (tmp_path / "own" / "metrics.json").read_text() == (
        tmp_path / "native" / "metrics.json"
    ).read_text()
