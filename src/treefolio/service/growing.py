"""The rows of a sweep that still runs: parts as they come, kept in few mapped tables.

A table stays open when its parts have come, so a request reads only what is new. Parts that come together and
touch are one table, and small tables that touch become one from time to time: a column in many pieces takes
long to sort. Their numbers are on disk (`mapped`).
"""

from __future__ import annotations

import contextlib
import shutil
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from treefolio.jobs.joining import joined
from treefolio.jobs.ledger.records import Part
from treefolio.service import mapped

TOGETHER = 16
"""So many tables that touch become one."""
SMALL = 8_192
"""A table of fewer rows can become part of another."""
Read = Callable[[Sequence[int]], Sequence[bytes]]
"""Gives the Parquet bytes of the parts of these numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A table with the rows [first, last) of the sweep."""

    first: int
    last: int
    rows: pl.DataFrame
    path: Path

    @property
    def small(self) -> bool:
        """It can become part of another."""
        return self.last - self.first < SMALL


class Growing:
    """The rows so far, in their order; for one thread at a time.

    Attributes:
        rows: of all pieces.
        numbers: where each stands in the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._take(_found(folder))

    def _take(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        numbers = [pl.int_range(each.first, each.last, eager=True) for each in pieces]
        self.numbers = pl.concat(numbers) if pieces else pl.Series(dtype=pl.Int64)
        self.rows = pl.concat([each.rows for each in pieces], rechunk=False) if pieces else pl.DataFrame()

    def add(self, parts: Sequence[Part], read: Read) -> bool:
        """Takes the parts that are not here yet; True when tables became one, or one came that is not small.

        Args:
            parts: all that there are, in the order of their rows.
            read: see `Read`; it is asked for some at a time. What it raises leaves the rows as they were.
        """
        firsts = [each.first for each in self.pieces]
        new = [part for part in parts if not self._has(part, firsts)]
        if not new:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        added = [self._read(run, read) for run in joined(new, SMALL)]
        pieces = sorted([*self.pieces, *added], key=lambda each: each.first)
        merged = self._merged(pieces)
        self._take(merged)
        return len(merged) < len(pieces) or not all(each.small for each in added)

    def _has(self, part: Part, firsts: list[int]) -> bool:
        place = bisect_right(firsts, part.first) - 1
        return place >= 0 and part.first < self.pieces[place].last

    def _read(self, run: Sequence[Part], read: Read) -> Piece:
        """Parts that touch, as one table."""
        rows = _shown(read([part.number for part in run]))
        return self._kept(rows, run[0].first, run[-1].last)

    def _kept(self, rows: pl.DataFrame, first: int, last: int) -> Piece:
        """The rows on disk. Raises OutputError."""
        path = self.folder / f"{first:012d}-{last:012d}"
        return Piece(first=first, last=last, rows=mapped.keep(path, [rows], rows.height), path=path)

    def _merged(self, pieces: list[Piece]) -> list[Piece]:
        """The pieces; `TOGETHER` small ones that touch are one instead."""
        kept: list[Piece] = []
        run: list[Piece] = []
        for piece in pieces:
            touches = not run or run[-1].last == piece.first
            if not touches or not piece.small:
                kept += run
                run = []
            if not piece.small:
                kept.append(piece)
                continue
            run.append(piece)
            if len(run) == TOGETHER:
                kept.append(self._one(run))
                run = []
        return kept + run

    def _one(self, run: list[Piece]) -> Piece:
        made = self._kept(pl.concat([each.rows for each in run], rechunk=False), run[0].first, run[-1].last)
        for each in run:
            shutil.rmtree(each.path, ignore_errors=True)  # whoever still reads it has it open
        return made


def _shown(contents: Sequence[bytes]) -> pl.DataFrame:
    """The rows of parts, without the columns that only the end of a sweep reads."""
    rows = pl.scan_parquet(list(contents))
    return rows.select(~cs.starts_with(".")).collect().rechunk()


def _found(folder: Path) -> list[Piece]:
    """What an earlier process left, or was closed; a damaged table is removed, to be made again."""
    found: list[Piece] = []
    ranges = [(_range(path), path) for path in folder.glob("[0-9]*-[0-9]*") if path.is_dir()]
    for (first, last), path in sorted(ranges, key=lambda each: (each[0][0], -each[0][1])):
        rows = None
        if not found or first >= found[-1].last:  # else another table has rows of it
            with contextlib.suppress(*mapped.DAMAGED):
                rows = mapped.read(path)
        if rows is None or rows.height != last - first:
            shutil.rmtree(path, ignore_errors=True)
        else:
            found.append(Piece(first=first, last=last, rows=rows, path=path))
    return found


def _range(path: Path) -> tuple[int, int]:
    """The rows that a table's name says it has."""
    first, last = path.name.split("-")
    return int(first), int(last)
