"""What the branches of a program hold, session by session, as numbers of portfolios.

`update` follows `interpret.execute`: for each branch that was re-computed it brings the row of portfolio
numbers up to date. A weighted sum remembers its children's portfolios, and looks up a new one only on
sessions on which some child's changed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from treefolio.engine.portfolios import FULL, Numbers, Store, find, hash_parts, intern, intern_sums
from treefolio.engine.program import Ints, Mask, Program, State
from treefolio.engine.shares import (
    argument_rows,
    child,
    children,
    divide,
    first_child,
    group_size,
    parameters,
)
from treefolio.graph.ops import Op
from treefolio.kernels import inner, kernel

_SELECT, _MIX, _LOOKUP = int(Op.SELECT), int(Op.MIX), int(Op.LOOKUP)


class Holdings(NamedTuple):
    """One thread's view of holdings over the window's n sessions.

    Attributes:
        table: (rows, n) shared: the portfolios of the shared tables' returns.
        work: (rows, n) those of the program's own returns.
        seen: (rows, n) what weighted sums saw of their children; seen_at: (instructions,) the first row
            of each, or −1 where shares can change by themselves.
        need: (rows, n) 1 where a row of `work` is asked for; elsewhere it may stay unknown (−1).
        fresh: (1,) 1 until everything was computed once.
        first: the window's first session.
        parts: (children,) work space.
    """

    table: Numbers
    work: Numbers
    seen: Numbers
    seen_at: Ints
    need: Mask
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
        need=np.ones((rows, n), np.uint8),
        fresh=np.ones(1, np.int64),
        first=first,
        parts=np.zeros(widest, np.int32),
    )


@inner
def row_of(holdings: Holdings, state: State, node: int) -> Numbers:
    """The row of a branch's portfolios."""
    row = state.where[node]
    return holdings.table[row] if row >= 0 else holdings.work[-1 - row]


@inner
def update_sum(program: Program, state: State, holdings: Holdings, store: Store, i: int) -> bool:
    """The row of a weighted sum with fixed weights; False when the store is full.

    A session whose portfolio is not known has a negative number in the row until it is looked up.
    """
    row = -1 - state.where[program.node[i]]
    out = holdings.work[row]
    first, count = holdings.seen_at[i], children(program, i)
    if holdings.fresh[0]:
        out[:] = -1
    for c in range(count):
        new = row_of(holdings, state, program.args[program.arg_at[i] + c])
        old = holdings.seen[first + c]
        for k in range(out.shape[0]):
            if new[k] != old[k]:
                out[k] = -1
                old[k] = new[k]
    seen = holdings.seen[first : first + count]
    return intern_sums(store, seen, parameters(program, state, i)[1:], holdings.need[row], out)


@inner
def update_weighted(program: Program, state: State, holdings: Holdings, store: Store, i: int) -> bool:
    """The row of an instruction whose shares change by themselves; False when the store is full."""
    op, table, work, shares = program.ops[i], state.table, state.work, state.shares
    rows, numbers = argument_rows(program, state, i), parameters(program, state, i)
    held_table, held, parts, begin = holdings.table, holdings.work, holdings.parts, holdings.first
    slots, key, part_at, part, share = store.slots, store.key, store.part_at, store.part, store.share
    own = -1 - state.where[program.node[i]]
    need, out = holdings.need[own], holdings.work[own]
    first, group = first_child(op), group_size(op)
    for k in range(out.shape[0]):
        if not need[k]:
            continue
        size = np.int64(0)
        for c in range(divide(op, table, work, rows, numbers, begin + k, shares)):
            if shares[c] != 0.0:
                row = rows[first + group * c]
                parts[size] = held_table[row, k] if row >= 0 else held[-1 - row, k]
                shares[size] = shares[c]
                size += 1
        if size == 1 and shares[0] == 1.0:
            out[k] = parts[0]
            continue
        h = hash_parts(parts, shares, size)
        number = find(slots, key, part_at, part, share, h, parts, shares, size)
        if number < 0:
            number = intern(store, parts, shares, size)
            if number == FULL:
                return False
        out[k] = number
    return True


@inner
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
def mark_needed(program: Program, state: State, holdings: Holdings, outputs: Ints) -> None:
    """Sets `Holdings.need` for a program of which only ``outputs`` (graph nodes) are asked for."""
    holdings.need[:] = 0
    for node in outputs:
        holdings.need[-1 - state.where[node]] = 1
    for i in range(program.ops.shape[0] - 1, -1, -1):
        op = program.ops[i]
        if op == _LOOKUP or op < _SELECT:
            continue
        need = holdings.need[-1 - state.where[program.node[i]]]
        if op == _SELECT:
            first = program.arg_at[i]
            row = state.where[program.args[first]]
            mask = state.mask_table[row] if row >= 0 else state.mask_work[-1 - row]
            need_where(state, holdings, program.args[first + 1], need, mask, np.uint8(1))
            need_where(state, holdings, program.args[first + 2], need, mask, np.uint8(0))
        else:
            for c in range(children(program, i)):
                need_where(state, holdings, child(program, i, c), need, need, np.uint8(1))


@inner
def need_where(state: State, holdings: Holdings, node: int, need: Mask, mask: Mask, bit: np.uint8) -> None:
    """A branch is needed where its parent is needed and the parent's mask is ``bit``.

    ``mask`` is over all sessions, or ``need`` itself.
    """
    row = state.where[node]
    if row >= 0:
        return
    own = holdings.need[-1 - row]
    offset = holdings.first if mask.shape[0] != need.shape[0] else 0
    for k in range(need.shape[0]):
        own[k] |= need[k] & (mask[offset + k] == bit)


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
        elif holdings.seen_at[i] >= 0:
            if not update_sum(program, state, holdings, store, i):
                return False
        elif not update_weighted(program, state, holdings, store, i):
            return False
    holdings.fresh[0] = 0
    return True
