"""Tables in windows of any width: nothing that must stay whole is broken, and what is left out is said."""

from __future__ import annotations

import io
import re
from itertools import takewhile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli_samples import Program, done, write_prices, write_strategy
from treefolio.cli.tables import Column, print_table

SPAN = "2012-10-17 to 2013-10-16"
COLUMNS = (
    Column(head="fold", cells=["1", "2"]),
    Column(head="test", cells=[SPAN, SPAN]),
    Column(head="c1.right_window", cells=["50", "200"]),
    Column(head="annualized_return out", cells=["-412,555.87%", "44 %"], optional=True),
    Column(head="sharpe", cells=["1.088", "–"], optional=True),
)
WHOLE = ("2012-10-17", "2013-10-16", "-412,555.87%", "44 %", "1.088", "200")
WORDS = st.text("abc_. 0123456789-%", min_size=1, max_size=12).map(lambda text: f"x{text}x")


def printed(width: int, columns: tuple[Column, ...] = COLUMNS, all_in: str = "") -> str:
    """The text of a table in a window."""
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    print_table(console, columns, all_in)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_with_room_each_row_is_a_line() -> None:
    """Headings, too, and nothing is said to be left out."""
    text = printed(120)
    assert re.search(r"fold +test +c1\.right_window +annualized_return out +sharpe", text)
    assert text.count(SPAN) == 2
    assert "Left out" not in text


def test_headings_and_cells_are_broken_before_anything_is_left_out() -> None:
    """At their spaces, dots and underscores; numbers and dates stay whole."""
    text = printed(62)
    assert "Left out" not in text
    assert SPAN not in text
    for word in (*WHOLE, "annualized_", "right_"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 62


@pytest.mark.parametrize(
    ("width", "left_out"), [(52, "sharpe"), (36, "annualized_return out, sharpe")], ids=str
)
def test_what_is_left_out_is_said(width: int, left_out: str) -> None:
    """The last optional columns, with the window that has room for all, and where else they are."""
    text = printed(width, all_in="folds.csv")
    needed = int(re.findall(r"a window (\d+) wide", text)[0])
    said = f"Left out for lack of room: {left_out}; a window {needed} wide shows them, "
    assert f"{said}folds.csv has all columns." in text.splitlines()
    assert "Left out" not in printed(needed)
    assert "Left out" in printed(needed - 1)


@given(
    columns=st.lists(
        st.builds(
            lambda head, cells, optional: Column(head=head, cells=cells, optional=optional),
            WORDS,
            st.lists(WORDS, min_size=2, max_size=2),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    width=st.integers(10, 100),
)
def test_no_word_of_a_cell_is_ever_broken(columns: list[Column], width: int) -> None:
    """However narrow the window is; a table is wider than it only without optional columns."""
    text = printed(width, tuple(columns))
    table, _, said = text.partition("Left out")
    kept = [each for each in columns if not each.optional or not said]
    for word in (word for each in kept for cell in each.cells for word in cell.split()):
        assert word in table
    if any(each.optional for each in columns) and not said:
        assert max(map(len, table.splitlines())) <= width


@pytest.mark.parametrize(("width", "left_out"), [(200, None), (80, "calmar"), (40, "plateau, annualized")])
def test_top_says_which_columns_it_leaves_out(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    left_out: str | None,
) -> None:
    """And the file of --csv has them."""
    rows = {
        "c1.right_window": [50, 100],
        "start": ["2020-01-02"] * 2,
        "sharpe": [1.0, 2.0],
        "status": ["ok"] * 2,
    }
    numbers = dict.fromkeys(
        ("dsr", "plateau", "annualized_return", "volatility", "max_drawdown", "calmar"), [0.5] * 2
    )
    (tmp_path / "swept").mkdir()
    pl.DataFrame(rows | numbers).write_parquet(tmp_path / "swept" / "rows.parquet")
    monkeypatch.setenv("COLUMNS", str(width))
    text = done(Program(capsys)("top", tmp_path / "swept", "--csv", tmp_path / "top.csv")).out
    assert ("Left out" in text) == (left_out is not None)
    if left_out is not None:
        assert re.search(
            rf"Left out for lack of room: .*{left_out}.*; a window \d+ wide shows them, --csv FILE", text
        )
    assert set(numbers) < set(pl.read_csv(tmp_path / "top.csv").columns)


def test_folds_keep_their_dates_and_numbers_whole(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a window of 80, with three variables."""
    monkeypatch.setenv("COLUMNS", "80")
    flags = ["--train", "9m", "--test", "3m", "--vary", "c1.window=5,10", "--vary", "c2.right_window=10,20"]
    strategy, prices = write_strategy(tmp_path), write_prices(tmp_path)
    text = done(
        Program(capsys)("walkforward", strategy, "--prices", prices, *flags, "--out", tmp_path / "walk")
    ).out
    lines = text.splitlines()
    rule = next(k for k, line in enumerate(lines) if "────" in line)
    table = list(takewhile(str.strip, lines[rule:]))
    folds = pl.read_csv(tmp_path / "walk" / "folds.csv")
    for day in (*folds["test_first"], *folds["test_last"]):
        assert any(day in line for line in table)
    assert max(map(len, table)) <= 80
