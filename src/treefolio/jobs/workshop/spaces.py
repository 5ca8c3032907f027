"""Kinds whose rows are computed in ranges: what is prepared once, the bytes of a range, and the end.

A range of a sweep is its rows. A range of a walk-forward is the best row of every training among its rows:
one pass over the space serves all folds, and ranges are merged in whatever order they come.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import polars as pl

from treefolio.errors import RunError
from treefolio.jobs import requests
from treefolio.jobs.conclusion import conclude_sweep, conclude_walk, part_name
from treefolio.jobs.joining import joined
from treefolio.jobs.ledger.records import Chunk, Figures
from treefolio.jobs.requests import Backtest, SweepRequest, WalkForwardRequest
from treefolio.jobs.workshop.attending import GoOn, Halted
from treefolio.market.panel import Panel
from treefolio.sweep import files, rows
from treefolio.sweep.block import Worker
from treefolio.sweep.many import LARGEST_RANGE, Planned
from treefolio.sweep.walkforward.plan import PlannedWalk
from treefolio.sweep.walkforward.search import Looked
from treefolio.sweep.walkforward.windows import Best, better

BLOCKS = 8
"""A range is computed in so many blocks; a stop is noticed between two of them."""


class Part(NamedTuple):
    """A finished range: rows [first, last), and its bytes."""

    first: int
    last: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What the end of a job is made of.

    Attributes:
        parts: all ranges that are there, by row. failed: those that were given up.
        folder: a new one, for whatever is to be written. home: of the worker.
    """

    parts: Iterable[Part]
    failed: Sequence[Chunk]
    figures: Figures
    folder: Path
    home: Path


class Ready(Protocol):
    """Something that this process is ready to compute rows of."""

    @property
    def size(self) -> int:
        """How many rows there are."""
        ...

    def measure(self, first: int, last: int) -> None:
        """Computes rows [first, last) for the time that it takes."""
        ...

    def range(self, first: int, last: int, go_on: GoOn) -> bytes:
        """The bytes of a range. Raises Halted."""
        ...

    def conclude(self, ending: Ending) -> Path:
        """Makes the final files; returns their folder. Raises TreefolioError."""
        ...


class SweepReady:
    """A sweep."""

    def __init__(self, request: SweepRequest, panel: Panel) -> None:
        self.request = request
        self.planned: Planned = requests.plan(request, panel)
        self.worker = Worker(self.planned.prepared, self.planned.frame)

    @property
    def size(self) -> int:
        """See Ready."""
        return self.planned.space.size

    def measure(self, first: int, last: int) -> None:
        """See Ready."""
        self.worker.measure(self.planned.space.choices(first, last))

    def range(self, first: int, last: int, go_on: GoOn) -> bytes:
        """The rows as Parquet."""
        planned = self.planned
        choices = planned.space.choices(first, last)
        numbers, codes = [], []
        for block in np.array_split(choices, min(BLOCKS, len(choices))):
            if not go_on():
                raise Halted
            found, bad = self.worker.measure(block)
            numbers.append(found)
            codes.append(bad)
        metrics, ends = np.concatenate(numbers), np.concatenate(codes)
        planned.skip(choices, metrics, ends)
        table = rows.Table(planned.prepared, planned.space, planned.keys)
        return _parquet(table.frame(first, choices, metrics, ends))

    def conclude(self, ending: Ending) -> Path:
        """See Ready. Ranges that were given up are rows that say why."""
        folder = ending.folder
        (folder / rows.PARTS).mkdir()
        for run in joined(ending.parts, LARGEST_RANGE):
            path = folder / rows.PARTS / part_name(run[0].first, run[-1].last)
            with files.explained(path):
                path.write_bytes(_together(run))
        conclude_sweep(self.planned, self.request, folder, ending.failed, ending.figures, ending.home)
        return folder


class WalkReady:
    """A walk-forward. What its ranges here have found so far spares the next ones much work."""

    def __init__(self, request: WalkForwardRequest, panel: Panel) -> None:
        self.walk: PlannedWalk = requests.walk(request, panel)
        self.known = self.walk.search.nothing

    @property
    def size(self) -> int:
        """See Ready."""
        return self.walk.planned.space.size

    def measure(self, first: int, last: int) -> None:
        """See Ready."""
        self._look(first, last)

    def range(self, first: int, last: int, go_on: GoOn) -> bytes:
        """The best rows among these, as arrays."""
        edges = np.linspace(first, last, min(BLOCKS, last - first) + 1).astype(int).tolist()
        looked = []
        for begin, end in pairwise(edges):
            if not go_on():
                raise Halted
            looked.append(self._look(begin, end))
        found = self.walk.search.gathered(looked, 0.0)
        return _packed(Looked(best=found.best, rows=last - first, failed=found.failed, skipped=found.skipped))

    def _look(self, first: int, last: int) -> Looked:
        search = self.walk.search
        looked = search.look(first, last, self.known)
        self.known = better(self.known, looked.best, search.wish)
        return looked

    def conclude(self, ending: Ending) -> Path:
        """See Ready. Without some of its rows a walk-forward says nothing: the best may be among them."""
        if ending.failed:
            count = sum(each.last - each.first for each in ending.failed)
            raise RunError(
                f"{count:,} rows could not be computed: {ending.failed[0].reason}",
                hint="A walk-forward needs all of them: the best row may be among those.",
            )
        figures, out = ending.figures, ending.folder / "out"
        parts = (_unpacked(part) for part in ending.parts)
        found = self.walk.search.gathered(parts, max(figures.span, 1e-9))
        threads = figures.execution / figures.span if figures.span else 1.0
        conclude_walk(self.walk, self.walk.judged(found, threads=threads, home=ending.home), out)
        return out


MAKERS: Mapping[type, Callable[[Any, Panel], Ready]] = {
    SweepRequest: SweepReady,
    WalkForwardRequest: WalkReady,
}


def make_ready(request: Backtest, panel: Panel) -> Ready:
    """What is needed to compute rows of a request.

    Raises:
        SpaceError, StrategyError, MissingPrices, WindowError, UsageError.
    """
    return MAKERS[type(request)](request, panel)


def _together(run: Sequence[Part]) -> bytes:
    """The bytes of parts of a sweep that touch, as of one part."""
    if len(run) == 1:
        return run[0].content
    return _parquet(pl.read_parquet([part.content for part in run]))


def _parquet(frame: pl.DataFrame) -> bytes:
    """The table as bytes, for `sweep.rows.scan`."""
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd", compression_level=1)
    return stream.getvalue()


def _packed(looked: Looked) -> bytes:
    """What was found as bytes; `_unpacked` makes the same of them."""
    stream = io.BytesIO()
    counts = np.array([looked.rows, looked.failed, looked.skipped], np.int64)
    np.savez(stream, counts=counts, **looked.best._asdict())
    return stream.getvalue()


def _unpacked(part: Part) -> Looked:
    with np.load(io.BytesIO(part.content), allow_pickle=False) as arrays:
        count, failed, skipped = arrays["counts"].tolist()
        best = Best(**{name: arrays[name] for name in Best._fields})
    return Looked(best=best, rows=count, failed=failed, skipped=skipped)
