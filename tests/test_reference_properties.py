"""What is true of the reference engine on every strategy and every panel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.engine import reference
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.run import Run, Window
from treefolio.errors import RunError
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Equal, Group, Rebalance, Strategy, rebuild
from treefolio.testing.panels import random_panel
from treefolio.testing.trees import random_strategy

TICKERS = tuple("ABCDE")
SESSIONS = 120
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *, whole_panel: bool = True) -> tuple[Strategy, Panel]:
    """A strategy and a panel; with ``whole_panel`` every ticker has a price on every session."""
    rng = np.random.default_rng(seed)
    awkward = not whole_panel
    panel = random_panel(
        rng,
        tickers=TICKERS,
        sessions=SESSIONS,
        late_listings=awkward,
        gaps=awkward,
        constant=bool(rng.random() < 0.2),
    )
    return random_strategy(rng, tickers=TICKERS, nodes=25), panel


def windowed(strategy: Strategy, panel: Panel, execution: Execution, last: int = SESSIONS - 1) -> Run:
    first = reference.first_session(strategy, panel).first
    return reference.run(strategy, panel, Window(first=min(first, last), last=last), execution)


def executions(seed: int) -> Execution:
    """One of many ways to trade."""
    rng = np.random.default_rng(seed + 1)
    return Execution(
        fill=rng.choice(["close", "next_open", "next_close"]),
        whole_shares=bool(rng.random() < 0.3),
        cash_rate=float(rng.choice([0, 0.03])),
        costs=Costs(
            slippage_bps=float(rng.choice([0, 5, 50])),
            commission_bps=float(rng.choice([0, 10])),
            commission_minimum=float(rng.choice([0, 1])),
            us_fees=bool(rng.random() < 0.3),
        ),
    )


@given(seeds)
def test_targets_are_fractions_of_at_most_the_whole(seed):
    """No short positions and no leverage, whatever the tree."""
    strategy, panel = drawn(seed)
    targets = windowed(strategy, panel, Execution()).targets
    decided = targets[~np.isnan(targets).any(axis=1)]
    assert (decided >= 0).all()
    assert (decided.sum(axis=1) <= 1 + 1e-12).all()


@given(seeds)
def test_a_costless_day_returns_the_weighted_sum(seed):
    """With daily rebalancing at the close: v[t+1]/v[t] = 1 + Σ w·r + (1 − Σ w)·cash."""
    strategy, panel = drawn(seed)
    daily = Strategy(name="daily", root=strategy.root, empty=strategy.empty)
    run = windowed(daily, panel, Execution(cash_rate=0.03))
    closes = np.stack([panel.column(ticker) for ticker in run.tickers], axis=1)[-len(run.values) :]
    earned = (run.targets[:-1] * (closes[1:] / closes[:-1] - 1)).sum(axis=1)
    idle = (1 - run.targets[:-1].sum(axis=1)) * 0.03 / 252
    assert run.values[1:] / run.values[:-1] == pytest.approx(1 + earned + idle, rel=1e-12)
    assert run.values[0] == pytest.approx(1e5, rel=1e-12)


@given(seeds)
def test_the_value_is_cash_and_holdings(seed):
    """Followed from the trades alone: cash moves by notional and cost, and earns its rate.

    Nearly so where trading is free: there what is too small to be an order is moved as well.
    """
    strategy, panel = drawn(seed)
    execution = executions(seed)
    run = windowed(strategy, panel, execution)
    cash, shares = execution.capital, np.zeros(len(run.tickers))
    closes = np.stack([panel.column(ticker) for ticker in run.tickers], axis=1)[-len(run.values) :]
    interest = 1 + execution.cash_rate / 252
    for k in range(len(run.values)):
        cash *= interest if k else 1
        for row in np.flatnonzero(run.trades.session == k):
            cash -= run.trades.notional[row] + run.trades.cost[row]
            shares[run.trades.ticker[row]] += run.trades.shares[row]
        near = 1e-7 if execution.costs.free else 1e-10
        assert run.values[k] == pytest.approx(cash + shares @ closes[k], rel=near)
        assert run.weights[k] == pytest.approx(shares * closes[k] / run.values[k], abs=near)
    assert (run.weights >= 0).all()
    assert run.trades.notional == pytest.approx(run.trades.shares * run.trades.price, rel=1e-12)
    if execution.whole_shares:
        assert (run.trades.shares == np.round(run.trades.shares)).all()


@given(seeds, st.integers(40, SESSIONS - 2))
def test_nothing_that_happens_later_changes_what_was_decided(seed, t):
    """Prices after t are perturbed: decisions, values and trades up to t stay the same, to the bit."""
    strategy, panel = drawn(seed)
    execution = executions(seed)
    later = {name: values.copy() for name, values in panel.fields.items()}
    noise = np.exp(np.random.default_rng(seed + 2).normal(0, 0.1, panel.fields["close"].shape))
    for values in later.values():
        values[t + 1 :] *= noise[t + 1 :]
    other = Panel(
        sessions=panel.sessions, tickers=panel.tickers, fields=later, basis=panel.basis, source="perturbed"
    )
    one = windowed(strategy, panel, execution, last=t)
    two = windowed(strategy, other, execution, last=t)
    assert np.array_equal(one.targets, two.targets, equal_nan=True)
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.trades.shares, two.trades.shares)


@given(seeds, st.integers(40, SESSIONS - 1))
def test_the_decision_is_the_same_on_the_day_itself(seed, t):
    """Live, the panel ends at t: the same weights as with all that came after."""
    strategy, panel = drawn(seed)
    known = Panel(
        sessions=panel.sessions[: t + 1].copy(),
        tickers=panel.tickers,
        fields={name: values[: t + 1].copy() for name, values in panel.fields.items()},
        basis=panel.basis,
        source="until today",
    )
    assert reference.decide(strategy, known, t) == reference.decide(strategy, panel, t)


@given(seeds)
def test_decide_is_what_the_run_decides(seed):
    """A row of `Run.targets` is the decision at that session."""
    strategy, panel = drawn(seed)
    daily = Strategy(name="daily", root=strategy.root, empty=strategy.empty)
    run = windowed(daily, panel, Execution())
    for k in {0, len(run.values) // 2, len(run.values) - 1}:
        weights = reference.decide(daily, panel, SESSIONS - len(run.values) + k)
        assert run.targets[k].tolist() == [weights.get(ticker, 0.0) for ticker in run.tickers]


@given(seeds)
def test_labels_and_single_children_change_nothing(seed):
    """A tree in which every node carries a label, or stands alone in a weighting, decides the same.

    Not inside filters: there a weighting of one asset is a branch, ranked on its value series.
    """
    strategy, panel = drawn(seed)
    labelled = Strategy(
        name="labelled",
        root=Equal(
            (rebuild(strategy.root, lambda item: Group("g", item) if isinstance(item, Equal) else item),)
        ),
        empty=strategy.empty,
    )
    session = SESSIONS - 1
    assert reference.decide(labelled, panel, session) == reference.decide(strategy, panel, session)


@given(seeds)
def test_with_skip_a_run_ends_well_or_names_the_missing_price(seed):
    """On panels with late listings and gaps the only way to fail is a holding without a price."""
    strategy, panel = drawn(seed, whole_panel=False)
    window = Window(first=0, last=SESSIONS - 1)
    error = None
    try:
        run = reference.run(strategy, panel, window, executions(seed), missing="skip")
    except RunError as caught:
        error = caught
    if error is None:
        assert np.isfinite(run.values).all()
    else:
        session = int(np.searchsorted(panel.sessions, np.datetime64(error.session)))
        assert np.isnan(panel.column(str(error.ticker))[session])


@given(seeds, st.sampled_from(["weekly", "monthly", "never", "threshold"]))
def test_between_trades_the_shares_stay_as_they_are(seed, rule):
    """Where nothing was evaluated nothing is traded."""
    strategy, panel = drawn(seed)
    slow = Strategy(
        name="slow",
        root=strategy.root,
        empty=strategy.empty,
        rebalance=Rebalance(rule, 0.05 if rule == "threshold" else None),
    )
    run = windowed(slow, panel, Execution())
    idle = np.flatnonzero(np.isnan(run.targets).any(axis=1))
    assert not np.isin(idle, run.trades.session).any()
