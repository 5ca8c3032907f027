"""Tables on disk: what was written is what is read, in whatever pieces it came, or nothing at all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from treefolio.errors import OutputError
from treefolio.service import mapped

NUMBERS = st.none() | st.floats(allow_nan=False)
ROWS = st.lists(st.tuples(NUMBERS, st.sampled_from(["TQQQ", "SOXL", None]), NUMBERS), min_size=1)


def frame(rows: list[tuple[float | None, str | None, float | None]]) -> pl.DataFrame:
    """Numbers, texts, dates and counts, in the order that they have in a sweep's rows."""
    made = pl.DataFrame(
        rows, schema={"sharpe": pl.Float64, "ticker": pl.String, "calmar": pl.Float64}, orient="row"
    )
    return made.with_columns(
        pl.lit(dt.date(2020, 1, 2)).alias("start"), pl.int_range(pl.len()).alias("sessions")
    )


@settings(max_examples=40)
@given(rows=ROWS, each=st.integers(1, 7))
def test_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float | None, str | None, float | None]],
    each: int,
) -> None:
    """Is read, column for column, with null where nothing is defined; and once more from disk."""
    made, folder = frame(rows), tmp_path_factory.mktemp("tables") / "one"
    batches = [made.slice(first, each) for first in range(0, made.height, each)]
    kept = mapped.keep(folder, batches, made.height)
    assert_frame_equal(mapped.defined(kept), made, check_exact=True)
    assert_frame_equal(mapped.defined(mapped.read(folder)), made, check_exact=True)


def test_another_table_in_its_place(tmp_path: Path) -> None:
    """The later one is there; who still has the earlier one open reads it on."""
    first, second = frame([(1.0, "TQQQ", None)] * 5), frame([(2.0, "SOXL", 3.0)] * 9)
    kept = mapped.keep(tmp_path / "one", [first], 5)
    mapped.keep(tmp_path / "one", [second], 9)
    assert_frame_equal(mapped.defined(kept), first)
    assert_frame_equal(mapped.read(tmp_path / "one"), second)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_what_is_no_table(tmp_path: Path) -> None:
    """Is told from one that is not there."""
    made = frame([(1.0, "TQQQ", None)] * 5)
    mapped.keep(tmp_path / "one", [made], 5)
    for name in ("numbers.npy", "others.arrow", "columns.json"):
        mapped.keep(tmp_path / "one", [made], 5)
        path = tmp_path / "one" / name
        path.write_bytes(path.read_bytes()[:20])
        with pytest.raises(mapped.DAMAGED):
            mapped.read(tmp_path / "one")
    with pytest.raises(FileNotFoundError):
        mapped.read(tmp_path / "none")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Is said as such, and leaves what was there."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        mapped.keep(tmp_path / "file" / "one", [frame([(1.0, None, None)])], 1)
