"""Alpaca's bars and corporate actions.

1. Tickers become Alpaca's symbols (`alpaca_terms`) and are asked for in batches, page by page
   (`alpaca_client`). Alpaca sorts by symbol, then by time: a symbol that the next page does not go on with
   is complete, and is delivered.
2. A batch that is refused for a symbol is asked for again without it; when the answer does not name it, the
   batch is halved until the culprits stand alone.
3. A batch whose answer does not come (the transport has tried) fails with what it had not delivered yet; the
   others go on. Only when the keys are refused nothing goes on.

Bars are always raw: adjustment is computed from the corporate actions. Alpaca's free plan does not give the
last 15 minutes of the SIP feed: who has it gets what is older, and is told so.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from treefolio.errors import SourceError
from treefolio.market.actions import Action
from treefolio.market.bars import DAILY, RAW, Bars, Shelf, joined, no_bars
from treefolio.market.clock import NEW_YORK, Clock, SystemClock
from treefolio.market.sources import alpaca_terms as terms
from treefolio.market.sources.alpaca_client import (
    NAME,
    PLAN_HINT,
    AlpacaClient,
    BadSymbolError,
    NoAccessError,
    Page,
    TooRecentError,
)
from treefolio.market.sources.base import Delivered, Failed

if TYPE_CHECKING:
    from treefolio.market.settings import MarketSettings
    from treefolio.market.sources.transport import Transport

log = logging.getLogger(__name__)

SIP = "sip"
EARLIEST = {SIP: date(2016, 1, 4), "iex": date(2020, 7, 27)}
"""Feed → its first session."""
BATCH = 500
DELAY = timedelta(minutes=16)
"""What the free plan may ask for is older than 15 minutes."""
BEFORE, AFTER = timedelta(days=45), timedelta(days=200)
"""Corporate actions are asked for by the day on which they are processed: a distribution is paid so long
before its ex-date at most, a dividend so long after."""
OLDEST = date(1980, 1, 1)


class Alpaca:
    """Alpaca as a source of prices. See `base.Source`.

    Args:
        feed: sip (all exchanges), or iex (one of them, free in real time).
        watch: tells the time; no bar is asked for that lies in the future.
        transport: in place of the one that the settings describe.
    """

    def __init__(
        self,
        settings: MarketSettings,
        *,
        feed: str = SIP,
        interval: str = DAILY,
        watch: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.shelf = Shelf(
            source=NAME, feed=feed, entitlement=settings.entitlement, delivered=RAW, interval=interval
        )
        self.earliest = EARLIEST[feed]
        self._watch = watch or SystemClock()
        self._client = AlpacaClient(settings, self.shelf, transport)
        self._is_delayed = False

    @property
    def requests(self) -> int:
        """How many it made so far, repeated ones included."""
        return self._client.requests

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        """One answer for each ticker, as it becomes complete. See `base.Source`."""
        wanted = terms.spelled(tickers)
        waiting = deque(_batches([symbol for symbol in wanted if terms.can_be_asked(symbol)]))
        for symbol in wanted:
            if not terms.can_be_asked(symbol):
                yield from _failed(wanted[symbol], "this is no ticker", unknown=True)
        while waiting:
            left = dict.fromkeys(waiting.popleft())
            try:
                for symbol, found in self._batch(list(left), first, last):
                    del left[symbol]
                    yield from _answers(wanted[symbol], found)
            except NoAccessError:
                raise
            except BadSymbolError as refused:
                culprits, parts = _narrowed(list(left), refused.message)
                waiting.extendleft(reversed(parts))
                for symbol in culprits:
                    yield from _failed(wanted[symbol], refused.message, unknown=True)
            except SourceError as error:
                log.warning(
                    "alpaca: %d tickers failed: %s",
                    len(left),
                    error.message,
                    extra={"action": "batch_failed"},
                )
                for symbol in left:
                    yield from _failed(wanted[symbol], error.message)

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        """Actions whose ex-date is from `first` to `last`, by ticker and date. Raises SourceError."""
        wanted = terms.spelled(tickers)
        waiting = deque(_batches([symbol for symbol in wanted if terms.can_be_asked(symbol)]))
        found: list[Action] = []
        while waiting:
            batch = waiting.popleft()
            try:
                rows = self._action_rows(batch, first, last)
            except BadSymbolError as refused:
                waiting.extendleft(reversed(_narrowed(batch, refused.message)[1]))
                continue
            found += terms.actions_of(rows)
        asked = {terms.ours(symbol): symbol for symbol in wanted}
        return [
            replace(action, ticker=ticker)
            for action in found
            if first <= action.ex_date <= last and action.ticker in asked
            for ticker in wanted[asked[action.ticker]]
        ]

    def listings(self, tickers: Sequence[str]) -> Mapping[str, date]:
        """None: Alpaca does not state when trading began."""
        del tickers
        return {}

    def _batch(self, symbols: list[str], first: date, last: date) -> Iterator[tuple[str, Bars | str]]:
        """The bars of each symbol, or why they cannot be read, as it becomes complete.

        Raises BadSymbolError, NoAccessError, SourceError.
        """
        begun: dict[str, list[Bars] | str] = {}
        left = dict.fromkeys(symbols)
        for page in self._bar_pages(symbols, first, last):
            for symbol in [symbol for symbol in begun if symbol not in page]:
                del left[symbol]
                yield symbol, self._whole(begun.pop(symbol), first, last)
            for symbol, rows in page.items():
                if symbol not in left:
                    raise SourceError(f"the answer has {symbol} where it does not belong", source=NAME)
                begun[symbol] = self._and(begun.get(symbol, []), rows)
        for symbol in left:
            yield symbol, self._whole(begun.get(symbol, []), first, last)

    def _and(self, before: list[Bars] | str, rows: Any) -> list[Bars] | str:
        """What there is of a symbol, and these rows; or why they cannot be read."""
        if isinstance(before, str):
            return before
        try:
            return [*before, terms.columns(rows, self.shelf.interval)]
        except (KeyError, TypeError, ValueError, AttributeError):
            return "the answer has a bar that cannot be read"

    def _whole(self, parts: list[Bars] | str, first: date, last: date) -> Bars | str:
        """All parts together, of the days asked for."""
        if isinstance(parts, str):
            return parts
        bars = joined([no_bars(self.shelf.interval), *parts])
        # New York is 4 or 5 hours behind UTC, and nothing is traded there from 20:00 to 4:00
        day = bars.at if self.shelf.interval == DAILY else (bars.at - np.timedelta64(4, "h")).astype("M8[D]")
        return bars.where((day >= np.datetime64(first, "D")) & (day <= np.datetime64(last, "D")))

    def _bar_pages(self, symbols: list[str], first: date, last: date) -> Iterator[Page]:
        """The pages of a batch's bars: symbol → rows. None when no moment is left to ask for."""
        begin = _midnight(max(first, self.earliest))
        try:
            if begin <= (end := self._end(last)):
                yield from self._client.bars(symbols, begin, end)
            return
        except TooRecentError as error:
            if self._is_delayed:
                raise NoAccessError(error.message, source=NAME, hint=PLAN_HINT) from None
        self._is_delayed = True  # the plan is known now: the first page was refused
        log.warning(
            "alpaca: your plan does not permit the last 15 minutes of the SIP feed; asking for what is older",
            extra={"action": "sip_delayed"},
        )
        yield from self._bar_pages(symbols, first, last)

    def _end(self, last: date) -> datetime:
        """The last moment to ask for: of the day `last`, and not after now."""
        latest = self._watch.now() - (DELAY if self._is_delayed else timedelta())
        return min(_midnight(last + timedelta(days=1)) - timedelta(seconds=1), latest)

    def _action_rows(self, symbols: list[str], first: date, last: date) -> dict[str, list[Any]]:
        """Corporate actions as Alpaca writes them, by kind."""
        begin, end = max(first, OLDEST) - BEFORE, min(last, date.max - AFTER) + AFTER
        found: dict[str, list[Any]] = {}
        for page in self._client.actions(symbols, begin, end):
            for kind, rows in page.items():
                if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                    raise SourceError("the answer has corporate actions that cannot be read", source=NAME)
                found.setdefault(kind, []).extend(rows)
        return found


def _batches(symbols: list[str]) -> list[list[str]]:
    return [symbols[k : k + BATCH] for k in range(0, len(symbols), BATCH)]


def _narrowed(batch: list[str], message: str) -> tuple[list[str], list[list[str]]]:
    """After a refusal: the symbols that are to blame, and what to ask for instead."""
    named = [symbol for symbol in batch if message.rstrip().endswith(f" {symbol}")]
    culprits = batch if len(batch) == 1 else named
    if culprits:
        others = [symbol for symbol in batch if symbol not in culprits]
        return culprits, [others] if others else []
    half = len(batch) // 2
    return [], [batch[:half], batch[half:]]


def _answers(tickers: Sequence[str], found: Bars | str) -> Iterator[Delivered | Failed]:
    if isinstance(found, str):
        yield from _failed(tickers, found)
    else:
        yield from (Delivered(ticker=ticker, bars=found) for ticker in tickers)


def _failed(tickers: Sequence[str], reason: str, *, unknown: bool = False) -> Iterator[Failed]:
    yield from (Failed(ticker=ticker, reason=reason, unknown=unknown) for ticker in tickers)


def _midnight(day: date) -> datetime:
    """The first moment of a day in New York."""
    return datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
