"""Alpaca's market data as its documentation describes it: ``/v2/stocks/bars``, ``/v1/corporate-actions``.

* Both want the headers ``APCA-API-KEY-ID`` and ``APCA-API-SECRET-KEY``: 401 without, 403 with wrong ones.
* Bars are sorted by symbol, then by time; ``limit`` counts bars over all symbols. A symbol that nobody knows
  has none; a malformed one refuses the whole request with 400. Only raw bars are served.
* Corporate actions are sorted by, and asked for by, the day they were processed: a dividend's is when it is
  paid, after its ex-date.
* The free plan may not ask for the last 15 minutes of the SIP feed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from treefolio.market.actions import Action, Dividend, SpinOff
from treefolio.market.bars import Bars
from treefolio.testing.vendors.served import NEW_YORK, Served, midnights
from treefolio.testing.vendors.server import Answer, Request, json_answer

KEY, SECRET = "AKTESTKEY0123456789", "testsecret/abcdefghijklmnopqrstuvwxyz0123"
BARS, ACTIONS = "/v2/stocks/bars", "/v1/corporate-actions"
TIMEFRAMES = {
    "1Day": "1d",
    "1Hour": "1h",
    "60Min": "1h",
    "30Min": "30m",
    "15Min": "15m",
    "5Min": "5m",
    "1Min": "1m",
}
FEEDS = ("sip", "iex", "otc", "boats")
SYMBOL = re.compile(r"[A-Z0-9]{1,10}(\.[A-Z0-9]{1,4})?")
NAMING = "invalid symbol: {symbol}"
MOST_BARS, MOST_ACTIONS = 10_000, 1_000
USUAL_BARS, USUAL_ACTIONS = 1_000, 100
RECENT = timedelta(minutes=15)
PAID_AFTER = timedelta(days=14)
TYPES = {
    "forward_splits": "forward_split",
    "reverse_splits": "reverse_split",
    "unit_splits": "unit_split",
    "stock_dividends": "stock_dividend",
    "cash_dividends": "cash_dividend",
    "spin_offs": "spin_off",
    "cash_mergers": "cash_merger",
    "stock_mergers": "stock_merger",
    "stock_and_cash_mergers": "stock_and_cash_merger",
    "redemptions": "redemption",
    "name_changes": "name_change",
    "worthless_removals": "worthless_removal",
    "rights_distributions": "rights_distribution",
}
"""Key in the answer → name in the request."""
NOTHING_MORE: Mapping[str, Sequence[Mapping[str, Any]]] = {}


class Refused(Exception):  # noqa: N818 - it is an answer
    """An answer that is not 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = json_answer({"message": message}, status=status)


class AlpacaWire:
    """Alpaca, serving `served`.

    Args:
        more: further corporate actions as Alpaca writes them, by key of TYPES.
        free: the free plan.
        keys: key → secret of those who may ask.
        clock: the time now, with its zone.

    Attributes:
        served: may be replaced: the vendor learns of a new session, or restates an old one.
    """

    def __init__(
        self,
        served: Served,
        *,
        more: Mapping[str, Sequence[Mapping[str, Any]]] = NOTHING_MORE,
        free: bool = False,
        keys: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.served = served
        self._more = more
        self._free = free
        self._keys = {KEY: SECRET} if keys is None else keys
        self._clock = clock

    def answer(self, request: Request) -> Answer | None:
        """What Alpaca answers; None when the path is not its."""
        ask = {BARS: self._bars, ACTIONS: self._actions}.get(request.path)
        if ask is None:
            return None
        try:
            self._check_keys(request.headers)
            return ask(request.query)
        except Refused as refused:
            return refused.answer

    def empty(self, request: Request) -> Answer | None:
        """A page without content, whose token leads to the one asked for."""
        token = request.query.get("page_token") or _token("start")
        if request.path == BARS:
            return json_answer({"bars": {}, "next_page_token": token})
        if request.path == ACTIONS:
            return json_answer({"corporate_actions": {}, "next_page_token": token})
        return None

    def _check_keys(self, headers: Mapping[str, str]) -> None:
        key, secret = headers.get("apca-api-key-id"), headers.get("apca-api-secret-key")
        if not key or not secret:
            raise Refused(401, "unauthorized.")
        if self._keys.get(key) != secret:
            raise Refused(403, "forbidden.")

    def _bars(self, query: Mapping[str, str]) -> Answer:
        symbols = _symbols(query)
        if not symbols:
            raise Refused(400, "symbols parameter is required")
        interval = TIMEFRAMES.get(query.get("timeframe", ""))
        if interval is None:
            raise Refused(400, f"invalid timeframe: {query.get('timeframe', '')}")
        _one_of(query, "feed", FEEDS, "sip")
        _one_of(query, "adjustment", ("raw",), "raw")
        _one_of(query, "currency", ("USD",), "USD")
        order = _one_of(query, "sort", ("asc", "desc"), "asc")
        if query.get("asof"):
            _day(query, "asof", self._today())
        begin, end = self._between(query)
        after, limit = _position(query), _limit(query, USUAL_BARS, MOST_BARS)
        left = sorted(symbol for symbol in set(symbols) if symbol >= after.partition("|")[0])
        rows = self._rows(left, interval, begin, end, descending=order == "desc")
        return _bars_page(rows, after, limit)

    def _between(self, query: Mapping[str, str]) -> tuple[datetime, datetime]:
        """The interval asked for. Raises Refused when the plan does not allow it."""
        now = self._clock()
        begin = _moment(query, "start", datetime.combine(self._today(), time(), NEW_YORK))
        end = _moment(query, "end", now)
        if end < begin:
            raise Refused(400, "end should not be before start")
        if self._free and query.get("feed", "sip") == "sip" and end > now - RECENT:
            raise Refused(403, "subscription does not permit querying recent SIP data")
        return begin, min(end, now)

    def _today(self) -> date:
        return self._clock().astimezone(NEW_YORK).date()

    def _rows(
        self, symbols: Sequence[str], interval: str, begin: datetime, end: datetime, *, descending: bool
    ) -> Iterator[tuple[str, Bars]]:
        """The bars asked for, by symbol; `at` is when they begin, in UTC."""
        known = {ticker.replace("/", "."): bars for ticker, bars in self.served.of(interval).items()}
        low, high = (
            np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s") for moment in (begin, end)
        )
        for symbol in symbols:
            bars = known.get(symbol)
            if bars is None:
                continue
            at = midnights(bars.at) if interval == "1d" else bars.at
            there = (at >= low) & (at <= high)
            chosen = np.flatnonzero(there)
            if descending:
                chosen = chosen[::-1]
            yield symbol, Bars(at=at[chosen], fields=bars.where(chosen).fields)

    def _actions(self, query: Mapping[str, str]) -> Answer:
        symbols = _symbols(query)
        types = set(filter(None, query.get("types", "").split(",")))
        if strange := types - set(TYPES.values()):
            raise Refused(400, f"invalid types: {','.join(sorted(strange))}")
        first, last = (_day(query, name, self._today()) for name in ("start", "end"))
        if last < first:
            raise Refused(400, "end should not be before start")
        rows = [
            (kind, row)
            for kind, row in self._documents()
            if (not types or TYPES[kind] in types)
            and (not symbols or _names(row) & set(symbols))
            and first.isoformat() <= row["process_date"] <= last.isoformat()
        ]
        rows.sort(key=lambda pair: pair[1]["process_date"], reverse=query.get("sort") == "desc")
        begin = int(_position(query) or 0)
        limit = _limit(query, USUAL_ACTIONS, MOST_ACTIONS)
        page: dict[str, list[Mapping[str, Any]]] = {}
        for kind, row in rows[begin : begin + limit]:
            page.setdefault(kind, []).append(row)
        more = _token(str(begin + limit)) if begin + limit < len(rows) else None
        return json_answer({"corporate_actions": page, "next_page_token": more})

    def _documents(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """All corporate actions as Alpaca writes them."""
        for number, action in enumerate(self.served.actions):
            kind, row = _document(action)
            yield kind, {"id": f"00000000-0000-4000-8000-{number:012d}", **row}
        for kind, rows in self._more.items():
            yield from ((kind, other) for other in rows)


def _document(action: Action) -> tuple[str, dict[str, Any]]:
    """An action as Alpaca writes it, and the key under which it stands."""
    symbol, day = action.ticker.replace("/", "."), action.ex_date.isoformat()
    if isinstance(action, Dividend):
        paid = (action.ex_date + PAID_AFTER).isoformat()
        row: dict[str, Any] = {
            "symbol": symbol,
            "cusip": "000000000",
            "rate": action.amount,
            "special": action.special,
        }
        return "cash_dividends", {
            **row,
            "foreign": False,
            "process_date": paid,
            "ex_date": day,
            "payable_date": paid,
        }
    if isinstance(action, SpinOff):
        child = action.child.replace("/", ".")
        row = {"source_symbol": symbol, "source_cusip": "000000000", "source_rate": 1.0, "new_symbol": child}
        return "spin_offs", {
            **row,
            "new_cusip": "000000001",
            "new_rate": action.rate,
            "process_date": day,
            "ex_date": day,
        }
    row = {
        "symbol": symbol,
        "new_rate": action.new,
        "old_rate": action.old,
        "process_date": day,
        "ex_date": day,
    }
    if action.new > action.old:
        return "forward_splits", {**row, "cusip": "000000000"}
    return "reverse_splits", {**row, "old_cusip": "000000000", "new_cusip": "000000001"}


def _bars_page(rows: Iterator[tuple[str, Bars]], after: str, limit: int) -> Answer:
    """At most `limit` bars behind the place that `after` names: ``symbol|time``, or the beginning."""
    symbol_before, _, time_before = after.partition("|")
    page: list[str] = []
    left, last = limit, ""
    for symbol, bars in rows:
        begin = 0
        stamps = np.datetime_as_string(bars.at)
        if symbol == symbol_before:
            begin = int(np.flatnonzero(stamps == time_before)[0]) + 1
        if begin == len(stamps):
            continue
        if not left:
            return _bars_answer(page, _token(last))
        chosen = slice(begin, begin + left)
        page.append(f'"{symbol}":[{",".join(_written(bars, stamps, chosen))}]')
        taken = len(stamps[chosen])
        left -= taken
        last = f"{symbol}|{stamps[begin + taken - 1]}"
        if begin + taken < len(stamps):
            return _bars_answer(page, _token(last))
    return _bars_answer(page, None)


def _bars_answer(page: Sequence[str], token: str | None) -> Answer:
    said = "null" if token is None else f'"{token}"'
    return Answer(body=f'{{"bars":{{{",".join(page)}}},"next_page_token":{said}}}'.encode())


def _written(bars: Bars, stamps: Any, chosen: slice) -> Iterator[str]:
    """Bars as JSON objects."""
    columns = [bars.fields[name][chosen].tolist() for name in ("open", "high", "low", "close", "volume")]
    for stamp, o, h, l, c, v in zip(stamps[chosen].tolist(), *columns, strict=True):  # noqa: E741 - Alpaca's
        yield (
            f'{{"c":{c!r},"h":{h!r},"l":{l!r},"n":{max(int(v) // 100, 1)},"o":{o!r},'
            f'"t":"{stamp}Z","v":{int(v)},"vw":{(h + l + c) / 3!r}}}'
        )


def _symbols(query: Mapping[str, str]) -> list[str]:
    """The symbols asked for. Raises Refused for one that cannot be."""
    symbols = [symbol for symbol in query.get("symbols", "").split(",") if symbol]
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol):
            raise Refused(400, NAMING.format(symbol=symbol))
    return symbols


def _names(row: Mapping[str, Any]) -> set[str]:
    """The symbols that a corporate action is about."""
    return {value for name, value in row.items() if name.endswith("symbol")}


def _one_of(query: Mapping[str, str], name: str, known: Sequence[str], usual: str) -> str:
    said = query.get(name, usual)
    if said not in known:
        raise Refused(400, f"invalid {name}: {said}")
    return said


def _limit(query: Mapping[str, str], usual: int, most: int) -> int:
    said = query.get("limit", str(usual))
    if not said.isdecimal() or not 1 <= int(said) <= most:
        raise Refused(400, f"invalid limit: {said}")
    return int(said)


def _moment(query: Mapping[str, str], name: str, usual: datetime) -> datetime:
    """A parameter in RFC 3339, or a day: that day's first moment in New York."""
    said = query.get(name)
    if not said:
        return usual
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise Refused(400, f"invalid {name}: {said}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)


def _day(query: Mapping[str, str], name: str, usual: date) -> date:
    said = query.get(name)
    try:
        return date.fromisoformat(said) if said else usual
    except ValueError:
        raise Refused(400, f"invalid {name}: {said}") from None


def _token(place: str) -> str:
    return base64.b64encode(place.encode()).decode()


def _position(query: Mapping[str, str]) -> str:
    """The place that the page token names; empty for the beginning."""
    try:
        place = base64.b64decode(query.get("page_token", ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Refused(400, f"invalid page_token: {query.get('page_token')}") from None
    return "" if place == "start" else place
