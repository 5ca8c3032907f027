"""Yahoo's charts as yfinance reads them: ``/v8/finance/chart/TICKER``, and the crumb that it asks for first.

Prices, volumes and dividends are adjusted for all splits that are served, as Yahoo's are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from treefolio.market.actions import Action, Dividend, Split
from treefolio.market.bars import DAILY, Bars
from treefolio.testing.vendors.served import OPENING_MINUTE, Served, midnights
from treefolio.testing.vendors.server import Answer, Request, json_answer

CHART = "/v8/finance/chart/"
CRUMB = "/v1/test/getcrumb"
RANGES = ("1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max")
FOREVER = 2**40


class YahooWire:
    """Yahoo, serving `served`, which may be replaced."""

    def __init__(self, served: Served) -> None:
        self.served = served

    def answer(self, request: Request) -> Answer | None:
        """What Yahoo answers; None when the path is not its."""
        if request.path == CRUMB:
            return Answer(body=b"crumb", content_type="text/plain")
        if not request.path.startswith(CHART):
            return None
        symbol = request.path.removeprefix(CHART)
        ticker = {name.replace("/", "-"): name for name in self.served.of(DAILY)}.get(symbol)
        if ticker is None:
            return _error(404, "Not Found", "No data found, symbol may be delisted")
        begin, end = (
            int(request.query.get(name, usual)) for name, usual in (("period1", 0), ("period2", FOREVER))
        )
        bars = self.served.of(DAILY)[ticker]
        opens = _opens(bars)
        chosen = np.flatnonzero((opens >= begin) & (opens < end))
        if "range" in request.query:
            chosen = chosen[-1:]
        if not len(chosen):
            said = f"Data doesn't exist for startDate = {begin}, endDate = {end}"
            return _error(400, "Bad Request", said)
        actions = [action for action in self.served.actions if action.ticker == ticker]
        return json_answer({"chart": {"result": [_chart(symbol, bars, chosen, actions)], "error": None}})

    def empty(self, request: Request) -> Answer | None:
        """A chart without anything in it."""
        if not request.path.startswith(CHART):
            return None
        return json_answer({"chart": {"result": [], "error": None}})


def _chart(symbol: str, bars: Bars, chosen: Any, actions: list[Action]) -> dict[str, Any]:
    factor = _later_splits(bars, actions)
    opens = _opens(bars)
    values = {
        name: (column * factor if name == "volume" else column / factor)[chosen].tolist()
        for name, column in bars.fields.items()
    }
    stamps = dict(zip(bars.at[chosen].astype(str).tolist(), opens[chosen].tolist(), strict=True))
    factors = dict(zip(bars.at.astype(str).tolist(), factor.tolist(), strict=True))
    events: dict[str, dict[str, Mapping[str, Any]]] = {}
    for action in actions:
        stamp = stamps.get(action.ex_date.isoformat())
        if stamp is None:
            continue
        if isinstance(action, Split):
            row = {"date": stamp, "numerator": action.new, "denominator": action.old}
            events.setdefault("splits", {})[str(stamp)] = {
                **row,
                "splitRatio": f"{action.new:g}:{action.old:g}",
            }
        if isinstance(action, Dividend):
            amount = action.amount / factors[action.ex_date.isoformat()]
            events.setdefault("dividends", {})[str(stamp)] = {"amount": amount, "date": stamp}
    return {
        "meta": _meta(symbol, int(opens[-1])),
        "timestamp": opens[chosen].tolist(),
        "events": events,
        "indicators": {"quote": [values], "adjclose": [{"adjclose": values["close"]}]},
    }


def _meta(symbol: str, traded: int) -> dict[str, Any]:
    period = {"timezone": "EST", "start": traded, "end": traded + 23_400, "gmtoffset": -18_000}
    return {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "PCX",
        "instrumentType": "EQUITY",
        "firstTradeDate": 0,
        "regularMarketTime": traded + 23_400,
        "gmtoffset": -18_000,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "currentTradingPeriod": {"pre": period, "regular": period, "post": period},
        "dataGranularity": "1d",
        "range": "",
        "validRanges": list(RANGES),
    }


def _opens(bars: Bars) -> Any:
    """(R,) seconds since 1970 when each session opens."""
    return midnights(bars.at).astype(np.int64) + OPENING_MINUTE * 60


def _later_splits(bars: Bars, actions: list[Action]) -> Any:
    """(R,) what one share of each day has become by now."""
    factor = np.ones(len(bars))
    for action in actions:
        if isinstance(action, Split):
            factor[bars.at < np.datetime64(action.ex_date, "D")] *= action.new / action.old
    return factor


def _error(status: int, code: str, description: str) -> Answer:
    document = {"chart": {"result": None, "error": {"code": code, "description": description}}}
    return json_answer(document, status=status)
