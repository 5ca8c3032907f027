"""What is done with a chunk: plan a sweep, compute a range of its rows, make its files, or run a backtest.

A `Workshop` belongs to one worker and has one chunk at a time. It keeps what it prepared for the last jobs.
Between blocks of rows it looks whether it shall go on.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl
import psutil

from treefolio.errors import DatabaseError
from treefolio.jobs import requests
from treefolio.jobs.conclusion import conclude_run, conclude_sweep, part_name
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.ledger.records import Chunk, Work
from treefolio.jobs.panels import panel_of
from treefolio.jobs.requests import Request, RunRequest, SweepRequest
from treefolio.jobs.settings import JobSettings
from treefolio.market.panel import Panel
from treefolio.sweep import files, rows
from treefolio.sweep.block import Worker
from treefolio.sweep.many import Planned

BLOCKS = 8
"""A range is computed in so many blocks; a stop is noticed between two of them."""
LARGEST = 16_384
"""Rows of a range: as many as memory has room for in every worker."""
KEPT_JOBS = 2
TRIAL_ROWS, TRIAL_SECONDS = 32, 0.25
"""The speed is taken from runs of rows, each twice as long as the one before, until one takes so long."""
FOLDER = "work"
"""Below the home folder: where files are made before they are kept in the database."""
RETRY_SECONDS = 0.25
"""Between two tries to bring a result to a database that is away."""

GoOn = Callable[[], bool]


class Halted(Exception):  # noqa: N818 - it is an answer, not a fault
    """The chunk is not to be gone on with."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A sweep that this process is ready to compute rows of."""

    request: SweepRequest
    planned: Planned
    worker: Worker


class Workshop:
    """Does chunks, one at a time."""

    def __init__(self, bench: Bench, settings: JobSettings) -> None:
        self.bench = bench
        self.settings = settings
        self._ready: OrderedDict[UUID, Ready] = OrderedDict()

    def do(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Does the chunk and keeps what came of it. False: the attempt is not valid any more.

        Raises:
            Halted: ``go_on`` said no. TreefolioError: it cannot be done.
        """
        return {
            Work.PLAN: self.plan,
            Work.ROWS: self.rows,
            Work.FINISH: self.finish,
            Work.RUN: self.run,
        }[chunk.work](chunk, go_on)

    def plan(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Cuts a sweep into ranges that take about as long as the settings say."""
        began = time.perf_counter()
        ready = self.ready(chunk.job, go_on)
        size = ready.planned.space.size
        wanted = int(self.settings.chunk_seconds * speed(ready))
        shared = -(-size // (2 * max(1, self.bench.alive())))
        found = ranges(size, min(wanted, shared, LARGEST))
        seconds = time.perf_counter() - began
        return keep(lambda: self.bench.finish_plan(chunk, size, found, seconds), go_on)

    def rows(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Computes a range."""
        ready = self.ready(chunk.job, go_on)
        began = time.perf_counter()
        content = self.range(ready, chunk, go_on)
        seconds = time.perf_counter() - began
        return keep(lambda: self.bench.finish_rows(chunk, content, seconds), go_on)

    def range(self, ready: Ready, chunk: Chunk, go_on: GoOn) -> bytes:
        """The Parquet bytes of a range."""
        planned = ready.planned
        choices = planned.space.choices(chunk.first, chunk.last)
        numbers, codes = [], []
        for block in np.array_split(choices, min(BLOCKS, len(choices))):
            if not go_on():
                raise Halted
            found, bad = ready.worker.measure(block)
            numbers.append(found)
            codes.append(bad)
        metrics, ends = np.concatenate(numbers), np.concatenate(codes)
        planned.skip(choices, metrics, ends)
        table = rows.Table(planned.prepared, planned.space, planned.keys)
        return parquet(table.frame(chunk.first, choices, metrics, ends))

    def finish(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Makes the files of a sweep."""
        ready = self.ready(chunk.job, go_on)
        began = time.perf_counter()
        failed = self.bench.given_up(chunk.job)
        with self.folder() as folder:
            (folder / rows.PARTS).mkdir()
            for number, first, last in self.bench.parts(chunk.job):
                if not go_on():
                    raise Halted
                path = folder / rows.PARTS / part_name(first, last)
                with files.explained(path):
                    path.write_bytes(self.bench.part(chunk.job, number))
            conclude_sweep(
                ready.planned,
                ready.request,
                folder,
                failed,
                self.bench.figures(chunk.job),
                self.settings.home,
            )
            return self.kept(chunk, folder, began, missing_of(failed), go_on)

    def run(self, chunk: Chunk, go_on: GoOn) -> bool:
        """Makes a backtest and its files."""
        request, panel = self.asked(chunk.job)
        assert isinstance(request, RunRequest)
        began = time.perf_counter()
        if not go_on():
            raise Halted
        result = requests.run(request, panel)
        with self.folder() as folder:
            out = folder / "out"
            conclude_run(result, request, out)
            return self.kept(chunk, out, began, None, go_on)

    def kept(self, chunk: Chunk, folder: Path, began: float, missing: str | None, go_on: GoOn) -> bool:
        """Keeps all files of a folder as the job's."""
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        seconds = time.perf_counter() - began
        return keep(
            lambda: self.bench.finish_files(chunk, folder, names, missing=missing, seconds=seconds), go_on
        )

    def ready(self, job: UUID, go_on: GoOn) -> Ready:
        """What is needed to compute rows of a sweep; that of the last jobs is there still."""
        found = self._ready.pop(job, None)
        if found is None:
            request, panel = self.asked(job)
            assert isinstance(request, SweepRequest)
            while len(self._ready) >= KEPT_JOBS:
                self._ready.popitem(last=False)
            planned = requests.plan(request, panel)
            found = Ready(request=request, planned=planned, worker=Worker(planned.prepared, planned.frame))
        self._ready[job] = found
        if not go_on():
            raise Halted
        return found

    def asked(self, job: UUID) -> tuple[Request, Panel]:
        """What a job is asked, and its prices."""
        request = requests.from_json(self.bench.request(job))
        return request, panel_of(request.asked.snapshot, self.bench, self.settings.home)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder that is gone at the end. Raises OutputError."""
        home = self.settings.home / FOLDER
        with files.explained(home):
            home.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=home, prefix=f"{socket.gethostname()}.{os.getpid()}-"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def sweep_up(home: Path) -> None:
    """Removes what processes of this machine left that are gone."""
    mine = f"{socket.gethostname()}."
    for folder in (home / FOLDER).glob(f"{mine}*"):
        number = folder.name.removeprefix(mine).partition("-")[0]
        if not (number.isdigit() and psutil.pid_exists(int(number))):
            shutil.rmtree(folder, ignore_errors=True)


def keep(action: Callable[[], bool], go_on: GoOn) -> bool:
    """Brings a result to the ledger, as soon as the database is there.

    Raises:
        DatabaseError: it is not there, and this worker shall not wait any longer.
    """
    while True:
        try:
            return action()
        except DatabaseError:
            if not go_on():
                raise
            time.sleep(RETRY_SECONDS)


def speed(ready: Ready) -> float:
    """Rows a second of one worker, from the first rows of the space."""
    space, count = ready.planned.space, TRIAL_ROWS
    ready.worker.measure(space.choices(0, 1))
    while True:
        choices = space.choices(0, min(count, space.size))
        began = time.perf_counter()
        ready.worker.measure(choices)
        seconds = time.perf_counter() - began
        if seconds >= TRIAL_SECONDS or count >= space.size:
            return len(choices) / max(seconds, 1e-9)
        count *= 2


def ranges(size: int, each: int) -> list[tuple[int, int]]:
    """[0, size) in ranges of as many rows, or one fewer."""
    count = max(1, -(-size // max(1, each)))
    edges = [size * k // count for k in range(count + 1)]
    return list(pairwise(edges))


def parquet(frame: pl.DataFrame) -> bytes:
    """The table as bytes, for `sweep.rows.scan`."""
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd", compression_level=1)
    return stream.getvalue()


def missing_of(failed: Sequence[Chunk]) -> str | None:
    """What a partial job lacks, in words."""
    if not failed:
        return None
    count = sum(each.last - each.first for each in failed)
    return f"{count:,} rows could not be computed: {failed[0].reason}"
