"""CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.sweep.spreadsheet import safe, to_csv, write_csv

STARTS = ("=", "+", "-", "@", "\t", "\r")


def cells(frame: pl.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(frame), newline="")))


@pytest.mark.parametrize("start", STARTS)
def test_what_begins_as_a_formula_becomes_text(start: str):
    hostile = f"{start}HYPERLINK(1)"
    frame = pl.DataFrame({hostile: [hostile, "fine", None], "n": [-1.5, 2.0, None]})
    head, first, second, third = cells(frame)
    assert head == [f"'{hostile}", "n"]
    assert first == [f"'{hostile}", "-1.5"]
    assert second == ["fine", "2.0"]
    assert third == ["", ""]


def test_categories_are_text_too():
    frame = pl.DataFrame({"a": pl.Series(["=1", "b"], dtype=pl.Categorical)})
    assert safe(frame)["a"].to_list() == ["'=1", "b"]


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_no_cell_of_text_begins_as_a_formula_and_none_is_lost(texts: list[str]):
    found = safe(pl.DataFrame({"t": texts}))["t"].to_list()
    for given_text, made in zip(texts, found, strict=True):
        assert not made.startswith(STARTS)
        assert made.removeprefix("'") == given_text.removeprefix("'")


def test_the_file_is_what_is_written(tmp_path: Path):
    write_csv(pl.DataFrame({"a": ["@x"]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == "a\n'@x\n"
