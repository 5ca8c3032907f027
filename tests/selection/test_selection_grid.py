"""Effective trials and plateaus: known spectra, a slow definition, samples of grids, and spikes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.selection.plateau import percentile_ranks, plateau
from treefolio.selection.trials import effective_trials


def uncorrelated(rows: int, sessions: int) -> NDArray[np.float64]:
    """Rows with mean 0 and exactly no correlation: columns of a Fourier basis."""
    time = 2 * np.pi * np.arange(sessions) / sessions
    return np.array([np.cos((k // 2 + 1) * time - (k % 2) * np.pi / 2) for k in range(rows)])


@pytest.mark.parametrize(("rows", "sessions"), [(1, 50), (7, 50), (40, 100)])
def test_rows_without_correlation_count_each(rows: int, sessions: int) -> None:
    assert effective_trials(uncorrelated(rows, sessions)) == pytest.approx(rows, abs=1e-9)


@pytest.mark.parametrize("rho", [-0.9, 0.3, 0.99])
def test_two_rows_count_as_their_correlation_says(rho: float) -> None:
    first, second = uncorrelated(2, 60)
    pair = np.array([first, rho * first + math.sqrt(1 - rho**2) * second]) * 0.01 + 0.002
    shares = np.array([1 + rho, 1 - rho]) / 2
    assert effective_trials(pair) == pytest.approx(math.exp(-(shares @ np.log(shares))), abs=1e-9)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**31))
def test_copies_mirrors_and_scales_are_no_further_trials(rows: int, copies: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    returns = random.normal(0, 0.01, (rows, 40))
    scales = random.uniform(0.5, 2, (copies, 1, 1)) * random.choice([-1, 1], (copies, 1, 1))
    repeated = (returns * scales).reshape(-1, 40) + 0.001
    assert effective_trials(repeated) == pytest.approx(effective_trials(returns), rel=1e-6)


@given(st.integers(2, 60), st.integers(5, 40), st.integers(0, 2**31))
def test_it_is_between_one_and_the_rank(rows: int, sessions: int, seed: int) -> None:
    returns = np.random.default_rng(seed).normal(0, 0.01, (rows, sessions))
    assert 1 <= effective_trials(returns) <= min(rows, sessions - 1) + 1e-9


def test_independent_rows_over_few_sessions_come_out_too_low_as_said() -> None:
    returns = np.random.default_rng(0).normal(0, 0.01, (100, 1000))
    assert effective_trials(returns) == pytest.approx(100 * (1 - 100 / 2000), rel=0.01)


def test_rows_that_do_not_vary_or_hold_a_nan_are_left_out() -> None:
    returns = np.random.default_rng(0).normal(0, 0.01, (6, 50))
    spoiled = np.concatenate([returns, np.full((2, 50), 0.0003), np.full((1, 50), np.nan)])
    assert effective_trials(spoiled) == pytest.approx(effective_trials(returns), abs=1e-12)
    assert effective_trials(spoiled[6:]) == 0.0
    assert effective_trials(np.zeros((3, 0))) == 0.0
    assert effective_trials(np.zeros((0, 10))) == 0.0


def test_effective_trials_want_rows_and_sessions() -> None:
    with pytest.raises(UsageError, match="1 axes"):
        effective_trials(np.zeros(10))


def grid(*extents: int) -> NDArray[np.int64]:
    return np.stack(np.unravel_index(np.arange(math.prod(extents)), extents), axis=1)


def slowly(values: list[float], positions: NDArray[np.int64], ordered: list[bool]) -> list[float]:
    """The definition, pair by pair."""
    finite = sorted(value for value in values if math.isfinite(value))
    span = max(len(finite) - 1, 1)
    found = []
    for mine in positions:
        ranks = []
        for value, other in zip(values, positions, strict=True):
            step = np.abs(other - mine)
            one = step.sum() == 1 and ordered[int(step.argmax())]
            if one and math.isfinite(value):
                low, many = sum(x < value for x in finite), sum(x == value for x in finite)
                ranks.append((low + (many - 1) / 2) / span if len(finite) > 1 else 0.5)
        found.append(float(np.mean(ranks)) if ranks else math.nan)
    return found


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.floats(0.2, 1),
    st.integers(0, 2**31),
)
def test_it_is_the_definition_on_any_sample_of_a_grid_in_any_order(
    extents: list[int], share: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    positions = random.permutation(grid(*extents))
    positions = positions[: max(1, int(share * len(positions)))]
    values = random.integers(-3, 4, len(positions)).astype(float)
    values[random.random(len(values)) < 0.1] = np.nan
    ordered = [bool(x) for x in random.random(len(extents)) < 0.7]
    found = plateau(values, positions, ordered)
    expected = np.array(slowly(values.tolist(), positions, ordered))
    if len(set(values[np.isfinite(values)])) < 2:
        expected[:] = np.nan
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_spike_stands_alone_and_a_hill_does_not() -> None:
    positions = grid(21, 21)
    away = np.abs(positions - 5).sum(axis=1)
    values = np.random.default_rng(0).normal(0, 1, len(positions)) + 20.0 * (away <= 2)
    spike = int(np.flatnonzero((positions == 16).all(axis=1))[0])
    hill = int(np.flatnonzero((positions == 5).all(axis=1))[0])
    values[spike] = values.max() + 1
    found = plateau(values, positions, [True, True])
    assert found[hill] > 0.97
    assert found[spike] < 0.9


def test_where_all_rows_are_the_same_none_stands_higher() -> None:
    assert np.isnan(plateau(np.full(9, 1.25), grid(3, 3), [True, True])).all()
    assert plateau(np.array([1.0, 2.0, 1.0]), grid(3), [True]) == pytest.approx([1.0, 0.25, 1.0])


def test_an_axis_without_order_has_no_neighbours() -> None:
    values = np.arange(6.0)
    assert np.isnan(plateau(values, grid(6), [False])).all()
    assert plateau(values, grid(2, 3), [False, True]) == pytest.approx([0.2, 0.2, 0.2, 0.8, 0.8, 0.8])


def test_the_end_of_one_line_is_no_neighbour_of_the_beginning_of_the_next() -> None:
    positions = np.array([[0, 3], [1, 0]])
    assert np.isnan(plateau(np.array([1.0, 2.0]), positions, [True, True])).all()


def test_grids_too_large_for_one_number_are_no_matter() -> None:
    random = np.random.default_rng(0)
    positions = random.integers(0, 1000, (50, 30))
    positions[1::2] = positions[::2]
    positions[1::2, 7] += 1
    values = random.normal(size=50)
    found = plateau(values, positions, [True] * 30)
    assert found == pytest.approx(np.array(slowly(values.tolist(), positions, [True] * 30)), abs=1e-12)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("values", "ranks"), [([], []), ([3.0], [0.5]), ([1.0, 1.0, 5.0], [0.25, 0.25, 1])])
def test_ranks_run_from_0_to_1(values: list[float], ranks: list[float]) -> None:
    assert percentile_ranks(np.array(values)).tolist() == ranks


def test_few_rows_and_no_rows_have_no_plateau() -> None:
    assert plateau(np.zeros(0), np.zeros((0, 2), dtype=np.int64), [True, True]).shape == (0,)
    assert np.isnan(plateau(np.array([1.0]), np.array([[0]]), [True])).all()
    assert np.isnan(plateau(np.full(4, np.nan), grid(4), [True])).all()


def test_positions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="axes"):
        plateau(np.zeros(4), grid(4), [True, False])
