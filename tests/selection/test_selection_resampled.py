"""The stationary bootstrap and the two reality checks, beside arch and beside their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from treefolio.errors import UsageError
from treefolio.selection.bootstrap import indices, optimal_block, paths
from treefolio.selection.reality import reality_check, standard_errors

Series = NDArray[np.float64]


def autoregressive(steps: Series, rho: float) -> Series:
    out = np.zeros_like(steps)
    for i in range(1, len(steps)):
        out[i] = rho * out[i - 1] + steps[i]
    return out


def tied(sessions: int, rho: float, seed: int = 0) -> Series:
    return autoregressive(np.random.default_rng(seed).normal(0, 0.01, sessions + 100), rho)[100:]


def test_the_block_length_is_archs_published_one() -> None:
    steps = np.random.RandomState(0).standard_normal(10_100)
    found = optimal_block(autoregressive(steps, 0.3)[100:])
    assert found == pytest.approx(13.635665, rel=1e-4)
    assert found * 1.5 ** (1 / 3) == pytest.approx(15.60894, rel=1e-4)


@given(st.integers(20, 600), st.floats(-0.9, 0.98), st.integers(0, 2**31))
def test_arch_agrees_on_the_block_length(sessions: int, rho: float, seed: int) -> None:
    from arch.bootstrap import optimal_block_length  # noqa: PLC0415 - heavy

    returns = tied(sessions, rho, seed)
    theirs = float(optimal_block_length(returns)["stationary"].iloc[0])
    assert optimal_block(returns) == pytest.approx(max(1.0, theirs), rel=1e-9)


def test_returns_that_do_not_vary_need_no_blocks() -> None:
    assert optimal_block(np.full(100, 0.0004)) == 1.0
    assert optimal_block(np.zeros(100)) == 1.0


def test_archs_bootstrap_has_the_same_distribution() -> None:
    from arch.bootstrap import StationaryBootstrap  # noqa: PLC0415 - heavy

    returns = tied(400, 0.5)
    theirs = StationaryBootstrap(8, returns, seed=1).apply(
        lambda x: np.array([x.mean(), x.std(), x[1:] @ x[:-1]]), reps=3000
    )
    ours = returns[indices(400, draws=3000, seed=2, block=8)]
    lagged = np.einsum("ij,ij->i", ours[:, 1:], ours[:, :-1])
    for k, drawn in enumerate((ours.mean(axis=1), ours.std(axis=1), lagged)):
        assert ks_2samp(drawn, theirs[:, k]).pvalue > 0.01


@pytest.mark.parametrize("block", [1.0, 2.5, 20.0])
def test_runs_begin_anywhere_and_have_the_mean_length(block: float) -> None:
    drawn = indices(250, draws=4000, seed=3, block=block)
    goes_on = (drawn[:, 1:] == (drawn[:, :-1] + 1) % 250).mean()
    assert goes_on == pytest.approx(1 - (1 - 1 / 250) / block, abs=0.002)
    counts = np.bincount(drawn.ravel(), minlength=250)
    assert len(counts) == 250
    assert counts.min() > 0.7 * counts.mean()


def test_the_draws_are_those_of_numpys_generator_bit_for_bit() -> None:
    random = np.random.default_rng(11)
    expected: list[int] = []
    for _ in range(3):
        for i in range(40):
            begin = i == 0 or random.random() < 1 / 5
            expected.append(int(random.random() * 40) if begin else (expected[-1] + 1) % 40)
    assert indices(40, draws=3, seed=11, block=5.0).ravel().tolist() == expected


@given(st.integers(20, 80), st.integers(1, 8), st.floats(1, 100), st.integers(0, 2**31))
def test_what_is_told_of_paths_is_true_of_their_returns(
    sessions: int, draws: int, block: float, seed: int
) -> None:
    returns = np.random.default_rng(seed).normal(0, 0.02, sessions)
    found = paths(returns, draws=draws, seed=seed, block=block)
    assert found.returns.shape == (draws, sessions)
    assert np.isin(found.returns, returns).all()
    assert np.all(np.diff(found.bands, axis=0) >= 0)
    for k, drawn in enumerate(found.returns):
        value = np.concatenate([[1.0], np.cumprod(1 + drawn)])
        lowest = max(1 - value[j] / value[: j + 1].max() for j in range(sessions + 1))
        assert found.max_drawdown[k] == pytest.approx(lowest, abs=1e-12)
        assert (1 + found.annual_return[k]) ** (sessions / 252) == pytest.approx(value[-1], rel=1e-9)
        if np.ptp(drawn) > 0:
            ratio = drawn.mean() / drawn.std(ddof=1) * math.sqrt(252)
            assert found.sharpe[k] == pytest.approx(ratio, rel=1e-9)


def test_bands_are_quantiles_of_the_value_after_each_session() -> None:
    found = paths(tied(300, 0.1), draws=999, seed=1)
    values = np.cumprod(1 + found.returns, axis=1)
    below = (values[None] <= found.bands[:, None]).mean(axis=1)
    assert below[:, -1] == pytest.approx([0.05, 0.25, 0.5, 0.75, 0.95], abs=0.002)
    assert found.bands.shape == (5, 300)


def test_paths_are_the_same_for_a_seed_and_take_the_optimal_block() -> None:
    returns = tied(300, 0.4)
    first, again = (paths(returns, draws=20, seed=5) for _ in range(2))
    assert np.array_equal(first.returns, again.returns)
    assert first.block == optimal_block(returns) > 1
    assert not np.array_equal(first.returns, paths(returns, draws=20, seed=6).returns)


def test_a_total_loss_stays_one() -> None:
    returns = np.full(30, 0.01)
    returns[3] = -1.0
    found = paths(returns, draws=200, seed=0, block=1)
    lost = (found.returns == -1).any(axis=1)
    assert np.all(found.annual_return[lost] == -1)
    assert np.all(found.max_drawdown[lost] == 1)
    assert np.isnan(found.sharpe[~lost]).all()


@pytest.mark.parametrize(
    "returns", [np.zeros(0), np.zeros(19), np.zeros((30, 2)), np.array([*[0.01] * 30, np.nan])]
)
def test_series_that_cannot_be_resampled_are_refused(returns: Series) -> None:
    with pytest.raises(UsageError):
        paths(returns, draws=10, seed=0)


@pytest.mark.parametrize(("draws", "block"), [(0, 5.0), (5, 0.5), (5, math.nan)])
def test_draws_that_are_none_are_refused(draws: int, block: float) -> None:
    with pytest.raises(UsageError):
        indices(30, draws=draws, seed=0, block=block)


def rows(models: int, sessions: int, seed: int = 0) -> tuple[Series, Series]:
    random = np.random.default_rng(seed)
    market = random.normal(0.0004, 0.01, sessions)
    return market + random.normal(0, 0.005, (models, sessions)), market


def test_standard_errors_are_those_of_the_bootstrap() -> None:
    gains = np.array([tied(200, rho, seed) for seed, rho in enumerate((0.0, 0.5, -0.5))])
    drawn = gains[:, indices(200, draws=20_000, seed=0, block=6)].mean(axis=2)
    assert standard_errors(gains, 6) == pytest.approx(math.sqrt(200) * drawn.std(axis=1), rel=0.03)


def test_standard_errors_are_those_of_arch() -> None:
    from arch.bootstrap import SPA  # noqa: PLC0415 - heavy

    gains = np.array([tied(150, 0.3, seed) for seed in range(4)])
    test = SPA(np.zeros(150), -gains.T, block_size=7, reps=2, seed=0)
    test._compute_variance()
    assert standard_errors(gains, 7) ** 2 == pytest.approx(test._loss_diff_var, rel=1e-9)


def test_arch_agrees_on_whites_p_and_on_hansens_of_standardised_gains() -> None:
    from arch.bootstrap import SPA  # noqa: PLC0415 - heavy

    returns, market = rows(12, 300)
    found = reality_check(returns, market, draws=500, seed=4)
    white = SPA(-market, -returns.T, block_size=found.block, reps=500, studentize=False, seed=4)
    white.compute()
    assert found.white == pytest.approx(white.pvalues["upper"], abs=0.0021)
    gains = (returns - market) / standard_errors(returns - market, found.block)[:, None]
    hansen = SPA(np.zeros(300), -gains.T, block_size=found.block, reps=500, seed=4)
    hansen.compute()
    three = (found.spa_lower, found.spa_consistent, found.spa_upper)
    assert three == tuple(hansen.pvalues[key] for key in ("lower", "consistent", "upper"))


def test_whites_p_is_its_definition() -> None:
    returns, market = rows(8, 250, seed=3)
    found = reality_check(returns, market, draws=2000, seed=1)
    gains = returns - market
    means = gains.mean(axis=1)
    drawn = gains[:, indices(250, draws=2000, seed=9, block=found.block)].mean(axis=2)
    best = (drawn - means[:, None]).max(axis=0)
    assert found.white == pytest.approx((best > means.max()).mean(), abs=0.05)


def test_a_good_row_is_found_among_wild_ones_by_hansens_test_only() -> None:
    """A row that scatters ten times as much makes the others' best gain unremarkable, unless divided out."""
    returns, market = rows(20, 500, seed=1)
    returns[4] += 0.0012
    returns[5:] = market + (returns[5:] - market) * 10
    returns[5:] -= (returns[5:] - market).mean(axis=1, keepdims=True)
    found = reality_check(returns, market)
    assert found.spa_consistent < 0.01
    assert found.white > 0.3


@pytest.mark.parametrize("seed", range(6))
def test_the_three_p_values_are_in_order(seed: int) -> None:
    returns, market = rows(10, 120, seed)
    returns[3:] -= 0.001
    found = reality_check(returns, market, draws=200, seed=seed)
    assert 0 <= found.spa_lower <= found.spa_consistent <= found.spa_upper <= 1


def test_noise_is_rejected_about_as_often_as_the_p_value_says() -> None:
    found = [reality_check(*rows(15, 200, seed), draws=200, seed=seed) for seed in range(60)]
    assert np.mean([each.white < 0.2 for each in found]) == pytest.approx(0.2, abs=0.15)
    assert np.mean([each.spa_consistent < 0.2 for each in found]) == pytest.approx(0.2, abs=0.15)


def test_the_same_seed_gives_the_same_p_values() -> None:
    returns, market = rows(5, 100)
    assert reality_check(returns, market, seed=3, draws=100) == reality_check(
        returns, market, seed=3, draws=100
    )


def test_rows_that_tell_nothing_are_left_out_and_counted() -> None:
    returns, market = rows(5, 100)
    spoiled = np.concatenate([returns, [market, market + 0.0001, np.full(100, np.nan)]])
    found = reality_check(spoiled, market, draws=100)
    assert (found.models, found.models_left_out) == (5, 3)
    assert found.white == reality_check(returns, market, draws=100).white


@pytest.mark.parametrize(
    ("returns", "market", "word"),
    [
        (np.zeros((3, 10)), np.zeros(10), "too few"),
        (np.zeros((3, 50)), np.zeros(50), "no row"),
        (np.zeros((0, 50)), np.zeros(50), "no row"),
        (np.full((3, 50), np.nan), np.zeros(50), "no row"),
        (np.zeros((3, 50)), np.full(50, np.nan), "benchmark"),
    ],
)
def test_what_cannot_be_tested_is_said(returns: Series, market: Series, word: str) -> None:
    found = reality_check(returns, market)
    assert word in (found.reason or "")
    assert found.white is found.spa_consistent is None


def test_arrays_that_make_no_test_are_refused() -> None:
    returns, market = rows(3, 50)
    for wrong in ((returns, market[:40], 10), (returns[0], market, 10), (returns, market, 0)):
        with pytest.raises(UsageError):
            reality_check(*wrong[:2], draws=wrong[2])
