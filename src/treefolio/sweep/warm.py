"""Compiles all kernels ahead of their first use, on two cores: ``python -m treefolio.sweep.warm``.

Numba compiles a function when it is first called, and keeps it in the user's cache. The first run of a new
version would so take half a minute on one core; here a second process compiles indicators and the interpreter
while this one compiles trading and metrics, and then the loop of sweeps that calls all of them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from treefolio.engine.assemble import assemble, make_layout
from treefolio.engine.compiled import Machine, Prepared
from treefolio.engine.execution import Execution
from treefolio.engine.holdings import mark_needed, update
from treefolio.engine.interpret import execute
from treefolio.engine.portfolios import cut_back, rehash
from treefolio.engine.question import Question
from treefolio.engine.run import Window
from treefolio.engine.sight import shares_of
from treefolio.engine.simulate import make_rules, rebalancing_sessions, simulate
from treefolio.engine.tables import empty_tables
from treefolio.engine.trading import Market, show_targets, trade_root
from treefolio.graph.build import build
from treefolio.graph.plan import make_plan
from treefolio.indicators import compute
from treefolio.market.panel import Panel
from treefolio.metrics import METRICS, measure
from treefolio.selection.cscv import overfitting, per_block
from treefolio.strategy.tree import Asset, Reading, Strategy
from treefolio.strategy.tree import If as Choice
from treefolio.sweep.block import Worker, frame_of, sweep_rows

SESSIONS = 40
_APART = "apart"


def compile_for(function: Callable[..., object], *arguments: object) -> None:
    """Compiles a kernel for arguments of these types, without calling it."""
    dispatcher: Any = function
    typeof: Any = numba.typeof
    dispatcher.compile(tuple(typeof(argument) for argument in arguments))


def toy() -> Prepared:
    """A tiny strategy, prepared but not computed."""
    days = np.arange("2024-01-01", "2024-12-31", dtype="datetime64[D]")[:SESSIONS]
    prices = np.ascontiguousarray(np.linspace(1.0, 2.0, SESSIONS).reshape(-1, 1))
    panel = Panel(sessions=days, tickers=("A",), fields={"close": prices}, basis="toy", source="toy")
    strategy = Strategy(name="toy", root=Choice(Reading("price", (), "A") > 1.5, Asset("A"), Asset("A")))
    built = build(strategy)
    plan = make_plan(built.graph, {}, 0, SESSIONS)
    layout = make_layout(plan)
    parts = [assemble(layout, stage) for stage in plan.stages]
    tables = empty_tables(layout, SESSIONS, ("A",), (0, SESSIONS - 1), 0.0)
    tables.stages += [(part, tables.state(part)) for part in parts]
    return Prepared(
        strategy=strategy,
        question=Question(panel=panel),
        panel=panel,
        axes={},
        built=built,
        plan=plan,
        tables=tables,
        window=Window(first=0, last=SESSIONS - 1),
        market=Market(
            close=prices.copy(),  # a panel's own arrays are read-only, which is another type
            fill=prices.copy(),
            forward=prices[1:].copy(),
            looks=rebalancing_sessions("daily", days, 0, SESSIONS - 1),
            free=True,
            tracked=True,
        ),
        rules=make_rules(Execution(), None),
        benchmark=prices[:, 0].copy(),
        notes=(),
    )


def compile_apart() -> None:
    """What the second process compiles: indicators, and the interpreter that calls them."""
    machine = Machine(toy())
    program, state = machine.program, machine.state
    compute("rsi", {"close": np.linspace(1.0, 2.0, SESSIONS)}, (10,))
    compile_for(execute, program, state, 0)
    compile_for(mark_needed, program, state, machine.holdings, np.zeros(1, np.int64))
    compile_for(shares_of, program, state, 0, 0)


def warm() -> None:
    """Compiles every kernel that runs, sweeps and traces use."""
    apart = subprocess.Popen([sys.executable, "-m", "treefolio.sweep.warm", _APART])
    prepared = toy()
    frame = frame_of(prepared)
    worker = Worker(prepared, frame)
    machine, market, rules = worker.machine, prepared.market, prepared.rules
    program, state, holdings, store = machine.program, machine.state, machine.holdings, machine.store
    desk, book = machine.desk, machine.desk.book
    prices, portfolios = market.close, np.zeros(SESSIONS, np.int32)
    compile_for(update, program, state, holdings, store, 0)
    compile_for(simulate, rules, book, store, portfolios, market.looks, prices, prices, desk.tally)
    compile_for(trade_root, np.zeros(SESSIONS), portfolios, store, market, rules, desk, 0)
    compile_for(show_targets, store, portfolios, np.zeros((SESSIONS, 1)))
    compile_for(rehash, store)
    compile_for(cut_back, store)
    compile_for(measure, desk.returns, desk.activity, frame.marks, worker.scratch, np.empty(len(METRICS)))
    overfitting(*per_block(np.sin(np.arange(3.0 * SESSIONS)).reshape(3, SESSIONS)), threads=1)
    apart.wait()
    compile_for(execute, program, state, 0)
    compile_for(sweep_rows, *worker.arguments(np.zeros((1, 0), np.int64), np.zeros(1, np.int64)))


if __name__ == "__main__":
    compile_apart() if _APART in sys.argv[1:] else warm()
