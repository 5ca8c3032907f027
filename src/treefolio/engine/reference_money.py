"""The reference engine's second half: when to trade, at which price, and what it costs.

`simulate` goes through the window one session at a time, in this order:

1. cash earns its rate (not on the first session);
2. an order of the session before fills, at this open or this close (`Execution.fill`);
3. on a session of the rule (`decision_sessions`) the tree is asked for its weights;
4. if they are to be traded, they are: now, at the close, or as an order for the next session;
5. the holdings are valued at the close.

The drift of `threshold` is measured in step 4 on the holdings as they are then, that is, after step 2. A
decision on the last session trades only when it fills at the close.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from treefolio.engine.execution import SEC_RATE, TAF_LIMIT, TAF_PER_SHARE, Costs, Execution
from treefolio.engine.reference_tree import prices_of
from treefolio.engine.run import Run, Trades, Window
from treefolio.errors import RunError
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Rebalance

DUST = 1e-9
"""An order below this fraction of the portfolio is none: no cost, and the holding stays as it is."""
ROUNDS, SETTLED = 100, 1e-13
"""Rounds of the search for the worth after costs, and the relative change that ends it."""


def _period_of(rule: str, day: np.datetime64) -> tuple[int, ...]:
    """The calendar period that the day belongs to; ISO weeks."""
    date = day.astype("datetime64[D]").item()
    periods: Mapping[str, tuple[int, ...]] = {
        "weekly": tuple(date.isocalendar()[:2]),
        "monthly": (date.year, date.month),
        "quarterly": (date.year, (date.month - 1) // 3),
        "yearly": (date.year,),
    }
    return periods[rule]


def decision_sessions(rule: str, sessions: Sequence[np.datetime64], window: Window) -> set[int]:
    """The sessions of the window on which the tree is evaluated. The first one always is.

    A period's session is the panel's first one of that calendar period, inside the window or not.
    """
    inside = range(window.first, window.last + 1)
    if rule in ("daily", "threshold"):
        return set(inside)
    chosen = {window.first}
    if rule != "never":
        chosen |= {
            t for t in inside if t > 0 and _period_of(rule, sessions[t]) != _period_of(rule, sessions[t - 1])
        }
    return chosen


def _up_to_cent(usd: float) -> float:
    return math.ceil(usd * 100 - 1e-6) / 100


def order_cost(costs: Costs, notional: float, shares: float) -> float:
    """USD for one order; ``notional`` and ``shares`` are negative for a sale, which alone pays US fees."""
    size = abs(notional)
    cost = costs.slippage_bps * 1e-4 * size
    cost += max(costs.commission_bps * 1e-4 * size, costs.commission_minimum)
    if costs.us_fees and notional < 0:
        cost += _up_to_cent(SEC_RATE * size)
        cost += _up_to_cent(min(TAF_PER_SHARE * abs(shares), TAF_LIMIT))
    return cost


@dataclass
class Account:
    """Cash and shares, and the orders that were executed.

    An order is (session, ticker, shares, price, notional, cost), in the units of `Trades`. With ``exact``,
    what is too small to be an order is moved all the same: where trading daily at the close is free, the
    return is Σ w·r and not only nearly so.
    """

    execution: Execution
    cash: float
    shares: list[float]
    exact: bool
    days: Sequence[str]
    orders: list[tuple[int, int, float, float, float, float]] = field(default_factory=list)

    def holdings(self, prices: Sequence[float]) -> list[float]:
        """USD held of each ticker; what is not held may lack a price."""
        return [n * price if n != 0 else 0.0 for n, price in zip(self.shares, prices, strict=True)]

    def worth(self, prices: Sequence[float]) -> float:
        """USD: cash, then the holdings, added left to right."""
        total = self.cash
        for held in self.holdings(prices):
            total += held
        return total

    def trade(self, weights: Sequence[float], prices: Sequence[float], session: int) -> None:
        """Brings every holding to its weight of what the portfolio is worth after the costs of doing so."""
        worth, held = self.worth(prices), self.holdings(prices)
        after = self._worth_after(worth, held, weights, prices)
        if after <= 0:
            raise RunError(
                f"the costs of a trade would take all of the {worth:.2f} USD there are",
                session=self.days[session],
                hint="Give more capital, or lower costs.",
            )
        for k, weight in enumerate(weights):
            aim = weight * after / prices[k] if weight != 0 else 0.0
            if self.execution.whole_shares:
                aim = float(math.floor(aim + 1e-9))
            bought = aim - self.shares[k]
            notional = bought * prices[k] if bought != 0 else 0.0
            is_order = abs(notional) > DUST * worth
            if is_order or self.exact:
                cost = order_cost(self.execution.costs, notional, bought)
                self.cash -= notional + cost
                self.shares[k] = aim
            if is_order:
                self.orders.append((session, k, bought, prices[k], notional, cost))

    def _worth_after(
        self, worth: float, held: Sequence[float], weights: Sequence[float], prices: Sequence[float]
    ) -> float:
        """V such that V plus the cost of holding wᵢ·V of each ticker is ``worth``, by repeated insertion."""
        after = worth
        for _ in range(ROUNDS):
            cost = 0.0
            for k, weight in enumerate(weights):
                notional = weight * after - held[k]
                if abs(notional) > DUST * worth:
                    cost += order_cost(self.execution.costs, notional, notional / prices[k])
            before, after = after, worth - cost
            if abs(after - before) <= SETTLED * worth:
                break
        return after


@dataclass
class _Book:
    """Closes and fill prices by session, each as a row over the tickers, and what is said when one lacks."""

    panel: Panel
    tickers: tuple[str, ...]
    fill: str

    def __post_init__(self) -> None:
        self.closes = self._rows("close")
        self.fills = self._rows("open") if self.fill == "next_open" else self.closes

    def _rows(self, name: str) -> list[list[float]]:
        columns = [prices_of(self.panel, ticker, name) for ticker in self.tickers]
        return [[column[t] for column in columns] for t in range(len(self.panel.sessions))]

    def require(self, amounts: Sequence[float], prices: Sequence[float], session: int, purpose: str) -> None:
        """Raises RunError when an amount is not 0 and its price is missing."""
        for ticker, amount, price in zip(self.tickers, amounts, prices, strict=True):
            if amount != 0 and math.isnan(price):
                day = str(self.panel.sessions[session])
                opens = purpose == "traded" and self.fill == "next_open"
                what, other = ("open", "--fill close or next_close") if opens else ("price", "another ticker")
                raise RunError(
                    f"{ticker} has no {what} on {day} and cannot be {purpose}",
                    ticker=ticker,
                    session=day,
                    hint=f"Choose a window in which it has one, or {other}.",
                )


def _must_trade(
    rebalance: Rebalance,
    account: Account,
    prices: Sequence[float],
    aim: Sequence[float],
    last: Sequence[float],
) -> bool:
    """Under `threshold`: other tickers are wanted than at the last trade, or a weight is over the corridor.

    The tickers wanted are compared, not those held: whole shares may round a small target down to none.
    """
    worth = account.worth(prices)
    corridor = float(rebalance.corridor or 0.0)  # type: ignore[arg-type]  # no variables are left in a run
    for held, target, before in zip(account.holdings(prices), aim, last, strict=True):
        if (before != 0) != (target != 0) or (target != 0 and abs(held / worth - target) > corridor):
            return True
    return False


def simulate(
    decide: Callable[[int], Mapping[str, float]],
    panel: Panel,
    window: Window,
    execution: Execution,
    *,
    tickers: tuple[str, ...],
    rebalance: Rebalance,
) -> Run:
    """One backtest of the decisions that ``decide`` gives for a session.

    Raises:
        RunError: what is to be held, traded or valued has no price on that session.
    """
    book = _Book(panel, tickers, execution.fill)
    exact = execution.costs.free and not execution.whole_shares
    exact = exact and execution.fill == "close" and rebalance.rule == "daily"
    days = [str(day) for day in panel.sessions[window.first : window.last + 1]]
    account = Account(execution, execution.capital, [0.0] * len(tickers), exact, days)
    last = [0.0] * len(tickers)
    deciding = decision_sessions(rebalance.rule, list(panel.sessions), window)
    undecided = [math.nan] * len(tickers)
    values: list[float] = []
    targets: list[list[float]] = []
    weights: list[list[float]] = []
    order: list[float] | None = None
    for session in range(window.first, window.last + 1):
        k, closes, fills = session - window.first, book.closes[session], book.fills[session]
        if k > 0:
            account.cash *= 1.0 + execution.cash_rate / 252
        if order is not None:
            book.require(account.shares, fills, session, "traded")
            book.require(order, fills, session, "traded")
            account.trade(order, fills, k)
            order = None
        book.require(account.shares, closes, session, "valued")
        aim = undecided
        if session in deciding:
            decided = decide(session)
            aim = [decided.get(ticker, 0.0) for ticker in tickers]
            book.require(aim, closes, session, "held")
            first = session == window.first
            if first or rebalance.rule != "threshold" or _must_trade(rebalance, account, closes, aim, last):
                last = aim
                if execution.fill == "close":
                    account.trade(aim, closes, k)
                else:
                    order = aim
        values.append(account.worth(closes))
        targets.append(aim)
        weights.append([held / values[-1] for held in account.holdings(closes)])
    paid = [execution.capital, *values[1:]]  # V[0] is the capital: the first costs fall into the first return
    return Run(
        sessions=panel.sessions[window.first : window.last + 1],
        tickers=tickers,
        values=np.array(values),
        returns=np.array([later / now - 1.0 for now, later in pairwise(paid)]),
        activity=np.array(_activity(values, weights, account)),
        targets=np.array(targets).reshape(len(values), len(tickers)),
        weights=np.array(weights).reshape(len(values), len(tickers)),
        trades=_columns(account.orders),
    )


def _activity(
    values: Sequence[float], weights: Sequence[Sequence[float]], account: Account
) -> tuple[float, ...]:
    """Mean Σw², annualised one-way turnover, orders, mean Σ|w|, mean number of holdings, costs over capital.

    Turnover counts one way: half of what is bought and sold, over the mean value.
    """
    sessions = len(values)
    traded = sum(abs(notional) for _, _, _, _, notional, _ in account.orders)
    return (
        sum(w * w for row in weights for w in row) / sessions,
        traded / 2 / (sum(values) / sessions) * 252 / sessions,
        float(len(account.orders)),
        sum(abs(w) for row in weights for w in row) / sessions,
        sum(w != 0 for row in weights for w in row) / sessions,
        sum(order[-1] for order in account.orders) / account.execution.capital,
    )


def _columns(orders: Sequence[tuple[int, int, float, float, float, float]]) -> Trades:
    session, ticker, shares, price, notional, cost = zip(*orders, strict=True) if orders else [()] * 6
    return Trades(
        session=np.array(session, dtype=np.int64),
        ticker=np.array(ticker, dtype=np.int64),
        shares=np.array(shares, dtype=np.float64),
        price=np.array(price, dtype=np.float64),
        notional=np.array(notional, dtype=np.float64),
        cost=np.array(cost, dtype=np.float64),
    )
