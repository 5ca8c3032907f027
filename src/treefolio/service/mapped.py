"""Tables on disk whose numbers are mapped into memory: a page of a million rows is there without the others.

A table is a folder: one matrix of its numbers, a column after the other, which the system reads as they are
looked at and forgets when it needs the room; and its texts, dates and counts, which are few and are read. In
the matrix what is undefined is NaN: `defined` makes it null again, of the columns and rows that are shown.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
import polars.selectors as cs

from treefolio.sweep.files import explained

_NUMBERS, _OTHERS, _ORDER = "numbers.npy", "others.arrow", "columns.json"
DAMAGED = (OSError, ValueError, pl.exceptions.PolarsError)
"""What reading a folder that is no whole table leads to; FileNotFoundError when it is not there."""


def keep(folder: Path, batches: Iterable[pl.DataFrame], height: int) -> pl.DataFrame:
    """Writes a table, which is there whole or not at all, and reads it.

    Args:
        batches: its rows, some at a time; ``height`` of them together.

    Raises:
        OutputError: it cannot be written.
    """
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    with explained(folder):
        partial.mkdir(parents=True)
        with (partial / _NUMBERS).open("wb") as file:
            others, order = _written(file, batches, height)
        pl.concat(others).write_ipc(partial / _OTHERS, compression="uncompressed")
        (partial / _ORDER).write_text(json.dumps(order), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
        return read(folder)


def _written(
    file: IO[bytes], batches: Iterable[pl.DataFrame], height: int
) -> tuple[list[pl.DataFrame], list[str]]:
    """Writes the numbers; returns the other columns, and the names of all in their order."""
    others: list[pl.DataFrame] = []
    order: list[str] = []
    begin = first = 0
    for batch in batches:
        numbers = [name for name, kind in batch.schema.items() if kind == pl.Float64]
        if not others:
            order = batch.columns
            shape = {"descr": "<f8", "fortran_order": False, "shape": (len(numbers), height)}
            np.lib.format.write_array_header_1_0(file, shape)
            begin = file.tell()
        for place, name in enumerate(numbers):
            file.seek(begin + 8 * (place * height + first))
            file.write(batch[name].to_numpy().astype("<f8", copy=False).tobytes())
        others.append(batch.drop(numbers))
        first += batch.height
    return others, order


def read(folder: Path) -> pl.DataFrame:
    """The table in a folder. Raises what `DAMAGED` names."""
    order = json.loads((folder / _ORDER).read_text(encoding="utf-8"))
    others = pl.read_ipc(folder / _OTHERS)
    names = [name for name in order if name not in others.columns]
    if not names:
        return others
    numbers = np.load(folder / _NUMBERS, mmap_mode="r")
    mapped = pl.DataFrame(dict(zip(names, numbers, strict=True)))
    return pl.concat([others, mapped], how="horizontal").select(order)


def defined(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with null where a number is undefined."""
    return rows.with_columns(cs.float().fill_nan(None))
