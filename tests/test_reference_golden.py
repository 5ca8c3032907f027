"""The reference engine against Composer's own answers."""

from __future__ import annotations

import numpy as np
import pytest

from golden_cases import (
    FIRST,
    LAST,
    adjusted_closes,
    difference,
    ground_truth,
    live_allocations,
    tickers_of,
)
from treefolio.engine import reference
from treefolio.engine.execution import Execution
from treefolio.engine.reference_tree import Tree
from treefolio.engine.run import Run, Window
from treefolio.formats import read

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def run(shared) -> Run:
    """From the first session on which the strategy can start to the last one of Composer's table."""
    strategy = read(shared / "golden" / "composer_tqqq_ftlt" / "strategy.clj").strategy
    panel = adjusted_closes(shared, tickers_of(strategy.root), LAST)
    window = reference.first_session(strategy, panel)
    assert window.cause == "UVXY's first price is then"
    return reference.run(strategy, panel, Window(first=window.first, last=window.last), Execution())


def test_the_run_has_composers_sessions(run):
    """It starts by itself where Composer's does: UVXY's first session."""
    assert (run.sessions[0], run.sessions[-1], len(run.sessions)) == (FIRST, LAST, 3331)


def test_every_ticker_is_held_on_as_many_sessions(run, shared):
    """Counted at the session of the decision; a session counts for every ticker held."""
    days = dict(zip(run.tickers, np.count_nonzero(run.targets, axis=0).tolist(), strict=True))
    assert days == ground_truth(shared)["counts"]


def test_the_named_sessions_hold_what_composer_held(run, shared):
    """All of it, on 242 of 242 sessions."""
    named = ground_truth(shared)["ground_truth_on_filter_days"]
    assert len(named) == 242
    at = {str(day): k for k, day in enumerate(run.sessions)}
    held = {day: _held(run, at[day]) for day in named}
    assert held == {day: {ticker: 1.0} for day, ticker in named.items()}


def _held(run: Run, session: int) -> dict[str, float]:
    return {name: w for name, w in zip(run.tickers, run.targets[session].tolist(), strict=True) if w != 0}


def test_live_allocations_are_near_what_composer_held(shared):
    """Half the summed absolute difference is below 4 % on all 149; live weights are drifted and rounded."""
    far, seen = [], 0
    for name, expected in live_allocations(shared).items():
        strategy = read(shared / "strategies" / "composer_clj" / name).strategy
        last = max(day for day, _ in expected)
        panel = adjusted_closes(shared, tickers_of(strategy.root), last)
        at = [int(np.searchsorted(panel.sessions, day)) for day, _ in expected]
        tree = Tree(strategy, panel, range(min(at), max(at) + 1))
        for session, (day, traded) in zip(at, expected, strict=True):
            ours = tree.weights(session)
            seen += 1
            if difference(ours, traded) >= 0.04:
                far.append((name, str(day)))
    assert (seen, far) == (149, [])
