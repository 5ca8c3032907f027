"""Rows of jobs, on this machine's disk: what a page of a table is read from while a sweep runs, and after.

The ledger holds Parquet. Here parts (`growing`), and at the end all rows, become tables that are mapped into
memory (`mapped`): a page is then found without reading the other rows. The folder is a cache: whatever is
lost is made again, and what was not looked at longest goes first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import polars as pl

from treefolio.errors import NoSuchJob
from treefolio.jobs.ledger.records import Job
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.states import State
from treefolio.service import mapped
from treefolio.service.growing import Growing
from treefolio.service.problems import Declined
from treefolio.service.table import label
from treefolio.sweep.files import explained

WHOLE = "rows.parquet"
_MAPPED = "rows"
_BATCH = 65_536
"""Rows that are read at once: those of a row group of `WHOLE`."""
_OPEN = 8
"""Tables that stay open, of each kind."""
_LOCKS = 16
_WITH_FILES = (State.DONE, State.PARTIAL)
_WITHOUT = (State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of a sweep that there are.

    Attributes:
        rows: without columns that only the end of a sweep reads; what is undefined is NaN (`mapped.defined`).
        numbers: where each row stands in the sweep.
        total: of the sweep; None until it is planned.
        complete: these are all.
    """

    rows: pl.DataFrame
    numbers: pl.Series
    total: int | None
    complete: bool

    @property
    def label(self) -> str:
        """What the table says of itself."""
        return label(self.rows.height, self.total, complete=self.complete)


class Shelf:
    """See the module. Thread-safe."""

    def __init__(self, folder: Path, store: Store, capacity: int) -> None:
        self.folder = folder
        self.store = store
        self.capacity = capacity
        self.open: OrderedDict[UUID, Table] = OrderedDict()
        self.growing: OrderedDict[UUID, Growing] = OrderedDict()
        self.locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self.lock = threading.Lock()

    def table(self, owner: str, job: UUID) -> Table:
        """The rows of a job that there are by now.

        Raises:
            NoSuchJob: there is none of this owner. Declined: it has no rows. OutputError: the disk is full.
        """
        found = self._job(owner, job)
        with self._alone(job):
            if found.state in _WITH_FILES:
                return self._whole(owner, found)
            try:
                return self._parts(owner, found)
            except NoSuchJob:  # it came to its end meanwhile, and its parts are gone
                return self._whole(owner, self._job(owner, job))

    def _job(self, owner: str, job: UUID) -> Job:
        found = self.store.get(owner, job)
        if found.kind != "sweep":
            raise Declined(
                f"a {found.kind} has no rows",
                code="no_rows",
                status=409,
                hint="Its files have its result: `treefolio jobs export`.",
            )
        if found.state in _WITHOUT:
            raise Declined(
                f"the job is {found.state}, and has no rows",
                code="no_rows",
                status=409,
                hint=found.reason or "Submit it again.",
            )
        return found

    def _whole(self, owner: str, job: Job) -> Table:
        with self.lock:
            if job.id in self.open:
                self.open.move_to_end(job.id)
                return self.open[job.id]
        path = self.folder / str(job.id) / _MAPPED
        try:
            rows = mapped.read(path)
        except mapped.DAMAGED:
            rows = self._map_whole(owner, job, path)
        made = Table(
            rows=rows,
            numbers=pl.int_range(rows.height, eager=True),
            total=rows.height,
            complete=True,
        )
        with self.lock:
            self.growing.pop(job.id, None)
            self.open[job.id] = made
            while len(self.open) > _OPEN:
                self.open.popitem(last=False)
        with contextlib.suppress(FileNotFoundError):  # it may have made room for others
            os.utime(path.parent)
        return made

    def _map_whole(self, owner: str, job: Job, path: Path) -> pl.DataFrame:
        """All rows, mapped; the tables of parts are not needed any more. Raises OutputError."""
        folder = path.parent
        packed = folder / WHOLE
        shutil.rmtree(folder, ignore_errors=True)
        with explained(folder):
            folder.mkdir(parents=True)
            with packed.open("wb") as file:
                for piece in self.store.file(owner, job.id, WHOLE):
                    file.write(piece)
        whole = pl.scan_parquet(packed)
        height = whole.select(pl.len()).collect().item()
        batches = (whole.slice(first, _BATCH).collect() for first in range(0, max(1, height), _BATCH))
        rows = mapped.keep(path, batches, height)
        packed.unlink()
        self._make_room(folder)
        return rows

    def _parts(self, owner: str, job: Job) -> Table:
        folder = self.folder / str(job.id)
        with self.lock:
            known = self.growing.pop(job.id, None)
        grown = known or Growing(folder)
        parts = self.store.parts(owner, job.id)
        if not parts:
            self._refuse_if_ended(owner, job.id)
        if grown.add(parts, lambda numbers: self.store.contents(owner, job.id, numbers)):
            self._make_room(folder)
        if grown.pieces:
            folder.mkdir(parents=True, exist_ok=True)  # it may have made room for others
            folder.touch()
        with self.lock:
            self.growing[job.id] = grown
            while len(self.growing) > _OPEN:
                self.growing.popitem(last=False)
        return Table(rows=grown.rows, numbers=grown.numbers, total=job.rows_total, complete=False)

    def _refuse_if_ended(self, owner: str, job: UUID) -> None:
        """Raises NoSuchJob when the job has ended since, so that its final rows are looked for."""
        if self._job(owner, job).state in _WITH_FILES:
            raise NoSuchJob("the job has ended")

    def _make_room(self, kept: Path) -> None:
        """Removes jobs' folders, the one that was not looked at longest first, until the rest has room."""
        folders = sorted(self.folder.iterdir(), key=_looked_at)
        sizes = {each: _size(each) for each in folders}
        total = sum(sizes.values())
        for each, size in sizes.items():
            if total <= self.capacity:
                return
            if each != kept:
                shutil.rmtree(each, ignore_errors=True)
                total -= size

    @contextlib.contextmanager
    def _alone(self, job: UUID) -> Iterator[None]:
        """No other thread makes files of this job at the same time."""
        with self.locks[job.int % _LOCKS]:
            yield


def _looked_at(path: Path) -> float:
    """When somebody last looked at it; 0 for what another thread has removed."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    """Bytes of its files; another thread may be removing some."""
    total = 0
    with contextlib.suppress(FileNotFoundError):
        for file in folder.rglob("*"):
            total += file.stat().st_size
    return total
