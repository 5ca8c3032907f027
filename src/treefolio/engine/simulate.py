"""Trading the targets: shares, cash, drift, costs, rules of rebalancing. One kernel for runs and sweeps.

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
from treefolio.engine.program import Floats, Ints, Mask
from treefolio.kernels import inner, kernel

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
        shares: (A,) held now. order: (A,) the target that waits to be filled.
        touched: (A,) work space: the tickers that a trade is about.
        weights, traded, price, cost: (n, A) when recorded, else (0, A).
    """

    values: Floats
    shares: Floats
    order: Floats
    touched: Ints
    weights: Floats
    traded: Floats
    price: Floats
    cost: Floats


def make_book(sessions: int, tickers: int, *, record: bool) -> Book:
    """An empty book; ``record`` keeps weights and trades of each session."""
    kept = sessions if record else 0
    tables = [np.zeros((kept, tickers)) for _ in range(4)]
    return Book(
        np.zeros(sessions), np.zeros(tickers), np.zeros(tickers), np.zeros(tickers, np.int64), *tables
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
def touch(target: Floats, shares: Floats, touched: Ints) -> int:
    """Lists the tickers that are held or wanted; returns how many there are."""
    count = 0
    for a in range(target.shape[0]):
        if target[a] != 0.0 or shares[a] != 0.0:
            touched[count] = a
            count += 1
    return count


@inner
def total_cost(
    rules: Rules, shares: Floats, touched: Ints, target: Floats, prices: Floats, worth: float, dust: float
) -> float:
    """The cost of trading from the shares held to ``target`` of ``worth``, before any rounding."""
    total = 0.0
    for a in touched:
        notional = target[a] * worth - shares[a] * prices[a]
        if abs(notional) > dust:
            total += order_cost(rules, notional, prices[a])
    return total


@inner
def worth_after(
    rules: Rules, shares: Floats, touched: Ints, target: Floats, prices: Floats, equity: float
) -> float:
    """V that solves V + cost(V) = equity, by iteration from V = equity."""
    worth = equity
    for _ in range(100):
        next_worth = equity - total_cost(rules, shares, touched, target, prices, worth, DUST * equity)
        change = abs(next_worth - worth)
        worth = next_worth
        if change <= 1e-13 * equity:
            break
    return worth


@inner
def trade(
    rules: Rules, book: Book, target: Floats, prices: Floats, cash: float, k: int, tally: Floats
) -> float:
    """Trades to ``target`` at ``prices``; returns the cash that is left.

    ``tally`` gathers traded notional, orders and cost.
    """
    held = book.shares
    touched = book.touched[: touch(target, held, book.touched)]
    equity = cash
    for a in touched:
        if held[a] != 0.0:
            equity += held[a] * prices[a]
    worth = worth_after(rules, held, touched, target, prices, equity)
    for a in touched:
        shares = wanted_shares(rules, target[a], worth, prices[a])
        notional = (shares - held[a]) * prices[a]
        if abs(notional) <= DUST * equity:
            continue
        cost = order_cost(rules, notional, prices[a])
        cash -= notional + cost
        tally[0] += abs(notional)
        tally[1] += 1.0
        tally[2] += cost
        if book.traded.shape[0] > 0:
            book.traded[k, a] += shares - held[a]
            book.price[k, a] = prices[a]
            book.cost[k, a] += cost
        held[a] = shares
    return cash


@inner
def drifted(rules: Rules, book: Book, target: Floats, prices: Floats, worth: float) -> bool:
    """Under threshold(corridor): the held set changed, or some holding left its corridor."""
    for a in range(target.shape[0]):
        if (target[a] != 0.0) != (book.shares[a] != 0.0):
            return True
        if target[a] != 0.0 and abs(book.shares[a] * prices[a] / worth - target[a]) > rules.corridor:
            return True
    return False


@inner
def unpriced(shares: Floats, prices: Floats) -> int:
    """The first ticker that has shares (or a target) and no price, or −1."""
    for a in range(shares.shape[0]):
        if shares[a] != 0.0 and prices[a] != prices[a]:
            return a
    return -1


@kernel
def simulate(
    rules: Rules, book: Book, targets: Floats, looks: Mask, close: Floats, fill: Floats, tally: Floats
) -> int:
    """Runs the portfolio over n sessions; returns −1, or session · A + ticker of a missing price.

    Args:
        targets: (n, A) what the tree decides at each close.
        looks: (n,) 1 on sessions on which the rule looks at the tree.
        close, fill: (n, A) prices at the close, and those at which waiting orders are filled.
        tally: (6,) traded notional, orders, cost; sums over sessions of Σ w², Σ |w| and the number held.
    """
    n, count = targets.shape
    tally[:] = 0.0
    book.shares[:] = 0.0
    cash = rules.capital
    waiting = False
    for k in range(n):
        if k > 0:
            cash *= 1.0 + rules.cash
        if waiting:
            fault = max(unpriced(book.order, fill[k]), unpriced(book.shares, fill[k]))
            if fault >= 0:
                return k * count + fault
            cash = trade(rules, book, book.order, fill[k], cash, k, tally)
            waiting = False
        fault = unpriced(book.shares, close[k])
        if fault >= 0:
            return k * count + fault
        worth = cash
        for a in range(count):
            if book.shares[a] != 0.0:
                worth += book.shares[a] * close[k, a]
        if looks[k] and (k == 0 or rules.corridor < 0.0 or drifted(rules, book, targets[k], close[k], worth)):
            fault = unpriced(targets[k], close[k])
            if fault >= 0:
                return k * count + fault
            if rules.delay:
                book.order[:] = targets[k]
                waiting = True
            else:
                cash = trade(rules, book, targets[k], close[k], cash, k, tally)
        record_close(book, close[k], cash, k, tally)
    return -1


@inner
def record_close(book: Book, close: Floats, cash: float, k: int, tally: Floats) -> None:
    """Takes the value and the weights at the close of session k."""
    worth = cash
    for a in range(close.shape[0]):
        if book.shares[a] != 0.0:
            worth += book.shares[a] * close[a]
    book.values[k] = worth
    for a in range(close.shape[0]):
        if book.shares[a] != 0.0:
            weight = book.shares[a] * close[a] / worth
            tally[3] += weight * weight
            tally[4] += abs(weight)
            tally[5] += 1.0
            if book.weights.shape[0] > 0:
                book.weights[k, a] = weight


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
