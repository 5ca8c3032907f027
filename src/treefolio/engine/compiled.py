"""The compiled engine: a strategy on a panel, ready to be run for any combination of its variables.

1. `prepare` builds the graph (`graph.build`), checks it (`graph.check`), finds the window (`window`), makes
   the plan (`graph.plan`) and fills the shared tables (`tables`).
2. `record` runs a strategy whose variables are bound and keeps its curve, weights and trades;
   `treefolio.sweep.block` runs many combinations and keeps their metrics. Both execute the main program
   (`interpret`) and trade its root (`trading`).

A run is a sweep of one: the same kernels make the same bits.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from treefolio.engine import window as windows
from treefolio.engine.assemble import make_layout
from treefolio.engine.execution import Execution
from treefolio.engine.holdings import update
from treefolio.engine.interpret import execute
from treefolio.engine.portfolios import Numbers, cut_back, enlarged
from treefolio.engine.run import Missing, Run, Trades, Window
from treefolio.engine.simulate import BROKE, Rules, make_rules, rebalancing_sessions, simulate
from treefolio.engine.tables import Tables, fill_tables, forward_returns
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
from treefolio.errors import MissingPrices, RunError, TreefolioError, WindowError
from treefolio.graph import derive
from treefolio.graph.build import Built, build
from treefolio.graph.check import check
from treefolio.graph.graph import Graph
from treefolio.graph.plan import Axes, Plan, make_plan
from treefolio.graph.start import Start, starts
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Number, Strategy
from treefolio.strategy.validate import validate
from treefolio.strategy.variables import bind

Floats = NDArray[np.float64]
Choices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of an engine, but for the strategy and its variables.

    Attributes:
        panel: prices; all history that there is.
        start, end: both included; None for as early, or as late, as the prices allow.
        benchmark: a ticker, bought and held, or a strategy, run under the same rules; None for none.
        missing: what a ticker without prices means (docs/semantics.md).
    """

    panel: Panel
    start: dt.date | None = None
    end: dt.date | None = None
    benchmark: str | Strategy | None = "SPY"
    missing: Missing = "error"
    execution: Execution = field(default_factory=Execution)

    @property
    def benchmark_name(self) -> str | None:
        """The benchmark's ticker, or the name of the strategy."""
        return self.benchmark.name if isinstance(self.benchmark, Strategy) else self.benchmark


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


def prepare(
    strategy: Strategy,
    question: Question,
    axes: Axes | None = None,
    choices: Choices | None = None,
    latest_start: dt.date | None = None,
) -> Prepared:
    """A strategy ready to run for every combination of ``axes`` (none: its variables are bound already).

    Args:
        choices: (combinations, axes) those that will be run; they set the common start. By default all
            values of each variable count.
        latest_start: combinations that need a later start do not count; without effect where missing
            prices are skipped, because nothing moves the start there.

    Raises:
        StrategyError, MissingPrices, WindowError.
    """
    axes = dict(axes or {})
    panel = windows.until(question.panel, question.end)
    built = build(strategy)
    check(built.graph, axes)
    held, read = derive.tickers(built.graph, axes)
    if question.missing == "error":
        windows.require_tickers(panel, held | read, strategy, axes)
    chosen = _corners(axes) if choices is None else choices
    all_starts = starts(built.graph, panel, axes, chosen)
    latest, row = _latest(panel, all_starts.root, latest_start if question.missing == "error" else None)
    window, notes = windows.make_window(panel, all_starts, question.start, question.missing, latest, row)
    if window.sessions < 2:
        raise WindowError(
            f"only one session is left, {panel.sessions[window.first]}",
            hint="A run needs at least two sessions: choose an earlier --start or a later --end.",
        )
    if question.missing == "error":
        counted = _counted(axes, chosen, all_starts.root, latest) if latest_start is not None else axes
        windows.require_prices(panel, window, held_or_read(built.graph, counted), strategy, axes)
    else:
        notes += windows.left_out(panel, window, held | read)
    notes += windows.settling(built.graph, all_starts, window)
    plan = make_plan(built.graph, axes, window.first, len(panel.sessions))
    holdable = tuple(sorted(held))
    rules = make_rules(question.execution, _corridor(strategy))
    began = time.perf_counter()
    tables = fill_tables(make_layout(plan), panel, holdable, (window.first, window.last), rules.cash)
    indicator_seconds = time.perf_counter() - began
    benchmark = _benchmark(panel, window, question)
    return Prepared(
        strategy=strategy,
        question=question,
        panel=panel,
        axes=axes,
        built=built,
        plan=plan,
        tables=tables,
        window=window,
        market=_market(strategy, panel, window, question.execution, holdable),
        rules=rules,
        benchmark=benchmark,
        notes=tuple(notes),
        indicator_seconds=indicator_seconds,
    )


def traded_otherwise(prepared: Prepared, execution: Execution) -> Prepared:
    """The same decisions on the same sessions, traded in another way; the cash rate must be the same.

    The benchmark and the notes stay those of the first way.

    Raises:
        MissingPrices: fills at the next open on prices without opens.
    """
    assert execution.cash_rate == prepared.question.execution.cash_rate  # it is in the tables
    holdable = prepared.tables.holdable
    return replace(
        prepared,
        question=replace(prepared.question, execution=execution),
        market=_market(prepared.strategy, prepared.panel, prepared.window, execution, holdable),
        rules=make_rules(execution, _corridor(prepared.strategy)),
    )


def _corners(axes: Axes) -> Choices:
    """Combinations that together take every value of every variable."""
    longest = max((len(values) for values in axes.values()), default=1)
    rows = np.zeros((longest, len(axes)), np.int64)
    for v, values in enumerate(axes.values()):
        rows[:, v] = np.minimum(np.arange(longest), len(values) - 1)
    return rows


def _latest(panel: Panel, root: Start, latest_start: dt.date | None) -> tuple[int, int]:
    """The latest start over all combinations that count, and the combination that needs it.

    Raises:
        WindowError: none of them counts.
    """
    counted = needed = np.atleast_1d(np.asarray(root))
    if latest_start is not None:
        limit = int(np.searchsorted(panel.sessions, np.datetime64(latest_start), side="right")) - 1
        counted = np.where(needed <= limit, needed, -1)
    row = int(counted.argmax())
    if counted[row] < 0:
        earliest = int(needed.min())
        could = f"on {panel.sessions[earliest]}" if earliest < len(panel.sessions) else "on no session"
        raise WindowError(
            f"no combination can start by {latest_start}, the latest start allowed",
            hint=f"The earliest could start {could}: choose a later --latest-start.",
        )
    return int(counted[row]), row


def _counted(axes: Axes, chosen: Choices, root: Start, latest: int) -> Axes:
    """The values of each variable that occur in combinations that can start by ``latest``."""
    rows = chosen[np.broadcast_to(np.asarray(root) <= latest, len(chosen))]
    return {
        name: tuple(values[k] for k in np.unique(rows[:, v])) for v, (name, values) in enumerate(axes.items())
    }


def held_or_read(graph: Graph, axes: Axes) -> set[str]:
    """Every ticker that a graph can hold or read."""
    held, read = derive.tickers(graph, axes)
    return held | read


def _corridor(strategy: Strategy) -> float | None:
    corridor = strategy.rebalance.corridor
    return float(corridor) if isinstance(corridor, int | float) else None  # a variable is bound by then


def _benchmark(panel: Panel, window: Window, question: Question) -> Floats | None:
    """The benchmark's value on each session of the window, or None when there is none.

    Raises:
        MissingPrices: it was asked for and is not there, or has a gap inside the window.
    """
    ticker = question.benchmark
    if ticker is None:
        return None
    if isinstance(ticker, Strategy):
        return _strategy_values(ticker, panel, window, question)
    if ticker not in panel:
        raise MissingPrices(
            f"the benchmark {ticker} is not among the prices",
            ticker=ticker,
            hint="Choose another with --benchmark, or --benchmark none.",
        )
    price = panel.column(ticker)[window.first : window.last + 1]
    if not np.isfinite(price).all():
        hole = panel.sessions[window.first + int(np.argmin(np.isfinite(price)))]
        raise MissingPrices(
            f"the benchmark {ticker} has no price on {hole}",
            ticker=ticker,
            session=str(hole),
            hint="Choose another with --benchmark, or a later --start.",
        )
    return question.execution.capital * price / price[0]


def _strategy_values(strategy: Strategy, panel: Panel, window: Window, question: Question) -> Floats:
    """The value of a strategy that is the benchmark: over the same sessions, under the same rules.

    Raises:
        WindowError: it cannot start as early as the run does.
    """
    first = panel.sessions[window.first].item()
    asked = replace(question, panel=panel, start=first, end=None, benchmark=None)
    prepared = prepare(strategy, asked)
    if prepared.window.first != window.first:
        raise WindowError(
            f"the benchmark {strategy.name} can start on {prepared.sessions[0]}, after the run's {first}",
            session=str(prepared.sessions[0]),
            hint=f"Choose another benchmark, or --start {prepared.sessions[0]}.",
        )
    return record(prepared).values


def _market(
    strategy: Strategy, panel: Panel, window: Window, execution: Execution, holdable: tuple[str, ...]
) -> Market:
    part = slice(window.first, window.last + 1)

    def prices(name: str) -> Floats:
        columns = np.full((window.sessions, len(holdable)), np.nan)
        for a, ticker in enumerate(holdable):
            if ticker in panel:
                columns[:, a] = panel.fields[name][part, panel.position(ticker)]
        return columns

    if execution.fill == "next_open" and "open" not in panel.fields:
        raise MissingPrices(
            "fills at the next open need opening prices, and these prices have none",
            hint="Use --fill close or --fill next_close, or prices with an open column.",
        )
    close = prices("close")
    forward = [forward_returns(panel, t)[window.first : window.last] for t in holdable]
    rule = strategy.rebalance.rule
    free = rule == "daily" and execution.fill == "close" and execution.costs.free
    return Market(
        close=close,
        fill=prices("open") if execution.fill == "next_open" else close,
        forward=np.ascontiguousarray(np.array(forward).T) if forward else np.zeros((window.sessions - 1, 0)),
        looks=rebalancing_sessions(rule, panel.sessions, window.first, window.last),
        free=free and not execution.whole_shares,
        tracked=True,
    )


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
