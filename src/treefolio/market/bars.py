"""Bars of one ticker as columns, and what makes two series of it different: the shelf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.market.panel import FIELDS, Dates, Series

DAILY = "1d"
INTERVALS = {DAILY: 390, "1h": 60, "30m": 30, "15m": 15, "5m": 5, "1m": 1}
"""Interval → its minutes within a session."""
RAW, SPLIT, TOTAL = "raw", "split", "all"
ADJUSTMENTS = (RAW, SPLIT, TOTAL)
"""Not adjusted; for splits; for splits, dividends and spin-offs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a series belongs: all that makes two series of a ticker different.

    Attributes:
        source: such as ``alpaca``. feed: such as ``sip``; empty when the source has one only.
        entitlement: the plan with the vendor, where plans see different prices. Never the user.
        delivered: what the source delivers: raw, or split (as adjusted on the day of asking).
        interval: one of INTERVALS.
    """

    source: str
    feed: str = ""
    entitlement: str = "default"
    delivered: str = RAW
    interval: str = DAILY

    @property
    def name(self) -> str:
        """For people: ``alpaca sip``."""
        return f"{self.source} {self.feed}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars of one ticker, by time, without duplicates once they were sifted.

    Attributes:
        at: (R,) datetime64[D] sessions of daily bars; datetime64[s] UTC starts of shorter ones.
        fields: each of open, high, low, close, volume → (R,) float64; NaN where the source has no value.
    """

    at: Dates
    fields: Mapping[str, Series]

    def __len__(self) -> int:
        return len(self.at)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Bars:
        """Only the chosen bars: a mask, or positions."""
        return Bars(at=self.at[chosen], fields={name: each[chosen] for name, each in self.fields.items()})


def no_bars(interval: str = DAILY) -> Bars:
    """Bars of a ticker that has none."""
    unit = "datetime64[D]" if interval == DAILY else "datetime64[s]"
    return Bars(at=np.empty(0, unit), fields={name: np.empty(0) for name in FIELDS})


def joined(parts: list[Bars]) -> Bars:
    """The bars of all parts, one after the other. There is at least one part."""
    return Bars(
        at=np.concatenate([part.at for part in parts]),
        fields={name: np.concatenate([part.fields[name] for part in parts]) for name in parts[0].fields},
    )


def days_of(bars: Bars) -> Dates:
    """(R,) datetime64[D]: the day in New York on which each bar begins."""
    if bars.at.dtype == np.dtype("datetime64[D]"):
        return bars.at
    local = pl.Series(bars.at.astype("datetime64[ms]")).dt.replace_time_zone("UTC")
    return local.dt.convert_time_zone("America/New_York").dt.date().to_numpy().astype("datetime64[D]")
