"""What is shown of users' keys."""

from __future__ import annotations

import datetime as dt

from pydantic import ConfigDict, Field

from treefolio.service.models import Answer


class KeptKey(Answer):
    """Keys that are kept; they themselves are never shown."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "kind": "alpaca",
                "ends": "WXYZ",
                "live": False,
                "made_at": "2026-03-02T21:15:04Z",
                "changed_at": "2026-03-02T21:15:04Z",
            }
        }
    )
    kind: str
    ends: str | None = Field(description="The end of the key's id; null where a key has none.")
    live: bool | None = Field(description="They move real money; null where that makes no sense.")
    made_at: dt.datetime
    changed_at: dt.datetime


class KeptKeys(Answer):
    """All of a user, by kind."""

    keys: list[KeptKey]
