"""Massive's REST service as its documentation describes it.

* ``/v2/aggs/ticker/{ticker}/range/{number}/{span}/{from}/{to}``: bars of one ticker by their start in
  milliseconds; ``limit`` counts the minutes or days that they are made of. Unknown tickers have none, and
  then the answer has no ``results`` at all. Only raw bars are served.
* ``/stocks/v1/splits``, ``/stocks/v1/dividends``: filtered by ticker and day, ``.any_of``, ``.gte``, …
* ``/v3/reference/tickers/{ticker}``: among other things the day on which it was listed.

All want ``Authorization: Bearer``, or the key in the query: 401 without, and with a wrong one. What the plan
does not include is 403 with the status NOT_AUTHORIZED. More pages follow where ``next_url`` leads; it names
the vendor's own host, as the real one does.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import numpy as np

from treefolio.market.actions import Action, Dividend, Split
from treefolio.market.bars import DAILY, INTERVALS
from treefolio.testing.vendors.served import NEW_YORK, Served, midnights
from treefolio.testing.vendors.server import Answer, Request, json_answer

KEY = "massive-test-key-0123456789abcdef"
HOST = "https://api.massive.com"
AGGS = re.compile(r"/v2/aggs/ticker/([^/]+)/range/(\d+)/(\w+)/([\d-]+)/([\d-]+)")
SPLITS, DIVIDENDS = "/stocks/v1/splits", "/stocks/v1/dividends"
DETAILS = re.compile(r"/v3/reference/tickers/([^/]+)")
LENGTHS = {
    (1, "day"): DAILY,
    (1, "hour"): "1h",
    (30, "minute"): "30m",
    (15, "minute"): "15m",
    (5, "minute"): "5m",
    (1, "minute"): "1m",
}
USUAL_BARS, MOST_BARS = 5_000, 50_000
USUAL_ACTIONS, MOST_ACTIONS = 100, 5_000
LONGEST_LIST = 250
"""So many tickers in ``ticker.any_of``."""
UPGRADE = "Please upgrade your plan at https://massive.com/pricing"
YEAR = timedelta(days=365.25)
COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "": lambda value, given: value == given,
    ".any_of": lambda value, given: value in given.split(","),
    ".gte": lambda value, given: value >= given,
    ".gt": lambda value, given: value > given,
    ".lte": lambda value, given: value <= given,
    ".lt": lambda value, given: value < given,
}
NOTHING_MORE: Mapping[str, Sequence[Mapping[str, Any]]] = {}

Row = Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - it is an answer
    """An answer that is not 200."""

    def __init__(self, status: int, said: str, what: str = "ERROR") -> None:
        super().__init__(said)
        where = "error" if what == "ERROR" else "message"
        self.answer = json_answer({"status": what, "request_id": "r0", where: said}, status=status)


class MassiveWire:
    """Massive, serving `served`; it has no spin-offs.

    Args:
        more: further rows as Massive writes them, by path (SPLITS, DIVIDENDS).
        plan_years: how far back the plan reaches; None for all there is.
        same_day: whether the plan includes today.
        keys: who may ask.
        clock: the time now, with its zone.

    Attributes:
        served: may be replaced: the vendor learns of a new session, or restates an old one.
    """

    def __init__(
        self,
        served: Served,
        *,
        more: Mapping[str, Sequence[Row]] = NOTHING_MORE,
        plan_years: int | None = None,
        same_day: bool = True,
        keys: Sequence[str] = (KEY,),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.served = served
        self._more = more
        self._plan_years = plan_years
        self._same_day = same_day
        self._keys = keys
        self._clock = clock

    def answer(self, request: Request) -> Answer | None:
        """What Massive answers; None when the path is not its."""
        bars, details = AGGS.fullmatch(request.path), DETAILS.fullmatch(request.path)
        if not (bars or details or request.path in (SPLITS, DIVIDENDS)):
            return None
        try:
            self._check_key(request)
            if details:
                return self._details(unquote(details[1]))
            query = _resumed(request.query)
            return self._bars(bars, request.path, query) if bars else self._actions(request.path, query)
        except Refused as refused:
            return refused.answer

    def empty(self, request: Request) -> Answer | None:
        """A page without rows, and without the word for them, that leads to the one asked for."""
        if not (AGGS.fullmatch(request.path) or request.path in (SPLITS, DIVIDENDS)):
            return None
        return _page(request.path, _resumed(request.query), {}, None, following=0)

    def _check_key(self, request: Request) -> None:
        said = request.headers.get("authorization", "")
        key = said.removeprefix("Bearer ") if said.startswith("Bearer ") else request.query.get("apiKey")
        if not key:
            raise Refused(401, "API Key was not provided")
        if key not in self._keys:
            raise Refused(401, "Unknown API Key")

    def _bars(self, asked: re.Match[str], path: str, query: Mapping[str, str]) -> Answer:
        symbol, number, span, first, last = asked.groups()
        interval = LENGTHS.get((int(number), span))
        if interval is None:
            raise Refused(400, f"there is no range of {number} {span}")
        if query.get("adjusted", "true") != "false":
            raise Refused(400, "only raw bars are served here")
        begin, end = _day(first, "from"), _day(last, "to")
        if end < begin:
            raise Refused(400, "The parameter 'to' cannot be a time that occurs before 'from'")
        self._check_plan(begin, end)
        rows = self._bar_rows(unquote(symbol), interval, begin, end)
        if query.get("sort", "asc") == "desc":
            rows.reverse()
        base = _limit(query, USUAL_BARS, MOST_BARS)
        most = base if interval == DAILY else max(base // INTERVALS[interval], 1)
        start = int(query.get("start", 0))
        page = rows[start : start + most]
        said = {"ticker": unquote(symbol), "queryCount": len(page), "resultsCount": len(page)}
        following = start + most if start + most < len(rows) else None
        return _page(path, query, {**said, "adjusted": False}, page or None, following=following)

    def _check_plan(self, begin: date, end: date) -> None:
        """Raises Refused for days that the plan does not include, and for those to come."""
        today = self._clock().astimezone(NEW_YORK).date()
        too_old = self._plan_years is not None and begin < today - self._plan_years * YEAR
        if too_old or begin > today:
            said = f"Your plan doesn't include this data timeframe. {UPGRADE}"
            raise Refused(403, said, "NOT_AUTHORIZED")
        if end >= today and not self._same_day:
            said = f"Attempted to request today's data before end of day. {UPGRADE}"
            raise Refused(403, said, "NOT_AUTHORIZED")

    def _bar_rows(self, symbol: str, interval: str, begin: date, end: date) -> list[dict[str, Any]]:
        """The bars of those days as Massive writes them, by time."""
        known = {_spelled(ticker): bars for ticker, bars in self.served.of(interval).items()}
        bars = known.get(symbol)
        if bars is None:
            return []
        at = midnights(bars.at) if interval == DAILY else bars.at
        edges = midnights(np.array([begin, end + timedelta(days=1)], "datetime64[D]"))
        chosen = bars.where((at >= edges[0]) & (at < edges[1]))
        moments = at[(at >= edges[0]) & (at < edges[1])].astype("datetime64[s]").astype(np.int64) * 1000
        columns = [chosen.fields[name].tolist() for name in ("open", "high", "low", "close", "volume")]
        return [
            {
                "v": v,
                "vw": (h + low + c) / 3,
                "o": o,
                "c": c,
                "h": h,
                "l": low,
                "t": t,
                "n": int(v // 100) + 1,
            }
            for t, o, h, low, c, v in zip(moments.tolist(), *columns, strict=True)
        ]

    def _actions(self, path: str, query: Mapping[str, str]) -> Answer:
        if len(query.get("ticker.any_of", "").split(",")) > LONGEST_LIST:
            raise Refused(400, "too many values in ticker.any_of")
        kind, write = (Split, _split) if path == SPLITS else (Dividend, _dividend)
        rows = [
            *(
                write(number, each)
                for number, each in enumerate(self.served.actions)
                if isinstance(each, kind)
            ),
            *self._more.get(path, ()),
        ]
        day = "execution_date" if path == SPLITS else "ex_dividend_date"
        kept = [row for row in rows if _fits(row, ("ticker", day), query)]
        kept.sort(key=lambda row: (row[day], row["ticker"]), reverse=path == SPLITS)
        limit, start = _limit(query, USUAL_ACTIONS, MOST_ACTIONS), int(query.get("start", 0))
        following = start + limit if start + limit < len(kept) else None
        return _page(path, query, {}, kept[start : start + limit], following=following)

    def _details(self, symbol: str) -> Answer:
        known = {_spelled(ticker): bars for ticker, bars in self.served.of(DAILY).items()}
        bars = known.get(symbol)
        if bars is None or not len(bars):
            raise Refused(404, "Ticker not found.", "NOT_FOUND")
        row = {"ticker": symbol, "market": "stocks", "active": True, "list_date": str(bars.at[0])}
        return json_answer({"request_id": "r0", "status": "OK", "results": row})


def _spelled(ticker: str) -> str:
    """A ticker as Massive spells it."""
    return ticker.replace("/", ".")


def _split(number: int, action: Action) -> Row:
    assert isinstance(action, Split)
    return {
        "id": f"E{number:064x}",
        "ticker": _spelled(action.ticker),
        "execution_date": action.ex_date.isoformat(),
        "split_from": action.old,
        "split_to": action.new,
        "adjustment_type": "forward_split" if action.new > action.old else "reverse_split",
        "historical_adjustment_factor": action.old / action.new,
    }


def _dividend(number: int, action: Action) -> Row:
    assert isinstance(action, Dividend)
    day = action.ex_date
    return {
        "id": f"E{number:064x}",
        "ticker": _spelled(action.ticker),
        "cash_amount": action.amount,
        "currency": "USD",
        "declaration_date": (day - timedelta(days=14)).isoformat(),
        "distribution_type": "special" if action.special else "recurring",
        "ex_dividend_date": day.isoformat(),
        "frequency": 0 if action.special else 4,
        "historical_adjustment_factor": 0.99,
        "pay_date": (day + timedelta(days=14)).isoformat(),
        "record_date": day.isoformat(),
        "split_adjusted_cash_amount": action.amount,
    }


def _fits(row: Row, names: Sequence[str], query: Mapping[str, str]) -> bool:
    """Whether the row is what the query asks for."""
    return all(
        compared(row[name], query[f"{name}{mark}"])
        for name in names
        for mark, compared in COMPARED.items()
        if f"{name}{mark}" in query
    )


def _page(
    path: str,
    query: Mapping[str, str],
    said: Mapping[str, Any],
    rows: Sequence[Row] | None,
    *,
    following: int | None,
) -> Answer:
    """A page; `following` is where the next one begins."""
    document = {**said, "status": "OK", "request_id": "r0"}
    if rows is not None:
        document["results"] = rows
    if following is not None:
        kept = {name: value for name, value in query.items() if name != "apiKey"}
        place = urlencode({**kept, "start": query.get("start", 0) if following == 0 else following})
        document["next_url"] = f"{HOST}{path}?{urlencode({'cursor': _token(place)})}"
    return json_answer(document)


def _token(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def _resumed(query: Mapping[str, str]) -> Mapping[str, str]:
    """What is asked for: where there is a cursor, it says so."""
    if "cursor" not in query:
        return query
    try:
        return dict(parse_qsl(base64.urlsafe_b64decode(query["cursor"]).decode()))
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(400, "invalid cursor") from None


def _limit(query: Mapping[str, str], usual: int, most: int) -> int:
    said = query.get("limit", str(usual))
    if not said.isdecimal() or not 1 <= int(said) <= most:
        raise Refused(400, f"'limit' must be from 1 to {most}")
    return int(said)


def _day(said: str, name: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise Refused(400, f"Could not parse the time parameter: '{name}'. Use YYYY-MM-DD") from None
