"""What is shown of the log of acts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import ConfigDict, Field

from treefolio.service.models import Answer


class ActDone(Answer):
    """Something that somebody did."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 412,
                "at": "2026-03-02T21:15:04Z",
                "user": "5b0e…",
                "name": "ann",
                "act": "key.used",
                "what": {"kind": "alpaca", "job": "0b2f6b52-6f2d-4a6f-9a38-6d5b1c7f2e11"},
                "address": "",
                "request_id": "",
            }
        }
    )
    id: int
    at: dt.datetime
    user: str | None = Field(description="Who did it, or whom it is about; null where nobody is known.")
    name: str | None = Field(description="The user's name; null when the user is gone.")
    act: str
    what: dict[str, Any]
    address: str = Field(description="From where it was asked; empty for what a worker or the operator did.")
    request_id: str = Field(description="Lines of the service's log have it too.")


class Acts(Answer):
    """A page of the log, the latest first."""

    acts: list[ActDone]
    before: int | None = Field(description="Asks for the next page; null when this is the last one.")
