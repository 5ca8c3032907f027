"""A walk-forward: a sweep whose best row is chosen on some sessions and judged on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from treefolio.jobs.requests.sweep import (
    SpaceRequest,
    check_space,
    plan_space,
    space_from_json,
    space_to_json,
)
from treefolio.market.panel import Panel
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme
from treefolio.sweep.walkforward.plan import PlannedWalk, criterion, plan_walk

_LENGTHS = ("train", "test", "step")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForwardRequest(SpaceRequest):
    """A walk-forward.

    Attributes:
        scheme: which sessions choose, and which judge.
        by: the metric that chooses; a minus turns it around.
    """

    scheme: Scheme
    by: str = "sharpe"


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
    check_space(request)


def walk(request: WalkForwardRequest, panel: Panel) -> PlannedWalk:
    """The walk-forward, ready to begin.

    Raises:
        SpaceError, StrategyError, MissingPrices, WindowError, UsageError.
    """
    return plan_walk(plan_space(request, panel), request.scheme, request.by)
