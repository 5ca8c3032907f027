"""Rows of a sweep that grows: parts in any order, tables that become one, what an earlier process left."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treefolio.errors import NoSuchJob
from treefolio.jobs import joining
from treefolio.jobs.ledger.records import Part
from treefolio.service import growing
from treefolio.service.growing import TOGETHER, Growing

EACH = 3


def part(number: int) -> Part:
    return Part(number=number, first=EACH * number, last=EACH * (number + 1), size=1)


def content(number: int) -> bytes:
    """Of a part: its rows say where they stand; one column is for the end of the sweep alone."""
    first = EACH * number
    stream = io.BytesIO()
    pl.DataFrame({"at": range(first, first + EACH), ".sum1": [0.0] * EACH}).write_parquet(stream)
    return stream.getvalue()


def rows_of(numbers: Sequence[int]) -> list[int]:
    return [EACH * number + k for number in sorted(numbers) for k in range(EACH)]


def contents(numbers: Sequence[int]) -> list[bytes]:
    return [content(number) for number in numbers]


def require(grown: Growing, numbers: Sequence[int]) -> None:
    """The rows are those of these parts, in the order of the sweep."""
    assert grown.numbers.to_list() == rows_of(numbers)
    if numbers:
        assert grown.rows.columns == ["at"]
        assert grown.rows["at"].to_list() == grown.numbers.to_list()


@settings(max_examples=15)
@given(order=st.permutations(range(40)), steps=st.lists(st.integers(1, 20), min_size=40))
def test_parts_come_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], steps: list[int]
) -> None:
    """At every moment the rows are those of the parts, in their order, however many tables they are in."""
    folder = tmp_path_factory.mktemp("rows") / "job"
    grown, there = Growing(folder), 0
    while there < len(order):
        there += steps.pop()
        numbers = order[:there]
        grown.add([part(number) for number in sorted(numbers)], contents)
        require(grown, numbers)
    assert len(grown.pieces) < TOGETHER + len(order) // TOGETHER
    again = Growing(folder)
    require(again, order)
    assert not again.add([part(number) for number in range(40)], contents)


def test_what_comes_together_is_one_table(tmp_path: Path) -> None:
    """So the first look at a sweep takes as long as its rows do, into however many parts it is cut."""
    asked: list[Sequence[int]] = []

    def reading(numbers: Sequence[int]) -> list[bytes]:
        asked.append(numbers)
        return contents(numbers)

    grown, there = Growing(tmp_path), [*range(60), *range(61, 100)]
    grown.add([part(number) for number in there], reading)
    require(grown, there)
    assert asked == [list(range(60)), list(range(61, 100))]
    assert len(list(tmp_path.iterdir())) == len(grown.pieces) == 2


def test_parts_are_in_memory_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as make a table that stays as it is; or fewer, when they have hardly any rows."""
    many: list[int] = []

    def reading(numbers: Sequence[int]) -> list[bytes]:
        many.append(len(numbers))
        return contents(numbers)

    for rows, most, expected in ((5 * EACH, 100, [5, 5, 2]), (100, 4, [4, 4, 4])):
        monkeypatch.setattr(growing, "SMALL", rows)
        monkeypatch.setattr(joining, "MOST", most)
        grown = Growing(tmp_path / str(most))
        grown.add([part(number) for number in range(12)], reading)
        require(grown, range(12))
        assert many == expected
        many.clear()


def test_only_new_parts_are_read(tmp_path: Path) -> None:
    """And nothing at all when there are none."""
    read: list[int] = []

    def reading(numbers: Sequence[int]) -> list[bytes]:
        read.extend(numbers)
        return contents(numbers)

    grown = Growing(tmp_path)
    grown.add([part(0), part(2)], reading)
    grown.add([part(0), part(1), part(2)], reading)
    rows = grown.rows
    grown.add([part(0), part(1), part(2)], reading)
    assert read == [0, 2, 1]
    assert grown.rows is rows


def test_large_files_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a row is not written again and again. There may have to be made room for them."""
    monkeypatch.setattr(growing, "SMALL", EACH)
    grown = Growing(tmp_path)
    assert grown.add([part(number) for number in range(50)], contents)
    assert len(list(tmp_path.iterdir())) == len(grown.pieces) == 50


def test_a_job_that_ends_meanwhile(tmp_path: Path) -> None:
    """Its parts are gone: what was there is there still."""

    def ended(numbers: Sequence[int]) -> list[bytes]:
        if max(numbers) > 1:
            raise NoSuchJob("it has ended")
        return contents(numbers)

    grown = Growing(tmp_path)
    grown.add([part(0)], contents)
    with pytest.raises(NoSuchJob):
        grown.add([part(0), part(1), part(3)], ended)
    require(grown, [0])
    require(Growing(tmp_path), [0, 1])
    grown.add([part(0), part(1), part(2)], contents)
    require(grown, [0, 1, 2])
    require(Growing(tmp_path), [0, 1, 2])


def test_what_an_earlier_process_left(tmp_path: Path) -> None:
    """Is used; a table that is damaged, or some of whose rows another has, is removed and made again."""
    grown = Growing(tmp_path / "job")
    for there in range(1, 21):
        grown.add([part(number) for number in range(there)], contents)
    other = Growing(tmp_path / "other")
    other.add([part(15), part(16)], contents)
    tmp_path /= "job"
    shutil.copytree(other.pieces[0].path, tmp_path / other.pieces[0].path.name)
    (tmp_path / "000000000003-000000000006").mkdir()  # left when tables became one
    (tmp_path / "000000000051-000000000054" / "columns.json").write_text("damaged")
    (tmp_path / ".000000000060-000000000063").mkdir()  # half
    again = Growing(tmp_path)
    require(again, [0, *range(1, 17), *range(18, 20)])
    again.add([part(number) for number in range(20)], contents)
    require(again, range(20))
