"""Random strategies on random markets, for tests that compare engines or orders of computing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from treefolio.engine.compiled import Prepared
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.engine.run import Run
from treefolio.errors import TreefolioError
from treefolio.graph.ops import Op
from treefolio.strategy.tree import Strategy
from treefolio.testing.panels import random_panel
from treefolio.testing.trees import random_strategy

TICKERS = tuple(f"T{k}" for k in range(8))

EXECUTIONS = (
    Execution(),
    Execution(fill="next_close"),
    Execution(cash_rate=0.04),
    Execution(fill="next_open", costs=Costs(slippage_bps=5, commission_bps=1, commission_minimum=1)),
    Execution(costs=Costs(slippage_bps=50, us_fees=True)),
    Execution(whole_shares=True, capital=50_000, cash_rate=0.03),
    Execution(fill="next_close", whole_shares=True, costs=Costs(slippage_bps=2)),
    Execution(capital=300, whole_shares=True, costs=Costs(commission_minimum=2)),
)


@dataclass(frozen=True)
class Case:
    """A strategy and what is asked of it."""

    strategy: Strategy
    question: Question


def random_case(seed: int, *, variables: bool = False, execution: Execution | None = None) -> Case:
    """Odd seeds skip missing prices; even ones have a market without gaps and let the look-back decide."""
    rng = np.random.default_rng(seed)
    skip = seed % 2 == 1
    strategy = random_strategy(rng, tickers=TICKERS, nodes=int(rng.integers(3, 60)), variables=variables)
    panel = random_panel(rng, tickers=TICKERS, sessions=260, gaps=skip)
    start: dt.date | None = panel.sessions[120].item() if skip else None
    question = Question(
        panel=panel,
        benchmark=None,
        missing="skip" if skip else "error",
        execution=execution or EXECUTIONS[seed % len(EXECUTIONS)],
        start=start,
    )
    return Case(strategy, question)


def outcome(make: Callable[[], Run]) -> Run | TreefolioError:
    """What it returns, or the error that it raises."""
    try:
        return make()
    except TreefolioError as error:
        return error


def assert_same(one: Run, other: Run, case: object) -> None:
    """Two engines' runs agree as docs/semantics.md says."""
    assert one.tickers == other.tickers
    np.testing.assert_array_equal(one.sessions, other.sessions)
    np.testing.assert_allclose(one.targets, other.targets, rtol=0, atol=1e-12, err_msg=f"case {case}")
    np.testing.assert_allclose(one.values, other.values, rtol=1e-12, err_msg=f"case {case}")
    np.testing.assert_allclose(one.weights, other.weights, rtol=0, atol=1e-11, err_msg=f"case {case}")
    np.testing.assert_allclose(one.activity, other.activity, rtol=1e-9, atol=1e-12, err_msg=f"case {case}")
    np.testing.assert_array_equal(one.trades.session, other.trades.session)
    np.testing.assert_array_equal(one.trades.ticker, other.trades.ticker)
    dust = 1e-9 * one.values.max()
    np.testing.assert_allclose(one.trades.notional, other.trades.notional, rtol=1e-9, atol=dust)
    np.testing.assert_allclose(one.trades.cost, other.trades.cost, rtol=1e-9, atol=1e-9)


def hair_breadth(prepared: Prepared) -> bool:
    """Some comparison, or some pair of scores of a filter, comes within 1e-9 somewhere in the window.

    Rounding may then decide either way, so the two engines may differ.
    """
    graph = prepared.plan.graph
    window = slice(prepared.window.first, prepared.window.last + 1)
    values = {}
    for part, state in prepared.tables.stages:
        for node in part.stage.nodes:
            if graph.nodes[node].kind.value != "mask":
                values[node] = state.work[-1 - part.where[node]]
    for node, row in prepared.tables.layout.base.items():
        if graph.nodes[node].kind.value != "mask":
            values.setdefault(node, prepared.tables.table[row])
    return any(
        _close(graph.nodes[k].op, node.args, node.params, values, window)
        for k, node in enumerate(graph.nodes)
    )


def _close(
    op: Op, args: tuple[int, ...], params: tuple[object, ...], values: dict[int, np.ndarray], window: slice
) -> bool:
    if op is Op.THRESHOLD:
        pairs = [(values[args[0]], np.float64(float(str(params[1]))))]
    elif op is Op.COMPARE:
        pairs = [(values[args[0]], values[args[1]])]
    elif op in (Op.FILTER, Op.FILTER_VOLATILITY):
        scores = [values[a] for a in args[1 :: 2 if op is Op.FILTER else 3]]
        pairs = [(a, b) for k, a in enumerate(scores) for b in scores[:k]]
    else:
        return False
    for a, b in pairs:
        gap = np.abs((a - b)[window])
        if ((gap < 1e-9 * np.maximum(1.0, np.abs(a[window]))) & (gap > 0)).any():
            return True
    return False
