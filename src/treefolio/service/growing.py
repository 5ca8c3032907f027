"""The rows of a sweep that still runs: parts as they come, kept in few mapped tables.

A part stays open when it has come, so a request reads only what is new. Small tables that touch become one
from time to time: a column in many pieces takes long to sort. Their numbers are on disk (`mapped`).
"""

from __future__ import annotations

import contextlib
import shutil
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from treefolio.jobs.ledger.records import Part
from treefolio.service import mapped

TOGETHER = 16
"""So many tables that touch become one."""
SMALL = 8_192
"""Rows of a table that can become part of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A table with the rows [first, last) of the sweep."""

    first: int
    last: int
    rows: pl.DataFrame
    path: Path


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

    def add(self, parts: Sequence[Part], read: Callable[[int], bytes]) -> bool:
        """Takes the parts that are not here yet; True when tables became one.

        Args:
            read: the Parquet bytes of the part of this number. What it raises leaves everything as it was.
        """
        firsts = [each.first for each in self.pieces]
        new = [part for part in parts if not self._has(part, firsts)]
        if not new:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        added = [self._kept(_shown(read(part.number)), part.first, part.last) for part in new]
        pieces = sorted([*self.pieces, *added], key=lambda each: each.first)
        merged = self._merged(pieces)
        self._take(merged)
        return len(merged) < len(pieces)

    def _has(self, part: Part, firsts: list[int]) -> bool:
        place = bisect_right(firsts, part.first) - 1
        return place >= 0 and part.first < self.pieces[place].last

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
            if not touches or piece.last - piece.first >= SMALL:
                kept += run
                run = []
            if piece.last - piece.first >= SMALL:
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


def _shown(content: bytes) -> pl.DataFrame:
    """The rows of a part, without the columns that only the end of a sweep reads."""
    rows = pl.read_parquet(content)
    return rows.select(name for name in rows.columns if not name.startswith("."))


def _found(folder: Path) -> list[Piece]:
    """What an earlier process left, or was closed; a damaged table is removed, to be made again."""
    found: list[Piece] = []
    ranges = [(_range(path), path) for path in folder.glob("[0-9]*-[0-9]*") if path.is_dir()]
    for (first, last), path in sorted(ranges, key=lambda each: (each[0][0], -each[0][1])):
        rows = None
        if not found or last > found[-1].last:  # else a longer table has its rows
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
