"""Strategies, versions and shares as the database has them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is kept of a text.

    Attributes:
        text: the strategy's native text. hash: of that text, as manifests of results have it.
        original: the text as it came, in UTF-8.
        format: one of `treefolio.formats.FORMATS`.
        report: notes of the import, by kind.
        tickers: all that it can hold or looks at.
    """

    name: str
    text: str
    hash: str
    original: bytes
    format: str
    file_name: str | None
    report: dict[str, list[dict[str, object]]]
    tickers: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version, without its text. parent: the number of the one that it was made from."""

    number: int
    hash: str
    format: str
    file_name: str | None
    tickers: list[str]
    note: str
    parent: int | None
    made_at: dt.datetime

    @property
    def out_of_sample_from(self) -> dt.date:
        """The day on which it was made: from here on its author knew no price."""
        return self.made_at.astimezone(dt.UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A version with its text."""

    version: Version
    text: str
    report: dict[str, list[dict[str, object]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A strategy with its newest version."""

    id: UUID
    name: str
    folder: str
    tags: list[str]
    imported_at: dt.datetime
    changed_at: dt.datetime
    newest: Version

    @property
    def out_of_sample_from(self) -> dt.date:
        """The day of its import."""
        return self.imported_at.astimezone(dt.UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What came of a text that was sent. new: it was not there before."""

    strategy: Strategy
    version: Version
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A link to a strategy. version: None for the newest one, whichever that is."""

    id: UUID
    strategy: UUID
    version: int | None
    made_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a link shows."""

    name: str
    imported_at: dt.datetime
    whole: Whole

    @property
    def out_of_sample_from(self) -> dt.date:
        """The day of its import."""
        return self.imported_at.astimezone(dt.UTC).date()
