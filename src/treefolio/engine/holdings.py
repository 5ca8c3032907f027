"""What the branches of a program hold, session by session, as numbers of portfolios.

`update` follows `interpret.execute`: for each branch that was re-computed it brings the row of portfolio
numbers up to date. A weighted sum remembers its children's portfolios, and looks up a new one only on
sessions on which some child's changed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from treefolio.engine.portfolios import FULL, Numbers, Store, intern
from treefolio.engine.program import Ints, Program, State
from treefolio.engine.shares import child, divide
from treefolio.graph.ops import Op
from treefolio.kernels import kernel

_SELECT, _MIX, _LOOKUP = int(Op.SELECT), int(Op.MIX), int(Op.LOOKUP)


class Holdings(NamedTuple):
    """One thread's view of holdings over the window's n sessions.

    Attributes:
        table: (rows, n) shared: the portfolios of the shared tables' returns.
        work: (rows, n) those of the program's own returns.
        seen: (rows, n) what weighted sums saw of their children; seen_at: (instructions,) the first row
            of each, or −1 where shares can change by themselves.
        fresh: (1,) 1 until everything was computed once.
        first: the window's first session.
        parts: (children,) work space.
    """

    table: Numbers
    work: Numbers
    seen: Numbers
    seen_at: Ints
    fresh: Ints
    first: int
    parts: Numbers


def make_holdings(table: Numbers, program: Program, rows: int, variables: int, first: int) -> Holdings:
    """The view of a program whose returns need ``rows`` rows; its first numbers are those of variables."""
    seen_at = np.full(len(program.ops), -1, np.int64)
    seen, widest = 0, 1
    for i, op in enumerate(program.ops):
        widest = max(widest, int(program.arg_at[i + 1] - program.arg_at[i]))
        numbers = program.pars[program.par_at[i] : program.par_at[i + 1]]
        if op == _MIX and (numbers >= variables).all():
            seen_at[i] = seen
            seen += int(program.arg_at[i + 1] - program.arg_at[i])
    n = table.shape[1]
    return Holdings(
        table=table,
        work=np.zeros((rows, n), np.int32),
        seen=np.zeros((seen, n), np.int32),
        seen_at=seen_at,
        fresh=np.ones(1, np.int64),
        first=first,
        parts=np.zeros(widest, np.int32),
    )


@kernel
def row_of(holdings: Holdings, state: State, node: int) -> Numbers:
    """The row of a branch's portfolios."""
    row = state.where[node]
    return holdings.table[row] if row >= 0 else holdings.work[-1 - row]


@kernel
def number_at(holdings: Holdings, state: State, node: int, k: int) -> int:
    """A branch's portfolio on the window's k-th session."""
    row = state.where[node]
    return holdings.table[row, k] if row >= 0 else holdings.work[-1 - row, k]


@kernel
def weigh_portfolio(program: Program, state: State, holdings: Holdings, store: Store, i: int, k: int) -> int:
    """The portfolio of weighting instruction i on the window's k-th session, or FULL."""
    count = divide(program, state, i, holdings.first + k, state.shares)
    parts = 0
    for c in range(count):
        if state.shares[c] != 0.0:
            holdings.parts[parts] = number_at(holdings, state, child(program, i, c), k)
            state.shares[parts] = state.shares[c]
            parts += 1
    return intern(store, holdings.parts, state.shares, parts)


@kernel
def update_weighted(program: Program, state: State, holdings: Holdings, store: Store, i: int) -> bool:
    """The row of a weighting instruction; False when the store is full.

    A changed session is marked by a negative number in the row itself until it is looked up.
    """
    out = holdings.work[-1 - state.where[program.node[i]]]
    seen = holdings.seen_at[i]
    n = out.shape[0]
    if seen < 0 or holdings.fresh[0]:
        for k in range(n):
            out[k] = -1
    if seen >= 0:
        for c in range(program.arg_at[i + 1] - program.arg_at[i]):
            new = row_of(holdings, state, program.args[program.arg_at[i] + c])
            old = holdings.seen[seen + c]
            for k in range(n):
                if new[k] != old[k]:
                    out[k] = -1
                    old[k] = new[k]
    for k in range(n):
        if out[k] < 0:
            number = weigh_portfolio(program, state, holdings, store, i, k)
            if number == FULL:
                return False
            out[k] = number
    return True


@kernel
def choose_portfolios(program: Program, state: State, holdings: Holdings, i: int) -> None:
    """The row of a selection."""
    first = program.arg_at[i]
    out = holdings.work[-1 - state.where[program.node[i]]]
    a = row_of(holdings, state, program.args[first + 1])
    b = row_of(holdings, state, program.args[first + 2])
    row = state.where[program.args[first]]
    mask = state.mask_table[row] if row >= 0 else state.mask_work[-1 - row]
    for k in range(out.shape[0]):
        out[k] = a[k] if mask[holdings.first + k] else b[k]


@kernel
def update(program: Program, state: State, holdings: Holdings, store: Store, level: int) -> bool:
    """Brings the holdings of the instructions of ``level`` and inside it up to date.

    Returns False when the store is full; then everything must be computed afresh with more room.
    """
    for i in range(program.level_at[level], program.ops.shape[0]):
        op = program.ops[i]
        if op == _LOOKUP or op < _SELECT:
            continue
        if op == _SELECT:
            choose_portfolios(program, state, holdings, i)
        elif not update_weighted(program, state, holdings, store, i):
            return False
    holdings.fresh[0] = 0
    return True
