"""How a weighting node divides itself among its children on one session.

One function for each operation; `divide` dispatches. The same shares make the node's return
(`interpret.weigh_all`) and its holdings (`holdings.update_weighted`). They take arrays one by one: every
reach into a tuple of arrays would count a reference, which costs more than the arithmetic.
"""

from __future__ import annotations

import math

import numpy as np

from treefolio.engine.program import Floats, Ints, Program, State
from treefolio.graph.ops import ABSENT, Op
from treefolio.kernels import inlined, inner

TIE = 1e-9
"""Scores this close share a place where ties are kept (the elements format's rule)."""

_MIX, _INVERSE, _FILTER = int(Op.MIX), int(Op.INVERSE_VOLATILITY), int(Op.FILTER)
_SCALE, _FILTER_VOLATILITY = int(Op.SCALE), int(Op.FILTER_VOLATILITY)


@inlined
def at(table: Floats, work: Floats, row: int, t: int) -> float:
    """The value of a series or return on session t, from its row (`State.where`)."""
    return table[row, t] if row >= 0 else work[-1 - row, t]


@inlined
def group_size(op: int) -> int:
    """Arguments per child."""
    if op == _FILTER_VOLATILITY:
        return 3
    return 2 if op in (_INVERSE, _FILTER) else 1


@inlined
def first_child(op: int) -> int:
    """The position of the first child among the arguments."""
    return 1 if op == _SCALE else 0


@inner
def argument_rows(program: Program, state: State, i: int) -> Ints:
    """The rows of instruction i's arguments, as they stand now."""
    first = program.arg_at[i]
    rows = np.empty(program.arg_at[i + 1] - first, np.int64)
    for k in range(rows.shape[0]):
        rows[k] = state.where[program.args[first + k]]
    return rows


@inner
def parameters(program: Program, state: State, i: int) -> Floats:
    """The parameters of instruction i, with the variables' current values; weights of a sum as shares."""
    first = program.par_at[i]
    numbers = np.empty(program.par_at[i + 1] - first)
    for k in range(numbers.shape[0]):
        numbers[k] = state.numbers[program.pars[first + k]]
    if program.ops[i] == _MIX and numbers[0] != 0.0:
        total = 0.0
        for k in range(1, numbers.shape[0]):
            total += numbers[k]
        for k in range(1, numbers.shape[0]):
            numbers[k] = numbers[k] / total if total > 0.0 else math.nan
    return numbers


@inner
def hand_back(table: Floats, work: Floats, rows: Ints, t: int, out: Floats) -> None:
    """Absent children give their share to the others, in proportion."""
    present = 0.0
    absent = False
    for k in range(rows.shape[0]):
        if at(table, work, rows[k], t) == ABSENT:
            out[k] = 0.0
            absent = True
        else:
            present += out[k]
    if absent:
        for k in range(rows.shape[0]):
            if out[k] != 0.0:
                out[k] = out[k] / present


@inner
def invert_volatility(out: Floats, count: int) -> None:
    """From volatilities (NaN: not taking part) to shares ∝ 1/volatility; zeros among them take all."""
    zeros = 0
    total = 0.0
    for k in range(count):
        if out[k] == 0.0:
            zeros += 1
        elif out[k] == out[k]:
            total += 1.0 / out[k]
    for k in range(count):
        if out[k] != out[k]:
            out[k] = 0.0
        elif zeros > 0:
            out[k] = 1.0 / zeros if out[k] == 0.0 else 0.0
        else:
            out[k] = 1.0 / out[k] / total


@inner
def keep_best(scores: Floats, count: int, places: int, bottom: bool, ties: bool) -> int:
    """Marks the kept candidates with 1 and the others with 0; how many are kept.

    ``scores`` (count,) comes in with NaN for those that do not take part. It is stable: of equal scores
    the earlier child is better. Kept ones are marked +inf on the way, so scores must be finite.
    """
    kept = 0
    for _ in range(min(places, count)):
        best = -1
        for k in range(count):
            s = scores[k]
            if s != s or s == np.inf:
                continue
            if best < 0 or (s < scores[best] if bottom else s > scores[best]):
                best = k
        if best < 0:
            break
        top = scores[best]
        scores[best] = np.inf
        kept += 1
        if ties:
            for k in range(count):
                if scores[k] != np.inf and abs(scores[k] - top) <= TIE:
                    scores[k] = np.inf
                    kept += 1
    for k in range(count):
        scores[k] = 1.0 if scores[k] == np.inf else 0.0
    return kept


@inner
def filter_shares(
    op: int, table: Floats, work: Floats, rows: Ints, numbers: Floats, t: int, out: Floats
) -> None:
    """Rank the children by score, keep the best, weight the kept ones."""
    group = group_size(op)
    count = rows.shape[0] // group
    for k in range(count):
        score = at(table, work, rows[group * k + 1], t)
        absent = at(table, work, rows[group * k], t) == ABSENT
        out[k] = math.nan if absent or abs(score) == np.inf else score
    kept = keep_best(out, count, int(numbers[1]), numbers[0] != 0.0, numbers[2] != 0.0)
    if op == _FILTER_VOLATILITY:
        for k in range(count):
            out[k] = at(table, work, rows[group * k + 2], t) if out[k] != 0.0 else math.nan
        invert_volatility(out, count)
        return
    total = 0.0
    for k in range(numbers.shape[0] - 3):
        if out[k] != 0.0:
            total += numbers[3 + k]
    for k in range(count):
        if out[k] != 0.0:
            out[k] = numbers[3 + k] / total if total > 0.0 else 1.0 / kept


@inner
def scale_shares(table: Floats, work: Floats, rows: Ints, numbers: Floats, t: int, out: Floats) -> None:
    """From the first child to the second as the reading goes from low to high."""
    x, low, high = at(table, work, rows[0], t), numbers[0], numbers[1]
    place = (x - low) / (high - low) if low != high else math.nan
    out[1] = min(max(place, 0.0), 1.0) if x == x else 0.0
    out[0] = 1.0 - out[1]
    hand_back(table, work, rows[1:], t, out)


@inner
def divide(op: int, table: Floats, work: Floats, rows: Ints, numbers: Floats, t: int, out: Floats) -> int:
    """The shares of a weighting node's children on session t: ``out[:n]``; returns n. All 0: it is absent.

    Args:
        rows: of its arguments (`argument_rows`); numbers: its parameters (`parameters`).
    """
    if op == _MIX:
        out[: rows.shape[0]] = numbers[1:]
        hand_back(table, work, rows, t, out)
        return rows.shape[0]
    if op == _SCALE:
        scale_shares(table, work, rows, numbers, t, out)
        return 2
    if op == _INVERSE:
        for k in range(rows.shape[0] // 2):
            absent = at(table, work, rows[2 * k], t) == ABSENT
            out[k] = math.nan if absent else at(table, work, rows[2 * k + 1], t)
        invert_volatility(out, rows.shape[0] // 2)
        return rows.shape[0] // 2
    filter_shares(op, table, work, rows, numbers, t, out)
    return rows.shape[0] // group_size(op)


@inner
def children(program: Program, i: int) -> int:
    """How many children weighting instruction i has."""
    args = program.arg_at[i + 1] - program.arg_at[i]
    return 2 if program.ops[i] == _SCALE else args // group_size(program.ops[i])


@inner
def child(program: Program, i: int, k: int) -> int:
    """The graph node of instruction i's k-th child."""
    op = program.ops[i]
    return program.args[program.arg_at[i] + first_child(op) + group_size(op) * k]
