"""What the ledger says, as frozen values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from treefolio.jobs.agenda import Days
from treefolio.jobs.states import State

HOUSE = "house"
"""The user whose the service's own jobs and schedules are. Nobody logs in as it, and it has no limits."""


class Work(StrEnum):
    """What a chunk is: a piece of work that one worker does at a time."""

    PLAN = "plan"
    """Prepare a sweep, measure its speed, cut it into ranges."""
    ROWS = "rows"
    """Compute a range of rows."""
    FINISH = "finish"
    """Make the final files of all ranges."""
    RUN = "run"
    """A job in one piece, with its files: a single backtest, or work on prices."""


class ChunkState(StrEnum):
    """Where a chunk is."""

    WAITING = "waiting"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    """It failed as often as is tolerated; its reason says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands; what was asked is in its `Order`.

    Attributes:
        snapshot: None until its prices are fetched, and for work that needs none.
        rows_total: None for work on prices, until a worker says how many steps it has.
        rows_failed: rows of chunks that failed; they are among `rows_done`.
        key: with it a submission that is repeated is known.
        reason: why it failed, or what is missing of a partial one.
        held: its owner has as many jobs under way as may be: it waits until one of them ends.
        precedence: among its owner's jobs: the highest goes first.
    """

    id: UUID
    owner: str
    kind: str
    name: str
    state: State
    snapshot: str | None
    rows_total: int | None
    rows_done: int
    rows_failed: int
    priority: int
    key: str | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    reason: str | None
    held: bool
    precedence: int


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
class Figures:
    """What the ranges of a sweep took.

    Attributes:
        execution, plan: seconds of work, over all workers.
        span: seconds from the first range's beginning to the last one's end.
    """

    execution: float
    plan: float
    span: float
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """A worker that has a chunk of a job.

    Attributes:
        worker: its number.
        beat_s: seconds since its last sign of life. busy_s: since it took the chunk.
        first, last: the chunk's rows are [first, last).
    """

    worker: int
    host: str
    pid: int
    version: str
    beat_s: float
    busy_s: float
    work: Work
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is.

    Attributes:
        chunks: how many are in each state, ranges of rows alone.
        rate: rows a second over the last ranges, of all workers together; None before the first.
        eta_seconds: low, middle and high; None while it cannot be said.
        seconds: phase → seconds of work that it took so far, over all workers.
        parallelism: chunks that were under way at once, on the average over the last ranges.
        workers: that have a chunk of it now; hands: these, as far as they are known.
        cache_hits, cache_misses: ranges whose worker had the prices and the plan ready; had to make them.
        queue: chunks of all jobs that wait for a worker.
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
    hands: Sequence[Hand]
    cache_hits: int
    cache_misses: int
    queue: int
    position: int | None
    starts_in_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A finished range of rows: its Parquet bytes are read by `Store.contents`."""

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
    """Something that happened to a job: kind is ``state``, ``prices``, ``planned``, ``rows``, ``waits`` or
    ``chunk_failed``."""

    id: int
    job: UUID
    at: dt.datetime
    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """A worker, as its last beat said.

    Attributes:
        chunk: what it has now, as ``JOB/WORK/NUMBER/ATTEMPT``.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of a limit a user has used, and may; None where nothing is counted, or nothing is limited."""

    used: int | None
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is submitted at its time, again and again.

    Attributes:
        kind: nightly, warm or purge.
        request: what is asked then, as `requests.to_json` writes it.
        at: the time of day in New York; None for the moments at which prices may change.
        next_at: when it is due; None when no session is known any more.
        last_job: the job of the last firing; None before that, and when it is removed.
        last_reason: why nothing was submitted then.
    """

    id: UUID
    owner: str
    name: str
    kind: str
    request: Mapping[str, object]
    at: dt.time | None
    days: Days
    enabled: bool
    next_at: dt.datetime | None
    last_job: UUID | None
    last_at: dt.datetime | None
    last_reason: str | None
    made: dt.datetime
