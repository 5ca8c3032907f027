"""What a job is asked, as it is sent: the shape, with bounds. Its meaning is in `treefolio.jobs.requests`.

Names with values travel as pairs, because their order is that of the columns.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictFloat, StrictInt, StrictStr

from treefolio.errors import SpaceError
from treefolio.indicators import SIGNATURES
from treefolio.jobs import requests
from treefolio.strategy.text import parse
from treefolio.sweep.ask import opened

_MOST_VALUES = 1_000_000
_MOST_NAMES = 1_000
Text = Annotated[StrictStr, Field(max_length=2_000)]
Number = (
    Annotated[StrictFloat, Field(allow_inf_nan=False)] | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
)
Value = Number | Text
Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Values = Annotated[list[Value], Field(min_length=1, max_length=_MOST_VALUES)]
Pairs = Annotated[list[tuple[Name, Value]], Field(max_length=_MOST_NAMES)]
Strategy = Annotated[
    StrictStr, Field(min_length=1, description="In Treefolio's own text: `treefolio convert` writes it.")
]


class Body(BaseModel):
    """What all parts of a submission have in common: nothing that is not known is passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Costs(Body):
    """What trading costs."""

    slippage_bps: float = 0.0
    commission_bps: float = 0.0
    commission_minimum: float = 0.0
    us_fees: bool = False


class Execution(Body):
    """How decisions become trades."""

    fill: Literal["close", "next_open", "next_close"] = "close"
    capital: float = 100_000.0
    whole_shares: bool = False
    cash_rate: float = 0.0
    costs: Costs = Costs()


class Asked(Body):
    """The question: prices, period, benchmark, trading."""

    snapshot: str = Field(pattern="^[0-9a-f]{64}$", description="The hash of the prices, which are uploaded.")
    source: Text | None = Field(default=None, description="Where the prices came from, for the manifest.")
    synthetic: bool = Field(default=False, description="The prices are made up.")
    start: dt.date | None = None
    end: dt.date | None = None
    benchmark: Text | None = Field(default="SPY", description="A ticker, or a name for `rival`.")
    rival: Strategy | None = Field(default=None, description="A strategy as the benchmark.")
    wished: bool = Field(default=False, description="A benchmark without prices is an error.")
    missing: Literal["error", "skip"] = "error"
    holdout: Text | None = Field(default=None, description="Keep the last 2y, 6m or 126d out.")
    execution: Execution = Execution()


class Sample(Body):
    """Some combinations, drawn from all."""

    count: Annotated[int, Field(ge=1, le=100_000_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    method: Literal["random", "latin"] = "random"


class Listed(Body):
    """Combinations one by one."""

    name: Text = Field(description="Of the file that they come from.")
    columns: Annotated[list[tuple[Name, Values]], Field(max_length=_MOST_NAMES)]


class Sweep(Body):
    """Every combination of some values."""

    kind: Literal["sweep"]
    strategy: Strategy
    asked: Asked
    vary: list[tuple[Name, Text | Values]] = Field(
        default=[], max_length=_MOST_NAMES, description="Names, each with `70:85:1` or its values."
    )
    fix: Pairs = Field(default=[], description="Names, each with its one value.")
    select: Sample | Listed | None = None
    latest_start: dt.date | None = None
    metrics: Annotated[list[Name], Field(max_length=500)] | None = None
    reality: Annotated[int, Field(ge=0, le=10_000)] = 0
    exact: bool = False


class Run(Body):
    """One backtest."""

    kind: Literal["run"]
    strategy: Strategy
    asked: Asked
    values: Pairs = Field(default=[], description="Names, each with its value.")
    engine: Literal["compiled", "reference"] = "compiled"
    out_of_sample_from: dt.date | None = None


class Submission(RootModel[Annotated[Sweep | Run, Field(discriminator="kind")]]):
    """A sweep or a run."""


_STRATEGY = (
    "name: Hot or not\nvariables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
)
EXAMPLES: dict[str, Any] = {
    "sweep": {
        "summary": "A sweep of one variable",
        "value": {
            "kind": "sweep",
            "strategy": _STRATEGY,
            "asked": {"snapshot": "9f0c" * 16, "start": "2016-01-04", "benchmark": "SPY"},
            "vary": [["hot", "70:85:1"]],
        },
    },
    "run": {
        "summary": "One backtest",
        "value": {
            "kind": "run",
            "strategy": _STRATEGY,
            "asked": {"snapshot": "9f0c" * 16},
            "values": [["hot", 75]],
        },
    },
}


def require_meaning(request: requests.Request) -> None:
    """Nothing, when the strategy can be read and has the names and values that are asked for.

    Raises:
        FormatError, StrategyError, SpaceError: with the place and a remedy.
    """
    if isinstance(request, requests.RunRequest):
        opened(parse(request.strategy, SIGNATURES), request.values)
        return
    space = requests.opened_space(request)
    if not space.axes:
        raise SpaceError("nothing varies", path="vary", hint="Vary a variable or a handle of the strategy.")
