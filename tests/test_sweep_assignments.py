"""Lists of combinations and samples: their rows, their order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import SpaceError
from treefolio.indicators import SIGNATURES
from treefolio.strategy.text import parse
from treefolio.sweep.assignments import Sample, open_selection, sampled
from treefolio.sweep.space import Space

TEXT = """
name: crossing
variables:
  fast: 5:50:5
  slow: 20:200:20
  fund: [TQQQ, SOXL]
constraints:
  - $fast < $slow
tree:
  if: sma(SPY, $fast) > sma(SPY, $slow)
  then: $fund
  else: BIL
"""
STRATEGY = parse(TEXT, SIGNATURES)


def write(path: Path, columns: dict[str, list[object]]) -> Path:
    frame = pl.DataFrame(columns)
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_lists_the_rows(tmp_path: Path, suffix: str) -> None:
    """Rows of a file are the combinations, in its order, repeated values and all."""
    columns = {"fast": [50, 5, 50], "slow": [100, 20, 60], "fund": ["SOXL", "TQQQ", "SOXL"]}
    path = write(tmp_path / f"rows{suffix}", columns)  # type: ignore[arg-type]
    _, space = open_selection(STRATEGY, {}, {}, path)
    assert space.size == 3
    found = [space.assignment(k) for k in range(3)]
    assert found == [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert space.describe()["listed"]["file"] == path.name  # type: ignore[index]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"fast": [5], "slow": [20]}, "no column 'fund'"),
        ({"fast": [5], "slow": [20], "fund": ["TQQQ"], "color": [1]}, "color"),
        ({"fast": [50], "slow": [20], "fund": ["TQQQ"]}, "violates a constraint"),
        ({"fast": [5], "slow": [20], "fund": [3]}, "3"),
        ({"fast": [5, None], "slow": [20, 40], "fund": ["TQQQ", "TQQQ"]}, "no value"),
        ({"fast": [], "slow": [], "fund": []}, "no rows"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, columns: dict[str, list[object]], words: str) -> None:
    """Foreign or missing columns, bad values, holes, broken constraints: the error says which, and where."""
    path = write(tmp_path / "rows.parquet", columns)
    with pytest.raises(SpaceError, match=words) as error:
        open_selection(STRATEGY, {}, {}, path)
    assert error.value.source == str(path)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    """A CSV file that names a variable twice is refused."""
    path = tmp_path / "rows.csv"
    path.write_text("fast,fast,slow,fund\n5,5,20,TQQQ\n", encoding="utf-8")
    with pytest.raises(SpaceError, match="twice"):
        open_selection(STRATEGY, {}, {}, path)


def test_a_file_and_a_variation_exclude_each_other(tmp_path: Path) -> None:
    """A file of combinations leaves nothing to vary."""
    path = write(tmp_path / "rows.csv", {"fast": [5], "slow": [20], "fund": ["TQQQ"]})
    with pytest.raises(SpaceError, match="beside a file"):
        open_selection(STRATEGY, {"fast": "5:10:1"}, {}, path)


@given(count=st.integers(1, 80), seed=st.integers(0, 2**32), method=st.sampled_from(["random", "latin"]))
def test_samples_are_distinct_ordered_and_repeatable(count: int, seed: int, method: str) -> None:
    """A sample has as many different rows as asked for, in row order, within the constraints, by seed."""
    sample = Sample(count=count, seed=seed, method=method)  # type: ignore[arg-type]
    _, space = open_selection(STRATEGY, {}, {}, sample)
    rows = space.choices(0, space.size)
    assert len(rows) == count == len(np.unique(rows, axis=0))
    assert rows.tolist() == sorted(rows.tolist())
    assert all(space.assignment(k)["fast"] < space.assignment(k)["slow"] for k in range(count))  # type: ignore[operator]
    _, again = open_selection(STRATEGY, {}, {}, sample)
    np.testing.assert_array_equal(again.choices(0, count), rows)


def test_a_huge_space_is_sampled_but_not_enumerated() -> None:
    """10^12 combinations are refused with the remedy; a sample of them is drawn."""
    axes = {f"v{k}": tuple(range(100)) for k in range(6)}
    with pytest.raises(SpaceError, match="1,000,000,000,000") as error:
        Space(axes=axes)
    assert "--sample" in str(error.value.hint)
    drawn = sampled(Space(axes=axes, limit=10**18), Sample(count=50, seed=3))
    assert drawn.size == 50


def test_a_latin_hypercube_covers_every_value() -> None:
    """With as many rows as a variable has values, each value is drawn at least once."""
    space = Space(axes={"a": tuple(range(40)), "b": tuple(range(40))})
    rows = sampled(space, Sample(count=40, seed=1, method="latin")).choices(0, 40)
    assert sorted(rows[:, 0]) == sorted(rows[:, 1]) == list(range(40))


def test_more_than_there_are_is_refused() -> None:
    """A sample cannot be larger than what satisfies the constraints."""
    with pytest.raises(SpaceError, match="only 4 of the 5"):
        sampled(Space(axes={"a": (1, 2), "b": (1, 2)}), Sample(count=5))
