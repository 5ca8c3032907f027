"""How a weighting node divides itself among its children on one session.

One function for each operation; `divide` dispatches. The same shares make the node's return
(`interpret.weigh`) and, where holdings are asked for, its weights (`holdings`).
"""

from __future__ import annotations

import math

import numpy as np

from treefolio.engine.program import Floats, Program, State
from treefolio.graph.ops import ABSENT, Op
from treefolio.kernels import inner

TIE = 1e-9
"""Scores this close share a place where ties are kept (the elements format's rule)."""

_MIX, _INVERSE, _FILTER = int(Op.MIX), int(Op.INVERSE_VOLATILITY), int(Op.FILTER)
_SCALE, _FILTER_VOLATILITY = int(Op.SCALE), int(Op.FILTER_VOLATILITY)


@inner
def at(state: State, node: int, t: int) -> float:
    """The value of a series or return on session t."""
    row = state.where[node]
    return state.table[row, t] if row >= 0 else state.work[-1 - row, t]


@inner
def group_size(op: int) -> int:
    """Arguments per child."""
    if op == _FILTER_VOLATILITY:
        return 3
    return 2 if op in (_INVERSE, _FILTER) else 1


@inner
def mix_weights(program: Program, state: State, i: int, out: Floats) -> None:
    """Instruction i's weights as they are, or renormalised (all NaN when they sum to 0)."""
    first = program.par_at[i] + 1
    count = program.par_at[i + 1] - first
    total = 1.0
    for k in range(count):
        out[k] = state.numbers[program.pars[first + k]]
    if state.numbers[program.pars[first - 1]] != 0.0:
        total = 0.0
        for k in range(count):
            total += out[k]
        for k in range(count):
            out[k] = out[k] / total if total > 0.0 else math.nan


@inner
def hand_back(program: Program, state: State, first: int, count: int, t: int, out: Floats) -> None:
    """Absent children give their share to the others, in proportion."""
    present = 0.0
    absent = False
    for k in range(count):
        if at(state, program.args[first + k], t) == ABSENT:
            out[k] = 0.0
            absent = True
        else:
            present += out[k]
    if absent:
        for k in range(count):
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
def filter_shares(program: Program, state: State, i: int, t: int, out: Floats) -> None:
    """Rank the children by score, keep the best, weight the kept ones."""
    by_volatility = program.ops[i] == _FILTER_VOLATILITY
    group = 3 if by_volatility else 2
    first = program.arg_at[i]
    count = (program.arg_at[i + 1] - first) // group
    pars = program.pars[program.par_at[i] : program.par_at[i + 1]]
    for k in range(count):
        score = at(state, program.args[first + group * k + 1], t)
        absent = at(state, program.args[first + group * k], t) == ABSENT
        out[k] = math.nan if absent or abs(score) == np.inf else score
    bottom = state.numbers[pars[0]] != 0.0
    kept = keep_best(out, count, int(state.numbers[pars[1]]), bottom, state.numbers[pars[2]] != 0.0)
    if by_volatility:
        for k in range(count):
            out[k] = at(state, program.args[first + group * k + 2], t) if out[k] != 0.0 else math.nan
        invert_volatility(out, count)
        return
    total = 0.0
    for k in range(pars.shape[0] - 3):
        if out[k] != 0.0:
            total += state.numbers[pars[3 + k]]
    for k in range(count):
        if out[k] != 0.0:
            out[k] = state.numbers[pars[3 + k]] / total if total > 0.0 else 1.0 / kept


@inner
def divide(program: Program, state: State, i: int, t: int, out: Floats) -> int:
    """The shares of instruction i's children on session t: ``out[:n]``; returns n. All 0: it is absent."""
    op = program.ops[i]
    first = program.arg_at[i]
    count = program.arg_at[i + 1] - first
    if op == _MIX:
        mix_weights(program, state, i, out)
        hand_back(program, state, first, count, t, out)
        return count
    if op == _SCALE:
        x = at(state, program.args[first], t)
        low = state.numbers[program.pars[program.par_at[i]]]
        high = state.numbers[program.pars[program.par_at[i] + 1]]
        place = (x - low) / (high - low) if low != high else math.nan
        out[1] = min(max(place, 0.0), 1.0) if x == x else 0.0
        out[0] = 1.0 - out[1]
        hand_back(program, state, first + 1, np.int64(2), t, out)
        return 2
    if op == _INVERSE:
        for k in range(count // 2):
            absent = at(state, program.args[first + 2 * k], t) == ABSENT
            out[k] = math.nan if absent else at(state, program.args[first + 2 * k + 1], t)
        invert_volatility(out, count // 2)
        return count // 2
    filter_shares(program, state, i, t, out)
    return count // group_size(op)


@inner
def children(program: Program, i: int) -> int:
    """How many children weighting instruction i has."""
    args = program.arg_at[i + 1] - program.arg_at[i]
    return 2 if program.ops[i] == _SCALE else args // group_size(program.ops[i])


@inner
def child(program: Program, i: int, k: int) -> int:
    """The graph node of instruction i's k-th child."""
    op = program.ops[i]
    if op == _SCALE:
        return program.args[program.arg_at[i] + 1 + k]
    return program.args[program.arg_at[i] + group_size(op) * k]
