"""Yahoo's daily prices, by yfinance: an extra, because its service is unofficial and changes without notice.

Prices and volumes come adjusted for splits, dividends too: as of the day of asking. So each request goes on
until today: whatever is asked for, all later splits are known, and a dividend is given in shares of its day.
Yahoo writes spin-offs as splits with odd ratios, and calls no dividend special.

yfinance speaks through curl_cffi, which looks like a browser; Yahoo refuses what does not. `_paced` makes its
session keep to the rate limit and ask again for charts that did not come.
"""

from __future__ import annotations

import importlib
import logging
import math
import random
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from functools import cache, cached_property
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from treefolio.errors import SourceAway, SourceError
from treefolio.market import clock
from treefolio.market.actions import Action, Dividend, Split
from treefolio.market.bars import DAILY, SPLIT, Bars, Shelf, no_bars
from treefolio.market.clock import Clock, SystemClock
from treefolio.market.sources.base import Delivered, Failed

if TYPE_CHECKING:
    from treefolio.market.settings import MarketSettings
    from treefolio.market.sources.limits import RateLimit

log = logging.getLogger(__name__)

NAME = "yahoo"
EARLIEST = date(1970, 1, 2)
"""Yahoo has prices of some years before; of these nobody here knows the sessions."""
COLUMNS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
CLASS_MARK = re.compile(r"[/.](?=[A-K]$)")
CHART = "/v8/finance/chart/"
NO_SUCH_DAYS = "Data doesn't exist"
"""What Yahoo says of a ticker that has prices, but not then."""
FIRST_BOUND_SECONDS = 2.0
LARGEST_DENOMINATOR = 10_000
"""Of a split's ratio."""


class Yahoo:
    """Yahoo as a source of prices. See `base.Source`.

    Args:
        watch: tells the time.
        address: where everything that yfinance asks for goes, in place of Yahoo's hosts; for tests.
        sleep: how to wait before asking again.
    """

    def __init__(
        self,
        settings: MarketSettings,
        *,
        feed: str = "",
        interval: str = DAILY,
        watch: Clock | None = None,
        address: str | None = None,
        sleep: Any = time.sleep,
    ) -> None:
        self.shelf = Shelf(
            source=NAME, feed=feed, entitlement=settings.entitlement, delivered=SPLIT, interval=interval
        )
        self.earliest = EARLIEST
        self._settings = settings
        self._watch = watch or SystemClock()
        self._address = address
        self._sleep = sleep

    @property
    def requests(self) -> int:
        """How many it made so far, repeated ones included."""
        session = vars(self).get("_session")
        return session.made if session else 0

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        """One answer for each ticker. See `base.Source`. Raises SourceError without yfinance."""
        for ticker in dict.fromkeys(tickers):
            try:
                bars = bars_of(self._history(ticker, first))
            except UnknownTickerError as error:
                yield Failed(ticker=ticker, reason=error.message, unknown=True)
            except NotInstalledError:
                raise
            except SourceError as error:
                log.warning("yahoo: %s: %s", ticker, error.message, extra={"action": "ticker_failed"})
                yield Failed(ticker=ticker, reason=error.message)
            else:
                within = (bars.at >= np.datetime64(first, "D")) & (bars.at <= np.datetime64(last, "D"))
                yield Delivered(ticker=ticker, bars=bars.where(within))

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        """Splits and dividends whose ex-date is from `first` to `last`. A ticker that Yahoo does not know has
        none. Raises SourceError."""
        found: list[Action] = []
        for ticker in dict.fromkeys(tickers):
            try:
                frame = self._history(ticker, first)
            except UnknownTickerError:
                continue
            found += [action for action in actions_of(ticker, frame) if first <= action.ex_date <= last]
        return found

    def listings(self, tickers: Sequence[str]) -> Mapping[str, date]:
        """None: Yahoo's first trade date is not always the listing."""
        del tickers
        return {}

    def _history(self, ticker: str, first: date) -> Any:
        """yfinance's frame from `first` to today; None when Yahoo has nothing then. Raises SourceError."""
        package = _package(self._settings.home)
        begin, end = max(first, EARLIEST), clock.today(self._watch.now()) + timedelta(days=1)
        if begin >= end:
            return None
        symbol, session = theirs(ticker), self._session
        problem: SourceError
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # between yfinance and pandas, not for our users
                package.data.YfData.cache_get.cache_clear()  # it would keep answers as long as the process
                return package.Ticker(symbol, session=session).history(
                    start=begin, end=end, interval="1d", auto_adjust=False, actions=True
                )
        except SourceError:
            raise
        except package.exceptions.YFPricesMissingError as error:
            if error.yahoo_reason is None or NO_SUCH_DAYS in error.yahoo_reason:
                return None
            problem = SourceError(f"Yahoo says: {error.yahoo_reason}", source=NAME, ticker=ticker)
        except Exception as error:  # whatever an unofficial answer does to yfinance
            said = f"yfinance cannot read the answer ({type(error).__name__})"
            problem = SourceError(said, source=NAME, ticker=ticker)
        if session.statuses.get(CHART + symbol) == HTTPStatus.NOT_FOUND:
            problem = UnknownTickerError(f"Yahoo has no {symbol}", source=NAME, ticker=ticker)
        raise problem

    @cached_property
    def _session(self) -> Any:
        from treefolio.market.sources import limits  # noqa: PLC0415 - takes 0.1 s

        file = limits.log_file(self._settings.home / "limits", NAME, "")
        limit = limits.shared(NAME, file, self._settings.requests_per_minute)
        return _paced(self._settings, limit, self._address, self._sleep)


class UnknownTickerError(SourceError):
    """Yahoo has no such ticker."""


class NotInstalledError(SourceError):
    """The extra is missing: nothing can be asked at all."""


def theirs(ticker: str) -> str:
    """Yahoo's spelling of our ticker: ``BRK/B`` is ``BRK-B``."""
    return CLASS_MARK.sub("-", ticker)


def bars_of(frame: Any) -> Bars:
    """yfinance's frame → columns, without rows that have no price at all."""
    if frame is None or not len(frame):
        return no_bars()
    bars = Bars(
        at=frame.index.tz_localize(None).to_numpy().astype("datetime64[D]"),
        fields={name: frame[column].to_numpy(dtype=np.float64) for name, column in COLUMNS.items()},
    )
    prices = np.stack([bars.fields[name] for name in ("open", "high", "low", "close")])
    return bars.where(np.flatnonzero(~np.isnan(prices).all(axis=0)))


def actions_of(ticker: str, frame: Any) -> list[Action]:
    """Splits and dividends of yfinance's frame, by date. Dividends come in shares of today: times all later
    splits, they are in shares of their day."""
    if frame is None:
        return []
    days: list[date] = frame.index.date.tolist()
    ratios = {day: float(value) for day, value in zip(days, frame["Stock Splits"], strict=True) if value > 0}
    found: list[Action] = []
    for day, ratio in ratios.items():
        exact = Fraction(ratio).limit_denominator(LARGEST_DENOMINATOR)
        new, old = float(exact.numerator), float(exact.denominator)
        found.append(Split(ticker=ticker, ex_date=day, new=new, old=old))
    for day, value in zip(days, frame["Dividends"], strict=True):
        if value > 0:
            later = math.prod(ratio for split, ratio in ratios.items() if split > day)
            found.append(Dividend(ticker=ticker, ex_date=day, amount=float(value) * later))
    return sorted(found, key=lambda action: (action.ex_date, type(action).__name__))


@cache
def _package(home: Path) -> ModuleType:
    """yfinance, told to raise what goes wrong, and to keep its notes in our home folder."""
    try:
        package = importlib.import_module("yfinance")
    except ImportError:
        package = None
    if package is None:
        hint = "Install the extra: pip install treefolio[yahoo]"
        raise NotInstalledError("Yahoo's prices come through yfinance, which is not installed", hint=hint)
    package.config.debug.hide_exceptions = False
    package.set_tz_cache_location(str(home / NAME))
    return package


def _paced(settings: MarketSettings, limit: RateLimit, address: str | None, sleep: Any) -> Any:
    """A session of curl_cffi that counts, keeps to `limit`, and asks again for charts that did not come."""
    browser = importlib.import_module("curl_cffi.requests")

    class Paced(browser.Session):  # type: ignore[misc, name-defined]  # yfinance accepts nothing else
        """Takes the arguments that yfinance gives. `statuses`: a chart's path → how it was answered."""

        made = 0

        def request(
            self,
            method: str,
            url: str,
            params: Any = None,
            data: Any = None,
            json: Any = None,
            headers: Any = None,
            timeout: Any = None,  # noqa: ARG002 - ours counts
            allow_redirects: Any = True,
        ) -> Any:
            path = urlsplit(url).path

            def ask() -> Any:
                limit.acquire()
                self.made += 1
                return super(Paced, self).request(
                    method,
                    url if address is None else address + path,
                    params=params,
                    data=data,
                    json=json,
                    headers=headers,
                    timeout=(settings.connect_seconds, settings.read_seconds),
                    allow_redirects=allow_redirects,
                )

            if method != "GET" or not path.startswith(CHART):
                return ask()  # cookies and the like: yfinance knows how to go on without them
            answer = _insisted(ask, settings.tries, browser.exceptions.RequestException, sleep)
            self.statuses[path] = answer.status_code
            return answer

    session = Paced(impersonate="chrome")
    session.statuses = {}
    return session


def _insisted(ask: Callable[[], Any], tries: int, lost: type[Exception], sleep: Any) -> Any:
    """The answer, after as many tries as it takes. Raises SourceAway when there is none."""
    trouble = ""
    for attempt in range(1, tries + 1):
        try:
            answer = ask()
        except lost as error:
            trouble = f"the connection failed ({type(error).__name__})"
        else:
            if not _may_pass(answer.status_code):
                return answer
            trouble = f"it answered {answer.status_code}"
        if attempt < tries:
            sleep(random.random() * FIRST_BOUND_SECONDS * 2 ** (attempt - 1))
    hint = "Yahoo's service is unofficial: try again later, or use another source."
    raise SourceAway(f"{trouble}, {tries} times in a row", source=NAME, hint=hint)


def _may_pass(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
