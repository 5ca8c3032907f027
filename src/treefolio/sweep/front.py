"""The rows that no other row beats: the Pareto front of two or three numbers, larger ones being better."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ROUNDS = 12
"""Rows that are strong in everything rule out most others at once; so many of them are asked first."""


def front(numbers: Floats) -> Ints:
    """Places of the rows of (n, 2) or (n, 3) ``numbers`` that none beats, ascending; of equal ones, all.

    A row beats another when it is smaller in nothing and larger in something. Exact, in O(n log² n).
    """
    ranks = np.column_stack([np.unique(each, return_inverse=True)[1] for each in numbers.T])
    left = _strong(ranks)
    distinct, which = np.unique(ranks[left], axis=0, return_inverse=True)
    falling = np.ascontiguousarray(distinct[::-1])  # whoever beats a row stands before it
    beaten = _beaten(falling[:, 1], falling[:, -1] if falling.shape[1] > 2 else falling[:, 1])[::-1]
    return left[~beaten[which]]


def _strong(ranks: Ints) -> Ints:
    """Places of the rows that a few strong ones do not beat."""
    left = np.arange(len(ranks))
    for _ in range(_ROUNDS):
        if not len(left):
            return left
        there = ranks[left]
        strongest = there[np.argmax(there.sum(axis=1))]
        beaten = (there <= strongest).all(axis=1) & (there < strongest).any(axis=1)
        left = left[~beaten]
    return left


def _beaten(second: Ints, third: Ints) -> Bools:
    """(n,) whether an earlier one is at least as large in both.

    Blocks of 1, 2, 4, … are compared with their right neighbours. Within both, by falling ``second``, a right
    one is beaten when the largest ``third`` of the left ones before it is at least its own.
    """
    size, top = len(second), int(third.max(initial=0)) + 2
    beaten = np.zeros(size, dtype=np.bool_)
    falling = np.argsort(-second, kind="stable")
    width = 1
    while width < size:
        pair = falling // (2 * width)
        order = falling[np.argsort(pair, kind="stable")]
        pair, is_left = order // (2 * width), order // width % 2 == 0
        floor = pair * top  # so that no pair sees the numbers of those before it
        highest = np.maximum.accumulate(floor + np.where(is_left, third[order] + 1, 0)) - floor
        beaten[order] |= ~is_left & (highest > third[order])
        width *= 2
    return beaten
