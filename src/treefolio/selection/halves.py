"""The kernels of cross-validation: over halves of the blocks, which row is best, and how it does in the rest.

A half's sums are added block by block in ascending order, and neighbouring splits share their leading blocks,
so that a split costs about two additions per row; the other half is the total less the half. The sums of a
split are the same numbers whatever was computed before it, so they do not depend on the division of work.

Rows are compared by x = s |s| / q, with s the sum and q the sum of squares over a half: over the same
number of sessions that orders rows as their Sharpe ratios do, and needs no division: x < c is
s |s| < c q. A row that does not vary in a half has the ratio 0 there.

Rows are taken in chunks whose sums stay in the processor's nearest cache; each chunk goes through all splits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.kernels import inlined, kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 128
FLAT = 1e-10
"""Where T Σr² − (Σr)² is a smaller share of T Σr², it is rounding: such a row does not vary."""
SAME = 1e-12
"""Numbers that differ by a smaller share of themselves are equal."""


class Blocks(NamedTuple):
    """What the rows earned in each block.

    Attributes:
        sums, squares: (all rows, blocks) of returns, and of their squares.
        rows: (usable,) those to compare.
    """

    sums: Floats
    squares: Floats
    rows: Ints


class Splits(NamedTuple):
    """How the blocks are divided. The second half of a split is the blocks that the first leaves.

    Attributes:
        blocks: (splits, blocks / 2) those of the first half, ascending; best in lexicographic order.
        shared: (splits,) how many leading blocks are those of the split before; 0 for the first.
        sessions: (splits, 2) in each half.
    """

    blocks: Ints
    shared: Ints
    sessions: Floats


class Work(NamedTuple):
    """Room for a chunk of rows."""

    sums: Floats
    squares: Floats
    half_sums: Floats
    half_squares: Floats
    all_sums: Floats
    all_squares: Floats
    ratios: Floats


@kernel
def best_rows(blocks: Blocks, splits: Splits, best: Floats, winners: Ints) -> None:
    """The best row of each half of each split; of equal ones, the first.

    Args:
        best: out, (splits, 2, 2): per half the best row's x in it, and the same row's x in the other half.
        winners: out, (splits, 2) the number of that row.
    """
    work = _work(blocks, splits)
    best[:, :, 0] = -np.inf
    for start in range(0, blocks.rows.size, CHUNK):
        count = _gather(blocks, start, work)
        for k in range(splits.shared.size):
            _halves(splits, k, count, work)
            ratios = work.ratios
            first, second, better = best[k, 0, 0], best[k, 1, 0], 0
            for i in range(count):
                better += (ratios[0, i] > first * ratios[1, i]) | (ratios[2, i] > second * ratios[3, i])
            if better == 0:
                continue
            for i in range(count):
                x, y = ratios[0, i] / ratios[1, i], ratios[2, i] / ratios[3, i]
                if x > best[k, 0, 0]:
                    best[k, 0, 0], best[k, 0, 1], winners[k, 0] = x, y, blocks.rows[start + i]
                if y > best[k, 1, 0]:
                    best[k, 1, 0], best[k, 1, 1], winners[k, 1] = y, x, blocks.rows[start + i]


@kernel
def count_below(blocks: Blocks, splits: Splits, best: Floats, below: Ints) -> None:
    """How many rows do worse than each split's winners in the half that these were not chosen by.

    Args:
        best: as `best_rows` left it.
        below: out, (splits, 2), zeros before: rows below the winner plus rows not above it, itself
            included. That is twice its average rank, less 1.
    """
    work = _work(blocks, splits)
    for start in range(0, blocks.rows.size, CHUNK):
        count = _gather(blocks, start, work)
        for k in range(splits.shared.size):
            _halves(splits, k, count, work)
            ratios = work.ratios
            first, second = best[k, 0, 1], best[k, 1, 1]
            first_low, first_high = first - SAME * abs(first), first + SAME * abs(first)
            second_low, second_high = second - SAME * abs(second), second + SAME * abs(second)
            in_second = in_first = 0
            for i in range(count):
                x, q, y, u = ratios[0, i], ratios[1, i], ratios[2, i], ratios[3, i]
                in_second += (y < first_low * u) + (y <= first_high * u)
                in_first += (x < second_low * q) + (x <= second_high * q)
            below[k, 0] += in_second
            below[k, 1] += in_first


@inlined
def _work(blocks: Blocks, splits: Splits) -> Work:
    number, depth = blocks.sums.shape[1], splits.blocks.shape[1]
    return Work(
        np.empty((number, CHUNK)),
        np.empty((number, CHUNK)),
        np.zeros((depth + 1, CHUNK)),
        np.zeros((depth + 1, CHUNK)),
        np.empty(CHUNK),
        np.empty(CHUNK),
        np.empty((4, CHUNK)),
    )


@inlined
def _gather(blocks: Blocks, start: int, work: Work) -> int:
    """Fill in the chunk's sums, block by block, and their totals; returns its number of rows."""
    count = min(CHUNK, blocks.rows.size - start)
    work.all_sums[:] = 0.0
    work.all_squares[:] = 0.0
    for b in range(blocks.sums.shape[1]):
        for i in range(count):
            row = blocks.rows[start + i]
            work.sums[b, i] = blocks.sums[row, b]
            work.squares[b, i] = blocks.squares[row, b]
            work.all_sums[i] += work.sums[b, i]
            work.all_squares[i] += work.squares[b, i]
    return count


@inlined
def _halves(splits: Splits, k: int, count: int, work: Work) -> None:
    """Numerator and denominator of x in the first half of split ``k``, then in the second: `Work.ratios`.

    Partial sums of the leading blocks shared with split k − 1 stand already; those of no block are 0.
    """
    depth = splits.blocks.shape[1]
    sums, squares, ratios = work.half_sums, work.half_squares, work.ratios
    for d in range(splits.shared[k], depth):
        b = splits.blocks[k, d]
        for i in range(count):
            sums[d + 1, i] = sums[d, i] + work.sums[b, i]
            squares[d + 1, i] = squares[d, i] + work.squares[b, i]
    n, m = splits.sessions[k, 0], splits.sessions[k, 1]
    for i in range(count):
        s, q = sums[depth, i], squares[depth, i]
        t, u = work.all_sums[i] - s, work.all_squares[i] - q
        flat = n * q - s * s <= FLAT * n * q
        ratios[0, i], ratios[1, i] = 0.0 if flat else s * abs(s), 1.0 if flat else q
        flat = m * u - t * t <= FLAT * m * u
        ratios[2, i], ratios[3, i] = 0.0 if flat else t * abs(t), 1.0 if flat else u
