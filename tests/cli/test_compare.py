"""``treefolio compare``: strategies, tickers and folders of runs, its files, and what it refuses."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cli_samples import PLAIN, STRATEGY, Program, write_prices, write_strategy
from test_report_pages import check_inert
from treefolio.cli import show
from treefolio.market.frames import to_frame
from treefolio.market.synthetic import synthetic_panel
from treefolio.metrics import GROUPS, METRICS

HOSTILE = STRATEGY.replace("Hot or not", '"=HYPERLINK(1) [red]<script>"')


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prices(tmp_path_factory.mktemp("prices"))


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def test_three_kinds_stand_side_by_side(program: Program, prices: Path, tmp_path: Path):
    """A file, a ticker and an earlier run; their numbers are those of runs over the common window."""
    hot, plain = write_strategy(tmp_path), write_strategy(tmp_path, PLAIN, "plain.yaml")
    earlier, out = tmp_path / "earlier", tmp_path / "out"
    flags = ("--prices", prices, "--start", "2015-06-01")
    assert program("run", plain, *flags, "--out", earlier).status == 0
    called = program("compare", hot, "TLT", earlier, "--prices", prices, "--out", out)
    assert called.status == 0, called.err
    names = ["Hot or not", "TLT", "plain"]
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics) == set(names)
    assert all(set(numbers) == set(METRICS) for numbers in metrics.values())
    again = tmp_path / "again"
    assert program("run", hot, *flags, "--out", again).status == 0
    single = json.loads((again / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["Hot or not"] == single
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert (found["start"], found["names"]) == ("2015-06-01", names)
    assert found["correlations"]["plain"]["plain"] == 1.0
    assert [(pair["a"], pair["b"]) for pair in found["differences"]] == [
        ("Hot or not", "TLT"),
        ("Hot or not", "plain"),
        ("TLT", "plain"),
    ]
    for name in names:
        assert name in called.out
    assert "p is adjusted for 3 pairs, the intervals are not." in called.out


def test_an_earlier_run_on_the_same_sessions_keeps_what_it_knows_of_its_trades(
    program: Program, prices: Path, tmp_path: Path
):
    """Turnover, costs and all else that no curve tells, as its own file has it."""
    hot, plain = write_strategy(tmp_path), write_strategy(tmp_path, PLAIN, "plain.yaml")
    flags = ("--prices", prices, "--start", "2015-06-01", "--slippage-bps", "3")
    assert program("run", plain, *flags, "--out", tmp_path / "earlier").status == 0
    called = program("compare", hot, tmp_path / "earlier", *flags, "--out", tmp_path / "out")
    assert called.status == 0, called.err
    single = json.loads((tmp_path / "earlier" / "metrics.json").read_text(encoding="utf-8"))
    found = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["plain"]
    keys = [metric.key for metric in GROUPS["activity"]]
    assert {key: found[key] for key in keys} == {key: single[key] for key in keys}
    assert single["costs"] > 0
    assert "known of its whole run" not in called.out


@pytest.mark.parametrize("lost", [False, True])
def test_what_is_not_known_of_an_earlier_run_is_said(
    lost: bool, program: Program, prices: Path, tmp_path: Path
):
    """It is cut to a part of its sessions, or its folder lacks the file."""
    plain, earlier = write_strategy(tmp_path, PLAIN, "plain.yaml"), tmp_path / "earlier"
    flags = ("--prices", prices, "--start", "2015-06-01")
    assert program("run", plain, *flags, "--out", earlier).status == 0
    if lost:
        (earlier / "metrics.json").unlink()
    later = flags if lost else ("--prices", prices, "--start", "2015-09-01")
    called = program("compare", "TLT", earlier, *later, "--out", tmp_path / "out")
    assert called.status == 0, called.err
    said = "its folder has no metrics.json" if lost else "of its whole run alone, 2015-06-01 to 2016-12-30"
    assert f"Note: plain: {said}" in called.out.replace("turnover, costs and trades are known ", "")
    found = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["plain"]
    assert (found["turnover"], found["costs"]) == (None, None)
    assert said in check_inert((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text


def test_made_up_prices_of_an_earlier_run_are_said(program: Program, prices: Path, tmp_path: Path):
    """Whatever the other prices are: on the terminal and on the page."""
    hot, made_up, out = write_strategy(tmp_path), tmp_path / "made_up", tmp_path / "out"
    assert program("run", hot, "--synthetic", "--start", "2015-06-01", "--out", made_up).status == 0
    called = program("compare", "SPY", made_up, "--prices", prices, "--out", out)
    assert called.status == 0, called.err
    assert show.SYNTHETIC in called.out
    assert "SYNTHETIC PRICES" in (out / "report.html").read_text(encoding="utf-8")


def test_the_holdout_is_said_once(program: Program, prices: Path, tmp_path: Path):
    """Though each of the strategies is kept from it."""
    hot, plain = write_strategy(tmp_path), write_strategy(tmp_path, PLAIN, "plain.yaml")
    flags = ("--prices", prices, "--holdout", "6m", "--out", tmp_path / "out")
    called = program("compare", hot, plain, *flags)
    assert called.status == 0, called.err
    assert called.out.count("are held out") == 1


def test_the_folder_has_csv_and_parquet(program: Program, prices: Path, tmp_path: Path):
    """Every table is there; what a spreadsheet would run is text."""
    hostile, out = write_strategy(tmp_path, HOSTILE), tmp_path / "out"
    called = program("compare", hostile, "SPY", "--prices", prices, "--out", out)
    assert called.status == 0, called.err
    name = "=HYPERLINK(1) [red]<script>"
    assert name in called.out
    assert rows(out / "metrics.csv")[0] == ["metric", f"'{name}", "SPY"]
    assert [row[0] for row in rows(out / "metrics.csv")[1:]] == list(METRICS)
    assert rows(out / "correlations.csv")[1][0] == f"'{name}"
    assert rows(out / "differences.csv")[1][:2] == [f"'{name}", "SPY"]
    equity = pl.read_parquet(out / "equity.parquet")
    assert equity.columns == ["session", name, "SPY"]
    returns = equity.select(pl.col(name, "SPY").pct_change()).drop_nulls().to_numpy()
    expected = np.corrcoef(returns.T)[0, 1]
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert found["correlations"][name]["SPY"] == pytest.approx(expected, rel=1e-9)
    page = check_inert((out / "report.html").read_text(encoding="utf-8"))
    assert name in page.text
    manifests = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert [manifest["strategy"]["name"] for manifest in manifests] == [name, "SPY"]


def test_namesakes_are_told_apart_and_their_trees_compared(program: Program, prices: Path, tmp_path: Path):
    first = write_strategy(tmp_path)
    second = write_strategy(tmp_path, STRATEGY.replace("default: 70", "default: 60"), "cold.yaml")
    out = tmp_path / "out"
    called = program("compare", first, second, "--prices", prices, "--out", out)
    assert called.status == 0, called.err
    page = check_inert((out / "report.html").read_text(encoding="utf-8"))
    assert "Hot or not (hot.yaml) → Hot or not (cold.yaml): −1 +1 lines" in page.text


def test_runs_alone_need_no_prices(program: Program, prices: Path, tmp_path: Path):
    """Curves of earlier runs are cut to what they have in common."""
    strategy = write_strategy(tmp_path, PLAIN)
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, end in zip(folders, ("2016-03-01", "2016-10-03"), strict=True):
        assert program("run", strategy, "--prices", prices, "--end", end, "--out", folder).status == 0
    out = tmp_path / "out"
    called = program("compare", *folders, "--out", out)
    assert called.status == 0, called.err
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert found["end"] == "2016-03-01"
    assert found["differences"][0]["sharpe_p"] is None  # they are the same curve
    assert found["correlations"]["hot (a)"]["hot (b)"] == pytest.approx(1.0)


def test_costs_that_differ_are_said(program: Program, prices: Path, tmp_path: Path):
    strategy = write_strategy(tmp_path, PLAIN)
    run, out = tmp_path / "run", tmp_path / "out"
    dear = ("--prices", prices, "--slippage-bps", "5")
    assert program("run", strategy, *dear, "--out", run).status == 0
    assert program("compare", run, "SPY", "--prices", prices, "--out", out).status == 0
    page = check_inert((out / "report.html").read_text(encoding="utf-8"))
    assert "Not the same for all: how and at what cost they trade" in page.text


def test_the_made_up_market_is_said(program: Program, tmp_path: Path):
    out = tmp_path / "out"
    called = program("compare", "SPY", "TLT", "--synthetic", "--start", "2022-01-03", "--out", out)
    assert called.status == 0, called.err
    assert "SYNTHETIC" in called.out
    page = check_inert((out / "report.html").read_text(encoding="utf-8"))
    assert "SYNTHETIC PRICES." in page.text
    assert "trees" not in page.ids()  # two tickers have none


def test_the_same_comparison_gives_the_same_bytes(program: Program, prices: Path, tmp_path: Path):
    strategy = write_strategy(tmp_path)
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        assert program("compare", strategy, "SPY", "--prices", prices, "--out", out).status == 0
    names = sorted(path.name for path in outs[0].iterdir())
    assert len(names) == 8
    for name in names:
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("SPY",), 2, "1 named, and 2 to 10 can be compared"),
        (("SPY",) * 11, 2, "11 named"),
        (("SPY", "hto.yaml"), 1, "Did you mean hot.yaml?"),
        (("SPY", "SPYY"), 1, "SPYY"),
        (("SPY", "."), 1, "is a folder"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    program: Program,
    prices: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    said: str,
):
    """Nothing is written then."""
    write_strategy(tmp_path)
    monkeypatch.chdir(tmp_path)
    called = program("compare", *arguments, "--prices", prices, "--out", "out")
    assert called.status == status
    assert said in called.err
    assert not (tmp_path / "out").exists()


def test_curves_without_a_common_session_are_refused(program: Program, prices: Path, tmp_path: Path):
    strategy = write_strategy(tmp_path, PLAIN)
    late = tmp_path / "late.parquet"
    panel = synthetic_panel(seed=3, start=date(2019, 1, 2), end=date(2019, 12, 30), tickers=("SPY", "TLT"))
    to_frame(panel).write_parquet(late)
    run = tmp_path / "run"
    assert program("run", strategy, "--prices", prices, "--out", run).status == 0
    called = program("compare", run, "TLT", "--prices", late, "--out", tmp_path / "out")
    assert called.status == 1
    assert "there are no common sessions" in called.err


def test_a_damaged_run_is_named(program: Program, tmp_path: Path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "equity.parquet").write_bytes(b"no parquet")
    (broken / "manifest.json").write_text('{"strategy": {"name": "x"}}', encoding="utf-8")
    called = program("compare", broken, broken, "--out", tmp_path / "out")
    assert called.status == 1
    assert "these are not the files of a run" in called.err
