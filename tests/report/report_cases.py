"""What the tests of reports share: small strategies on made-up prices, and their results."""

from __future__ import annotations

import numpy as np

from treefolio.engine.question import Question
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import text
from treefolio.strategy.tree import Strategy
from treefolio.sweep.single import Result, run
from treefolio.testing.panels import random_panel

TICKERS = ("A", "B", "C", "D")
TREE = """
name: Case
tree:
  group: Outer
  of:
    if: rsi(A, 5) > 75
    then: B
    else:
      if: rsi(A, 5) > 200
      then: {equal: [A, B, C]}
      else: {filter: top 1 by cumulative_return(3), of: [A, C, [B, {if: 'rsi(C, 4) > 50', then: D, else: A}]]}
"""


def parsed(source: str) -> Strategy:
    return text.parse(source, SIGNATURES)


def market(sessions: int = 260, seed: int = 4, tickers: tuple[str, ...] = TICKERS) -> Panel:
    """Random prices without gaps from the first session on."""
    rng = np.random.default_rng(seed)
    return random_panel(rng, tickers=tickers, sessions=sessions, late_listings=False, gaps=False)


def result_of(source: str = TREE, panel: Panel | None = None, benchmark: str | None = "B") -> Result:
    return run(parsed(source), Question(panel=panel or market(), benchmark=benchmark))
