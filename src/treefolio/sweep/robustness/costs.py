"""How much slippage does it bear? The same run at several levels, and where it falls behind its benchmark.

Each level is a whole run with that slippage on each side of a trade; all other costs stay as they are. The
break-even is found between the two levels around it, on a line through the logarithms of growth, which
slippage lowers almost evenly. The benchmark is held without costs when it is a ticker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from treefolio.errors import TreefolioError
from treefolio.strategy.tree import Strategy
from treefolio.sweep.robustness.spread import NUMBERS, annual
from treefolio.sweep.single import Result, run

LEVELS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Basis points of slippage on each side."""
KEYS = (*NUMBERS, "cumulative_return", "turnover")

Numbers = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The run at one slippage; metrics of `KEYS`, or None for this reason."""

    slippage_bps: float
    metrics: Numbers | None
    reason: str | None = None

    @property
    def cagr(self) -> float | None:
        """None where it is undefined."""
        return None if self.metrics is None else self.metrics["cagr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Where the annual return falls to a target.

    Attributes:
        target: the annual return. bps: the slippage; None where it is on neither side of it.
        said: ``at``, ``below`` (already behind at the lowest level) or ``above`` (ahead at the highest).
    """

    target: float
    bps: float | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The run by its slippage.

    Attributes:
        asked: the slippage of the run itself.
        benchmark: break-even against it; None without one. nothing: against an annual return of 0.
    """

    asked: float
    levels: tuple[Level, ...]
    benchmark: BreakEven | None
    nothing: BreakEven | None


def costs(result: Result, strategy: Strategy, levels: Sequence[float] = LEVELS) -> Costs:
    """Runs the strategy at each level, and at its own.

    Args:
        strategy: with the variables that ``result.assignment`` sets.
    """
    asked = result.prepared.question.execution.costs.slippage_bps
    found = tuple(_level(result, strategy, bps) for bps in sorted({*levels, asked}))
    rival = result.benchmark
    target = None if rival is None else annual(float(rival[-1] / rival[0]), len(rival) - 1)
    return Costs(
        asked=asked,
        levels=found,
        benchmark=None if target is None else break_even(found, target),
        nothing=break_even(found, 0.0),
    )


def _level(result: Result, strategy: Strategy, bps: float) -> Level:
    execution = result.prepared.question.execution
    if bps == execution.costs.slippage_bps:
        return Level(slippage_bps=bps, metrics=numbers_of(result))
    try:
        question = replace(
            result.prepared.question,
            execution=replace(execution, costs=replace(execution.costs, slippage_bps=bps)),
        )
        found = run(strategy, question, result.assignment)
    except TreefolioError as error:
        return Level(slippage_bps=bps, metrics=None, reason=error.message)
    return Level(slippage_bps=bps, metrics=numbers_of(found))


def numbers_of(result: Result) -> Numbers:
    """The metrics of `KEYS`."""
    return {key: result.metrics[key] for key in KEYS}


def break_even(levels: Sequence[Level], target: float) -> BreakEven | None:
    """Where the annual return falls to ``target``; None where no level has one."""
    points = [(each.slippage_bps, each.cagr) for each in levels if each.cagr is not None]
    if not points:
        return None
    if points[0][1] <= target:
        return BreakEven(target=target, bps=None, said="below")
    for (a, high), (b, low) in pairwise(points):
        if low <= target:
            bps = a + (b - a) * _part(high, low, target)
            return BreakEven(target=target, bps=bps, said="at")
    return BreakEven(target=target, bps=None, said="above")


def _part(high: float, low: float, target: float) -> float:
    """How far ``target`` lies on the way from ``high`` to ``low``, by logarithms of growth."""
    if low <= -1.0 or target <= -1.0:
        return (high - target) / (high - low)
    return (math.log1p(high) - math.log1p(target)) / (math.log1p(high) - math.log1p(low))
