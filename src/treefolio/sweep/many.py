"""A sweep from end to end.

1. `plan_sweep` opens the handles, makes the space and prepares the strategy for all of it: one start, one
   set of tables. `Planned.estimate` tries a few rows and says what the rest will take.
2. `Planned.run` cuts the space into ranges of about a second, computes them on threads and writes each as
   a part (``parts/rows-FIRST-LAST.parquet``). What is there already, from an interrupted sweep, is kept.
3. At the end `selection.conclude` makes ``rows.parquet`` of the parts, and ``selection.json``, which says
   whether the best row is luck; with ``summary.json`` and ``stats.json`` beside them parts are removed.

Whatever the threads and the ranges, the bytes are the same: a row depends on its combination alone.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.errors import OutputError, SpaceError
from treefolio.graph.build import build
from treefolio.graph.plan import work_bytes
from treefolio.graph.start import starts, structural
from treefolio.indicators import SIGNATURES
from treefolio.market.supply import Supplied
from treefolio.metrics import METRICS, Frame, require_keys
from treefolio.strategy.tree import Strategy
from treefolio.strategy.validate import validate
from treefolio.strategy.variables import bind
from treefolio.sweep import files, remote, rows, selection
from treefolio.sweep.assignments import Listed, Sample, open_selection
from treefolio.sweep.block import Worker, frame_of, track_less
from treefolio.sweep.claiming import claim, folder_of, release
from treefolio.sweep.manifest import manifest, to_json
from treefolio.sweep.space import Space, Value

log = logging.getLogger(__name__)

PART_SECONDS = 1.0
"""A range takes about this long, so a stop is noticed, and a crash costs, no more than that."""
FIRST_RANGE, LARGEST_RANGE = 64, 8_192
TRIAL_ROWS = 48


class Stopped(OutputError):  # noqa: N818 - it is what happened, not a fault
    """The sweep was stopped before its end; what is done is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a sweep will take."""

    combinations: int
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a sweep is: rows done of all, and rows per second since its beginning."""

    done: int
    total: int
    rate: float

    @property
    def seconds_left(self) -> float:
        """At the rate so far."""
        return (self.total - self.done) / self.rate if self.rate > 0 else float("inf")


@dataclass(frozen=True, kw_only=True)
class Swept:
    """A finished sweep.

    Attributes:
        rows: as in ``rows.parquet``: all of them when the sweep was kept in memory, else to be scanned.
        selection: what ``selection.json`` says: is the best row more than luck?
        folder: where its files are; None when they were not kept.
    """

    space: Space
    rows: pl.LazyFrame
    manifest: Mapping[str, object] = field(repr=False)
    summary: Mapping[str, object] = field(repr=False)
    selection: Mapping[str, object] = field(repr=False)
    stats: Mapping[str, object]
    folder: Path | None
    notes: tuple[str, ...]

    def top(self, by: str = "sharpe", n: int = 20) -> pl.DataFrame:
        """The best ``n`` rows by a metric."""
        from treefolio.sweep.ranking import top  # noqa: PLC0415 - ranking reads what this module writes

        return top(self.rows, by=by, n=n)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A sweep that can begin."""

    space: Space
    prepared: Prepared = field(repr=False)
    frame: Frame = field(repr=False)
    latest_start: int | None
    seconds: dict[str, float]
    supplied: Supplied | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The metrics of the rows, in their order."""
        wanted = self.frame.wanted
        return tuple(key for key in METRICS if wanted is None or key in wanted)

    @property
    def identity(self) -> dict[str, object]:
        """The manifest of the sweep."""
        found = manifest(
            self.prepared, engine="compiled", assignment=self.space.fixed, space=self.space.describe()
        )
        if self.frame.wanted is not None:
            found["metrics"] = list(self.keys)
        if self.latest_start is not None:
            found["latest_start"] = str(self.prepared.panel.sessions[self.latest_start])
        return found

    def estimate(self, threads: int) -> Estimate:
        """Tries some rows, spread over the space, and scales up."""
        size = self.space.size
        picks = np.unique(np.linspace(0, size - 1, min(size, TRIAL_ROWS)).astype(np.int64))
        choices = np.concatenate([self.space.choices(int(k), int(k) + 1) for k in picks])
        worker = Worker(self.prepared, self.frame)
        worker.measure(choices[:1])
        began = time.perf_counter()
        worker.measure(choices)
        each = (time.perf_counter() - began) / len(choices)
        memory = work_bytes(self.prepared.plan, len(self.prepared.panel.sessions))
        columns = len(rows.schema(self.space, self.keys)) + selection.KEPT
        return Estimate(
            combinations=size,
            seconds=each * size / threads,
            bytes=memory * threads + 8 * (LARGEST_RANGE * threads * columns + size * selection.KEPT),
        )

    def skip(
        self, choices: NDArray[np.int64], metrics: NDArray[np.float64], codes: NDArray[np.int64]
    ) -> None:
        """Marks the combinations that would need a later start than is allowed."""
        limit, prepared = self.latest_start, self.prepared
        if limit is None:
            return
        root = starts(prepared.plan.graph, prepared.panel, prepared.axes, choices).root
        late = np.broadcast_to(np.asarray(root) > limit, codes.shape)
        metrics[late] = np.nan
        codes[late] = rows.SKIPPED

    def run(
        self,
        out: Path | None = None,
        *,
        threads: int = 1,
        resume: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
        executor: Executor | None = None,
        reality: int = 0,
        exact: bool = False,
        home: Path | None = None,
    ) -> Swept:
        """All rows; in ``out``, or in memory when it is None.

        Args:
            threads: how many ranges are computed at once.
            resume: go on with what ``out`` holds of the same sweep.
            progress: told how far it is at the beginning, after each range, and when all rows are there.
            stop: when it is set while rows are computed, those under way are brought to their end.
            executor: computes the ranges instead of threads of this process: a ProcessPoolExecutor that
                spawns, or a Dask client's (``client.get_executor()``).
            reality: over how many of the best rows White's and Hansen's tests are made.
            exact: look at all splits behind the probability of overfitting, however long it takes.
            home: the folder whose ledger counts trials over sweeps (`lineage`); None for none.

        Raises:
            OutputError: ``out`` is not empty (without ``resume``), belongs to another sweep, or is full.
            Stopped: ``stop`` was set; the parts that are done are kept in ``out``, which is free again when
                there are none.
        """
        identity = self.identity
        with folder_of(out) as folder:
            asked = selection.Asked(reality=reality, exact=exact, home=home)
            done = claim(folder, to_json(identity), self.space.size, asked, resume=resume)
            work = _Work(self, folder, done, threads, progress, stop or threading.Event(), executor)
            try:
                work.run()
            except Stopped as stopped:
                if out is None:
                    stopped.hint = "A sweep in memory keeps nothing; one with a folder (out) is continued."
                raise
            return work.finish(identity, asked, keep=out is not None)


def plan_sweep(
    strategy: Strategy,
    question: Question,
    *,
    vary: Mapping[str, str | Sequence[Value]] | None = None,
    fix: Mapping[str, Value] | None = None,
    select: Path | Listed | Sample | None = None,
    latest_start: dt.date | None = None,
    metrics: Collection[str] | None = None,
) -> Planned:
    """Everything up to the first row.

    Args:
        vary, fix: as in `space.open_strategy`.
        select: a file or list of combinations, or a sample to draw; None for the whole grid.
        latest_start: combinations that would need a later start are skipped.
        metrics: the columns of metrics that the rows shall have; None for all. Fewer are quicker.

    Raises:
        SpaceError, StrategyError, MissingPrices, WindowError.
    """
    began = time.perf_counter()
    opened, space = open_selection(strategy, vary or {}, fix or {}, select)
    _require_own_names(space)
    validate(opened, SIGNATURES)
    partly = bind(opened, space.fixed, SIGNATURES, keep=space.axes)
    names = structural(build(partly).graph)
    prepared = prepare(partly, question, space.axes, space.corners(names), latest_start)
    limit = None
    if latest_start is not None and question.missing == "error":
        limit = int(np.searchsorted(prepared.panel.sessions, np.datetime64(latest_start), side="right")) - 1
    if metrics is not None:
        track_less(prepared, require_keys(metrics))
    return Planned(
        space=space,
        prepared=prepared,
        frame=frame_of(prepared, metrics),
        latest_start=limit,
        seconds=phases(prepared, time.perf_counter() - began),
    )


def phases(prepared: Prepared, preparing: float) -> dict[str, float]:
    """Seconds before the first row, by phase."""
    return {"analysis": preparing - prepared.indicator_seconds, "indicator": prepared.indicator_seconds}


def _require_own_names(space: Space) -> None:
    """Nothing, when no variable is called like another column of the rows."""
    others = rows.schema(Space(axes={}))
    for name in (*space.axes, *space.fixed):
        if name in others:
            raise SpaceError(
                f"the rows of a sweep have a column {name} already",
                hint="Give the variable another name.",
            )


class _Work:
    """One sweep under way: hands out ranges, has them computed, keeps the parts.

    Threads of this process compute and write a range themselves; another executor's workers send the
    numbers back, and this process writes them.
    """

    def __init__(
        self,
        planned: Planned,
        folder: Path,
        done: list[tuple[int, int]],
        threads: int,
        progress: Callable[[Progress], None] | None,
        stop: threading.Event,
        executor: Executor | None,
    ) -> None:
        self.planned = planned
        self.executor = executor
        self.folder = folder
        self.threads = max(1, threads)
        self.progress = progress
        self.stop = stop
        self.table = rows.Table(planned.prepared, planned.space, planned.keys)
        self.total = planned.space.size
        self.whole = (folder / rows.WHOLE).exists()
        self.gathered = selection.Gathered(0 if self.whole else self.total, planned.frame.returns)
        done = done if self.whole else [each for each in done if self.taken(*each)]
        self.kept = sum(last - first for first, last in done)
        self.done = self.kept
        self.gaps = list(gaps(done, self.total))
        self.local = threading.local()
        self.began = time.perf_counter()
        self.rate = 0.0

    def taken(self, first: int, last: int) -> bool:
        """Takes the rows of a part that is there; a damaged one goes, and its rows are computed again."""
        part = self.part(first, last)
        try:
            self.gathered.read(part, first, last)
        except (pl.exceptions.PolarsError, ValueError) as error:
            log.warning("%s is damaged; its rows are computed again: %s", part, error)
            part.unlink()
            return False
        return True

    def run(self) -> None:
        """Computes every range that is not there yet."""
        self.report(0)
        with ExitStack() as stack:
            if self.executor is None:
                pool = stack.enter_context(ThreadPoolExecutor(self.threads, thread_name_prefix="sweep"))
                self.drain(lambda first, last: pool.submit(self.compute, first, last))
            elif self.gaps:
                planned, executor = self.planned, self.executor
                prepared, limit = planned.prepared, planned.latest_start
                latest = None if limit is None else prepared.panel.sessions[limit].item()
                parts = self.folder / rows.PARTS
                with files.explained(parts):
                    ticket = remote.leave(parts, prepared, planned.space, latest, planned.frame.wanted)
                self.drain(lambda first, last: executor.submit(remote.measure_range, ticket, first, last))

    def drain(self, submit: Callable[[int, int], Future[Any]]) -> None:
        """Submits range after range and takes note of those that are done, until all are or it is stopped."""
        pending: dict[Future[Any], tuple[int, int]] = {}
        try:
            while self.gaps or pending:
                while self.gaps and len(pending) < self.threads and not self.stop.is_set():
                    begin, end = self.next_range()
                    pending[submit(begin, end)] = begin, end
                finished, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in finished:
                    begin, end = pending.pop(future)
                    if (numbers := future.result()) is not None:
                        self.keep(begin, end, *numbers)
                    self.report(end - begin)
                if self.stop.is_set() and self.gaps and not pending:
                    raise self.stopped()
        except BaseException:
            self.stop.set()
            raise

    def stopped(self) -> Stopped:
        """What is said of a stop; a folder without any rows is given back."""
        free = not self.done and release(self.folder)
        return Stopped(
            f"stopped after {self.done:,} of {self.total:,} combinations",
            hint=f"Nothing is kept, and {self.folder} is free again: run it again when you like."
            if free
            else f"They are kept in {self.folder}; continue with --resume.",
        )

    def next_range(self) -> tuple[int, int]:
        """The next range to compute: about `PART_SECONDS` long."""
        first, last = self.gaps.pop(0)
        wanted = int(self.rate / self.threads * PART_SECONDS) if self.rate else FIRST_RANGE
        size = min(max(wanted, FIRST_RANGE), LARGEST_RANGE, max(1, -(-(last - first) // self.threads)))
        if first + size < last:
            self.gaps.insert(0, (first + size, last))
        return first, min(first + size, last)

    def compute(self, first: int, last: int) -> None:
        """Computes rows [first, last) on this thread and writes their part."""
        worker = getattr(self.local, "worker", None)
        if worker is None:
            worker = self.local.worker = Worker(self.planned.prepared, self.planned.frame)
        self.keep(first, last, *worker.measure(self.planned.space.choices(first, last)))

    def keep(self, first: int, last: int, metrics: NDArray[np.float64], codes: NDArray[np.int64]) -> None:
        """Writes the part of rows [first, last)."""
        choices = self.planned.space.choices(first, last)
        self.planned.skip(choices, metrics, codes)
        self.gathered.put(first, metrics, codes)
        frame = self.table.frame(first, choices, metrics, codes)
        files.write_parquet(frame, self.part(first, last))

    def part(self, first: int, last: int) -> Path:
        """The file of rows [first, last)."""
        return self.folder / rows.PARTS / f"rows-{first:012d}-{last:012d}.parquet"

    def report(self, count: int) -> None:
        """Takes note of a range that is done."""
        self.done += count
        self.rate = (self.done - self.kept) / (time.perf_counter() - self.began)
        if self.progress is not None:
            self.progress(Progress(done=self.done, total=self.total, rate=self.rate))

    def finish(self, identity: Mapping[str, object], asked: selection.Asked, *, keep: bool) -> Swept:
        """From parts to the final files; parts are removed when those are there."""
        swept = time.perf_counter()
        worker = Worker(self.planned.prepared, self.planned.frame)
        gathered = None if self.whole else self.gathered
        said = selection.conclude(
            self.folder, gathered, self.planned.space, worker, identity, asked, self.threads
        )
        table = pl.scan_parquet(self.folder / rows.WHOLE)
        summary = rows.summarise(table)
        supplied = self.planned.supplied
        stats = {
            "seconds": {
                "data": 0.0 if supplied is None else supplied.seconds,
                **self.planned.seconds,
                "execution": swept - self.began,
                "write": time.perf_counter() - swept,
            },
            **({} if supplied is None else supplied.counts),
            "rows_per_second": self.rate,
            "rows_computed": self.done - self.kept,
            "rows_kept": self.kept,
            "parallelism": self.threads,
            "peak_memory_bytes": peak_memory(),
        }
        files.write_text(self.folder / "summary.json", to_json(summary))
        files.write_text(self.folder / "stats.json", to_json(stats))
        log.info("sweep", extra={"action": "sweep.done", **stats})
        shutil.rmtree(self.folder / rows.PARTS, ignore_errors=True)
        return Swept(
            space=self.planned.space,
            rows=table if keep else table.collect().lazy(),
            manifest=identity,
            summary=summary,
            selection=said,
            stats=stats,
            folder=self.folder if keep else None,
            notes=self.planned.prepared.notes,
        )


def gaps(done: Sequence[tuple[int, int]], total: int) -> Iterator[tuple[int, int]]:
    """The ranges of [0, total) that are not in ``done`` (ascending, apart)."""
    first = 0
    for begin, end in done:
        if begin > first:
            yield first, begin
        first = max(first, end)
    if first < total:
        yield first, total


def peak_memory() -> int:
    """Bytes of memory that this process had at most; 0 where the platform does not say."""
    try:
        import resource  # noqa: PLC0415 - Unix only
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
