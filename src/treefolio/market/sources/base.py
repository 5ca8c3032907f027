"""What a source of prices is: one protocol, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from treefolio.market.actions import Action
from treefolio.market.bars import Bars, Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """All bars that a source has of a ticker between two days: none, when it has none there."""

    ticker: str
    bars: Bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A ticker that could not be asked for, and why. ``unknown``: the source says that it has no such
    ticker; anything else may be different the next time."""

    ticker: str
    reason: str
    unknown: bool = False


class Source(Protocol):
    """A vendor, a folder, or whatever else has bars.

    Attributes:
        shelf: what its series are.
        earliest: it has nothing before.
        requests: how many it made so far, repeated ones included.
    """

    shelf: Shelf
    earliest: date

    @property
    def requests(self) -> int:
        """How many it made so far, repeated ones included."""
        ...

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        """One answer for each ticker, as it becomes complete; days from `first` to `last`, both included.

        The failure of one is never the failure of all. Raises SourceError when nothing can be asked at all:
        keys that are missing or refused.
        """
        ...

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        """Actions whose ex-date is from `first` to `last`. Raises SourceError."""
        ...

    def listings(self, tickers: Sequence[str]) -> Mapping[str, date]:
        """The first day of trading of those tickers of which the source states it."""
        ...
