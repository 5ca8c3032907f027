"""The probability of backtest overfitting, by combinatorially symmetric cross-validation (CSCV).

Bailey, Borwein, López de Prado and Zhu, "The probability of backtest overfitting", 2015:

1. The sessions are cut into S blocks (`block_edges`), of which any half is in sample, the rest out of it.
2. For each of the C(S, S/2) splits the row with the best Sharpe ratio in sample is the winner.
3. Its rank among all N rows out of sample, as a share w = rank / (N + 1), gives λ = ln(w / (1 − w)).
4. The probability of overfitting (PBO) is the share of splits with λ ≤ 0: the winner is no better than the
   median row where it was not chosen. Of rows without skill it is about a half, not 0.

A Sharpe ratio over any half follows exactly from each block's sum and sum of squares, so those 2 S numbers
are all that is kept of a row (`per_block`). The loops over rows are in `treefolio.selection.halves`.

Ties: of rows equally good in sample the first wins; rows equally good out of sample share the average rank.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.selection.halves import FLAT, Blocks, Floats, Ints, Splits, best_rows, count_below

WORK = 200_000_000
"""Rows times pairs of splits that are computed without being asked: some 0.2 s on two cores."""
FEWEST, SAMPLED = 100, 500
MOST_BLOCKS = 20
BINS, POINTS = 40, 500
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """How the winner of one half of the history does in the other. Sharpe ratios are per session.

    Attributes:
        reason: why nothing can be said; then everything that was to be estimated is None or empty.
        rows, rows_left_out: those compared, and those with a NaN or without any variance.
        blocks: S. splits, splits_total: those looked at, and C(S, S/2).
        pbo: the probability of overfitting.
        pbo_error: the standard error of ``pbo`` from sampling the splits; 0 when all were looked at. It
            says nothing of the error from having but one history.
        probability_of_loss: the share of splits whose winner has a Sharpe ratio below 0 out of sample.
        degradation_slope, degradation_intercept: of the line through the winners' ratios, out of sample
            over in sample. None when the winners' ratios in sample are all the same.
        logit_edges, logit_counts: a histogram of λ. Bins hold their upper edge and 0 is an edge, so the
            bins up to 0 hold exactly the splits that ``pbo`` counts.
        logit_quantiles: of λ, at `QUANTILES`.
        in_sample, out_of_sample: up to `POINTS` winners' ratios, to draw.
    """

    rows: int
    rows_left_out: int
    blocks: int
    splits: int
    splits_total: int
    reason: str | None = None
    pbo: float | None = None
    pbo_error: float | None = None
    probability_of_loss: float | None = None
    degradation_slope: float | None = None
    degradation_intercept: float | None = None
    logit_edges: tuple[float, ...] = ()
    logit_counts: tuple[int, ...] = ()
    logit_quantiles: tuple[float, ...] = ()
    in_sample: tuple[float, ...] = ()
    out_of_sample: tuple[float, ...] = ()


def block_edges(sessions: int, blocks: int = 16) -> Ints:
    """The first session of each block, and the end of the last: (blocks + 1,).

    Blocks are equally long. When they do not divide the sessions, the first sessions are in no block. Fewer
    sessions than blocks leave every block empty.
    """
    _require_even(blocks)
    return np.arange(blocks + 1, dtype=np.int64) * (sessions // blocks) + sessions % blocks


def per_block(returns: NDArray[np.float64], blocks: int = 16) -> tuple[Floats, Floats, Ints]:
    """What `overfitting` takes, from whole returns: sums, sums of squares, sessions of each block.

    Args:
        returns: (rows, sessions), a fraction per session.
    """
    edges = block_edges(returns.shape[1], blocks)
    lengths = np.diff(edges)
    used = returns[:, edges[0] :].reshape(len(returns), blocks, int(lengths[0]))
    return used.sum(axis=2), np.einsum("rbs,rbs->rb", used, used), lengths


def overfitting(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    lengths: NDArray[np.integer],
    *,
    exact: bool | None = None,
    seed: int = 0,
    threads: int = 2,
) -> Overfitting:
    """The probability of overfitting of choosing the row with the best Sharpe ratio. See the module.

    Args:
        sums, squares: (rows, S) each block's sum of returns, and of their squares. S is even.
        lengths: (S,) sessions in each block.
        exact: True looks at all splits. None does so where that takes less than about half a second, and
            otherwise at a seeded sample of splits, with the standard error that this brings. False takes
            such a sample of at most 1,000 splits.
        seed: of the sample. threads: the result does not depend on them.

    Raises:
        UsageError: the arrays do not fit together, or the number of blocks is odd, or above 20.
    """
    sums, squares = (np.ascontiguousarray(part, dtype=np.float64) for part in (sums, squares))
    sessions = np.asarray(lengths, dtype=np.int64)
    if sums.ndim != 2 or squares.shape != sums.shape or sessions.shape != sums.shape[1:]:
        raise UsageError(
            f"block sums {sums.shape}, squares {squares.shape} and lengths {sessions.shape} do not fit",
            hint="Give sums and squares as (rows, blocks), and a length for each block.",
        )
    _require_even(len(sessions))
    rows = _usable(sums, squares, int(sessions.sum()))
    found = Overfitting(
        rows=len(rows),
        rows_left_out=len(sums) - len(rows),
        blocks=len(sessions),
        splits=0,
        splits_total=math.comb(len(sessions), len(sessions) // 2),
        reason=_reason(len(rows), sessions) or _sameness(sums, squares, rows),
    )
    if found.reason is not None:
        return found
    chosen = _chosen(found, exact, seed)
    splits = _splits(len(sessions), chosen, sessions)
    best, below = _by_threads(Blocks(sums, squares, rows), splits, max(1, threads))
    return _summed_up(found, splits, best, below)


def _require_even(blocks: int) -> None:
    if blocks < 2 or blocks % 2 or blocks > MOST_BLOCKS:
        raise UsageError(
            f"{blocks} blocks cannot be halved in every way",
            hint=f"Take an even number of blocks from 2 to {MOST_BLOCKS}; 16 is usual.",
        )


def _usable(sums: Floats, squares: Floats, sessions: int) -> Ints:
    """Rows whose numbers are finite and whose returns vary."""
    with np.errstate(all="ignore"):
        total, square = sums.sum(axis=1), squares.sum(axis=1)
        rest = sessions * square - total * total
        return np.flatnonzero(np.isfinite(rest) & (rest > FLAT * sessions * square)).astype(np.int64)


def _reason(rows: int, sessions: Ints) -> str | None:
    """Why nothing can be said of so many usable rows over such blocks."""
    if sessions.min() < 1:
        return f"fewer sessions than blocks: one of the {len(sessions)} blocks is empty"
    if sessions.size == 2 and sessions.min() < 2:
        return "a half of the history has a single session"
    if rows < 2:
        return f"{rows} of the rows can be compared; a choice needs at least 2 whose returns vary"
    return None


def _sameness(sums: Floats, squares: Floats, rows: Ints) -> str | None:
    """Why nothing can be said of rows that are one and the same: whichever is chosen, it is the median."""
    if all((part[rows] == part[rows[0]]).all() for part in (sums, squares)):
        return f"all {len(rows):,} rows that can be compared earn the same, so nothing was chosen"
    return None


def _chosen(found: Overfitting, exact: bool | None, seed: int) -> Ints:
    """The numbers of the pairs to look at: a split and the one with the halves exchanged are a pair."""
    pairs = found.splits_total // 2
    wanted = pairs
    if exact is False:
        wanted = SAMPLED
    elif exact is None:
        wanted = max(FEWEST, WORK // found.rows)
    if wanted >= pairs:
        return np.arange(pairs, dtype=np.int64)
    drawn = np.random.default_rng(seed).choice(pairs, size=wanted, replace=False)
    return np.sort(drawn).astype(np.int64)


def _splits(blocks: int, chosen: Ints, sessions: Ints) -> Splits:
    """The chosen pairs, each by the half that has the first block, in lexicographic order."""
    half = blocks // 2
    listed = chain.from_iterable(combinations(range(1, blocks), half - 1))
    rest = np.fromiter(listed, dtype=np.int64).reshape(math.comb(blocks - 1, half - 1), half - 1)[chosen]
    members = np.concatenate([np.zeros((len(rest), 1), dtype=np.int64), rest], axis=1)
    shared = np.zeros(len(members), dtype=np.int64)
    shared[1:] = (members[1:] != members[:-1]).argmax(axis=1)
    inside = sessions[members].sum(axis=1)
    return Splits(members, shared, np.stack([inside, sessions.sum() - inside], axis=1).astype(np.float64))


def _by_threads(blocks: Blocks, splits: Splits, threads: int) -> tuple[Floats, Ints]:
    """What `_one_range` says of all splits, each thread doing a range of them."""
    cuts = np.linspace(0, len(splits.shared), threads + 1).astype(np.int64)
    ranges = [_part(splits, first, last) for first, last in pairwise(cuts.tolist()) if last > first]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        done = list(pool.map(lambda part: _one_range(blocks, part), ranges))
    return np.concatenate([best for best, _ in done]), np.concatenate([below for _, below in done])


def _part(splits: Splits, first: int, last: int) -> Splits:
    """A range of them; its first shares nothing with those before."""
    shared = splits.shared[first:last].copy()
    shared[0] = 0
    return Splits(splits.blocks[first:last], shared, splits.sessions[first:last])


def _one_range(blocks: Blocks, splits: Splits) -> tuple[Floats, Ints]:
    """The winners' x in and out of sample, (pairs, 2, 2), and twice their rank less 1, (pairs, 2)."""
    pairs = len(splits.shared)
    best, below = np.zeros((pairs, 2, 2)), np.zeros((pairs, 2), dtype=np.int64)
    best_rows(blocks, splits, best, np.zeros((pairs, 2), dtype=np.int64))
    count_below(blocks, splits, best, below)
    return best, below


def _summed_up(found: Overfitting, splits: Splits, best: Floats, below: Ints) -> Overfitting:
    """``found`` with what the winners say. The order of splits is pair by pair."""
    inside = _sharpe(best[:, :, 0], splits.sessions)
    outside = _sharpe(best[:, :, 1], splits.sessions[:, ::-1])
    overfit = below <= found.rows
    ranks = (below + 1) / 2
    logits = np.log(ranks / (found.rows + 1 - ranks)).ravel()
    edges = np.linspace(-1, 1, BINS + 1) * math.log(found.rows)
    counts = np.bincount(np.searchsorted(edges[1:-1], logits, side="left"), minlength=BINS)
    slope, intercept = _line(inside.ravel(), outside.ravel())
    drawn = np.unique(np.linspace(0, inside.size - 1, POINTS).astype(np.int64))
    return Overfitting(
        rows=found.rows,
        rows_left_out=found.rows_left_out,
        blocks=found.blocks,
        splits=overfit.size,
        splits_total=found.splits_total,
        pbo=float(overfit.mean()),
        pbo_error=_error(overfit.mean(axis=1), found.splits_total // 2),
        probability_of_loss=float((outside < 0).mean()),
        degradation_slope=slope,
        degradation_intercept=intercept,
        logit_edges=tuple(edges.tolist()),
        logit_counts=tuple(counts.tolist()),
        logit_quantiles=tuple(np.quantile(logits, QUANTILES).tolist()),
        in_sample=tuple(inside.ravel()[drawn].tolist()),
        out_of_sample=tuple(outside.ravel()[drawn].tolist()),
    )


def _sharpe(x: Floats, sessions: Floats) -> Floats:
    """The Sharpe ratio per session from x = s |s| / q: with a variance over n − 1."""
    size = np.abs(x)
    return np.sign(x) * np.sqrt(size * (sessions - 1) / (sessions * (sessions - size)))


def _line(x: Floats, y: Floats) -> tuple[float | None, float | None]:
    """Slope and intercept by least squares; None when all x are the same but for rounding."""
    deviations = x - x.mean()
    squares = float((deviations**2).sum())
    if squares <= 1e-24 * float((x**2).sum()):
        return None, None
    slope = float((deviations * y).sum()) / squares
    return slope, float(y.mean()) - slope * float(x.mean())


def _error(shares: Floats, pairs: int) -> float:
    """The standard error of the mean of ``shares`` (one per sampled pair) as that of all ``pairs``.

    One pair that is overfit and one that is not are added to the sample, so that one which agrees
    throughout does not claim to know the rest.
    """
    if len(shares) >= pairs:
        return 0.0
    spread = float(np.append(shares, [0.0, 1.0]).std(ddof=1))
    return spread / math.sqrt(len(shares)) * math.sqrt(1 - len(shares) / pairs)
