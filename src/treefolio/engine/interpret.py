"""The kernel that executes a program: one instruction, one pass over the sessions.

`execute` runs the instructions of the levels from a given one on. It allocates nothing, so that a sweep
can call it hundreds of thousands of times without the GIL.
"""

from __future__ import annotations

import numpy as np

from treefolio.engine import series
from treefolio.engine.program import Floats, Mask, Program, State
from treefolio.engine.shares import argument_rows, at, divide, first_child, group_size, parameters
from treefolio.graph.ops import ABSENT, Op
from treefolio.indicators import branch
from treefolio.kernels import inner, kernel

_FILL, _AFFINE, _SHIFT, _DEFINED = int(Op.FILL), int(Op.AFFINE), int(Op.SHIFT), int(Op.DEFINED)
_VALUE, _INDICATOR = int(Op.VALUE), int(Op.INDICATOR)
_THRESHOLD, _COMPARE, _ALL, _ANY = int(Op.THRESHOLD), int(Op.COMPARE), int(Op.ALL), int(Op.ANY)
_NONE, _COUNT, _LASTING, _LATCH = int(Op.NONE), int(Op.COUNT), int(Op.LASTING), int(Op.LATCH)
_SELECT, _MIX, _LOOKUP = int(Op.SELECT), int(Op.MIX), int(Op.LOOKUP)


@inner
def floats(state: State, node: int) -> Floats:
    """The row of a series or a return."""
    row = state.where[node]
    return state.table[row] if row >= 0 else state.work[-1 - row]


@inner
def mask(state: State, node: int) -> Mask:
    """The row of a mask."""
    row = state.where[node]
    return state.mask_table[row] if row >= 0 else state.mask_work[-1 - row]


@inner
def look_up(program: Program, state: State, i: int) -> None:
    """Points the node at the table's row for the variables' current values."""
    k = program.arg_at[i]
    row = program.args[k]
    for j in range(k + 1, program.arg_at[i + 1], 2):
        row += program.args[j + 1] * state.choice[program.args[j]]
    state.where[program.node[i]] = row


@inner
def select(condition: Mask, a: Floats, b: Floats, out: Floats, lo: int) -> None:
    """a where the condition holds, else b."""
    for t in range(lo, out.shape[0]):
        out[t] = a[t] if condition[t] else b[t]


@inner
def weigh_all(program: Program, state: State, i: int, out: Floats) -> None:
    """The return of a weighting instruction, session by session: Σ share · return in the children's order.

    Sessions on which ``out`` is finite already are left alone.
    """
    op, table, work, shares = program.ops[i], state.table, state.work, state.shares
    rows, numbers = argument_rows(program, state, i), parameters(program, state, i)
    first, group = first_child(op), group_size(op)
    for t in range(program.lo[i], out.shape[0]):
        if np.isfinite(out[t]):
            continue
        total = 0.0
        held = False
        for k in range(divide(op, table, work, rows, numbers, t, shares)):
            if shares[k] != 0.0:
                held = True
                total += shares[k] * at(table, work, rows[first + group * k], t)
        out[t] = total if held else ABSENT


@inner
def mix(program: Program, state: State, i: int, out: Floats) -> None:
    """A plain weighted sum; sessions on which a child is absent or has no price are weighed one by one."""
    lo, first = program.lo[i], program.arg_at[i]
    par = program.par_at[i] + 1
    if state.numbers[program.pars[par - 1]] != 0.0:
        out[lo:] = np.nan
        weigh_all(program, state, i, out)
        return
    x = floats(state, program.args[first])
    w = state.numbers[program.pars[par]]
    for t in range(lo, out.shape[0]):
        out[t] = w * x[t]
    for k in range(1, program.arg_at[i + 1] - first):
        x = floats(state, program.args[first + k])
        w = state.numbers[program.pars[par + k]]
        for t in range(lo, out.shape[0]):
            out[t] += w * x[t]
    finite = True
    for t in range(lo, out.shape[0]):
        finite &= np.isfinite(out[t])
    if not finite:
        weigh_all(program, state, i, out)


@inner
def execute_return(program: Program, state: State, i: int) -> None:
    """One instruction whose value is a return."""
    op = program.ops[i]
    first = program.arg_at[i]
    out = state.work[-1 - state.where[program.node[i]]]
    if op == _SELECT:
        condition = mask(state, program.args[first])
        a, b = floats(state, program.args[first + 1]), floats(state, program.args[first + 2])
        select(condition, a, b, out, program.lo[i])
    elif op == _MIX:
        mix(program, state, i, out)
    else:
        out[program.lo[i] :] = np.nan
        weigh_all(program, state, i, out)


@inner
def execute_mask(program: Program, state: State, i: int) -> None:
    """One instruction whose value is a mask."""
    op, lo = program.ops[i], program.lo[i]
    first, last = program.arg_at[i], program.arg_at[i + 1]
    par = program.par_at[i]
    out = state.mask_work[-1 - state.where[program.node[i]]]
    if op == _THRESHOLD:
        comparator = int(state.numbers[program.pars[par]])
        level = state.numbers[program.pars[par + 1]]
        series.threshold(floats(state, program.args[first]), out, lo, comparator, level)
    elif op == _COMPARE:
        x, y = floats(state, program.args[first]), floats(state, program.args[first + 1])
        series.compare(x, y, out, lo, int(state.numbers[program.pars[par]]))
    elif op == _LASTING:
        sessions = int(state.numbers[program.pars[par]])
        series.lasting(mask(state, program.args[first]), out, lo, sessions)
    elif op == _LATCH:
        enter, leave = mask(state, program.args[first]), mask(state, program.args[first + 1])
        series.latch(enter, leave, out, lo)
    else:
        series.start_mask(out, lo, 1 if op == _ALL else 0)
        for k in range(first, last):
            x_mask = mask(state, program.args[k])
            if op == _ALL:
                series.keep_all(x_mask, out, lo)
            elif op == _COUNT:
                series.count_in(x_mask, out, lo)
            else:
                series.keep_any(x_mask, out, lo)
        if op == _NONE:
            series.invert(out, lo)
        elif op == _COUNT:
            series.equals(out, lo, int(state.numbers[program.pars[par]]))


@inner
def execute_series(program: Program, state: State, i: int) -> None:
    """One instruction whose value is a series."""
    op, lo = program.ops[i], program.lo[i]
    first, par = program.arg_at[i], program.par_at[i]
    out = state.work[-1 - state.where[program.node[i]]]
    if op == _FILL:
        series.fill(out, lo, state.numbers[program.pars[par]])
        return
    x = floats(state, program.args[first])
    if op == _AFFINE:
        scale, offset = state.numbers[program.pars[par]], state.numbers[program.pars[par + 1]]
        series.affine(x, out, lo, scale, offset)
    elif op == _SHIFT:
        series.shift(x, out, lo, int(state.numbers[program.pars[par]]))
    elif op == _DEFINED:
        series.defined(x, floats(state, program.args[first + 1]), out, lo)
    elif op == _VALUE:
        series.value(x, out, lo, state.cash)
    else:
        count = program.par_at[i + 1] - par - 1
        for k in range(count):
            state.shares[k] = state.numbers[program.pars[par + 1 + k]]
        code = int(state.numbers[program.pars[par]])
        branch.evaluate(code, x, lo, state.shares[:count], out, state.scratch)


@kernel
def execute(program: Program, state: State, level: int) -> None:
    """All instructions of ``level`` and of the levels inside it."""
    for i in range(program.level_at[level], program.ops.shape[0]):
        op = program.ops[i]
        if op == _LOOKUP:
            look_up(program, state, i)
        elif op < _THRESHOLD:
            execute_series(program, state, i)
        elif op < _SELECT:
            execute_mask(program, state, i)
        else:
            execute_return(program, state, i)
