"""From a source's bars and corporate actions to a panel: adjusted, looked at, aligned.

What is withheld or doubtful is said in notes: nothing is dropped silently.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from treefolio.errors import MissingPrices
from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Split
from treefolio.market.adjust import PricesOf, apply, factors, no_prices
from treefolio.market.align import named
from treefolio.market.bars import RAW, SPLIT, TOTAL, Bars, Shelf
from treefolio.market.panel import FIELDS, Dates, Panel, Series
from treefolio.market.store import Stock
from treefolio.market.suspicion import split_shaped, withhold_before

CLOSURE_WITNESSES = 5
"""As many tickers have a bar the session before and after, and none on it: then the exchange was closed."""
SPELLING = "Look at the spelling and at the dates, or take another source."
WORDS = {
    RAW: "not adjusted",
    SPLIT: "adjusted for splits",
    TOTAL: "adjusted for splits and dividends",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """How prices are adjusted: raw, split or all; actions later than `as_of` are not applied."""

    adjustment: str = TOTAL
    as_of: date

    def said(self, shelf: Shelf) -> str:
        """For people, and part of a panel's identity."""
        when = "" if self.adjustment == RAW else f" as of {self.as_of}"
        return f"{WORDS[self.adjustment]}{when} ({shelf.name})"


def panel_of(
    stock: Stock,
    shelf: Shelf,
    basis: Basis,
    *,
    closes_only: bool = False,
    accepted: Accepted | None = None,
    children: PricesOf = no_prices,
) -> tuple[Panel, tuple[str, ...]]:
    """The panel of a stock of daily bars, and what is to be said of it.

    Args:
        accepted: doubtful sessions that the user accepted.
        children: raw daily bars of tickers that were spun off.

    Raises:
        MissingPrices: there is no bar at all.
    """
    wanted = ("close",) if closes_only else FIELDS
    notes = [f"{ticker}, {session}: {message}" for ticker, session, _, message in stock.withheld]
    series: dict[str, Bars] = {}
    for ticker in sorted(stock.bars):
        bars, said = _on_basis(ticker, stock, shelf, basis, children)
        notes += said
        if basis.adjustment != RAW:
            bars, said = _since_jump(ticker, bars, stock, (accepted or Accepted()).of(shelf.name, ticker))
            notes += said
        if len(bars):
            series[ticker] = bars
    if not series:
        raise _nothing(stock, shelf)
    days, closed = _sessions(series)
    notes += [
        f"{day} had no bar of any of {len(series)} tickers: it is taken for an unscheduled closure"
        for day in closed
    ]
    panel = Panel(
        sessions=days,
        tickers=tuple(series),
        fields=_fields(series, days, wanted),
        basis=basis.said(shelf),
        source=f"{shelf.name}: {len(series)} ticker{'s' if len(series) != 1 else ''}",
    )
    return panel, tuple(notes)


def _on_basis(
    ticker: str, stock: Stock, shelf: Shelf, basis: Basis, children: PricesOf
) -> tuple[Bars, tuple[str, ...]]:
    """The ticker's bars, adjusted, and what could not be applied."""
    bars = stock.bars[ticker]
    made = factors(
        bars.at,
        bars.fields["close"],
        stock.actions.get(ticker, ()),
        basis=basis.adjustment,
        as_of=basis.as_of,
        prices_of=children,
        delivered=shelf.delivered,
        delivered_on=stock.delivered_on.get(ticker),
    )
    return apply(bars, made), made.notes


def _since_jump(
    ticker: str, bars: Bars, stock: Stock, accepted: Collection[date]
) -> tuple[Bars, tuple[str, ...]]:
    """The bars from the last unexplained jump on: those before are on another basis. And what that means."""
    paid = [each.ex_date for each in stock.actions.get(ticker, ()) if not isinstance(each, Split)]
    found = split_shaped(
        bars.at, bars.fields["open"], bars.fields["close"], accepted=accepted, paid=paid, ticker=ticker
    )
    first = withhold_before(found)
    if first is None:
        return bars, ()
    said = next(each.message for each in found if each.session == first)
    note = (
        f"{ticker}: prices before {first} are withheld, since it {said}. "
        f"If it was real, `treefolio data check {ticker} --accept {first}` uses them"
    )
    return bars.where(bars.at >= np.datetime64(first)), (note,)


def _sessions(series: Mapping[str, Bars]) -> tuple[Dates, Dates]:
    """All sessions from the first bar to the last, and those among them that were closures.

    The library's calendar learns of an unscheduled closure only with its next release.
    """
    first = min(bars.at[0] for bars in series.values())
    last = max(bars.at[-1] for bars in series.values())
    days = calendar.sessions(first.item(), last.item())
    traded = np.zeros(len(days), np.bool_)
    begun = np.zeros(len(days) + 1, np.int64)
    for bars in series.values():
        traded[np.searchsorted(days, bars.at)] = True
        begun[np.searchsorted(days, bars.at[0]) + 1] += 1
        begun[np.searchsorted(days, bars.at[-1])] -= 1
    closed = ~traded & (np.cumsum(begun)[:-1] >= CLOSURE_WITNESSES)
    return days[~closed].copy(), days[closed]


def _fields(series: Mapping[str, Bars], days: Dates, wanted: Collection[str]) -> dict[str, Series]:
    """Name → (T, N); NaN where a ticker has no bar. Fields that are nowhere known are left out."""
    made = {name: np.full((len(days), len(series)), np.nan) for name in wanted}
    for column, bars in enumerate(series.values()):
        down = np.searchsorted(days, bars.at)
        for name in wanted:
            made[name][down, column] = bars.fields[name]
    return {name: values for name, values in made.items() if name == "close" or not np.isnan(values).all()}


def _nothing(stock: Stock, shelf: Shelf) -> MissingPrices:
    failed = stock.figures.failed
    first = min(failed, default=None)
    return MissingPrices(
        f"{shelf.name} gave no price of {named(sorted(failed))}",
        ticker=first,
        hint=f"{first}: {failed[first]}. {SPELLING}" if first else "Name at least one ticker.",
    )
