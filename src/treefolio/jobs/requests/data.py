"""Work on the prices that a service keeps: warm the cache, import in bulk, forget what may be stale."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from treefolio.errors import UsageError
from treefolio.market.sources.table import require_source

FLAT_FILES = "flat_files"
"""The source of an import that is no vendor: a folder of Massive's files, which the service names."""
_OF_FILES = ("1d", "1m")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmRequest:
    """Prices that are to be in the cache before anybody asks for them.

    Attributes:
        tickers: None for all of the owner's stored strategies.
        start: first day [all that the source has]. The last is the last session that is over.
    """

    source: str
    tickers: tuple[str, ...] | None = None
    feed: str | None = None
    start: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """A stretch of prices in bulk.

    Attributes:
        source: a vendor, or `FLAT_FILES`, which have all tickers.
        tickers: of a vendor.
        start, end: first and last day; None for all that there is.
        interval: one that the source has (`treefolio.market.sources.table`).

    Raises:
        UsageError: a vendor without tickers, files with some, or a start after the end.
    """

    source: str
    tickers: tuple[str, ...] = ()
    feed: str | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    interval: str = "1d"

    def __post_init__(self) -> None:
        if (self.source == FLAT_FILES) == bool(self.tickers):
            wrong = "flat files have all tickers" if self.tickers else "no tickers are named"
            raise UsageError(wrong, hint="Name tickers of a vendor, and none of flat files.")
        if self.start and self.end and self.start > self.end:
            raise UsageError(
                f"the start {self.start} is after the end {self.end}", hint="Give a start before the end."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRequest:
    """Adjusted bars and corporate actions are forgotten. source: only of this one."""

    source: str | None = None


def check_warm(request: WarmRequest) -> None:
    """Nothing, when there is such a source, with such a feed. Raises UsageError."""
    require_source(request.source, feed=request.feed)


def check_import(request: ImportRequest) -> None:
    """Nothing, when there is such a source, with such a feed and interval. Raises UsageError."""
    if request.source != FLAT_FILES:
        require_source(request.source, feed=request.feed, interval=request.interval)
    elif request.interval not in _OF_FILES:
        raise UsageError(
            f"flat files have no interval {request.interval!r}", hint=f"One of {', '.join(_OF_FILES)}."
        )


def check_purge(request: PurgeRequest) -> None:
    """Nothing, when there is such a source. Raises UsageError."""
    if request.source is not None:
        require_source(request.source)
