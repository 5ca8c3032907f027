"""The probability of overfitting: other implementations, known answers, and what cannot be told."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.selection.cscv import MOST_BLOCKS, Overfitting, block_edges, overfitting, per_block

Matrix = NDArray[np.float64]


def judged(returns: Matrix, blocks: int = 16, **options: bool | int) -> Overfitting:
    return overfitting(*per_block(np.ascontiguousarray(returns), blocks), **options)  # type: ignore[arg-type]


def noise(rows: int, sessions: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(0, 0.01, (rows, sessions))


def published() -> Matrix:
    """The matrix of which another library's answers are known, as (rows, sessions)."""
    return np.random.default_rng(20240101).normal(0, 0.01, (1000, 100)).T


def plain_sharpe(part: Matrix) -> Matrix:
    """The Sharpe ratios of rows, equal where they differ by rounding; 0 for a row that does not vary."""
    flat = np.ptp(part, axis=1) == 0
    deviation = np.where(flat, 1.0, part.std(axis=1, ddof=1))
    return np.where(flat, 0.0, np.round(part.mean(axis=1) / deviation, 10))


def slowly(returns: Matrix, edges: NDArray[np.int64]) -> tuple[float, float, list[float], list[float]]:
    """PBO, probability of loss, λ and winners' ratios out of sample, by the definition."""
    parts = [returns[:, a:b] for a, b in pairwise(edges)]
    numbers = set(range(len(parts)))
    logits, outside = [], []
    for chosen in combinations(sorted(numbers), len(parts) // 2):
        inside = plain_sharpe(np.concatenate([parts[b] for b in chosen], axis=1))
        rest = plain_sharpe(np.concatenate([parts[b] for b in sorted(numbers - set(chosen))], axis=1))
        winner = int(inside.argmax())
        below, equal = (rest < rest[winner]).sum(), (rest == rest[winner]).sum()
        share = (below + (equal + 1) / 2) / (len(returns) + 1)
        logits.append(math.log(share / (1 - share)))
        outside.append(float(rest[winner]))
    return (
        float(np.mean(np.array(logits) <= 1e-12)),
        float(np.mean(np.array(outside) < 0)),
        logits,
        outside,
    )


@pytest.mark.parametrize(("blocks", "expected"), [(8, 0.5), (10, 0.4523810), (16, 0.4567211)])
def test_a_matrix_of_noise_has_the_known_probability(blocks: int, expected: float) -> None:
    found = judged(published(), blocks)
    assert found.pbo == pytest.approx(expected, abs=5e-8)
    assert (found.splits, found.pbo_error) == (math.comb(blocks, blocks // 2), 0.0)


def test_planted_skill_is_not_overfit() -> None:
    returns = published()
    returns[0] += 0.003
    found = judged(returns)
    assert found.pbo == 0.0
    assert found.probability_of_loss == 0.0


def test_rows_that_all_end_where_they_began_are_always_overfit() -> None:
    """What such a row earns in one half it loses in the other."""
    returns = published()
    found = judged(returns - returns.mean(axis=1, keepdims=True))
    assert found.pbo == 1.0
    assert found.probability_of_loss == 1.0
    assert found.degradation_slope == pytest.approx(-1, abs=0.1)


def test_the_calibration_on_noise_and_on_skill() -> None:
    nothing = [judged(noise(200, 1000, seed)).pbo for seed in range(60)]
    some = []
    for seed in range(60):
        returns = noise(200, 1000, 1000 + seed)
        returns[:20] += 0.0015
        some.append(judged(returns).pbo)
    assert np.mean(nothing) == pytest.approx(0.476, abs=3 * 0.137 / math.sqrt(60))
    assert np.std(nothing) == pytest.approx(0.137, abs=0.045)
    assert np.mean(some) == pytest.approx(0.001, abs=0.002)


def test_moving_averages_on_a_random_walk_are_overfit_about_half_the_time() -> None:
    found = []
    for seed in range(20):
        steps = np.random.default_rng(seed).normal(0, 0.01, 1000 + 60)
        prices = np.concatenate([[0.0], np.cumsum(np.cumsum(steps))])
        means = {n: (prices[n:] - prices[:-n])[60 - n :] / n for n in (2, 5, 10, 15, 20, 30, 45, 60)}
        rows = [
            np.where(means[fast][:-1] > means[slow][:-1], steps[-1000:], 0.0)
            for fast, slow in combinations(means, 2)
        ]
        found.append(judged(np.array(rows)).pbo)
    assert np.mean(found) == pytest.approx(0.463, abs=0.15)


@pytest.mark.parametrize(
    ("rows", "sessions", "blocks", "seed"), [(20, 96, 6, 0), (31, 80, 8, 1), (2, 60, 6, 2)]
)
def test_purgedcv_agrees_on_random_matrices(rows: int, sessions: int, blocks: int, seed: int) -> None:
    from purgedcv import probability_of_backtest_overfitting  # noqa: PLC0415 - heavy

    returns = noise(rows, sessions, seed) + 0.001
    theirs = probability_of_backtest_overfitting(returns, blocks)
    found = judged(returns, blocks)
    quantiles = np.quantile(theirs.logits, (0.05, 0.25, 0.5, 0.75, 0.95))
    assert found.pbo == pytest.approx(np.mean(theirs.logits <= 1e-12), abs=1e-12)
    assert found.degradation_slope == pytest.approx(theirs.slope, abs=1e-9)
    assert found.logit_quantiles == pytest.approx(quantiles, abs=1e-9)
    assert found.probability_of_loss == np.mean(theirs.is_oos_performance[:, 1] < 0)
    assert sorted(found.in_sample) == pytest.approx(sorted(theirs.is_oos_performance[:, 0]), abs=1e-9)
    assert sorted(found.out_of_sample) == pytest.approx(sorted(theirs.is_oos_performance[:, 1]), abs=1e-9)


@given(
    arrays(np.float64, st.tuples(st.integers(2, 8), st.just(24)), elements=st.integers(-2, 3).map(float)),
    st.sampled_from([2, 4, 6]),
    st.randoms(use_true_random=False),
)
def test_it_is_the_definition_whatever_ties_and_flat_stretches(
    returns: Matrix, blocks: int, random: object
) -> None:
    """Rows of few different returns are often equal, or flat in a half; blocks need not be equally long."""
    cuts = sorted(random.sample(range(1, 12), blocks - 1))  # type: ignore[attr-defined]
    edges = np.array([0, *(2 * cut for cut in cuts), 24])
    parts = [returns[:, a:b] for a, b in pairwise(edges)]
    sums = np.stack([part.sum(axis=1) for part in parts], axis=1)
    squares = np.stack([(part**2).sum(axis=1) for part in parts], axis=1)
    found = overfitting(sums, squares, np.diff(edges))
    varied = returns[np.ptp(returns, axis=1) > 0]
    assert found.rows_left_out == len(returns) - len(varied)
    if len(varied) < 2 or (varied == varied[0]).all():
        assert found.reason is not None
        return
    pbo, loss, logits, outside = slowly(varied, edges)
    assert found.pbo == pytest.approx(pbo, abs=1e-12)
    assert found.probability_of_loss == pytest.approx(loss, abs=1e-12)
    assert found.logit_quantiles == pytest.approx(
        np.quantile(logits, (0.05, 0.25, 0.5, 0.75, 0.95)), abs=1e-9
    )
    assert sorted(found.out_of_sample) == pytest.approx(sorted(outside), abs=1e-9)


@given(st.integers(0, 2**31), st.floats(1e-6, 1e6))
def test_neither_order_nor_scale_of_rows_matters(seed: int, scale: float) -> None:
    returns = noise(30, 64, seed)
    found = judged(returns, 8)
    order = np.random.default_rng(seed).permutation(30)
    again = judged(returns[order] * scale, 8)
    assert again.pbo == found.pbo
    assert again.logit_counts == found.logit_counts
    assert again.in_sample == pytest.approx(found.in_sample, rel=1e-9)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("rows", [3, 128, 129, 1000])
def test_threads_do_not_change_a_bit(rows: int, exact: bool) -> None:
    returns = noise(rows, 200, rows)
    alone = judged(returns, 12, exact=exact, threads=1)
    for threads in (0, 2, 3, 7):
        assert judged(returns, 12, exact=exact, threads=threads) == alone


def test_the_histogram_holds_every_split_and_agrees_with_the_probability() -> None:
    found = judged(noise(31, 320))
    edges, counts = np.array(found.logit_edges), np.array(found.logit_counts)
    assert counts.sum() == found.splits == 12_870
    assert counts[edges[1:] <= 0].sum() / found.splits == found.pbo
    assert len(found.in_sample) == len(found.out_of_sample) == 500
    assert np.all(np.array(found.in_sample) > 0)


def test_the_line_is_that_of_least_squares() -> None:
    found = judged(noise(12, 120), 8)
    slope, intercept = np.polyfit(found.in_sample, found.out_of_sample, 1)
    assert (found.degradation_slope, found.degradation_intercept) == pytest.approx((slope, intercept))


def test_a_row_that_always_wins_has_a_slope_of_minus_one_by_itself() -> None:
    """Its two halves add up to its whole: the slope says nothing of choosing there."""
    returns = noise(5, 1600)
    returns[2] += 0.02
    found = judged(returns)
    assert found.pbo == 0.0
    assert found.degradation_slope == pytest.approx(-1, abs=0.1)


def test_a_sample_of_splits_states_an_error_that_holds() -> None:
    blocks = per_block(noise(60, 320, 5))
    whole = overfitting(*blocks, exact=True).pbo
    misses = []
    for seed in range(200):
        found = overfitting(*blocks, exact=False, seed=seed)
        assert found.splits == 1000
        assert 0 < found.pbo_error < 0.03
        misses.append((found.pbo - whole) / found.pbo_error)
    assert 0.8 < np.std(misses) < 1.2
    assert np.mean(np.abs(misses) < 2) > 0.92


def test_a_sample_is_the_same_for_a_seed_and_different_for_another() -> None:
    blocks = per_block(noise(60, 320, 5))
    first = overfitting(*blocks, exact=False, seed=1)
    assert overfitting(*blocks, exact=False, seed=1) == first
    assert overfitting(*blocks, exact=False, seed=2) != first


def test_a_sample_that_agrees_throughout_does_not_claim_to_know_the_rest() -> None:
    returns = noise(50, 320)
    returns[3] += 0.05
    found = judged(returns, exact=False)
    assert found.pbo == 0.0
    assert 0 < found.pbo_error < 0.005


def test_very_many_rows_are_sampled_unless_all_splits_are_asked_for() -> None:
    random = np.random.default_rng(0)
    sums, squares = random.normal(0, 0.1, (70_000, 16)), random.random((70_000, 16)) * 0.01 + 0.005
    lengths = np.full(16, 78)
    sampled, whole = overfitting(sums, squares, lengths), overfitting(sums, squares, lengths, exact=True)
    assert sampled.splits < whole.splits == whole.splits_total == sampled.splits_total
    assert abs(sampled.pbo - whole.pbo) < 4 * sampled.pbo_error
    assert whole.pbo_error == 0.0


def test_rows_with_nan_or_without_variance_are_left_out_and_counted() -> None:
    returns = noise(40, 320)
    spoiled = np.insert(returns, [0, 10, 40], 0.0, axis=0)
    spoiled[0, 5], spoiled[11], spoiled[42, 100] = np.nan, 0.0004, np.inf
    with np.errstate(invalid="ignore"):
        found = judged(spoiled)
    assert (found.rows, found.rows_left_out) == (40, 3)
    assert replace(found, rows_left_out=0) == judged(returns)


def test_equal_rows_share_their_rank() -> None:
    """Eight that win together are at 2 to 9 of 9, on average at 5.5."""
    winner = noise(1, 320)
    found = judged(np.concatenate([winner - 0.01, np.repeat(winner, 8, axis=0)]))
    assert found.pbo == 0.0
    assert found.logit_quantiles == pytest.approx([math.log(5.5 / 4.5)] * 5)


@pytest.mark.parametrize(
    ("returns", "word"),
    [
        (noise(1, 320), "at least 2"),
        (noise(0, 320), "at least 2"),
        (np.zeros((5, 320)), "at least 2"),
        (np.full((5, 320), np.nan), "at least 2"),
        (np.repeat(noise(1, 320), 9, axis=0), "all 9 rows that can be compared earn the same"),
        (noise(5, 15), "fewer sessions than blocks"),
        (noise(5, 0), "fewer sessions than blocks"),
    ],
)
def test_what_cannot_be_told_is_said(returns: Matrix, word: str) -> None:
    found = judged(returns)
    assert word in (found.reason or "")
    assert found.pbo is found.pbo_error is found.degradation_slope is found.probability_of_loss is None
    assert found.splits == 0
    assert found.rows + found.rows_left_out == len(returns)


def test_halves_of_a_single_session_have_no_sharpe_ratio() -> None:
    assert "single session" in (judged(noise(5, 3), 2).reason or "")


@pytest.mark.parametrize("blocks", [-2, 0, 1, 7, MOST_BLOCKS + 2])
def test_blocks_that_cannot_be_halved_are_refused(blocks: int) -> None:
    with pytest.raises(UsageError, match="halved") as caught:
        block_edges(100, blocks)
    assert "even" in (caught.value.hint or "")


def test_arrays_that_do_not_fit_are_refused() -> None:
    sums, squares, lengths = per_block(noise(5, 320))
    for wrong in ((sums[:4], squares, lengths), (sums, squares, lengths[:8]), (sums[0], squares[0], lengths)):
        with pytest.raises(UsageError, match="do not fit"):
            overfitting(*wrong)


@given(st.integers(0, 5000), st.integers(1, MOST_BLOCKS // 2))
def test_blocks_are_equally_long_and_the_first_sessions_are_in_none(sessions: int, half: int) -> None:
    edges = block_edges(sessions, 2 * half)
    assert edges[-1] == sessions
    assert edges[0] == sessions % (2 * half)
    assert np.all(np.diff(edges) == sessions // (2 * half))


@given(st.integers(1, 5), st.integers(16, 100), st.integers(0, 2**31))
def test_sums_of_blocks_are_those_of_their_sessions(rows: int, sessions: int, seed: int) -> None:
    returns = noise(rows, sessions, seed)
    sums, squares, lengths = per_block(returns, 8)
    edges = block_edges(sessions, 8)
    for b in range(8):
        part = returns[:, edges[b] : edges[b + 1]]
        assert lengths[b] == part.shape[1]
        assert sums[:, b] == pytest.approx(part.sum(axis=1), abs=1e-15)
        assert squares[:, b] == pytest.approx((part**2).sum(axis=1), abs=1e-15)
