"""Limits, as they are answered."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from treefolio.service.models import Answer


class Used(Answer):
    """One limit."""

    used: int | None = Field(description="Null where nothing is counted: it is for each job.")
    most: int | None = Field(description="Null where there is no limit.")


class Usage(Answer):
    """What you have of each limit, and may have."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "running": {"used": 1, "most": 2},
                "combinations": {"used": None, "most": 20_000},
                "combinations_a_day": {"used": 8_000, "most": 100_000},
                "megabytes": {"used": 212, "most": 1_000},
                "schedules": {"used": 1, "most": 3},
            }
        }
    )
    running: Used = Field(description="Jobs under way at once; more of them wait.")
    combinations: Used = Field(description="Of one job.")
    combinations_a_day: Used = Field(description="Submitted since midnight UTC.")
    megabytes: Used = Field(description="Of prices, results and strategies.")
    schedules: Used
