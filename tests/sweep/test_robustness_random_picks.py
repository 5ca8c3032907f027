"""Random picks: what a draw keeps, who is found out, and that no skill means any p-value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from robustness_cases import PLANTED, grown, planted, ran

from sweep_cases import market
from treefolio.engine.question import Question
from treefolio.sweep.robustness.random_picks import (
    held_of,
    lookback_of,
    measured,
    p_value,
    random_picks,
    shifts,
)
from treefolio.testing.panels import panel_of


@given(moves=st.integers(1, 400), draws=st.integers(1, 400), seed=st.integers(0, 99))
def test_each_move_is_made_at_most_once(moves: int, draws: int, seed: int):
    """From 1 on, and all of them when no more are asked for."""
    found = shifts(moves, draws=draws, seed=seed).tolist()
    assert len(found) == len(set(found)) == min(moves, draws)
    assert min(found) >= 1
    assert max(found) <= moves


@pytest.mark.parametrize(
    ("tree", "sessions"),
    [
        ("tree: {if: 'sma(C, 30) > price(C)', then: A, else: B}", 29),
        (
            "tree: {if: 'rsi(C, 7)[3] > 50 or price(C) > 5 for 4 sessions', then: A, else: B}",
            10,
        ),
        ("tree: {filter: top 1 by cumulative_return(12), of: [A, B]}", 12),
    ],
)
def test_the_look_back_is_the_trees(tree: str, sessions: int):
    """What sets the first decision on prices that are all there."""
    _, result = ran(tree, Question(panel=market(), benchmark=None))
    assert lookback_of(result) == sessions == result.prepared.window.first


def test_in_its_own_order_it_is_the_run():
    """Weights times forward returns give the run's returns, where trading is free."""
    _, result = ran(
        "tree: {if: 'rsi(C, 7) > 55', then: {equal: [A, D]}, else: B}",
        Question(panel=market(), benchmark=None),
    )
    held = held_of(result)
    own = held.earned(np.arange(len(held.spell)))
    np.testing.assert_allclose(own, result.run.returns, atol=1e-14)
    assert measured(own)[0] == pytest.approx(result.metrics["sharpe"])
    assert measured(own)[1] == pytest.approx(result.metrics["cagr"])


def test_what_has_no_price_leaves_its_share_to_the_others():
    """And to nobody when all are without: then cash earns."""
    _, result = ran("tree: {equal: [A, B]}", Question(panel=market(sessions=60), benchmark=None))
    held = held_of(result)
    held.forward.flags.writeable = True
    a, b = result.run.tickers.index("A"), result.run.tickers.index("B")
    held.forward[3, a] = np.nan
    held.forward[4, [a, b]] = np.nan
    earned = held.earned(np.arange(len(held.spell)))
    assert earned[3] == pytest.approx(held.forward[3, b])
    assert earned[4] == 0.0


def test_timing_skill_is_found():
    """The planted signal knows which rises; other days know nothing of it."""
    _, result = ran(PLANTED, Question(panel=planted()))
    found = random_picks(result, draws=500, seed=1)
    assert found.p_sharpe == pytest.approx(1 / 501)
    assert found.sharpe.quantiles[-1] < found.sharpe.real  # type: ignore[operator]
    assert found.portfolios == 2


@pytest.mark.parametrize(
    "tree",
    [
        "tree: {if: 'rsi(S, 5) > 50', then: A, else: B}",
        "tree: {filter: top 1 by cumulative_return(20), of: [A, B, S]}",
        "tree: {filter: bottom 1 by cumulative_return(20), of: [A, B, S]}",
    ],
    ids=["unrelated", "with the trend", "against it"],
)
def test_without_skill_every_p_value_is_equally_likely(tree: str):
    """120 markets that nothing tells in advance: within Kolmogorov's 1 % bound of a uniform distribution."""
    values = []
    for seed in range(120):
        rng = np.random.default_rng([7, seed])
        walks = {name: grown(rng.normal(0.0004, 0.01, 419)).tolist() for name in ("A", "B", "S")}
        _, result = ran(tree, Question(panel=panel_of(walks), benchmark=None))
        p = random_picks(result, draws=99, seed=seed).p_sharpe
        assert p is not None
        values.append(p)
    expected = (np.arange(120) + 0.5) / 120
    assert np.abs(np.sort(values) - expected).max() < 1.63 / np.sqrt(120)


def test_one_portfolio_has_no_timing():
    """Nothing is drawn; the reason says why."""
    _, result = ran("tree: {equal: [A, B]}", Question(panel=market(), benchmark=None))
    found = random_picks(result, draws=100, seed=0)
    assert (found.draws, found.spells, found.p_sharpe) == (0, 1, None)
    assert "no timing" in (found.reason or "")


def test_too_few_moves_are_not_tested():
    """A look-back of 150 sessions leaves 49 of a run of 200 returns."""
    tree = "tree: {if: 'sma(C, 151) > price(C)', then: A, else: B}"
    _, result = ran(tree, Question(panel=market(sessions=351), benchmark=None))
    found = random_picks(result, draws=100, seed=0)
    assert (found.moves, found.lookback, found.draws, found.p_sharpe) == (49, 150, 0, None)
    assert "49 moves" in (found.reason or "")


def test_when_there_are_fewer_moves_than_draws_all_are_made():
    """Whatever the seed."""
    tree = "tree: {if: 'rsi(C, 7) > 55', then: A, else: B}"
    _, result = ran(tree, Question(panel=market(sessions=150), benchmark=None))
    one, two = (random_picks(result, draws=500, seed=seed) for seed in (1, 2))
    assert one.draws == one.moves == 150 - 7 - 1 - 1 - 7
    np.testing.assert_array_equal(one.sharpe.draws, two.sharpe.draws)


def test_the_p_value_counts_the_run_itself():
    """Of equals, both are as good."""
    assert p_value(np.array([1.0, 2.0, 3.0]), 2.0) == 3 / 4
    assert p_value(np.array([1.0, 2.0, 3.0]), 4.0) == 1 / 4
    assert p_value(np.array([np.nan]), 4.0) is None
    assert p_value(np.array([1.0]), float("nan")) is None
