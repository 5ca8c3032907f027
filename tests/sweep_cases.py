"""A small strategy with variables on a small market: what the tests of sweeps share."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from treefolio.engine.question import Question
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import text
from treefolio.strategy.tree import Strategy
from treefolio.sweep.many import Planned, plan_sweep
from treefolio.testing.panels import random_panel

TICKERS = ("A", "B", "C", "D")


def parsed(source: str) -> Strategy:
    return text.parse(source, SIGNATURES)


STRATEGY = parsed(
    """
    name: Swept
    variables: {window: 3:12:1, hot: 40:59:1, fund: [A, B]}
    tree:
      if: rsi(C, $window) > $hot
      then: $fund
      else: {filter: top 1 by rsi(10), of: [D, [A, C]]}
    """
)
"""10 · 20 · 2 = 400 combinations."""


def market(sessions: int = 200, seed: int = 5, tickers: tuple[str, ...] = TICKERS) -> Panel:
    """Random prices without gaps from the first session on."""
    rng = np.random.default_rng(seed)
    return random_panel(rng, tickers=tickers, sessions=sessions, late_listings=False, gaps=False)


def without(panel: Panel, ticker: str, first: int, last: int) -> Panel:
    """The panel without the ticker's prices on sessions [first, last)."""
    fields = {name: values.copy() for name, values in panel.fields.items()}
    for values in fields.values():
        values[first:last, panel.position(ticker)] = np.nan
    return replace(panel, fields=fields)


QUESTION = Question(panel=market(), benchmark="B")


def planned(strategy: Strategy = STRATEGY, question: Question = QUESTION, **asked: object) -> Planned:
    return plan_sweep(strategy, question, **asked)  # type: ignore[arg-type]


def day(panel: Panel, session: int) -> dt.date:
    """The date of a session."""
    found: dt.date = panel.sessions[session].item()
    return found
