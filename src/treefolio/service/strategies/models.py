"""What is asked about strategies, and what is answered."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StrictInt, StrictStr

from treefolio.service.models import Answer, Body
from treefolio.service.texts import bearable

_TEXT = "name: Hot or not\nvariables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
_PLAIN = r"^[^\x00-\x1f\x7f]+$"
MOST_VERSIONS = 1_000_000
LONGEST_NAME = 200

Name = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_NAME, pattern=_PLAIN)]
Folder = Annotated[
    StrictStr,
    Field(
        max_length=200,
        pattern=r"^([^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*)?$",
        description="Such as `trend/2x`; empty for none.",
    ),
]
Tag = Annotated[StrictStr, Field(min_length=1, max_length=50, pattern=_PLAIN)]
Tags = Annotated[list[Tag], Field(max_length=50)]
Remark = Annotated[StrictStr, Field(max_length=2_000, pattern=r"^[^\x00]*$")]
Text = Annotated[
    StrictStr,
    Field(min_length=1, description="In any format that `treefolio inspect` reads, as it stands."),
    AfterValidator(bearable),
]
FileName = Annotated[
    StrictStr | None,
    Field(max_length=500, description="Names a strategy that has no name of its own; no file is opened."),
]
Number = Annotated[StrictInt, Field(ge=1, le=MOST_VERSIONS)]


class Given(Body):
    """A strategy to look at."""

    model_config = ConfigDict(json_schema_extra={"example": {"text": _TEXT, "file_name": "hot.yaml"}})
    text: Text
    file_name: FileName = None


class NewStrategy(Given):
    """A strategy to keep."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"text": _TEXT, "folder": "trend", "tags": ["3x"], "note": "as found"}}
    )
    name: Name | None = Field(default=None, description="Under which it is kept [the one in the text].")
    folder: Folder = ""
    tags: Tags = Field(default=[])
    note: Remark = ""


class NewVersion(Given):
    """The next version of a strategy."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"text": _TEXT, "note": "a higher threshold", "expect": 1}}
    )
    note: Remark = ""
    parent: Number | None = Field(default=None, description="The version that it was made from [the newest].")
    expect: Number | None = Field(
        default=None, description="The newest version that you know of: with a later one this is a conflict."
    )


class Changes(Body):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"folder": "trend/2x", "tags": ["live"]}})
    name: Name | None = None
    folder: Folder | None = None
    tags: Tags | None = None


class NewShare(Body):
    """A link to make."""

    model_config = ConfigDict(json_schema_extra={"example": {"version": 2}})
    version: Number | None = Field(default=None, description="Only this one [always the newest].")
    expires_at: AwareDatetime | None = Field(default=None, description="From then on it shows nothing.")


class Remarked(Answer):
    """A remark of an import, and how many places it is about."""

    path: str
    message: str
    count: int


class ImportReport(Answer):
    """What an import did not take over as it stood."""

    ignored: list[Remarked]
    approximated: list[Remarked]
    unsupported: list[Remarked]


class Version(Answer):
    """A version of a strategy; it never changes."""

    number: int
    hash: str = Field(description="SHA-256 of its native text, as manifests of results have it.")
    format: str = Field(description="Of what was sent, such as `composer-json`.")
    file_name: str | None
    tickers: list[str] = Field(description="All that it can hold or looks at.")
    note: str
    parent: int | None = Field(description="The version that it was made from.")
    made_at: dt.datetime
    out_of_sample_from: dt.date = Field(description="The day on which it was made.")


class VersionText(Version):
    """A version with its text."""

    text: str = Field(description="Native YAML, or JSON where it is very deep.")
    report: ImportReport


class Versions(Answer):
    """A page of versions, the latest first."""

    versions: list[Version]
    total: int
    offset: int


class Strategy(Answer):
    """A strategy that is kept."""

    id: UUID
    name: str
    folder: str
    tags: list[str]
    imported_at: dt.datetime
    out_of_sample_from: dt.date = Field(
        description="The day of its import: results from here on are out of sample."
    )
    changed_at: dt.datetime
    newest: Version


class Strategies(Answer):
    """A page of strategies."""

    strategies: list[Strategy]
    total: int
    offset: int
    folders: list[str] = Field(description="Of all that the user has.")
    tags: list[str] = Field(description="Of all that the user has.")


class Imported(Answer):
    """What came of a text that was sent."""

    strategy: Strategy
    version: Version
    report: ImportReport
    new: bool = Field(description="False: the same content was there already, as this version.")


class Trouble(Answer):
    """Something that is wrong with a text."""

    code: str = Field(description="For programs: `format`, `strategy`, `limit`.")
    message: str
    path: str | None = Field(description="The place in the strategy's tree.")
    line: int | None
    column: int | None
    hint: str | None


class VariableFound(Answer):
    """A variable that a strategy declares."""

    name: str
    values: list[int | float | str]
    default: int | float | str


class HandleFound(Answer):
    """A number or word of a strategy that can be varied although nobody declared it."""

    id: str
    value: int | float | str
    kind: str
    text: str
    uses: int


class Inspection(Answer):
    """What a strategy holds, as `treefolio inspect --json` says it."""

    name: str
    format: str
    nodes: int
    depth: int
    graph_nodes: int
    tickers: list[str]
    indicators: list[str]
    lookback: int = Field(description="Sessions before the first decision.")
    variables: list[VariableFound]
    handles: list[HandleFound]
    report: ImportReport


class Validation(Answer):
    """What a text holds, or all that is wrong with it."""

    problems: list[Trouble] = Field(description="None: it can be kept and run. All else is empty with one.")
    name: str | None = None
    format: str | None = None
    hash: str | None = Field(default=None, description="Of its native text.")
    tickers: list[str] = Field(default=[])
    variables: list[VariableFound] = Field(default=[])
    lookback: int | None = None
    report: ImportReport | None = None


class Change(Answer):
    """A change of a strategy's tree."""

    what: Literal["changed", "added", "removed"]
    kind: str = Field(description="Such as `condition`, `ticker`, `weight`, `window`, `branch`, `variable`.")
    path: str = Field(description="The first place; of what was removed, in the older version.")
    before: str | None
    after: str | None
    count: int = Field(description="In how many places it is the same.")


class Difference(Answer):
    """What changed from one version to another."""

    older: int
    newer: int
    same: bool
    changes: list[Change]
    complete: bool = Field(description="False: there are more changes than are listed.")
    tickers_added: list[str]
    tickers_removed: list[str]
    text: str | None = Field(description="Unified, of the native texts; null when they are too long for it.")


class Share(Answer):
    """A link to a strategy."""

    id: UUID
    version: int | None = Field(description="Null: always the newest.")
    made_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None


class MadeShare(Share):
    """A link that was just made."""

    secret: str = Field(description="It is said this once, and not kept.")
    path: str = Field(description="Where it is read, without logging in.")


class Shares(Answer):
    """The links to a strategy, the latest first."""

    shares: list[Share]


class SharedStrategy(Answer):
    """A strategy as a link shows it."""

    name: str
    imported_at: dt.datetime
    out_of_sample_from: dt.date
    version: VersionText
