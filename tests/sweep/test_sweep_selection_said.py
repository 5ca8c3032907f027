"""What `treefolio sweep` and `treefolio top` say of luck."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_samples import Program, write_prices, write_strategy
from treefolio.cli.sweep import _p_value


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | Path]:
    """A sweep of 41 rows, and a home of its own."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    files = [write_strategy(tmp_path), "--prices", write_prices(tmp_path)]
    return ["sweep", *files, "--vary", "hot=50:90:1", "--threads", "1"]


def test_a_sweep_says_what_luck_would_show(program: Program, asked: list[str | Path], tmp_path: Path) -> None:
    """Trials, the best of as many without skill, the winner's deflated ratio, overfitting."""
    called = program(*asked, "--out", tmp_path / "out")
    assert called.status == 0, called.err
    said = json.loads((tmp_path / "out" / "selection.json").read_text(encoding="utf-8"))
    assert said["trials"] == 41
    assert "the best of 41 independent trials without skill" in called.out
    assert f"Sharpe ratio of {said['expected_max_sharpe']:.2f}" in called.out
    assert f"trials that scatter as these do it is {said['sharpe_threshold']:.2f}." in called.out
    assert f"truly above that: {100 * said['best']['dsr']:.1f} %" in called.out
    assert f"Probability of overfitting: {100 * said['pbo']:.1f} %." in called.out
    assert "sweeps of this strategy" not in called.out
    assert called.out.count("dsr") == called.out.count("plateau") == 1


def test_other_sweeps_of_the_strategy_are_said(
    program: Program, asked: list[str | Path], tmp_path: Path
) -> None:
    """Those of other values add up; the same one again does not."""
    program(*asked, "--out", tmp_path / "one")
    again = program(*asked, "--out", tmp_path / "two")
    assert "sweeps of this strategy" not in again.out
    more = program(*asked, "--vary", "c1.window=8:9:1", "--out", tmp_path / "three")
    assert "Over 2 sweeps of this strategy: 123 trials" in more.out
    said = json.loads((tmp_path / "three" / "selection.json").read_text(encoding="utf-8"))
    assert (said["lineage_trials"], said["lineage_sweeps"]) == (123, 2)


def test_the_best_rows_are_tested_on_request(
    program: Program, asked: list[str | Path], tmp_path: Path
) -> None:
    """With p-values; less than one row cannot be tested."""
    called = program(*asked, "--reality", "5", "--out", tmp_path / "out")
    tested = json.loads((tmp_path / "out" / "selection.json").read_text(encoding="utf-8"))["reality"]
    assert f"The best 5 against SPY, p-values: White {_p_value(tested['white'], 1000)}, Hansen" in called.out
    refused = program(*asked, "--reality", "-1", "--out", tmp_path / "none")
    assert refused.status == 2
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("p", "words"), [(0.0, "below 0.001"), (0.23, "0.230"), (1.0, "1.000")])
def test_no_p_value_is_said_to_be_zero(p: float, words: str) -> None:
    """Of 1,000 draws, none tells less than 0.001."""
    assert _p_value(p, 1000) == words


def test_top_ranks_by_them(program: Program, asked: list[str | Path], tmp_path: Path) -> None:
    """And shows them beside the best."""
    program(*asked, "--out", tmp_path / "out")
    for key in ("psr", "dsr", "plateau"):
        called = program("top", tmp_path / "out", "--by", key, "-n", "3")
        assert called.status == 0, called.err
        heads = called.out.splitlines()[1].split()
        assert {"dsr", "plateau"} <= set(heads)
        assert heads[2] == key
    best = program("top", tmp_path / "out", "--by", "plateau", "--json", "-n", "41")
    values = [row["plateau"] for row in json.loads(best.out)]
    assert values == sorted(values, reverse=True)


def test_a_home_that_cannot_be_written_is_said(
    program: Program, asked: list[str | Path], tmp_path: Path
) -> None:
    """The sweep is done all the same."""
    (tmp_path / "home").write_text("a file")
    called = program(*asked, "--out", tmp_path / "out")
    assert called.status == 0, called.err
    assert "trials of other sweeps are not counted" in called.out


def test_the_terminal_says_what_the_page_says(
    program: Program, asked: list[str | Path], tmp_path: Path
) -> None:
    """What all of it comes to, in the same words."""
    called = program(*asked, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    said = [line for line in called.out.splitlines() if line.startswith(("Do not take", "The best row "))]
    assert len(said) == 1
    assert said[0] in page
