"""What the service answers, as values: the routes write them, `treefolio.client` reads them.
What it is sent is a `Body`, each beside its noun.

A client takes answers of a later version too: fields that it does not know are passed over.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from treefolio.jobs.states import ENDED, State

API = "/api/v1"
"""Before every route. What changes in a way that clients cannot pass over gets another number."""
_ID = "0b2f6b52-6f2d-4a6f-9a38-6d5b1c7f2e11"
_WHEN = "2026-03-02T21:15:04Z"
_JOB: dict[str, Any] = {
    "id": _ID,
    "kind": "sweep",
    "name": "Hot or not",
    "state": "running",
    "snapshot": "9f0c…",
    "rows_done": 3120,
    "rows_total": 8000,
    "rows_failed": 0,
    "priority": 0,
    "created_at": _WHEN,
    "started_at": _WHEN,
    "finished_at": None,
    "reason": None,
    "held": False,
}


class Answer(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Body(BaseModel):
    """What all that is sent has in common: nothing that is not known is passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Problem(Answer):
    """What went wrong."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "space",
                "message": "the strategy has no variable 'hott'",
                "path": None,
                "hint": "Did you mean hot?",
                "request_id": "5d1e…",
            }
        }
    )
    code: str = Field(description="For programs.")
    message: str
    path: str | None = Field(default=None, description="The place in the strategy, or in what was sent.")
    hint: str | None = Field(default=None, description="What to do about it.")
    request_id: str = Field(default="", description="Lines of the service's log have it too.")


class Job(Answer):
    """A job, as it stands."""

    model_config = ConfigDict(json_schema_extra={"example": _JOB})
    id: UUID
    kind: str
    name: str
    state: State
    snapshot: str | None = Field(description="The hash of its prices; null until they are fetched.")
    rows_done: int
    rows_total: int | None = Field(description="Null for work on prices, until a worker knows.")
    rows_failed: int
    priority: int
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    reason: str | None = Field(
        description="Why it failed, what is missing of a partial one, or what its files wait for."
    )
    held: bool = Field(default=False, description="It waits until another job of its owner ends.")

    @property
    def ended(self) -> bool:
        """It stays as it is."""
        return self.state in ENDED


class Priority(Answer):
    """Where a job is to stand."""

    model_config = ConfigDict(json_schema_extra={"example": {"priority": 1}})
    priority: int = Field(ge=-10, le=10, description="1 is before all others, -1 behind them.")


class Jobs(Answer):
    """A page of jobs, the latest first."""

    jobs: list[Job]
    total: int
    offset: int


class Eta(Answer):
    """Seconds until the end: as they seem, and between which they will probably be."""

    low: float
    middle: float
    high: float


class Hand(Answer):
    """A worker that has a chunk of a job."""

    worker: int
    host: str
    pid: int
    version: str
    beat_s: float = Field(description="Seconds since its last sign of life.")
    busy_s: float = Field(description="Seconds since it took the chunk.")
    work: str = Field(description="`plan`, `rows`, `finish` or `run`.")
    first: int = Field(description="The chunk has the rows from this one on,")
    last: int = Field(description="and ends before that one.")


class Progress(Answer):
    """How far a job is. The header ``Retry-After`` says when to ask again."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job": _JOB,
                "label": "partial 3,120/8,000",
                "rate": 1510.2,
                "eta_seconds": {"low": 2.9, "middle": 3.2, "high": 3.9},
                "seconds": {"plan": 0.4, "rows": 4.1},
                "chunks": {"waiting": 3, "taken": 2, "done": 4, "failed": 0},
                "parallelism": 1.9,
                "workers": 1,
                "hands": [
                    {
                        "worker": 4,
                        "host": "tower",
                        "pid": 4711,
                        "version": "0.1.0",
                        "beat_s": 0.6,
                        "busy_s": 1.2,
                        "work": "rows",
                        "first": 3120,
                        "last": 4160,
                    }
                ],
                "cache_hits": 2,
                "cache_misses": 2,
                "queue": 3,
                "position": None,
                "starts_in_seconds": None,
                "retry_after": 1,
            }
        }
    )
    job: Job
    label: str = Field(description="`final`, or `partial 3,120/8,000`.")
    rate: float | None = Field(description="Rows a second, of all workers together.")
    eta_seconds: Eta | None
    seconds: dict[str, float] = Field(description="Of work so far, by phase, over all workers.")
    chunks: dict[str, int] = Field(description="How many are in each state.")
    parallelism: float | None = Field(description="Chunks under way at once, on the average.")
    workers: int = Field(description="That have a chunk of it now.")
    hands: list[Hand] = Field(description="These workers: what they do, and when they were heard last.")
    cache_hits: int = Field(description="Chunks of rows whose worker had its prices and plan ready.")
    cache_misses: int = Field(description="Chunks of rows whose worker had to make them first.")
    queue: int = Field(description="Chunks of all jobs that wait for a worker.")
    position: int | None = Field(description="Jobs that begin before it; null when it has begun.")
    starts_in_seconds: float | None
    retry_after: int = Field(description="Seconds after which to ask again.")


class Event(Answer):
    """Something that happened to a job."""

    id: int
    at: dt.datetime
    kind: str = Field(description="`state`, `prices`, `planned`, `rows`, `waits` or `chunk_failed`.")
    data: dict[str, Any]


class End(Answer):
    """The job stays as it is."""

    state: State


class Column(Answer):
    """A column of rows; `unit` and `better` are there for metrics."""

    name: str
    type: Literal["date", "integer", "number", "text"]
    unit: str | None = None
    better: str | None = None


class Rows(Answer):
    """A page of a sweep's rows."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "label": "partial 3,120/8,000",
                "complete": False,
                "rows_done": 3120,
                "rows_total": 8000,
                "matching": 211,
                "offset": 0,
                "columns": [
                    {"name": "hot", "type": "integer"},
                    {"name": "sharpe", "type": "number", "unit": "ratio", "better": "high"},
                ],
                "numbers": [17, 42],
                "rows": [[72, 1.31], [79, 1.29]],
            }
        }
    )
    label: str = Field(description="`final`, or `partial 3,120/8,000`: these are the rows so far.")
    complete: bool
    rows_done: int
    rows_total: int | None
    matching: int = Field(description="Rows that satisfy the condition.")
    offset: int
    columns: list[Column]
    numbers: list[int] = Field(description="Where each row stands in the sweep: with it, it opens as a run.")
    rows: list[list[Any]]


class File(Answer):
    """A final file of a job."""

    name: str
    size: int


class Files(Answer):
    """The final files of a job; none until it is done or partial."""

    files: list[File]


class Snapshot(Answer):
    """Prices that the service has."""

    hash: str


class Health(Answer):
    """Whether jobs are taken, and worked on."""

    status: Literal["ok"]
    version: str
    workers: int = Field(description="That gave a sign of life within a lease.")
    waiting: int = Field(description="Chunks that wait for a worker.")


class Worker(Answer):
    """A worker, as its last sign of life said."""

    id: int
    host: str
    pid: int
    version: str
    began: dt.datetime
    beat: dt.datetime
    chunk: str | None = Field(description="What it has now, as JOB/WORK/NUMBER/ATTEMPT.")
    alive: bool


class Workers(Answer):
    """All workers that were seen lately."""

    workers: list[Worker]
