"""A walk-forward: a sweep whose best row is chosen on some sessions and judged on others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from treefolio.graph.plan import Axes
from treefolio.jobs.requests.asked import Asked, Value
from treefolio.jobs.requests.sweep import (
    SweepRequest,
    check_sweep,
    plan,
    space_from_json,
    space_to_json,
    sweep_reach,
)
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Strategy
from treefolio.sweep.assignments import Listed, Sample
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme
from treefolio.sweep.walkforward.plan import PlannedWalk, criterion, plan_walk

_LENGTHS = ("train", "test", "step")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardRequest:
    """A walk-forward.

    Attributes:
        strategy, asked, vary, fix, select, latest_start: as of a sweep.
        scheme: which sessions choose, and which judge.
        by: the metric that chooses; a minus turns it around.
    """

    strategy: str
    asked: Asked
    scheme: Scheme
    by: str = "sharpe"
    vary: Mapping[str, str | Sequence[Value]] = field(default_factory=dict)
    fix: Mapping[str, Value] = field(default_factory=dict)
    select: Sample | Listed | None = None
    latest_start: dt.date | None = None

    @property
    def sweep(self) -> SweepRequest:
        """The sweep of the same rows."""
        return SweepRequest(
            strategy=self.strategy,
            asked=self.asked,
            vary=self.vary,
            fix=self.fix,
            select=self.select,
            latest_start=self.latest_start,
        )


def walk_to_json(request: WalkForwardRequest) -> dict[str, object]:
    """The walk-forward as plain data."""
    return space_to_json(request) | {"scheme": request.scheme.describe(), "by": request.by}


def walk_from_json(data: Mapping[str, Any]) -> WalkForwardRequest:
    """The walk-forward in plain data. Raises KeyError, TypeError, ValueError, UsageError."""
    return WalkForwardRequest(**space_from_json(data), scheme=scheme_from_json(data["scheme"]), by=data["by"])


def scheme_from_json(data: Mapping[str, Any]) -> Scheme:
    """What `Scheme.describe` gives, as a scheme. Raises KeyError, TypeError, UsageError."""
    if data["scheme"] == "cpcv":
        return Combinatorial(**{name: value for name, value in data.items() if name != "scheme"})
    train, test, step = (parse_length(data[name], name) for name in _LENGTHS)
    return Rolling(train=train, test=test, step=step, anchored=data["anchored"])


def check_walk(request: WalkForwardRequest) -> None:
    """Nothing, when something varies that the strategy has, and the metric can choose.

    Raises:
        FormatError, StrategyError, SpaceError, UsageError: with a remedy.
    """
    criterion(request.by, request.scheme)
    check_sweep(request.sweep)


def walk_reach(request: WalkForwardRequest) -> tuple[Strategy, Axes]:
    """The strategy with its handles opened, and all values that its names take."""
    return sweep_reach(request.sweep)


def walk(request: WalkForwardRequest, panel: Panel) -> PlannedWalk:
    """The walk-forward, ready to begin.

    Raises:
        SpaceError, StrategyError, MissingPrices, WindowError, UsageError.
    """
    return plan_walk(plan(request.sweep, panel), request.scheme, request.by)
