"""The rows of a sweep that still runs: parts as they come, kept in few mapped files.

A part stays open when it has come, so a request reads only what is new. Small files that touch become one
from time to time: a column in many pieces takes long to sort. The numbers are on disk, and the system maps
them as they are read: memory is that of the open files' descriptions.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from treefolio.jobs.ledger.records import Part
from treefolio.sweep.files import explained

TOGETHER = 16
"""So many files that touch become one."""
SMALL = 8_192
"""Rows of a file that can become part of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file with the rows [first, last) of the sweep."""

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
        """Takes the parts that are not here yet; True when files became one.

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
        """The rows as a file that is there whole or not at all. Raises OutputError."""
        path = self.folder / f"{first:012d}-{last:012d}.arrow"
        partial = path.with_name(f".{path.name}")
        with explained(path):
            rows.write_ipc(partial, compression="uncompressed")
            partial.replace(path)
        return Piece(first=first, last=last, rows=pl.read_ipc(path), path=path)

    def _merged(self, pieces: list[Piece]) -> list[Piece]:
        """The pieces; `TOGETHER` small ones that touch are one file instead."""
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
        made = self._kept(pl.concat([each.rows for each in run]), run[0].first, run[-1].last)
        for each in run:
            each.path.unlink(missing_ok=True)  # whoever still reads it has it open
        return made


def _shown(content: bytes) -> pl.DataFrame:
    """The rows of a part, without the columns that only the end of a sweep reads."""
    rows = pl.read_parquet(content)
    return rows.select(name for name in rows.columns if not name.startswith("."))


def _found(folder: Path) -> list[Piece]:
    """What an earlier process left, or was closed; a damaged file is removed, to be made again."""
    found: list[Piece] = []
    ranges = [(_range(path), path) for path in folder.glob("[0-9]*-[0-9]*.arrow")]
    for (first, last), path in sorted(ranges, key=lambda each: (each[0][0], -each[0][1])):
        if found and last <= found[-1].last:
            path.unlink(missing_ok=True)  # a longer file has its rows
            continue
        rows = None
        with contextlib.suppress(pl.exceptions.PolarsError, OSError):
            rows = pl.read_ipc(path)
        if rows is None or rows.height != last - first:
            path.unlink(missing_ok=True)
        else:
            found.append(Piece(first=first, last=last, rows=rows, path=path))
    return found


def _range(path: Path) -> tuple[int, int]:
    """The rows that a file's name says it has."""
    first, last = path.stem.split("-")
    return int(first), int(last)
