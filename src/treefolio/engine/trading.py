"""From an executed program to the run's returns: what the root holds on each session, and what that earns.

Where trading is free and daily the root's own return is the run's; otherwise its portfolios are traded
(`simulate`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from treefolio.engine.portfolios import CASH, Numbers, Store, spread
from treefolio.engine.program import Floats, Int, Mask
from treefolio.engine.simulate import DUST, Book, Rules, make_book, simulate
from treefolio.graph.ops import ABSENT
from treefolio.kernels import inner, kernel

DONE, NO_CULPRIT = -1, -2


class Market(NamedTuple):
    """Prices inside the window of n sessions, for the A tickers that can be held.

    Attributes:
        close, fill: (n, A) prices at the close, and those at which waiting orders are filled.
        forward: (n − 1, A) returns from session k to k + 1.
        looks: (n,) 1 on sessions on which the rule of rebalancing looks at the tree.
        free: daily, at the close, without costs, in fractional shares: the root's return is the run's.
        tracked: holdings are worked out; if not, `Desk.activity` stays unknown (only where it is free).
    """

    close: Floats
    fill: Floats
    forward: Floats
    looks: Mask
    free: bool
    tracked: bool


class Desk(NamedTuple):
    """One thread's work space for the window.

    Attributes:
        returns: (n − 1,) of the run.
        before, after, traded, orders: (n,) the last trade that was worked out for each session: from one
            portfolio to another, as a fraction of the value, and the number of orders.
        tally: as in `simulate`. activity: as in `describe`.
    """

    returns: Floats
    before: Numbers
    after: Numbers
    traded: Floats
    orders: Floats
    tally: Floats
    activity: Floats
    book: Book


def make_desk(market: Market, *, record: bool = False) -> Desk:
    """Work space to trade on one thread; ``record`` keeps weights and trades of each session."""
    n, tickers = market.close.shape
    desk = Desk(
        returns=np.zeros(n - 1),
        before=np.zeros(n, np.int32),
        after=np.zeros(n, np.int32),
        traded=np.zeros(n),
        orders=np.zeros(n),
        tally=np.zeros(6),
        activity=np.zeros(6),
        book=make_book(n, tickers, record=record),
    )
    forget(desk)
    return desk


def forget(desk: Desk) -> None:
    """Forgets what was worked out, after the numbers of portfolios have changed their meaning."""
    desk.before[:] = -1


@inner
def work_out(store: Store, a: Int, b: Int, forward: Floats, growth: float, k: int, desk: Desk) -> None:
    """The trade on session k from portfolio ``a``, drifted by a session's returns, to ``b``."""
    i, last_i = store.at[a], store.at[a + 1]
    j, last_j = store.at[b], store.at[b + 1]
    traded, orders = 0.0, 0.0
    while i < last_i or j < last_j:
        w, before = 0.0, 0.0
        column = store.column[j] if j < last_j else store.column[i]
        if i < last_i and store.column[i] <= column:
            column = store.column[i]
            before = store.weight[i] * (1.0 + forward[column]) / growth
            i += 1
        if j < last_j and store.column[j] == column:
            w = store.weight[j]
            j += 1
        if abs(w - before) > DUST:
            traded += abs(w - before)
            orders += 1.0
    desk.before[k], desk.after[k], desk.traded[k], desk.orders[k] = a, b, traded, orders


@inner
def tally_free(store: Store, root: Numbers, market: Market, desk: Desk) -> float:
    """The tally of a daily-rebalanced portfolio without costs; returns the mean value over the sessions.

    Values are in units of the capital. A trade depends on the two portfolios and the session alone, so the
    last one of each session is remembered.
    """
    tally, returns = desk.tally, desk.returns
    tally[:] = 0.0
    value, values = 1.0, 0.0
    before = np.int64(CASH)
    for k in range(root.shape[0]):
        growth = 1.0 + returns[k - 1] if k > 0 else 1.0
        value *= growth
        values += value
        now = np.int64(root[k])
        if desk.before[k] != before or desk.after[k] != now:
            work_out(store, before, now, market.forward[max(k - 1, 0)], growth, k, desk)
        tally[0] += desk.traded[k] * value
        tally[1] += desk.orders[k]
        for column in range(3):
            tally[3 + column] += store.sums[now, column]
        before = now
    return values / root.shape[0]


@kernel
def show_targets(store: Store, root: Numbers, out: Floats) -> None:
    """Writes the root's portfolios out as weights: (n, A)."""
    for k in range(root.shape[0]):
        spread(store, root[k], out[k])


@inner
def root_returns(root: Floats, first: int, cash: float, returns: Floats) -> int:
    """The run's returns from the root's; the window's first session on which it has none, or −1."""
    n = returns.shape[0]
    for k in range(n):
        r = root[first + k]
        if r != r:
            return k
        returns[k] = cash if r == ABSENT else r
    return n if root[first + n] != root[first + n] else -1


@inner
def culprit(store: Store, portfolio: int, close: Floats, k: int) -> int:
    """Which holding has no price on session k or the next: session · A + ticker, or NO_CULPRIT."""
    count = close.shape[1]
    for session in range(k, min(k + 2, close.shape[0])):
        for j in range(store.at[portfolio], store.at[portfolio + 1]):
            column = store.column[j]
            if close[session, column] != close[session, column]:
                return session * count + column
    return NO_CULPRIT


@inner
def book_returns(book: Book, capital: float, returns: Floats) -> None:
    """Daily returns of the simulated values; the first counts from the capital, so with its first costs."""
    before = capital
    for k in range(returns.shape[0]):
        returns[k] = book.values[k + 1] / before - 1.0 if before > 0.0 else 0.0
        before = book.values[k + 1]


@inner
def describe(tally: Floats, sessions: int, mean_value: float, capital: float, out: Floats) -> None:
    """Writes what `metrics.Activity` lists, in its order, from a tally.

    Turnover counts one way: half of what was bought and sold.
    """
    out[0] = tally[3] / sessions
    out[1] = tally[0] / 2.0 / mean_value * 252.0 / sessions
    out[2] = tally[1]
    out[3] = tally[4] / sessions
    out[4] = tally[5] / sessions
    out[5] = tally[2] / capital


@kernel
def trade_root(
    returns: Floats, portfolios: Numbers, store: Store, market: Market, rules: Rules, desk: Desk, first: int
) -> int:
    """Trades the root as it stands now: fills ``desk.returns`` and ``desk.activity``.

    Args:
        returns: (T,) the root's; portfolios: (n,) what it holds in the window that begins on ``first``.

    Returns DONE, or why it cannot be traded: session · A + ticker of a missing price, BROKE − session where
    costs take all there is, or NO_CULPRIT when the tree itself has no value (weights that sum to 0, a scale
    without width).
    """
    n = portfolios.shape[0]
    if market.free:
        bad = root_returns(returns, first, rules.cash, desk.returns)
        if not market.tracked:
            desk.activity[:] = np.nan
            return DONE if bad < 0 else NO_CULPRIT
        if bad >= 0:
            return culprit(store, portfolios[bad], market.close, bad)
        mean_value = tally_free(store, portfolios, market, desk)
        describe(desk.tally, n, mean_value, 1.0, desk.activity)
        return DONE
    bad = root_returns(returns, first, rules.cash, desk.returns)
    if bad >= 0 and culprit(store, portfolios[bad], market.close, bad) == NO_CULPRIT:
        return NO_CULPRIT
    bad = simulate(rules, desk.book, store, portfolios, market.looks, market.close, market.fill, desk.tally)
    if bad != DONE:
        return bad
    book_returns(desk.book, rules.capital, desk.returns)
    mean_value = 0.0
    for k in range(n):
        mean_value += desk.book.values[k]
    describe(desk.tally, n, mean_value / n, rules.capital, desk.activity)
    return DONE
