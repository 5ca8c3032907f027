"""What was traded: totals, and the last orders."""

from __future__ import annotations

import numpy as np

from treefolio.engine.run import Run
from treefolio.report.markup import Html, el, row, section, table
from treefolio.report.numerals import UNDEFINED, count, money, percent, share, short_money
from treefolio.report.page import cards

LAST = 12
"""How many orders are listed."""


def trades_section(run: Run, capital: float) -> Html:
    """A few totals, and the last orders."""
    trades = run.trades
    number = len(trades.session)
    if number == 0:
        return section("trades", "Trades", el("p", "There was no order.", class_="note"))
    days = len(np.unique(trades.session))
    size, cost = np.abs(trades.notional), float(trades.cost.sum())
    buys = int((trades.notional > 0).sum())
    traded = float(size.sum())
    part = percent(cost / traded) if traded > 0 else UNDEFINED
    totals = (
        ("Orders", "", count(number), f"{count(buys)} buys, {count(number - buys)} sells"),
        ("Days with orders", "", count(days), f"{share(days / len(run.sessions))} of all sessions"),
        (
            "Traded",
            "Σ shares · price, without sign",
            short_money(traded),
            f"{count(round(traded / capital))} × the capital",
        ),
        ("Average order", "", money(float(size.mean())), f"largest {money(float(size.max()))}"),
        ("Costs", "slippage, commissions and fees", money(cost), f"{part} of what was traded"),
    )
    shown = table(
        ("Session", "Ticker", "Shares", "Price", "Notional", "Cost"),
        (_order(run, k) for k in range(number - 1, max(-1, number - 1 - LAST), -1)),
    )
    title = el("summary", f"The last {min(LAST, number)} of {count(number)} orders")
    return section("trades", "Trades", cards(totals), el("details", title, shown))


def _order(run: Run, k: int) -> Html:
    trades = run.trades
    return row(
        run.tickers[trades.ticker[k]],
        f"{trades.shares[k]:+,.4f}".replace("-", "−"),
        f"${trades.price[k]:,.2f}",
        money(float(trades.notional[k])),
        f"${trades.cost[k]:,.2f}",
        head=str(run.sessions[trades.session[k]]),
    )
