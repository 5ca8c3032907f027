"""What is asked about lists of values, and what is answered."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StrictStr

from treefolio.service.models import Answer, Body

MOST_VALUES = 100_000
Name = Annotated[
    StrictStr,
    Field(
        max_length=100,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
        description="A sweep varies over it as `@NAME`.",
    ),
]
Text = Annotated[
    StrictStr, Field(max_length=2_000_000, description="Such as `TQQQ, SOXL`, `70:85:1`, `2020-01-31`.")
]


class Kind(StrEnum):
    """What the values of a list are."""

    TICKER = "ticker"
    NUMBER = "number"
    DATE = "date"


class Paste(Body):
    """A text to read."""

    model_config = ConfigDict(json_schema_extra={"example": {"text": "TQQQ, SOXL\nUPRO", "kind": "ticker"}})
    text: Text
    kind: Kind | None = Field(default=None, description="Found out when it is left out.")


class NewList(Paste):
    """A list to keep."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "levels", "text": "70:85:1"}})
    name: Name


class ChangedList(Body):
    """What is to be changed; what is left out stays. A list keeps its kind."""

    model_config = ConfigDict(json_schema_extra={"example": {"text": "60:85:5"}})
    name: Name | None = None
    text: Text | None = None


class PasteFault(Answer):
    """A piece of a text that is no value."""

    line: int
    column: int
    piece: str
    message: str
    hint: str | None


class Pasted(Answer):
    """What a text says."""

    kind: Kind
    values: list[int | float | str] = Field(description="Each once; dates as YYYY-MM-DD.")
    problems: list[PasteFault] = Field(description="By their places in the text.")


class ValueList(Answer):
    """A list of values."""

    id: UUID
    name: str
    kind: Kind
    values: Annotated[list[int | float | str], Field(max_length=MOST_VALUES)]
    text: str = Field(description="The values as they can be pasted again.")
    created_at: dt.datetime
    changed_at: dt.datetime


class ValueLists(Answer):
    """All lists of a user, by name."""

    lists: list[ValueList]
