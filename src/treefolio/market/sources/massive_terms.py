"""Massive's words and ours: how it spells tickers, and what a row of its corporate actions means.

Rows come from its REST service and from tables that users keep of it. The names of both generations of its
reference data are known: ``dividend_type`` CD, SC, LT, ST, and ``distribution_type`` recurring, special, ….
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from treefolio.errors import SourceError
from treefolio.market.actions import Action, Dividend, Split

log = logging.getLogger(__name__)

SOURCE, FEED = "massive", "sip"
"""All of its bars are made from both tapes' consolidated trades."""
CLASS_MARK = "-"
"""Ours between a ticker and its share class; Massive's is a dot."""
THEIR_CLASS = re.compile(r"([A-Z]+)\.([A-K])")
OUR_CLASS = re.compile(r"([A-Z]+)[/.-]([A-K])")
TICKER = re.compile(r"[^\s,]{1,32}")
SPECIAL = frozenset({"SC", "special", "supplemental", "irregular"})
"""Types of dividends that are not expected again."""
CURRENCY = "USD"
"""Of prices, and of the dividends that can be applied to them."""


def ours(ticker: str) -> str:
    """Our spelling of the vendor's ticker: ``BRK.B`` is ``BRK-B``. Units (``AAC.U``), warrants (``AAC.WS``),
    preferred shares (``BACpL``) and test tickers keep theirs."""
    return THEIR_CLASS.sub(rf"\1{CLASS_MARK}\2", ticker) if THEIR_CLASS.fullmatch(ticker) else ticker


def theirs(ticker: str) -> str:
    """The vendor's spelling of our ticker, whichever mark stands before the share class."""
    return OUR_CLASS.sub(r"\1.\2", ticker) if OUR_CLASS.fullmatch(ticker) else ticker


def spelled(tickers: Iterable[str]) -> dict[str, list[str]]:
    """The vendor's spelling → the tickers that mean it, each ticker once."""
    found: dict[str, list[str]] = {}
    for ticker in dict.fromkeys(tickers):
        found.setdefault(theirs(ticker), []).append(ticker)
    return found


def can_be_asked(symbol: str) -> bool:
    """Whether it can stand in a list of tickers at all."""
    return TICKER.fullmatch(symbol) is not None


def splits_of(rows: Iterable[Mapping[str, Any]]) -> list[Split]:
    """The splits in rows of ticker, execution_date, split_from, split_to: ascending; said twice is said once.

    Raises SourceError, with the row's number as `line`, for a row that makes no sense.
    """
    found = set()
    for number, row in enumerate(rows, start=1):
        found.add(
            Split(
                ticker=ours(_text(row, "ticker", number)),
                ex_date=_day(row, "execution_date", number),
                new=_amount(row, "split_to", number),
                old=_amount(row, "split_from", number),
            )
        )
    return sorted(found)


def dividends_of(rows: Iterable[Mapping[str, Any]]) -> list[Dividend]:
    """The dividends in rows of ticker, ex_dividend_date, cash_amount and their type: ascending.

    The vendor has some dividends twice, under different numbers: rows that agree in ticker, day, amount and
    type are one. Those in another currency than CURRENCY are left out, and that is logged.

    Raises SourceError, with the row's number as `line`, for a row that makes no sense.
    """
    found: dict[tuple[str, date, float, str], Dividend] = {}
    foreign: set[str] = set()
    for number, row in enumerate(rows, start=1):
        ticker = ours(_text(row, "ticker", number))
        if (row.get("currency") or CURRENCY) != CURRENCY:
            foreign.add(ticker)
            continue
        kind = str(row.get("distribution_type") or row.get("dividend_type") or "")
        day, amount = _day(row, "ex_dividend_date", number), _amount(row, "cash_amount", number)
        found[ticker, day, amount, kind] = Dividend(
            ticker=ticker, ex_date=day, amount=amount, special=kind in SPECIAL
        )
    if foreign:
        log.warning(
            "%s: dividends in other currencies than %s are not used: %s",
            SOURCE,
            CURRENCY,
            ", ".join(sorted(foreign)),
            extra={"action": "dividends_foreign", "tickers": len(foreign)},
        )
    return sorted(found.values())


def between(actions: Iterable[Action], first: date, last: date) -> list[Action]:
    """Those whose ex-date is from `first` to `last`."""
    return [each for each in actions if first <= each.ex_date <= last]


def _text(row: Mapping[str, Any], name: str, number: int) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _senseless(f"there is no {name}", row, number)
    return value.strip()


def _day(row: Mapping[str, Any], name: str, number: int) -> date:
    value = row.get(name)
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value).strip())
    except ValueError:
        raise _senseless(f"{name} is {value!r}, which is no date such as 2020-08-31", row, number) from None


def _amount(row: Mapping[str, Any], name: str, number: int) -> float:
    value = row.get(name)
    try:
        amount = float(value) if value is not None else math.nan
    except (TypeError, ValueError):
        amount = math.nan
    if not (math.isfinite(amount) and amount > 0):
        raise _senseless(f"{name} is {value!r}, which is no number above 0", row, number)
    return amount


def _senseless(what: str, row: Mapping[str, Any], number: int) -> SourceError:
    ticker = row.get("ticker")
    return SourceError(what, source=SOURCE, line=number, ticker=ticker if isinstance(ticker, str) else None)
