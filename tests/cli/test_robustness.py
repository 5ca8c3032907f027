"""``treefolio robustness``: its files, what it says, and what it refuses."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

from cli_samples import PLAIN, STRATEGY, Program, write_prices, write_strategy
from test_report_pages import check_inert
from treefolio.market.frames import to_frame
from treefolio.market.synthetic import synthetic_panel

FILES = {
    "manifest.json",
    "robustness.json",
    "literals.parquet",
    "literals.csv",
    "report.html",
    "stats.json",
}
QUICK = ("--draws", "40", "--steps", "1")


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prices(tmp_path_factory.mktemp("prices"))


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


def said(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "robustness.json").read_text(encoding="utf-8"))
    return found


def test_a_folder_with_everything(program: Program, prices: Path, tmp_path: Path):
    """Five sentences on the screen, every file, and a page that runs and fetches nothing."""
    out = tmp_path / "out"
    called = program("robustness", write_strategy(tmp_path), "--prices", prices, *QUICK, "--out", out)
    assert called.status == 0, called.err
    assert {path.name for path in out.iterdir()} == FILES
    for title in ("Monte Carlo:", "Literals:", "Starts:", "Costs and timing:", "Random picks:"):
        assert called.out.count(title) == 1
    check_inert((out / "report.html").read_text(encoding="utf-8"))
    assert said(out)["reasons"] == {}


def test_numbers_are_those_of_run(program: Program, prices: Path, tmp_path: Path):
    """The run itself, and a row of the literals as `run --set` has it from the same start."""
    strategy = write_strategy(tmp_path)
    flags = ("--prices", prices, "--start", "2015-06-01", "--slippage-bps", "2")
    assert program("run", strategy, *flags, "--out", tmp_path / "run").status == 0
    out = tmp_path / "out"
    assert program("robustness", strategy, *flags, *QUICK, "--out", out).status == 0
    whole = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert said(out)["metrics"] == {key: whole[key] for key in said(out)["metrics"]}  # type: ignore[attr-defined]
    rows = pl.read_parquet(out / "literals.parquet").filter(steps=1)
    assert {"hot", "c1.window", "c2.right_window", "f1.window"} <= set(rows["handle"])
    for row in rows.iter_rows(named=True):
        value = f"{row['handle']}={row['value']:g}"
        moved = tmp_path / row["handle"]
        assert program("run", strategy, *flags, "--set", value, "--out", moved).status == 0
        metrics = json.loads((moved / "metrics.json").read_text(encoding="utf-8"))
        assert row["sharpe"] == metrics["sharpe"], row["handle"]
        assert row["cagr"] == metrics["cagr"], row["handle"]


def test_what_is_held_out_is_said_once_and_not_used(program: Program, prices: Path, tmp_path: Path):
    """Also by the table of fills, which reads prices with opens."""
    out, parts = tmp_path / "out", ("--only", "timing,costs")
    called = program(
        *("robustness", write_strategy(tmp_path), "--prices", prices, *parts, "--holdout", "6m", "--out", out)
    )
    assert called.status == 0, called.err
    assert called.out.count("are held out") == 1
    cut = tmp_path / "cut"
    ended = ("--end", "2016-06-30", "--out", cut)
    assert program("robustness", write_strategy(tmp_path), "--prices", prices, *parts, *ended).status == 0
    assert said(out) == said(cut)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "2016-07-01 to 2016-12-30, 127 sessions, until treefolio reveal" in page


def test_what_is_set_is_where_it_begins(program: Program, prices: Path, tmp_path: Path):
    """Variables and handles that are set are moved from there."""
    out = tmp_path / "out"
    called = program(
        *("robustness", write_strategy(tmp_path), "--prices", prices, "--only", "literals", *QUICK),
        *("--set", "hot=60", "--set", "c1.window=6", "--out", out),
    )
    assert called.status == 0, called.err
    rows = pl.read_parquet(out / "literals.parquet")
    literals = dict(zip(rows["handle"], rows["literal"], strict=True))
    assert (literals["hot"], literals["c1.window"]) == (60.0, 6.0)
    assert sorted(rows.filter(handle="hot")["value"]) == [59.0, 61.0]


def test_only_some_parts(program: Program, prices: Path, tmp_path: Path):
    """The others are null, without a file and without a section."""
    out = tmp_path / "out"
    strategy = write_strategy(tmp_path)
    called = program(
        "robustness", strategy, "--prices", prices, "--only", "costs,starts", "--out", out, "--draws", "30"
    )
    assert called.status == 0, called.err
    found = said(out)
    assert found["costs"]
    assert found["starts"]
    assert not any(found[part] for part in ("monte_carlo", "literals", "timing", "random_picks"))
    assert {path.name for path in out.iterdir()} == FILES - {"literals.parquet", "literals.csv"}
    page = check_inert((out / "report.html").read_text(encoding="utf-8"))
    assert {"starts", "costs"} <= set(page.ids())
    assert not {"literals", "timing"} & set(page.ids())


def test_opens_are_read_for_the_fill_at_the_open(program: Program, prices: Path, tmp_path: Path):
    """A run of closes has read no opens; where the prices have none at all, the table says so."""
    strategy = write_strategy(tmp_path, PLAIN)
    assert program(
        "robustness", strategy, "--prices", prices, "--only", "timing", "--out", tmp_path / "opens"
    ).status == 0  # fmt: skip
    fills = said(tmp_path / "opens")["timing"]["found"]  # type: ignore[index]
    out = tmp_path / "run"
    assert program("run", strategy, "--prices", prices, "--fill", "next_open", "--out", out).status == 0
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert fills[1]["metrics"]["sharpe"] == metrics["sharpe"]
    closes = tmp_path / "closes.parquet"
    pl.read_parquet(prices).drop("open", "high", "low", "volume").write_parquet(closes)
    assert program(
        "robustness", strategy, "--prices", closes, "--only", "timing", "--out", tmp_path / "none"
    ).status == 0  # fmt: skip
    without = said(tmp_path / "none")["timing"]["found"]  # type: ignore[index]
    assert (without[1]["metrics"], without[1]["reason"]) == (None, "the prices have no opens")
    assert without[2]["metrics"] == fills[2]["metrics"]


def test_a_short_run_says_what_it_cannot_tell(program: Program, tmp_path: Path):
    """The parts that need more history have their reason; the others are there."""
    path = tmp_path / "short.parquet"
    panel = synthetic_panel(
        seed=3, start=dt.date(2015, 1, 2), end=dt.date(2015, 4, 1), tickers=("SPY", "BIL")
    )
    to_frame(panel).write_parquet(path)
    out = tmp_path / "out"
    called = program("robustness", write_strategy(tmp_path, PLAIN), "--prices", path, *QUICK, "--out", out)
    assert called.status == 0, called.err
    assert "Starts: Not answered: the run has" in called.out
    found = said(out)
    assert list(found["reasons"]) == ["starts"]  # type: ignore[call-overload]
    assert found["random_picks"]["p_sharpe"] is None  # type: ignore[index]


def test_cells_are_no_formulas(program: Program, prices: Path, tmp_path: Path):
    """Names come from strangers; the CSV is safe to open."""
    out = tmp_path / "out"
    named = """\
name: "=HYPERLINK(1)<script>"
tree: {weighted: [0.4: {group: "=1+1", of: SPY}, 0.6: BIL]}
"""
    called = program("robustness", write_strategy(tmp_path, named), "--prices", prices, *QUICK, "--out", out)
    assert called.status == 0, called.err
    check_inert((out / "report.html").read_text(encoding="utf-8"))
    with (out / "literals.csv").open(encoding="utf-8") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert any("=1+1" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--only", "literal"), "literal"),
        (("--only", ","), "no part"),
        (("--steps", "0"), "steps 0"),
        (("--draws", "0"), "draws 0"),
        (("--seed", "-1"), "seed -1"),
        (("--threads", "-1"), "--threads -1"),
    ],
)
def test_misuse_has_status_two(
    program: Program, prices: Path, tmp_path: Path, flags: tuple[str, ...], word: str
):
    """The last line says what to do; nothing is written."""
    out = tmp_path / "out"
    called = program(
        "robustness", write_strategy(tmp_path, STRATEGY), "--prices", prices, *flags, "--out", out
    )
    assert called.status == 2
    assert word in called.err
    assert not out.exists()


def test_a_folder_in_use_is_left_alone(program: Program, prices: Path, tmp_path: Path):
    """Before anything is computed."""
    called = program("robustness", write_strategy(tmp_path), "--prices", prices, "--out", tmp_path)
    assert called.status == 1
    assert "not empty" in called.err
