"""The compiled engine: runs a strategy that `prepare.prepare` made ready.

`record` runs one whose variables are bound and keeps its curve, weights and trades; `treefolio.sweep.block`
runs many combinations and keeps their metrics. Both execute the main program (`interpret`) and trade its
root (`trading`). A run is a sweep of one: the same kernels make the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.engine import window as windows
from treefolio.engine.holdings import update
from treefolio.engine.interpret import execute
from treefolio.engine.portfolios import Numbers, cut_back, enlarged
from treefolio.engine.question import Question
from treefolio.engine.run import Run, Trades, Window
from treefolio.engine.simulate import BROKE, Rules, simulate
from treefolio.engine.tables import Tables
from treefolio.engine.trading import (
    DONE,
    NO_CULPRIT,
    Desk,
    Market,
    forget,
    make_desk,
    show_targets,
    trade_root,
)
from treefolio.engine.unpriced import unopened, unpriced
from treefolio.errors import RunError, TreefolioError
from treefolio.graph.build import Built
from treefolio.graph.plan import Axes, Plan
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Number, Strategy
from treefolio.strategy.validate import validate
from treefolio.strategy.variables import bind

Floats = NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A strategy on a panel, ready to run.

    Attributes:
        axes: variables in their listed order, each with its values; all others are bound.
        notes: what the user should be told: a moved start, indicators that have not settled.
        benchmark: (n,) the benchmark's value by session, starting at the capital; None without one.
        indicator_seconds: what of the preparation went into the tables of indicators.
    """

    strategy: Strategy
    question: Question
    panel: Panel
    axes: Axes
    built: Built
    plan: Plan
    tables: Tables
    window: Window
    market: Market
    rules: Rules
    benchmark: Floats | None
    notes: tuple[str, ...]
    indicator_seconds: float = 0.0

    @property
    def sessions(self) -> NDArray[np.datetime64]:
        """(n,) the sessions of the run."""
        return self.panel.sessions[self.window.first : self.window.last + 1]


class Machine:
    """One thread's work space: the main program with its state, holdings, portfolios and desk.

    `sweep.block` and `record` are its users.
    """

    def __init__(self, prepared: Prepared, *, record: bool = False) -> None:
        tables = prepared.tables
        self.program = tables.main.program
        self.state = tables.state(tables.main)
        self.holdings = tables.holdings(tables.main)
        self.store = enlarged(tables.store, 2)
        self.desk = make_desk(prepared.market, record=record)

    def make_room(self, *, progress: bool) -> None:
        """Called when the store of portfolios is full.

        It grows when it is small, or when not even one more combination fitted since the last call;
        otherwise it forgets what can be worked out again, so that memory does not depend on how many
        combinations there are.
        """
        if progress and len(self.store.key) >= STORE_LIMIT:
            cut_back(self.store)
        else:
            self.store = enlarged(self.store, 2)
        self.holdings.fresh[0] = 1
        forget(self.desk)


STORE_LIMIT = 1 << 18
"""A thread's store is cut back, not enlarged, from this many portfolios on."""


def execute_once(prepared: Prepared, machine: Machine) -> tuple[Floats, Numbers]:
    """Executes a strategy without variables: the root's returns (T,), its portfolios (n,) in the window."""
    tables, state, holdings = prepared.tables, machine.state, machine.holdings
    execute(machine.program, state, 0)
    while not update(machine.program, state, holdings, machine.store, 0):
        machine.make_room(progress=False)
    root = int(state.where[prepared.plan.graph.root])
    if root >= 0:
        return tables.table[root], tables.portfolios[root]
    return state.work[-1 - root], holdings.work[-1 - root]


def targets_of(prepared: Prepared, machine: Machine, portfolios: Numbers) -> Floats:
    """(n, A) the weights of the root's portfolios."""
    targets = np.empty((prepared.window.sessions, len(prepared.tables.holdable)))
    show_targets(machine.store, portfolios, targets)
    return targets


def decisions(prepared: Prepared) -> Floats:
    """(n, A) what the tree decides on every session of the window, whether it is traded or not."""
    machine = Machine(prepared)
    _, portfolios = execute_once(prepared, machine)
    return targets_of(prepared, machine, portfolios)


def record(prepared: Prepared) -> Run:
    """Runs a strategy without variables and keeps everything.

    Raises:
        RunError: something that is held has no price on a session.
    """
    market, rules = prepared.market, prepared.rules
    machine = Machine(prepared, record=True)
    desk = machine.desk
    returns, portfolios = execute_once(prepared, machine)
    bad = trade_root(returns, portfolios, machine.store, market, rules, desk, prepared.window.first)
    if bad != DONE:
        raise fault(prepared, bad, {})
    targets = targets_of(prepared, machine, portfolios)
    values, weights = desk.book.values, desk.book.weights
    if market.free:
        values, weights = _compound(desk.returns, rules.capital), targets
        book, close = desk.book, market.close
        simulate(rules, book, machine.store, portfolios, market.looks, close, market.fill, np.zeros(6))
    return Run(
        sessions=prepared.sessions,
        tickers=prepared.tables.holdable,
        values=values,
        returns=desk.returns,
        activity=desk.activity,
        targets=np.where(market.looks[:, None] != 0, targets, np.nan),
        weights=weights,
        trades=_trades(desk),
    )


def _compound(returns: Floats, capital: float) -> Floats:
    values = np.empty(len(returns) + 1)
    values[0] = capital
    for k, r in enumerate(returns):
        values[k + 1] = values[k] * (1.0 + r)
    return values


def _trades(desk: Desk) -> Trades:
    book = desk.book
    session, ticker = np.nonzero(book.traded)
    shares, price = book.traded[session, ticker], book.price[session, ticker]
    return Trades(
        session=session,
        ticker=ticker,
        shares=shares,
        price=price,
        notional=shares * price,
        cost=book.cost[session, ticker],
    )


def fault(prepared: Prepared, code: int, chosen: Mapping[str, Number | str]) -> TreefolioError:
    """The error that `trading.trade_root` reports as ``code``, for one combination of the variables."""
    tickers = prepared.tables.holdable
    if code == NO_CULPRIT:
        try:
            validate(bind(prepared.strategy, chosen), SIGNATURES)
        except TreefolioError as error:
            return error
        return RunError("the tree has no value on some session", hint="Its weights may sum to 0.")
    if code <= BROKE:
        return RunError(
            "the costs of a trade would take all that is left",
            session=str(prepared.sessions[BROKE - code]),
            hint="Give more --capital, or lower costs.",
        )
    k, a = divmod(code, len(tickers))
    window, ticker, session = prepared.window, tickers[a], str(prepared.sessions[k])
    places = windows.used_at(prepared.strategy, prepared.axes).get(ticker, [])
    if np.isfinite(prepared.market.close[k, a]):
        said = f"{ticker} is to be traded at the open of {session}, and has a close but no open then"
        hint = unopened(prepared.panel, window, ticker, tickers)
    else:
        said = f"{ticker} is held and has no price on {session}"
        hint = unpriced(prepared.panel, window, ticker, window.first + k, tickers)
    path = places[0] if places else None
    return RunError(said, ticker=ticker, session=session, path=path, hint=hint)
