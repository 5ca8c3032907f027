"""Massive's bars and corporate actions (the vendor was called Polygon until 2025).

1. Bars are asked for ticker by ticker, several at a time; whatever the number of threads, they share the rate
   limit. Bars are always raw: adjustment is computed from the corporate actions. Bars within a day come with
   those before 9:30 and after 16:00.
2. Splits and dividends of all tickers come in one list each, page by page. Massive does not offer spin-offs.
3. A plan reaches back some years, and perhaps not to today. Whoever asks for more is refused, so the next
   shorter plan is tried, and that is said. What lies before counts as not there: name the plan in
   TREEFOLIO_ENTITLEMENT, and another one will see its own prices.

An unknown ticker has no bars, and nothing tells it from one that was not traded. `flat_files` imports the
same prices from files.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from treefolio.errors import SourceError
from treefolio.market import clock
from treefolio.market.actions import Action
from treefolio.market.bars import DAILY, RAW, Bars, Shelf, days_of, no_bars
from treefolio.market.clock import Clock, SystemClock
from treefolio.market.sources.base import Delivered, Failed
from treefolio.market.sources.massive_client import (
    END_OF_DAY,
    PLAN_HINT,
    MassiveClient,
    NoAccessError,
    NotFoundError,
    TimeframeError,
)
from treefolio.market.sources.massive_terms import (
    FEED,
    SOURCE,
    between,
    can_be_asked,
    dividends_of,
    ours,
    spelled,
    splits_of,
)

if TYPE_CHECKING:
    from treefolio.market.settings import MarketSettings
    from treefolio.market.sources.transport import Transport

Found = TypeVar("Found")
log = logging.getLogger(__name__)

EARLIEST = date(2003, 9, 10)
AT_ONCE = 8
BATCH = 200
"""Tickers in one list of actions: their names stand in the address, which may not be too long."""
PLAN_YEARS = (20, 10, 5, 2)
"""How far back plans reach."""
YEAR = timedelta(days=365.25)
MILLISECONDS = 1_000
EARLIEST_HOUR = np.timedelta64(4, "h")
"""New York is 4 or 5 hours behind UTC, and nothing is traded there from 20:00 to 4:00."""


class Massive:
    """Massive as a source of prices. See `base.Source`.

    Args:
        feed: there is one: all exchanges.
        watch: tells the time; no bar is asked for that lies in the future.
        transport: in place of the one that the settings describe.
    """

    earliest = EARLIEST

    def __init__(
        self,
        settings: MarketSettings,
        *,
        feed: str = FEED,
        interval: str = DAILY,
        watch: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.shelf = Shelf(
            source=SOURCE, feed=feed, entitlement=settings.entitlement, delivered=RAW, interval=interval
        )
        self._watch = watch or SystemClock()
        self._client = MassiveClient(settings, transport)
        self._plan = _Plan()

    @property
    def requests(self) -> int:
        """How many it made so far, repeated ones included."""
        return self._client.requests

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        """One answer for each ticker, as it becomes complete. See `base.Source`."""
        wanted = spelled(tickers)
        for symbol, odd in wanted.items():
            if not can_be_asked(symbol):
                yield from (Failed(ticker=ticker, reason="this is no ticker", unknown=True) for ticker in odd)
        for symbol, found in self._each(_askable(wanted), lambda one: self._bars(one, first, last)):
            for ticker in wanted[symbol]:
                if isinstance(found, SourceError):
                    yield Failed(ticker=ticker, reason=found.message)
                else:
                    yield Delivered(ticker=ticker, bars=found)

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        """Splits and dividends whose ex-date is from `first` to `last`. Raises SourceError."""
        wanted = spelled(tickers)
        symbols = _askable(wanted)
        found: list[Action] = []
        for k in range(0, len(symbols), BATCH):
            batch = symbols[k : k + BATCH]
            found += splits_of(self._client.splits(batch, first, last))
            found += dividends_of(self._client.dividends(batch, first, last))
        asked = {ours(symbol): symbol for symbol in symbols}
        return [
            replace(action, ticker=ticker)
            for action in between(found, first, last)
            if action.ticker in asked
            for ticker in wanted[asked[action.ticker]]
        ]

    def listings(self, tickers: Sequence[str]) -> Mapping[str, date]:
        """When trading began, of those tickers of which Massive states it. It forgets what is delisted."""
        wanted = spelled(tickers)
        return {
            ticker: found
            for symbol, found in self._each(_askable(wanted), self._listing)
            if isinstance(found, date)
            for ticker in wanted[symbol]
        }

    def _each(
        self, symbols: list[str], ask: Callable[[str], Found]
    ) -> Iterator[tuple[str, Found | SourceError]]:
        """What was found for each symbol, or why not, as it comes. Raises NoAccessError, and asks no more."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=SOURCE) as pool:
            asked = {pool.submit(ask, symbol): symbol for symbol in symbols}
            try:
                for done in as_completed(asked):
                    error = done.exception()
                    if isinstance(error, SourceError) and not isinstance(error, NoAccessError):
                        yield asked[done], error
                    else:
                        yield asked[done], done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _bars(self, symbol: str, first: date, last: date) -> Bars:
        """The bars of one symbol, of as many days as the plan allows."""
        while True:
            today = clock.today(self._watch.now())
            begin, end = self._plan.within(max(first, EARLIEST), min(last, today), today)
            if begin > end:
                return no_bars(self.shelf.interval)
            try:
                rows = self._client.bars(symbol, self.shelf.interval, begin, end)
            except TimeframeError as refused:
                self._plan.shorten(begin, end, today, refused)
            else:
                return _between(_columns(rows, self.shelf.interval), first, last)

    def _listing(self, symbol: str) -> date | None:
        """When trading in the symbol began, if Massive says."""
        try:
            said = self._client.listed_on(symbol)
        except NotFoundError:
            return None
        try:
            return date.fromisoformat(said) if said else None
        except ValueError:
            raise SourceError(f"{symbol} is listed on {said!r}, which is no date", source=SOURCE) from None


class _Plan:
    """What the plan allows to ask for, as far as refusals have told. Safe under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._years: int | None = None
        self._is_without_today = False

    def within(self, first: date, last: date, today: date) -> tuple[date, date]:
        """Those of the days that may be asked for."""
        begin = first if self._years is None else max(first, _reach(self._years, today))
        return begin, min(last, today - timedelta(days=1)) if self._is_without_today else last

    def shorten(self, begin: date, end: date, today: date, refused: TimeframeError) -> None:
        """Asks for less from now on. Raises NoAccessError when there is nothing less."""
        with self._lock:
            if self.within(begin, end, today) != (begin, end):
                return  # somebody else was refused, too
            shorter = [years for years in PLAN_YEARS if begin < _reach(years, today) <= end]
            if end == today and (END_OF_DAY in refused.message or not shorter):
                self._is_without_today = True
                log.warning(
                    "massive: your plan does not include today; asking for the days before",
                    extra={"action": "massive_without_today"},
                )
                return
            if not shorter:
                raise NoAccessError(f"Massive refuses: {refused.message}", source=SOURCE, hint=PLAN_HINT)
            self._years = shorter[0]
            log.warning(
                "massive: your plan does not reach back to %s; asking for the last %d years",
                begin,
                self._years,
                extra={"action": "massive_shortened", "years": self._years},
            )


def _askable(symbols: Iterable[str]) -> list[str]:
    return [symbol for symbol in symbols if can_be_asked(symbol)]


def _reach(years: int, today: date) -> date:
    """The first day that a plan of so many years surely includes."""
    return today - years * YEAR + timedelta(days=1)


def _columns(rows: Sequence[Any], interval: str) -> Bars:
    """Bars as the client gives them → columns. Raises SourceError for what is no bar."""
    try:
        moments = [int(row.timestamp) // MILLISECONDS for row in rows]
        fields = {
            name: np.array([getattr(row, name) for row in rows], dtype=np.float64)
            for name in no_bars().fields
        }
    except (TypeError, ValueError):
        raise SourceError("the answer has a bar that cannot be read", source=SOURCE) from None
    at = np.array(moments, dtype="datetime64[s]")
    return Bars(at=(at - EARLIEST_HOUR).astype("datetime64[D]") if interval == DAILY else at, fields=fields)


def _between(bars: Bars, first: date, last: date) -> Bars:
    """The bars of the days asked for."""
    days = days_of(bars)
    return bars.where((days >= np.datetime64(first, "D")) & (days <= np.datetime64(last, "D")))
