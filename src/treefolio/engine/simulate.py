"""Trading to what the tree decides: shares, cash, drift, costs, rules of rebalancing.

One kernel for runs and sweeps. All loops are over what is held or wanted, not over all tickers, and work on
plain arrays: reaching into a tuple of arrays on every session would cost more than the arithmetic.

A day goes: cash earns; an order that waits for this session's open or close is filled; the rule says
whether the tree is looked at, and whether it trades; the value is taken at the close. `reference_money`
does the same in plain Python, written apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.execution import SEC_RATE, TAF_LIMIT, TAF_PER_SHARE, Execution
from treefolio.engine.portfolios import Numbers, Store
from treefolio.engine.program import Floats, Int, Ints, Mask
from treefolio.kernels import inner, kernel

Span = tuple[Int, Int]
"""Where a portfolio's weights begin and end in the store."""
BROKE = -10
"""What `simulate` returns where costs take all there is on session k is BROKE − k."""
DUST = 1e-9
"""An order below this fraction of the portfolio is none."""


class Rules(NamedTuple):
    """`Execution` and the rule of rebalancing, as a kernel reads them.

    Attributes:
        delay: 0: fill at the decision's close; 1: on the next session.
        corridor: threshold on absolute drift, a fraction; negative when the rule is not threshold.
        slippage, commission: fractions of the notional. cash: per session.
    """

    capital: float
    delay: int
    corridor: float
    whole_shares: bool
    cash: float
    slippage: float
    commission: float
    commission_minimum: float
    us_fees: bool


def make_rules(execution: Execution, corridor: float | None) -> Rules:
    """The kernel's form of an execution and of ``threshold(corridor)`` (None: another rule)."""
    costs = execution.costs
    return Rules(
        capital=float(execution.capital),
        delay=0 if execution.fill == "close" else 1,
        corridor=-1.0 if corridor is None else float(corridor),
        whole_shares=execution.whole_shares,
        cash=execution.cash_rate / 252,
        slippage=costs.slippage_bps * 1e-4,
        commission=costs.commission_bps * 1e-4,
        commission_minimum=float(costs.commission_minimum),
        us_fees=costs.us_fees,
    )


@inner
def with_corridor(rules: Rules, corridor: float) -> Rules:
    """The same rules with another corridor."""
    return Rules(
        rules.capital,
        rules.delay,
        corridor,
        rules.whole_shares,
        rules.cash,
        rules.slippage,
        rules.commission,
        rules.commission_minimum,
        rules.us_fees,
    )


class Book(NamedTuple):
    """Work space and record of one simulation over n sessions and A tickers.

    Attributes:
        values: (n,) worth at each close, after trades.
        shares: (A,) held now. held: (A,) the columns of those that are not 0, ascending.
        target: (A,) weights of the portfolio that is traded to; 0 between trades.
        touched: (A,) the columns that a trade is about.
        weights, traded, price, cost: (n, A) when recorded, else (0, A).
    """

    values: Floats
    shares: Floats
    held: Ints
    target: Floats
    touched: Ints
    weights: Floats
    traded: Floats
    price: Floats
    cost: Floats


def make_book(sessions: int, tickers: int, *, record: bool) -> Book:
    """An empty book; ``record`` keeps weights and trades of each session."""
    kept = sessions if record else 0
    return Book(
        values=np.zeros(sessions),
        shares=np.zeros(tickers),
        held=np.zeros(tickers, np.int64),
        target=np.zeros(tickers),
        touched=np.zeros(tickers, np.int64),
        weights=np.zeros((kept, tickers)),
        traded=np.zeros((kept, tickers)),
        price=np.zeros((kept, tickers)),
        cost=np.zeros((kept, tickers)),
    )


@inner
def order_cost(rules: Rules, notional: float, price: float) -> float:
    """What an order of this signed notional costs: slippage, commission, and fees when it sells."""
    size = abs(notional)
    cost = rules.slippage * size + max(rules.commission * size, rules.commission_minimum)
    if rules.us_fees and notional < 0.0:
        cost += math.ceil(SEC_RATE * size * 100.0 - 1e-6) / 100.0
        cost += math.ceil(min(TAF_PER_SHARE * (size / price), TAF_LIMIT) * 100.0 - 1e-6) / 100.0
    return cost


@inner
def wanted_shares(rules: Rules, target: float, worth: float, price: float) -> float:
    """The shares that ``target`` of ``worth`` buys at this price."""
    shares = target * worth / price
    return math.floor(shares + 1e-9) if rules.whole_shares else shares


@inner
def touch(
    held: Ints,
    size: Int,
    column: Numbers,
    weight: Floats,
    span: Span,
    touched: Ints,
    target: Floats,
) -> int:
    """Lists the columns that are held, or wanted by the portfolio at ``span``, ascending; how many.

    The wanted weights stand in ``target`` afterwards.
    """
    i = count = 0
    j: Int = span[0]
    while i < size or j < span[1]:
        if j == span[1] or (i < size and held[i] < column[j]):
            a = held[i]
            i += 1
        else:
            a = np.int64(column[j])
            target[a] = weight[j]
            if i < size and held[i] == a:
                i += 1
            j += 1
        touched[count] = a
        count += 1
    return count


@inner
def total_cost(
    rules: Rules,
    shares: Floats,
    touched: Ints,
    count: Int,
    target: Floats,
    prices: Floats,
    k: int,
    worth: float,
) -> float:
    """The cost of trading from the shares held to ``target`` of ``worth``, before any rounding."""
    total = 0.0
    for j in range(count):
        a = touched[j]
        notional = target[a] * worth - shares[a] * prices[k, a]
        if abs(notional) > DUST * worth:
            total += order_cost(rules, notional, prices[k, a])
    return total


@inner
def worth_after(
    rules: Rules,
    shares: Floats,
    touched: Ints,
    count: Int,
    target: Floats,
    prices: Floats,
    k: int,
    equity: float,
) -> float:
    """V that solves V + cost(V) = equity, by iteration from V = equity."""
    worth = equity
    if rules.slippage + rules.commission + rules.commission_minimum == 0.0 and not rules.us_fees:
        return worth
    for _ in range(100):
        next_worth = equity - total_cost(rules, shares, touched, count, target, prices, k, worth)
        change = abs(next_worth - worth)
        worth = next_worth
        if change <= 1e-13 * equity:
            break
    return worth


@inner
def drifted(
    corridor: float,
    shares: Floats,
    column: Numbers,
    weight: Floats,
    span: Span,
    last: Span,
    prices: Floats,
    k: int,
    worth: float,
) -> bool:
    """Under threshold(corridor): other tickers are wanted than at ``last``, or one left its corridor."""
    if span[1] - span[0] != last[1] - last[0]:
        return True
    for j in range(span[1] - span[0]):
        a = column[span[0] + j]
        if a != column[last[0] + j]:
            return True
        if abs(shares[a] * prices[k, a] / worth - weight[span[0] + j]) > corridor:
            return True
    return False


@inner
def unpriced_held(held: Ints, size: Int, prices: Floats, k: int) -> int:
    """The first ticker that is held and has no price on session k, or −1."""
    for j in range(size):
        if prices[k, held[j]] != prices[k, held[j]]:
            return held[j]
    return -1


@inner
def unpriced(column: Numbers, span: Span, prices: Floats, k: int) -> int:
    """The first ticker of a portfolio that has no price on session k, or −1."""
    for j in range(span[0], span[1]):
        if prices[k, column[j]] != prices[k, column[j]]:
            return column[j]
    return -1


@inner
def value_of(shares: Floats, held: Ints, size: Int, prices: Floats, k: int, cash: float) -> float:
    """Cash and what is held at session k's prices."""
    worth = cash
    for j in range(size):
        worth += shares[held[j]] * prices[k, held[j]]
    return worth


@inner
def trade(
    rules: Rules,
    book: Book,
    shares: Floats,
    touched: Ints,
    count: Int,
    target: Floats,
    prices: Floats,
    k: int,
    cash: float,
    tally: Floats,
) -> float:
    """Trades the touched tickers to ``target`` at session k's prices; returns the cash that is left.

    It is NaN where the costs would take all there is. ``tally`` gathers traded notional, orders and cost.
    """
    equity = cash
    for j in range(count):
        if shares[touched[j]] != 0.0:
            equity += shares[touched[j]] * prices[k, touched[j]]
    worth = worth_after(rules, shares, touched, count, target, prices, k, equity)
    if not worth > 0.0:
        return math.nan
    recorded = book.traded.shape[0] > 0
    for j in range(count):
        a = touched[j]
        wanted = wanted_shares(rules, target[a], worth, prices[k, a])
        target[a] = 0.0
        notional = (wanted - shares[a]) * prices[k, a]
        if abs(notional) <= DUST * equity:
            continue
        cost = order_cost(rules, notional, prices[k, a])
        cash -= notional + cost
        tally[0] += abs(notional)
        tally[1] += 1.0
        tally[2] += cost
        if recorded:
            book.traded[k, a] += wanted - shares[a]
            book.price[k, a] = prices[k, a]
            book.cost[k, a] += cost
        shares[a] = wanted
    return cash


@inner
def list_held(shares: Floats, touched: Ints, count: Int, held: Ints) -> int:
    """After a trade: lists what is held; how many."""
    size = 0
    for j in range(count):
        if shares[touched[j]] != 0.0:
            held[size] = touched[j]
            size += 1
    return size


@inner
def note_weights(
    book: Book, shares: Floats, held: Ints, size: Int, prices: Floats, k: int, worth: float, tally: Floats
) -> None:
    """Adds the weights at the close of session k to the tally, and to the record."""
    for j in range(size):
        weight = shares[held[j]] * prices[k, held[j]] / worth
        tally[3] += weight * weight
        tally[4] += abs(weight)
        tally[5] += 1.0
        if book.weights.shape[0] > 0:
            book.weights[k, held[j]] = weight


@kernel
def simulate(
    rules: Rules,
    book: Book,
    store: Store,
    root: Numbers,
    looks: Mask,
    close: Floats,
    fill: Floats,
    tally: Floats,
) -> int:
    """Runs the portfolio over n sessions; returns −1, session · A + ticker of a missing price, or BROKE − k.

    Args:
        root: (n,) the portfolio that the tree decides at each close, as numbers of ``store``.
        looks: (n,) 1 on sessions on which the rule looks at the tree.
        close, fill: (n, A) prices at the close, and those at which waiting orders are filled.
        tally: (6,) traded notional, orders, cost; sums over sessions of Σ w², Σ |w| and the number held.
    """
    n, tickers = close.shape
    at, column, weight = store.at, store.column, store.weight
    values, shares, held, touched, target = book.values, book.shares, book.held, book.touched, book.target
    tally[:] = 0.0
    shares[:] = 0.0
    size: Int = np.int64(0)
    cash = rules.capital
    waiting = False
    span: Span = (np.int64(0), np.int64(0))
    last = span
    for k in range(n):
        if k > 0:
            cash *= 1.0 + rules.cash
        if waiting:
            fault = max(unpriced(column, span, fill, k), unpriced_held(held, size, fill, k))
            if fault >= 0:
                return k * tickers + fault
            count = touch(held, size, column, weight, span, touched, target)
            cash = trade(rules, book, shares, touched, count, target, fill, k, cash, tally)
            if cash != cash:
                return BROKE - k
            size = list_held(shares, touched, count, held)
            waiting = False
        fault = unpriced_held(held, size, close, k)
        if fault >= 0:
            return k * tickers + fault
        worth = value_of(shares, held, size, close, k, cash)
        span = (at[root[k]], at[root[k] + 1])
        if looks[k] and (
            k == 0
            or rules.corridor < 0.0
            or drifted(rules.corridor, shares, column, weight, span, last, close, k, worth)
        ):
            last = span
            fault = unpriced(column, span, close, k)
            if fault >= 0:
                return k * tickers + fault
            if rules.delay:
                waiting = True
            else:
                count = touch(held, size, column, weight, span, touched, target)
                cash = trade(rules, book, shares, touched, count, target, close, k, cash, tally)
                if cash != cash:
                    return BROKE - k
                size = list_held(shares, touched, count, held)
                worth = value_of(shares, held, size, close, k, cash)
        values[k] = worth
        note_weights(book, shares, held, size, close, k, worth, tally)
    return -1


def rebalancing_sessions(rule: str, sessions: NDArray[np.datetime64], first: int, last: int) -> Mask:
    """(n,) 1 on the window's sessions on which ``rule`` looks at the tree.

    The first session of a calendar period is one whose period differs from the panel's session before.
    """
    days = sessions[first : last + 1].astype("datetime64[D]")
    before = sessions[max(first - 1, 0) : last].astype("datetime64[D]")
    if first == 0:
        before = np.concatenate([days[:1], before])
    looks = np.zeros(len(days), np.uint8)
    if rule in ("daily", "threshold"):
        looks[:] = 1
    elif rule != "never":
        period = _PERIODS[rule]
        looks[:] = period(days) != period(before)
    looks[0] = 1
    return looks


def _week(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return (days.astype(np.int64) + 3) // 7  # 1970-01-01 was a Thursday; weeks begin on Mondays


def _month(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return days.astype("datetime64[M]").astype(np.int64)


_PERIODS: dict[str, Callable[[NDArray[np.datetime64]], NDArray[np.int64]]] = {
    "weekly": _week,
    "monthly": _month,
    "quarterly": lambda days: _month(days) // 3,
    "yearly": lambda days: days.astype("datetime64[Y]").astype(np.int64),
}
