"""Alpaca's words and ours: how it spells tickers, and what its bars and corporate actions mean."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from treefolio.market.actions import Action, Dividend, SpinOff, Split
from treefolio.market.bars import DAILY, Bars

log = logging.getLogger(__name__)

COLUMNS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
CLASS_MARK = re.compile(r"/|-(?=[A-K]$)")
STAMP = len("2024-01-02T05:00:00")
"""A time without its zone, which is always Z, and without fractions."""

Row = Mapping[str, Any]


def theirs(ticker: str) -> str:
    """Alpaca's spelling of our ticker, whichever mark stands before the share class: ``BRK.B``."""
    return CLASS_MARK.sub(".", ticker)


def ours(symbol: str) -> str:
    """Our spelling of Alpaca's symbol: ``BRK.B`` is ``BRK-B``, as in imported strategies."""
    return symbol.replace(".", "-")


def spelled(tickers: Iterable[str]) -> dict[str, list[str]]:
    """Alpaca's symbol → the tickers that mean it, sorted by symbol, each ticker once."""
    found: dict[str, list[str]] = {}
    for ticker in dict.fromkeys(tickers):
        found.setdefault(theirs(ticker), []).append(ticker)
    return dict(sorted(found.items()))


def can_be_asked(symbol: str) -> bool:
    """Whether it can stand in a list of symbols at all."""
    return bool(symbol) and not any(letter == "," or letter.isspace() for letter in symbol)


def columns(rows: Sequence[Row], interval: str) -> Bars:
    """Bars as Alpaca writes them → columns. A daily bar begins at midnight in New York: its date in UTC is
    its session. Raises KeyError, TypeError or ValueError for what is no bar."""
    at = np.array([row["t"][:STAMP] for row in rows], dtype="datetime64[s]")
    return Bars(
        at=at.astype("datetime64[D]") if interval == DAILY else at,
        fields={
            name: np.array([row[short] for row in rows], dtype=np.float64) for name, short in COLUMNS.items()
        },
    )


def actions_of(rows: Mapping[str, Sequence[Row]]) -> list[Action]:
    """Corporate actions as Alpaca writes them, by kind → ours, without repetitions.

    Kinds that change no price by a ratio or an amount known here (mergers, name changes, rights, …) are left
    out and counted in the log, as are rows that make no sense.
    """
    found: dict[Action, None] = {}
    ignored: Counter[str] = Counter()
    for kind, of_kind in rows.items():
        read = READERS.get(kind)
        for row in of_kind:
            action = read(row) if read else None
            if action is None:
                ignored[kind] += 1
            else:
                found[action] = None
    if ignored:
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
        log.info("alpaca: corporate actions without use here: %s", said, extra={"action": "actions_ignored"})
    return sorted(found, key=lambda action: (action.ticker, action.ex_date, type(action).__name__))


def _split(row: Row) -> Action | None:
    new, old, day = _amount(row, "new_rate"), _amount(row, "old_rate"), _day(row)
    if new is None or old is None or day is None:
        return None
    return Split(ticker=_ticker(row, "symbol"), ex_date=day, new=new, old=old)


def _unit_split(row: Row) -> Action | None:
    """A unit that remains what it was; one that becomes something else is no split."""
    new, old, day = _amount(row, "new_rate"), _amount(row, "old_rate"), _day(row, "effective_date")
    if new is None or old is None or day is None or row.get("old_symbol") != row.get("new_symbol"):
        return None
    return Split(ticker=_ticker(row, "old_symbol"), ex_date=day, new=new, old=old)


def _stock_dividend(row: Row) -> Action | None:
    rate, day = _amount(row, "rate"), _day(row)
    if rate is None or day is None:
        return None
    return Split(ticker=_ticker(row, "symbol"), ex_date=day, new=1.0 + rate, old=1.0)


def _cash_dividend(row: Row) -> Action | None:
    rate, day = _amount(row, "rate"), _day(row)
    if rate is None or day is None:
        return None
    special = row.get("special") is True
    return Dividend(ticker=_ticker(row, "symbol"), ex_date=day, amount=rate, special=special)


def _spin_off(row: Row) -> Action | None:
    new, source, day = _amount(row, "new_rate"), _amount(row, "source_rate"), _day(row)
    child = _ticker(row, "new_symbol")
    if new is None or source is None or day is None or not child:
        return None
    return SpinOff(ticker=_ticker(row, "source_symbol"), ex_date=day, child=child, rate=new / source)


READERS: Mapping[str, Callable[[Row], Action | None]] = {
    "forward_splits": _split,
    "reverse_splits": _split,
    "unit_splits": _unit_split,
    "stock_dividends": _stock_dividend,
    "cash_dividends": _cash_dividend,
    "spin_offs": _spin_off,
}


def _ticker(row: Row, name: str) -> str:
    return ours(str(row.get(name) or ""))


def _amount(row: Row, name: str) -> float | None:
    """A finite number above 0, or None."""
    try:
        amount = float(row.get(name) or 0)
    except (TypeError, ValueError):
        return None
    return amount if math.isfinite(amount) and amount > 0 else None


def _day(row: Row, name: str = "ex_date") -> date | None:
    try:
        return date.fromisoformat(str(row.get(name)))
    except ValueError:
        return None
