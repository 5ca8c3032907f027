"""What a vendor's server serves: bars and corporate actions, from a panel or made up.

`made_up` is a market whose raw prices jump where its splits say so: each ticker pays a dividend a quarter,
the first splits 4 for 1, the second 1 for 10, the third spins off the fourth.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from treefolio.market import calendar
from treefolio.market.actions import Action, Dividend, SpinOff, Split
from treefolio.market.bars import DAILY, INTERVALS, Bars
from treefolio.market.panel import FIELDS, Dates, Panel, Series

NEW_YORK = ZoneInfo("America/New_York")
OPENING_MINUTE = 9 * 60 + 30
QUARTER_SESSIONS = 63
NO_ACTIONS: Sequence[Action] = ()


@dataclass(frozen=True, kw_only=True)
class Served:
    """A market. bars: interval → ticker → its bars, raw, by time. Tickers as Treefolio writes them."""

    bars: Mapping[str, Mapping[str, Bars]] = field(default_factory=dict)
    actions: Sequence[Action] = ()

    def of(self, interval: str) -> Mapping[str, Bars]:
        """The bars of an interval, by ticker."""
        return self.bars.get(interval, {})


def served_panel(panel: Panel, actions: Sequence[Action] = NO_ACTIONS) -> Served:
    """The daily bars of `panel`, without the sessions on which a ticker has no close."""
    daily = {}
    for ticker in panel.tickers:
        close = panel.column(ticker)
        there = ~np.isnan(close)
        fields = {name: panel.column(ticker, name if name in panel.fields else "close") for name in FIELDS}
        if "volume" not in panel.fields:
            fields["volume"] = np.full(len(close), 1000.0)
        daily[ticker] = Bars(at=panel.sessions.copy(), fields=fields).where(there)
    return Served(bars={DAILY: daily}, actions=tuple(actions))


def made_up(
    tickers: Sequence[str],
    first: date,
    last: date,
    *,
    intervals: Sequence[str] = (DAILY,),
    seed: int = 7,
    with_actions: bool = True,
) -> Served:
    """A market of `tickers` on the sessions from `first` to `last`."""
    days = calendar.sessions(first, last)
    actions = _actions(tickers, days) if with_actions else []
    return Served(
        bars={
            interval: {ticker: _bars(ticker, days, interval, actions, seed) for ticker in tickers}
            for interval in intervals
        },
        actions=tuple(actions),
    )


def _actions(tickers: Sequence[str], days: Dates) -> list[Action]:
    """A dividend a quarter for all, a split or spin-off in the middle for some."""
    dates: list[date] = days.astype(object).tolist()
    made: list[Action] = [
        Dividend(ticker=ticker, ex_date=day, amount=0.25)
        for ticker in tickers
        for day in dates[20::QUARTER_SESSIONS]
    ]
    if dates:
        middle = dates[len(dates) // 2]
        for ticker, new, old in zip(tickers, (4.0, 1.0), (1.0, 10.0), strict=False):
            made.append(Split(ticker=ticker, ex_date=middle, new=new, old=old))
        if len(tickers) > 3:
            made.append(SpinOff(ticker=tickers[2], ex_date=middle, child=tickers[3], rate=0.5))
    return made


def _bars(ticker: str, days: Dates, interval: str, actions: Sequence[Action], seed: int) -> Bars:
    """A random walk in cents, divided by what was split before."""
    at = days.copy() if interval == DAILY else starts(days, interval)
    rng = np.random.default_rng([seed, zlib.crc32(f"{ticker} {interval}".encode())])
    path = 100 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, len(at))))
    raw = path * _splits(ticker, at, actions)
    before = np.concatenate([raw[:1], raw[:-1]])
    opens = np.where(np.abs(np.log(raw / before)) < 0.2, before, raw) if len(raw) else raw
    close, start = np.round(raw, 4), np.round(opens, 4)
    spread = np.round(np.abs(rng.normal(0, 0.2, len(at))), 4)
    fields = {
        "open": start,
        "high": np.round(np.maximum(start, close) + spread, 4),
        "low": np.round(np.maximum(np.minimum(start, close) - spread, 0.0001), 4),
        "close": close,
        "volume": np.round(np.exp(rng.normal(13, 0.7, len(at)))),
    }
    return Bars(at=at, fields=fields)


def _splits(ticker: str, at: Dates, actions: Sequence[Action]) -> Series:
    """(R,) what one share of the first day is worth of a later one's, inverted: 1/4 after 4 for 1."""
    factor = np.ones(len(at))
    for action in actions:
        if isinstance(action, Split) and action.ticker == ticker:
            factor[at.astype("datetime64[D]") >= np.datetime64(action.ex_date, "D")] *= (
                action.old / action.new
            )
    return factor


def starts(days: Dates, interval: str) -> Dates:
    """UTC starts of the bars of `interval` from 9:30 to 16:00 in New York: datetime64[s], ascending."""
    step = INTERVALS[interval]
    minutes = np.arange(OPENING_MINUTE, OPENING_MINUTE + INTERVALS[DAILY], step)
    within: NDArray[np.timedelta64] = minutes.astype("timedelta64[m]")
    utc = midnights(days)[:, None] + within[None, :]
    return utc.ravel()


def midnights(days: Dates) -> Dates:
    """Midnight in New York of each day, in UTC: datetime64[s]."""
    known = _known_midnights()
    return known[
        days.astype("datetime64[D]").astype(np.int64) - known[0].astype("datetime64[D]").astype(np.int64)
    ]


@lru_cache(maxsize=1)
def _known_midnights() -> Dates:
    """Midnight in New York of every day of the calendar, in UTC."""
    days = (calendar.FIRST + timedelta(days=k) for k in range((calendar.LAST - calendar.FIRST).days + 1))
    moments = [datetime.combine(day, time(), NEW_YORK).astimezone(UTC).replace(tzinfo=None) for day in days]
    return np.array(moments, dtype="datetime64[s]")
