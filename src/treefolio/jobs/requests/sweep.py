"""A sweep: every combination of some values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from treefolio.errors import SpaceError
from treefolio.graph.plan import Axes
from treefolio.indicators import SIGNATURES
from treefolio.jobs.requests.asked import Asked, question_of
from treefolio.jobs.requests.wire import Selection, Values, Varied
from treefolio.market.panel import Panel
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.sweep import many
from treefolio.sweep.ask import answer
from treefolio.sweep.assignments import open_selection
from treefolio.sweep.space import Space


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRequest:
    """Combinations of a strategy's values: what a sweep and a walk-forward are made of.

    Attributes:
        strategy: its native text.
        vary: NAME → SPEC as ``--vary`` takes it, or values; their order is that of the columns.
        select: a sample, listed combinations, or None for all.
    """

    strategy: str
    asked: Asked
    vary: Varied = field(default_factory=dict)
    fix: Values = field(default_factory=dict)
    select: Selection = None
    latest_start: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest(SpaceRequest):
    """A sweep. metrics, reality, exact: as `many.plan_sweep` and `many.Planned.run` take them."""

    metrics: tuple[str, ...] | None = None
    reality: int = 0
    exact: bool = False


def opened_space(request: SpaceRequest) -> Space:
    """The combinations, without prices: as quick as it can be said what is wrong with it.

    Raises:
        FormatError, StrategyError, SpaceError.
    """
    return _opened(request)[1]


def _opened(request: SpaceRequest) -> tuple[Strategy, Space]:
    return open_selection(parse(request.strategy, SIGNATURES), request.vary, request.fix, request.select)


def check_space(request: SpaceRequest) -> None:
    """Nothing, when something varies that the strategy has.

    Raises:
        FormatError, StrategyError, SpaceError: with the place and a remedy.
    """
    if not opened_space(request).axes:
        raise SpaceError("nothing varies", path="vary", hint="Vary a variable or a handle of the strategy.")


def space_reach(request: SpaceRequest) -> tuple[Strategy, Axes]:
    """The strategy with its handles opened, and all values that its names take."""
    strategy, space = _opened(request)
    return strategy, {**space.axes, **{name: (value,) for name, value in space.fixed.items()}}


def plan(request: SweepRequest, panel: Panel) -> many.Planned:
    """The sweep, ready to begin. Raises SpaceError, StrategyError, MissingPrices, WindowError."""
    return plan_space(request, panel, request.metrics)


def plan_space(request: SpaceRequest, panel: Panel, metrics: tuple[str, ...] | None = None) -> many.Planned:
    """All combinations, ready to be computed. Raises what `plan` does."""
    tree = parse(request.strategy, SIGNATURES)
    planned, _ = answer(
        question_of(request.asked, panel),
        lambda question: many.plan_sweep(
            tree,
            question,
            vary=request.vary,
            fix=request.fix,
            select=request.select,
            latest_start=request.latest_start,
            metrics=metrics,
        ),
        wished=request.asked.wished,
    )
    return planned
