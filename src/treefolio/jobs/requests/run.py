"""A run: a single backtest."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from treefolio.graph.plan import Axes
from treefolio.indicators import SIGNATURES
from treefolio.jobs.requests.asked import Asked, question_of
from treefolio.jobs.requests.wire import Values
from treefolio.market.panel import Panel
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.sweep import single
from treefolio.sweep.ask import answer, defaults, opened


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A single backtest.

    Attributes:
        strategy: its native text. values: of ``--set``.
        out_of_sample_from: from here on its author knew no price.
    """

    strategy: str
    asked: Asked
    values: Values = field(default_factory=dict)
    engine: single.Engine = "compiled"
    out_of_sample_from: dt.date | None = None


def check_run(request: RunRequest) -> None:
    """Nothing, when the strategy has the names and values. Raises FormatError, StrategyError, SpaceError."""
    opened(parse(request.strategy, SIGNATURES), request.values)


def run_reach(request: RunRequest) -> tuple[Strategy, Axes]:
    """The strategy with its handles opened, and the values that its names take."""
    strategy, values = opened(parse(request.strategy, SIGNATURES), request.values)
    return strategy, defaults(strategy) | {name: (value,) for name, value in values.items()}


def run(request: RunRequest, panel: Panel) -> single.Result:
    """The backtest.

    Raises:
        StrategyError, MissingPrices, WindowError, RunError.
    """
    strategy, values = opened(parse(request.strategy, SIGNATURES), request.values)
    result, _ = answer(
        question_of(request.asked, panel),
        lambda question: single.run(strategy, question, values, request.engine),
        wished=request.asked.wished,
    )
    return result
