"""A walk-forward: a sweep whose best row is chosen on some sessions and judged on others."""

from __future__ import annotations

from dataclasses import dataclass

from treefolio.jobs.requests.sweep import SpaceRequest, check_space, plan_space
from treefolio.jobs.requests.wire import Way
from treefolio.market.panel import Panel
from treefolio.sweep.walkforward.plan import PlannedWalk, criterion, plan_walk


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardRequest(SpaceRequest):
    """A walk-forward.

    Attributes:
        scheme: which sessions choose, and which judge.
        by: the metric that chooses; a minus turns it around.
    """

    scheme: Way
    by: str = "sharpe"


def check_walk(request: WalkForwardRequest) -> None:
    """Nothing, when something varies that the strategy has, and the metric can choose.

    Raises:
        FormatError, StrategyError, SpaceError, UsageError: with a remedy.
    """
    criterion(request.by, request.scheme)
    check_space(request)


def walk(request: WalkForwardRequest, panel: Panel) -> PlannedWalk:
    """The walk-forward, ready to begin.

    Raises:
        SpaceError, StrategyError, MissingPrices, WindowError, UsageError.
    """
    return plan_walk(plan_space(request, panel), request.scheme, request.by)
