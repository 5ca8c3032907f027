"""The loop of a sweep: for each combination, execute what changed, trade it, measure it.

It runs without the GIL on one thread's work space; a run is a sweep of one combination. A row of numbers is
its metrics, then sums over blocks of its returns, which selection statistics (`sweep.selection`) are made of.
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
from treefolio.metrics import COUNT, GROUP_OF, Frame, Marks, frame, measure
from treefolio.selection.cscv import block_edges
from treefolio.strategy.tree import Var

Choices = NDArray[np.int64]
FULL = -3
"""What `trade_row` returns when the store has no room for what the row holds: make some, and go on."""
_LANES = 4


@inner
def first_change(nest: Ints, choice: Ints, chosen: Ints) -> int:
    """The outermost level whose variable changes, or the number of levels when none does."""
    for level in range(nest.shape[0]):
        if choice[nest[level]] != chosen[nest[level]]:
            return level
    return nest.shape[0]


@inner
def trade_row(
    program: Program,
    state: State,
    holdings: Holdings,
    store: Store,
    market: Market,
    rules: Rules,
    desk: Desk,
    nest: Ints,
    choice: Ints,
    encoded: Floats,
    root: int,
    corridor: int,
) -> int:
    """One combination's returns, in ``desk``; DONE, why it has none (as `trade_root` says), or FULL.

    Only what changed since the combination before is executed again.
    """
    level = 0 if holdings.fresh[0] else first_change(nest, state.choice, choice)
    for v in range(choice.shape[0]):
        state.choice[v] = choice[v]
        state.numbers[v] = encoded[v, choice[v]]
    if level < nest.shape[0] or holdings.fresh[0]:
        execute(program, state, level)
        if not market.tracked:
            holdings.fresh[0] = 0
        elif not update(program, state, holdings, store, level):
            return FULL
    portfolios = row_of(holdings, state, root)
    if corridor >= 0:
        rules = with_corridor(rules, state.numbers[corridor])
    return trade_root(floats(state, root), portfolios, store, market, rules, desk, holdings.first)


@inner
def add_blocks(returns: Floats, edges: Ints, out: Floats) -> None:
    """Writes the sum of each block's returns, then of each block's squares: (2 · blocks,).

    Blocks are of one length, and their number is a multiple of `_LANES`. Each is added up in the order of its
    sessions; `_LANES` of them share a loop, because each addition waits for the one before it.
    """
    blocks = edges.shape[0] - 1
    length = edges[1] - edges[0]
    for b in range(0, blocks, _LANES):
        s0 = s1 = s2 = s3 = q0 = q1 = q2 = q3 = 0.0
        for i in range(edges[b], edges[b + 1]):
            r0, r1 = returns[i], returns[i + length]
            r2, r3 = returns[i + 2 * length], returns[i + 3 * length]
            s0, s1, s2, s3 = s0 + r0, s1 + r1, s2 + r2, s3 + r3
            q0, q1, q2, q3 = q0 + r0 * r0, q1 + r1 * r1, q2 + r2 * r2, q3 + r3 * r3
        out[b], out[b + 1], out[b + 2], out[b + 3] = s0, s1, s2, s3
        k = blocks + b
        out[k], out[k + 1], out[k + 2], out[k + 3] = q0, q1, q2, q3


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
    edges: Ints,
    out: Floats,
    bad: Ints,
    curves: Floats,
) -> int:
    """Numbers of some combinations; returns how many of ``order`` were done before the store was full.

    Args:
        choices: (rows, axes) the position of each variable's value; encoded: (axes, values) as numbers.
        corridor: the variable that is the corridor of rebalancing, or −1.
        order: those to compute, in this order; the results stand in the order of ``choices``.
        edges: (blocks + 1,) where blocks of returns begin and end.
        out: (rows, metrics + 2 · blocks). bad: (rows,) DONE, or why a row has no numbers, as `trade_root`
            says. curves: (rows, n − 1) the returns of each row, or (0, n − 1) when they are not kept.
    """
    for done in range(order.shape[0]):
        j = order[done]
        bad[j] = trade_row(
            program, state, holdings, store, market, rules, desk, nest, choices[j], encoded, root, corridor
        )
        if bad[j] == FULL:
            return done
        if bad[j] != DONE:
            out[j, :] = np.nan
            desk.returns[:] = np.nan
        else:
            measure(desk.returns, desk.activity, marks, scratch, out[j, :COUNT])
            add_blocks(desk.returns, edges, out[j, COUNT:])
        if curves.shape[0] > 0:
            curves[j, :] = desk.returns
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
    edges: Ints
    out: Floats
    bad: Ints
    curves: Floats


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
    """One thread's work space, and the numbers that it computes with it.

    Attributes:
        edges: where the blocks of a row's returns begin and end.
    """

    def __init__(self, prepared: Prepared, frame: Frame) -> None:
        self.prepared = prepared
        self.frame = frame
        self.machine = Machine(prepared)
        self.scratch = np.zeros(frame.scratch_size)
        self.edges = block_edges(frame.returns)
        corridor = prepared.strategy.rebalance.corridor
        self.corridor = list(prepared.axes).index(corridor.name) if isinstance(corridor, Var) else -1
        widest = max((len(values) for values in prepared.axes.values()), default=1)
        self.encoded = np.zeros((len(prepared.axes), widest))
        for v, values in enumerate(prepared.axes.values()):
            self.encoded[v, : len(values)] = [encode(value) for value in values]

    def measure(self, choices: Choices) -> tuple[Floats, Ints]:
        """Metrics and sums over blocks of some combinations.

        Args:
            choices: (rows, axes) the position of each variable's value.

        Returns:
            (rows, metrics + 2 · blocks) with NaN where undefined: the metrics, then each block's sum of
            returns, then each block's sum of squares; and for each row DONE, or why it has no numbers.
        """
        done = self._computed(choices, keep_curves=False)
        return done.out, done.bad

    def returns(self, choices: Choices) -> Floats:
        """(rows, n − 1) the returns of some combinations by session; NaN for those that cannot be run."""
        return self._computed(choices, keep_curves=True).curves

    def _computed(self, choices: Choices, *, keep_curves: bool) -> Arguments:
        order = lexicographic(choices, self.prepared.tables.main.nest)
        arguments = self.arguments(np.ascontiguousarray(choices), order, keep_curves=keep_curves)
        while True:
            done = sweep_rows(*arguments)
            if done == len(order):
                return arguments
            order = order[done:]
            self.machine.make_room(progress=done > 0)
            arguments = arguments._replace(order=order, store=self.machine.store)

    def arguments(self, choices: Choices, order: Ints, *, keep_curves: bool = False) -> Arguments:
        """What `sweep_rows` takes to compute these combinations in this order."""
        prepared, machine = self.prepared, self.machine
        width = COUNT + 2 * (len(self.edges) - 1)
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
            edges=self.edges,
            out=np.empty((len(choices), width)),
            bad=np.empty(len(choices), np.int64),
            curves=np.empty((len(choices) if keep_curves else 0, self.frame.returns)),
        )
