"""From a question to a strategy that is ready to run: everything that all combinations share.

The graph is built (`graph.build`) and checked (`graph.check`), the window found (`window`), the plan made
(`graph.plan`) and the shared tables filled (`tables`).
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from treefolio.engine import window as windows
from treefolio.engine.assemble import make_layout
from treefolio.engine.compiled import Prepared, record
from treefolio.engine.execution import Execution
from treefolio.engine.question import Question
from treefolio.engine.run import Window
from treefolio.engine.simulate import make_rules, rebalancing_sessions
from treefolio.engine.tables import fill_tables, forward_returns
from treefolio.engine.trading import Market
from treefolio.errors import MissingPrices, WindowError
from treefolio.graph import derive
from treefolio.graph.build import build
from treefolio.graph.check import check
from treefolio.graph.graph import Graph
from treefolio.graph.plan import Axes, make_plan
from treefolio.graph.start import Start, starts
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Strategy

Floats = NDArray[np.float64]
Choices = NDArray[np.int64]


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
