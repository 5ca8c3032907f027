"""Rows computed in other processes: on this machine or, with Dask, on others that see the same folder.

A sweep writes its job once, beside its parts; a task carries the file's path and digest and a range of
rows. A process reads the job when it first meets it, prepares the strategy as the sweep itself did, and
keeps that for the ranges that follow.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.errors import OutputError
from treefolio.graph.build import build
from treefolio.graph.derive import tickers
from treefolio.graph.start import structural
from treefolio.indicators import SIGNATURES
from treefolio.strategy.text import parse, write
from treefolio.sweep.block import Worker, frame_of, track_less
from treefolio.sweep.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What another process needs to compute rows of a sweep. It travels as a file.

    Attributes:
        text: the strategy in its native form; its other variables are bound.
        question: with a panel of no more tickers than are needed, and without the benchmark.
        benchmark: its value on each session of the run.
    """

    text: str
    question: Question
    benchmark: NDArray[np.float64] | None
    space: Space
    latest_start: dt.date | None
    metrics: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Where a job is, and what its bytes must be."""

    path: str
    digest: str


def leave(
    folder: Path,
    prepared: Prepared,
    space: Space,
    latest_start: dt.date | None,
    metrics: frozenset[str] | None = None,
) -> Ticket:
    """Writes the job to ``folder`` for other processes to find."""
    strategy, question = prepared.strategy, prepared.question
    held, read = tickers(build(strategy).graph, space.axes)
    job = Job(
        text=write(strategy),
        question=replace(question, panel=question.panel.select(sorted(held | read)), benchmark=None),
        benchmark=prepared.benchmark,
        space=space,
        latest_start=latest_start,
        metrics=metrics,
    )
    payload = pickle.dumps(job)
    path = folder / "job.pickle"
    path.write_bytes(payload)
    return Ticket(path=str(path.resolve()), digest=hashlib.sha256(payload).hexdigest())


def processes(count: int) -> ProcessPoolExecutor:
    """Spawned processes that leave Ctrl-C to the one that started them, and end when that does."""
    return ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=_attend_parent
    )


def _attend_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """Waits for the end of the parent; a pool whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_known: dict[str, tuple[Worker, Space]] = {}
"""This process's work space for the job that it met last."""


def measure_range(ticket: Ticket, first: int, last: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Metrics and codes of rows [first, last), as `Worker.measure` gives them.

    Raises:
        OutputError: the job is not there, or is not the one that the ticket is for.
    """
    if ticket.digest not in _known:
        _known.clear()
        _known[ticket.digest] = _open(ticket)
    worker, space = _known[ticket.digest]
    return worker.measure(space.choices(first, last))


def _open(ticket: Ticket) -> tuple[Worker, Space]:
    try:
        payload = Path(ticket.path).read_bytes()
    except OSError as error:
        raise OutputError(
            f"this worker cannot read {ticket.path}",
            hint="Workers on other machines must see the --out folder under the same path.",
        ) from error
    if hashlib.sha256(payload).hexdigest() != ticket.digest:
        raise OutputError(f"{ticket.path} is another sweep's", hint="Start the sweep again with --resume.")
    job: Job = pickle.loads(payload)
    strategy = parse(job.text, SIGNATURES)
    names = structural(build(strategy).graph)
    corners = job.space.corners(names)
    prepared = prepare(strategy, job.question, job.space.axes, corners, job.latest_start)
    prepared.benchmark = job.benchmark
    if job.metrics is not None:
        track_less(prepared, job.metrics)
    return Worker(prepared, frame_of(prepared, job.metrics)), job.space
