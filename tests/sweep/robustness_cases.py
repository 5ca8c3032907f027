"""Markets with something planted in them: what the tests of robustness share."""

from __future__ import annotations

import numpy as np

from sweep_cases import parsed
from treefolio.engine.question import Question
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Strategy
from treefolio.sweep.single import Result, run
from treefolio.testing.panels import panel_of

SESSIONS = 800
HIGH, LOW = 101.0, 60.0
PLANTED = """
name: Planted
tree:
  if: price(S) > 100
  then: A
  else:
    if: price(S) < 20
    then: {equal: [A, B]}
    else: B
"""
"""S says which of A and B rises next; a bound of 105 never lets A in, and none near 20 lets both."""


def planted(sessions: int = SESSIONS, seed: int = 1, drift: float = 0.003) -> Panel:
    """S is high or low for some days at a time; A rises after a high S, B after a low one. SPY drifts."""
    rng = np.random.default_rng(seed)
    high = np.repeat(rng.random(sessions) < 0.5, rng.integers(2, 9, sessions))[:sessions]
    noise = rng.normal(0.0, 0.008, (3, sessions - 1))
    a = noise[0] + np.where(high[:-1], drift, -drift)
    b = noise[1] + np.where(high[:-1], -drift, drift)
    closes = {
        "A": grown(a),
        "B": grown(b),
        "S": np.where(high, HIGH, LOW) + rng.normal(0.0, 0.1, sessions),
        "SPY": grown(0.0002 + noise[2]),
    }
    return panel_of({name: values.tolist() for name, values in closes.items()})


def grown(returns: np.ndarray) -> np.ndarray:
    """Prices from 100 on, with these returns between them."""
    return 100.0 * np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def ran(source: str, question: Question) -> tuple[Strategy, Result]:
    """A strategy and its run."""
    strategy = parsed(source)
    return strategy, run(strategy, question)
