"""Kernels whose value is a series or a mask: one pass over the sessions [lo, T), vectorised by the compiler.

Every function writes ``out[lo:]`` and reads its arguments on the same sessions, or further back. Masks are
uint8, 0 or 1. None allocates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from treefolio.graph.ops import ABSENT
from treefolio.kernels import inner

Floats = NDArray[np.float64]
Mask = NDArray[np.uint8]


@inner
def fill(out: Floats, lo: int, value: float) -> None:
    """The same number on every session."""
    for t in range(lo, out.shape[0]):
        out[t] = value


@inner
def affine(x: Floats, out: Floats, lo: int, scale: float, offset: float) -> None:
    """scale · x + offset; a factor of 1 and an offset of 0 change no bit."""
    for t in range(lo, out.shape[0]):
        out[t] = scale * x[t] + offset


@inner
def shift(x: Floats, out: Floats, lo: int, sessions: int) -> None:
    """x that many sessions ago; undefined before there is one."""
    for t in range(lo, min(sessions, out.shape[0])):
        out[t] = np.nan
    for t in range(max(lo, sessions), out.shape[0]):
        out[t] = x[t - sessions]


@inner
def defined(x: Floats, other: Floats, out: Floats, lo: int) -> None:
    """x where ``other`` has a value, else undefined."""
    for t in range(lo, out.shape[0]):
        out[t] = x[t] if other[t] == other[t] else np.nan


@inner
def value(returns: Floats, out: Floats, lo: int, cash: float) -> None:
    """The branch's value: 1.0 where a stretch of defined returns begins, then v · (1 + r).

    An absent branch earns ``cash`` per session. Where a return is undefined the stretch ends; at least one
    undefined value stands between two stretches, so that no indicator sees a return from one to the next.
    """
    v = np.nan
    ended = False
    for t in range(lo, out.shape[0]):
        r = cash if returns[t] == ABSENT else returns[t]
        if v != v and r == r and not ended:
            v = 1.0
        out[t] = v
        ended = v == v and r != r
        v = v * (1.0 + r)


@inner
def threshold(x: Floats, out: Mask, lo: int, comparator: int, level: float) -> None:
    """x comparator level; false where x is undefined (comparator as in `COMPARATOR_CODES`)."""
    n = out.shape[0]
    if comparator == 0:
        for t in range(lo, n):
            out[t] = x[t] > level
    elif comparator == 1:
        for t in range(lo, n):
            out[t] = x[t] < level
    elif comparator == 2:
        for t in range(lo, n):
            out[t] = x[t] >= level
    elif comparator == 3:
        for t in range(lo, n):
            out[t] = x[t] <= level
    elif comparator == 4:
        for t in range(lo, n):
            out[t] = x[t] == level
    else:
        for t in range(lo, n):
            out[t] = (x[t] < level) | (x[t] > level)


@inner
def compare(x: Floats, y: Floats, out: Mask, lo: int, comparator: int) -> None:
    """x comparator y; false where either is undefined."""
    n = out.shape[0]
    if comparator == 0:
        for t in range(lo, n):
            out[t] = x[t] > y[t]
    elif comparator == 1:
        for t in range(lo, n):
            out[t] = x[t] < y[t]
    elif comparator == 2:
        for t in range(lo, n):
            out[t] = x[t] >= y[t]
    elif comparator == 3:
        for t in range(lo, n):
            out[t] = x[t] <= y[t]
    elif comparator == 4:
        for t in range(lo, n):
            out[t] = x[t] == y[t]
    else:
        for t in range(lo, n):
            out[t] = (x[t] < y[t]) | (x[t] > y[t])


@inner
def count_in(x: Mask, out: Mask, lo: int) -> None:
    """out + x: how many hold so far (at most 255 conditions)."""
    for t in range(lo, out.shape[0]):
        out[t] += x[t]


@inner
def keep_all(x: Mask, out: Mask, lo: int) -> None:
    """out and x."""
    for t in range(lo, out.shape[0]):
        out[t] &= x[t]


@inner
def keep_any(x: Mask, out: Mask, lo: int) -> None:
    """out or x."""
    for t in range(lo, out.shape[0]):
        out[t] |= x[t]


@inner
def start_mask(out: Mask, lo: int, bit: int) -> None:
    """The same bit on every session."""
    for t in range(lo, out.shape[0]):
        out[t] = bit


@inner
def invert(out: Mask, lo: int) -> None:
    """Not out."""
    for t in range(lo, out.shape[0]):
        out[t] ^= 1


@inner
def equals(out: Mask, lo: int, number: int) -> None:
    """out == number."""
    for t in range(lo, out.shape[0]):
        out[t] = out[t] == number


@inner
def lasting(x: Mask, out: Mask, lo: int, sessions: int) -> None:
    """x held on each of the last ``sessions`` sessions; never before there were that many."""
    run = 0
    for t in range(max(0, lo - sessions + 1), out.shape[0]):
        run = run + 1 if x[t] else 0
        if t >= lo:
            out[t] = run >= sessions


@inner
def latch(enter: Mask, leave: Mask, out: Mask, lo: int) -> None:
    """Inside from the session on which ``enter`` holds until one on which ``leave`` holds."""
    inside = False
    for t in range(lo, out.shape[0]):
        inside = not leave[t] if inside else enter[t] != 0
        out[t] = inside
