"""The loop of a sweep: for each combination, execute what changed, trade it, measure it.

It runs without the GIL on one thread's work space; a run is a sweep of one combination.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.assemble import encode
from treefolio.engine.compiled import Machine, Prepared
from treefolio.engine.holdings import Holdings, row_of, update
from treefolio.engine.interpret import execute, floats
from treefolio.engine.portfolios import Store
from treefolio.engine.program import Floats, Ints, Program, State
from treefolio.engine.simulate import Rules, with_corridor
from treefolio.engine.trading import DONE, Desk, Market, trade_root
from treefolio.kernels import inner, kernel
from treefolio.metrics import GROUP_OF, METRICS, Frame, Marks, frame, measure
from treefolio.strategy.tree import Var

Choices = NDArray[np.int64]


@inner
def first_change(nest: Ints, choice: Ints, chosen: Ints) -> int:
    """The outermost level whose variable changes, or the number of levels when none does."""
    for level in range(nest.shape[0]):
        if choice[nest[level]] != chosen[nest[level]]:
            return level
    return nest.shape[0]


@kernel
def sweep_rows(
    program: Program,
    state: State,
    holdings: Holdings,
    store: Store,
    market: Market,
    rules: Rules,
    desk: Desk,
    marks: Marks,
    scratch: Floats,
    nest: Ints,
    choices: Ints,
    encoded: Floats,
    order: Ints,
    root: int,
    corridor: int,
    out: Floats,
    bad: Ints,
) -> int:
    """Metrics of some combinations; returns how many of ``order`` were done before the store was full.

    Args:
        choices: (rows, axes) the position of each variable's value; encoded: (axes, values) as numbers.
        corridor: the variable that is the corridor of rebalancing, or −1.
        order: those to compute, in this order; the results stand in the order of ``choices``.
        out: (rows, metrics). bad: (rows,) DONE, or why a row has no metrics, as `trade_root` says.
    """
    for done in range(order.shape[0]):
        j = order[done]
        level = 0 if holdings.fresh[0] else first_change(nest, state.choice, choices[j])
        for v in range(choices.shape[1]):
            state.choice[v] = choices[j, v]
            state.numbers[v] = encoded[v, choices[j, v]]
        if level < nest.shape[0] or holdings.fresh[0]:
            execute(program, state, level)
            if not market.tracked:
                holdings.fresh[0] = 0
            elif not update(program, state, holdings, store, level):
                return done
        portfolios = row_of(holdings, state, root)
        if corridor >= 0:
            rules = with_corridor(rules, state.numbers[corridor])
        bad[j] = trade_root(floats(state, root), portfolios, store, market, rules, desk, holdings.first)
        if bad[j] != DONE:
            out[j, :] = np.nan
        else:
            measure(desk.returns, desk.activity, marks, scratch, out[j])
    return order.shape[0]


def lexicographic(choices: NDArray[np.int64], nest: Ints) -> Ints:
    """The order of computing: by the outermost variable first, so that inner loops change the least."""
    if choices.shape[1] == 0 or len(nest) == 0:
        return np.arange(len(choices), dtype=np.int64)
    keys = tuple(choices[:, v] for v in reversed(nest))
    return np.lexsort(keys).astype(np.int64)


class Arguments(NamedTuple):
    """The arguments of `sweep_rows`, in its order."""

    program: Program
    state: State
    holdings: Holdings
    store: Store
    market: Market
    rules: Rules
    desk: Desk
    marks: Marks
    scratch: Floats
    nest: Ints
    choices: Choices
    encoded: Floats
    order: Ints
    root: int
    corridor: int
    out: Floats
    bad: Ints


def frame_of(prepared: Prepared, wanted: Collection[str] | None = None) -> Frame:
    """The frame of metrics (None: all) for a prepared strategy's sessions and benchmark."""
    rival = prepared.benchmark
    if wanted is not None and not any(GROUP_OF.get(key) == "benchmark" for key in wanted):
        rival = None
    return frame(prepared.sessions, None if rival is None else rival[1:] / rival[:-1] - 1.0, wanted)


def track_less(prepared: Prepared, wanted: Collection[str]) -> None:
    """Leaves holdings out where no wanted metric, no cost and no missing price needs them."""
    asked = any(GROUP_OF[key] == "activity" for key in wanted)
    if not asked and prepared.market.free and prepared.question.missing == "error":
        prepared.market = prepared.market._replace(tracked=False)


class Worker:
    """One thread's work space, and the metrics that it computes with it."""

    def __init__(self, prepared: Prepared, frame: Frame) -> None:
        self.prepared = prepared
        self.frame = frame
        self.machine = Machine(prepared)
        self.scratch = np.zeros(frame.scratch_size)
        corridor = prepared.strategy.rebalance.corridor
        self.corridor = list(prepared.axes).index(corridor.name) if isinstance(corridor, Var) else -1
        widest = max((len(values) for values in prepared.axes.values()), default=1)
        self.encoded = np.zeros((len(prepared.axes), widest))
        for v, values in enumerate(prepared.axes.values()):
            self.encoded[v, : len(values)] = [encode(value) for value in values]

    def measure(self, choices: Choices) -> tuple[Floats, Ints]:
        """Metrics of some combinations.

        Args:
            choices: (rows, axes) the position of each variable's value.

        Returns:
            (rows, metrics) with NaN where undefined, and for each row DONE, or why it has no metrics.
        """
        order = lexicographic(choices, self.prepared.tables.main.nest)
        arguments = self.arguments(np.ascontiguousarray(choices), order)
        while True:
            done = sweep_rows(*arguments)
            if done == len(order):
                return arguments.out, arguments.bad
            order = order[done:]
            self.machine.make_room(progress=done > 0)
            arguments = arguments._replace(order=order, store=self.machine.store)

    def arguments(self, choices: Choices, order: Ints) -> Arguments:
        """What `sweep_rows` takes to compute these combinations in this order."""
        prepared, machine = self.prepared, self.machine
        return Arguments(
            program=machine.program,
            state=machine.state,
            holdings=machine.holdings,
            store=machine.store,
            market=prepared.market,
            rules=prepared.rules,
            desk=machine.desk,
            marks=self.frame.marks,
            scratch=self.scratch,
            nest=prepared.tables.main.nest,
            choices=choices,
            encoded=self.encoded,
            order=order,
            root=prepared.plan.graph.root,
            corridor=self.corridor,
            out=np.empty((len(choices), len(METRICS))),
            bad=np.empty(len(choices), np.int64),
        )
