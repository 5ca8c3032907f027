"""What a job is asked, as values that travel as JSON, and what becomes of it on a worker.

`plan`, `run` and `walk` give exactly what the command line gives for the same question.

* `asked`        the question that all backtests have in common, and where its prices come from
* `sweep`, `run`, `walkforward`   kinds that ask an engine
* `data`         kinds that work on the prices of the service
* `wire`         how they travel

To add a kind: a module with its value, and a row in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from treefolio.errors import UsageError
from treefolio.graph.plan import Axes
from treefolio.indicators import SIGNATURES
from treefolio.jobs.ledger.records import Work
from treefolio.jobs.requests import data as prices
from treefolio.jobs.requests.asked import Asked, Fetch, prices_for, question_of
from treefolio.jobs.requests.data import FLAT_FILES, ImportRequest, PurgeRequest, WarmRequest
from treefolio.jobs.requests.run import RunRequest, check_run, run, run_reach
from treefolio.jobs.requests.sweep import (
    SpaceRequest,
    SweepRequest,
    check_space,
    opened_space,
    plan,
    space_reach,
)
from treefolio.jobs.requests.walkforward import (
    WalkForwardRequest,
    check_walk,
    walk,
)
from treefolio.market.sources.table import require_source
from treefolio.market.supply import Supplied, Supply
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy

__all__ = [
    "FLAT_FILES",
    "KINDS",
    "Asked",
    "Backtest",
    "Fetch",
    "ImportRequest",
    "OnPrices",
    "PurgeRequest",
    "Request",
    "RunRequest",
    "SpaceRequest",
    "SweepRequest",
    "WalkForwardRequest",
    "WarmRequest",
    "asked_of",
    "check",
    "from_json",
    "kind_of",
    "name_of",
    "on",
    "opened_space",
    "plan",
    "prices_of",
    "question_of",
    "run",
    "settled",
    "snapshot_of",
    "source_of",
    "to_json",
    "walk",
]

Backtest: TypeAlias = SweepRequest | RunRequest | WalkForwardRequest
OnPrices: TypeAlias = WarmRequest | ImportRequest | PurgeRequest
Request: TypeAlias = Backtest | OnPrices


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of job.

    Attributes:
        shape: the class of its requests.
        first: the work that it begins with: `Work.PLAN` when it is cut into ranges of rows, else `Work.RUN`.
        rows: how many it has; None until it is planned.
        check: raises what is wrong with its meaning, as far as that can be told without prices.
        name: what it is called in lists.
        reach: of a backtest: the strategy, and all values that its names take.
    """

    shape: type
    first: Work
    check: Callable[[Any], None]
    name: Callable[[Any], str]
    rows: int | None = None
    reach: Callable[[Any], tuple[Strategy, Axes]] | None = None


def _strategy_name(request: Backtest) -> str:
    return parse(request.strategy, SIGNATURES).name


KINDS: Mapping[str, Kind] = {
    "sweep": Kind(
        shape=SweepRequest,
        first=Work.PLAN,
        check=check_space,
        name=_strategy_name,
        reach=space_reach,
    ),
    "run": Kind(
        shape=RunRequest,
        first=Work.RUN,
        check=check_run,
        name=_strategy_name,
        rows=1,
        reach=run_reach,
    ),
    "walkforward": Kind(
        shape=WalkForwardRequest,
        first=Work.PLAN,
        check=check_walk,
        name=_strategy_name,
        reach=space_reach,
    ),
    "warm": Kind(
        shape=WarmRequest,
        first=Work.RUN,
        check=prices.check_warm,
        name=lambda request: f"Prices of {request.source}",
    ),
    "import": Kind(
        shape=ImportRequest,
        first=Work.RUN,
        check=prices.check_import,
        name=lambda request: f"Import of {request.source}",
    ),
    "purge": Kind(
        shape=PurgeRequest,
        first=Work.RUN,
        check=prices.check_purge,
        name=lambda request: f"Purge of {request.source or 'all prices'}",
        rows=1,
    ),
}
_NAMES = {kind.shape: name for name, kind in KINDS.items()}
_WIRE: Mapping[str, TypeAdapter[Any]] = {name: TypeAdapter(kind.shape) for name, kind in KINDS.items()}


def kind_of(request: Request) -> str:
    """Its name in `KINDS`."""
    return _NAMES[type(request)]


def name_of(request: Request) -> str:
    """What the job is called: as its strategy, if it has one. Raises FormatError, StrategyError."""
    return KINDS[kind_of(request)].name(request)


def to_json(request: Request) -> dict[str, object]:
    """The request as plain data; `from_json` makes the same of it."""
    kind = kind_of(request)
    return {"kind": kind, **_WIRE[kind].dump_python(request, mode="json", warnings=False)}


def from_json(data: Mapping[str, Any]) -> Request:
    """The request in plain data.

    Raises:
        UsageError: something is missing, or of another type.
    """
    hint = "GET /api/v1/openapi.json describes one."
    try:
        found: Request = _WIRE[data["kind"]].validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        raise UsageError(f"the request cannot be read: {first['msg']}", path=place, hint=hint) from None
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the request cannot be read: {error}", hint=hint) from None
    return found


def check(request: Request) -> None:
    """Nothing, when the request has a meaning, as far as that can be told without prices.

    Raises:
        FormatError, StrategyError, SpaceError, UsageError: with the place and a remedy.
    """
    KINDS[kind_of(request)].check(request)
    asked = asked_of(request)
    if asked is not None and asked.fetch is not None:
        require_source(asked.fetch.source, feed=asked.fetch.feed)


def asked_of(request: Request) -> Asked | None:
    """The question of a backtest; None for work on prices."""
    return request.asked if isinstance(request, Backtest) else None


def snapshot_of(request: Request) -> str | None:
    """The hash of the prices; None when they will be fetched, or none are needed."""
    asked = asked_of(request)
    return None if asked is None else asked.snapshot


def source_of(request: Request) -> str | None:
    """Where the service is to fetch prices from for it; None when it has them."""
    if not isinstance(request, Backtest):
        return request.source
    return None if request.asked.fetch is None else request.asked.fetch.source


def settled(data: Mapping[str, object], snapshot: str | None) -> Mapping[str, object]:
    """A request as plain data, on the prices that were fetched for it; as it is when there are none."""
    asked = data.get("asked")
    if snapshot is None or not isinstance(asked, Mapping):
        return data
    return {**data, "asked": {**asked, "snapshot": snapshot, "fetch": None}}


def on(request: Backtest, snapshot: str) -> Backtest:
    """The same request on prices that are there."""
    return replace(request, asked=request.asked.on(snapshot))


def prices_of(request: Backtest, supply: Supply) -> Supplied:
    """Prices of all that the request can reach, from a supply.

    Raises:
        MissingPrices: there are none of some tickers. SourceError: the source cannot be asked.
    """
    reach = KINDS[kind_of(request)].reach
    assert reach is not None  # it is a backtest
    strategy, axes = reach(request)
    return prices_for(request.asked, strategy, axes, supply)
