"""What the ledger says, as frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from treefolio.jobs.states import State


class Work(StrEnum):
    """What a chunk is: a piece of work that one worker does at a time."""

    PLAN = "plan"
    """Prepare a sweep, measure its speed, cut it into ranges."""
    ROWS = "rows"
    """Compute a range of rows."""
    FINISH = "finish"
    """Make the final files of all ranges."""
    RUN = "run"
    """A single backtest with its files."""


class ChunkState(StrEnum):
    """Where a chunk is."""

    WAITING = "waiting"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    """It failed as often as is tolerated; its reason says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job.

    Attributes:
        request: what is asked, as `requests.to_json` writes it.
        rows_total: None until it is planned.
        rows_failed: rows of chunks that failed; they are among `rows_done`.
        key: with it a submission that is repeated is known.
        reason: why it failed, or what is missing of a partial one.
    """

    id: UUID
    owner: str
    kind: str
    name: str
    state: State
    request: Mapping[str, object]
    snapshot: str
    rows_total: int | None
    rows_done: int
    rows_failed: int
    priority: int
    key: str | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk.

    Attributes:
        number: from 0, for each kind of work of a job.
        first, last: its rows are [first, last).
        attempt: how often it was taken or taken away: whoever has an older number writes nothing.
        failures, lost: attempts that failed; whose worker vanished.
        seconds: the attempt that succeeded took as long.
    """

    job: UUID
    work: Work
    number: int
    first: int
    last: int
    state: ChunkState
    attempt: int
    failures: int
    lost: int
    worker: int | None
    begun_at: dt.datetime | None
    finished_at: dt.datetime | None
    seconds: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        chunks: how many are in each state, ranges of rows alone.
        rate: rows a second over the last ranges, of all workers together; None before the first.
        eta_seconds: low, middle and high; None while it cannot be said.
        seconds: phase → seconds of work that it took so far, over all workers.
        parallelism: chunks that were under way at once, on the average over the last ranges.
        workers: that have a chunk of it now.
        position: how many jobs will begin before it does; None when it has begun.
        starts_in_seconds: an estimate of when it begins; None when it has begun or nothing is known.
    """

    job: Job
    chunks: Mapping[ChunkState, int]
    rate: float | None
    eta_seconds: tuple[float, float, float] | None
    seconds: Mapping[str, float]
    parallelism: float | None
    workers: int
    position: int | None
    starts_in_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A finished range of rows: its Parquet bytes are read by `Store.part`."""

    number: int
    first: int
    last: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A final file of a job."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """Something that happened to a job: kind is ``state``, ``rows``, ``chunk_failed`` or ``planned``."""

    id: int
    job: UUID
    at: dt.datetime
    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker, as its last beat said.

    Attributes:
        chunk: what it has now, as ``JOB/WORK/NUMBER``.
        alive: its last beat is younger than a lease.
    """

    id: int
    host: str
    pid: int
    version: str
    began: dt.datetime
    beat: dt.datetime
    chunk: str | None
    alive: bool
