"""Schedules, as they are asked for and answered."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictStr

from treefolio.jobs.agenda import Days
from treefolio.service.models import Answer, Body
from treefolio.service.submission import Fetch, Submission

_ID = "6a0c1d3e-58d1-4c7b-9a53-0f4f2b7d9c21"
Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]
At = Annotated[
    StrictStr,
    Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Time of day in New York, such as `18:30`."),
]
EXAMPLES: dict[str, Any] = {
    "job": {
        "summary": "Again each night what a job was asked",
        "value": {"job": _ID, "at": "18:30", "fetch": {"source": "alpaca"}},
    },
}


class Timing(Body):
    """When a schedule is due, and what it is called."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "Each night", "at": "18:30", "days": "sessions"}}
    )
    name: Name
    at: At
    days: Days = Field(default=Days.SESSIONS, description="Each session of the exchange, or every day.")


class NewSchedule(Body):
    """What is submitted at its time: what a job was asked, or a request; one of the two."""

    job: UUID | None = Field(default=None, description="Take over what this job was asked, without its end.")
    request: Submission | None = Field(default=None, description="As it would be submitted as a job.")
    fetch: Fetch | None = Field(
        default=None, description="Where prices are fetched from, when the job had them uploaded."
    )
    name: Name | None = Field(default=None, description="Without one it is called as that job is.")
    at: At
    days: Days = Field(default=Days.SESSIONS, description="Each session of the exchange, or every day.")


class Schedule(Answer):
    """A schedule, as it stands."""

    id: UUID
    name: str
    kind: Literal["nightly", "warm", "purge"]
    at: str | None = Field(description="Time of day in New York; null for when prices may change.")
    days: Days
    enabled: bool
    next_at: dt.datetime | None = Field(description="When it is due.")
    last_at: dt.datetime | None = Field(description="When it was due last.")
    last_job: UUID | None = Field(description="The job that was submitted then.")
    last_reason: str | None = Field(description="Why none was.")
    made: dt.datetime
    note: str | None = Field(default=None, description="What is to be seen to; said when it is made.")


class Schedules(Answer):
    """All schedules of a user, by name."""

    schedules: list[Schedule]
