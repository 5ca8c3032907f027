"""What a job is asked, as it is sent: the shape, with bounds. Its meaning is in `treefolio.jobs.requests`.

Names with values travel as pairs, because their order is that of the columns.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    RootModel,
    StrictFloat,
    StrictInt,
    StrictStr,
)

from treefolio.service.models import Body
from treefolio.service.texts import bearable

_MOST_VALUES = 1_000_000
_MOST_NAMES = 1_000
_MOST_TICKERS = 20_000
Text = Annotated[StrictStr, Field(max_length=2_000)]
Number = (
    Annotated[StrictFloat, Field(allow_inf_nan=False)] | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
)
Value = Number | Text
Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Values = Annotated[list[Value], Field(min_length=1, max_length=_MOST_VALUES)]
Word = Annotated[StrictStr, Field(pattern="^[a-z0-9_-]{0,40}$")]
Ticker = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9.^=/_-]{1,20}$")]
Pairs = Annotated[list[tuple[Name, Value]], Field(max_length=_MOST_NAMES)]
Vary = Annotated[
    list[tuple[Name, Text | Values]],
    Field(max_length=_MOST_NAMES, description="Names, each with `70:85:1` or its values."),
]
Tickers = Annotated[list[Ticker], Field(min_length=1, max_length=_MOST_TICKERS)]
Length = Annotated[StrictStr, Field(pattern="^[0-9]{1,6}[ymwd]$")]
Strategy = Annotated[
    StrictStr,
    Field(min_length=1, description="In Treefolio's own text: `treefolio convert` writes it."),
    AfterValidator(bearable),
]


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


class Fetch(Body):
    """Prices that the service fetches when the job begins; all that it computes has the same ones."""

    source: Word = Field(description="alpaca, massive, yahoo or synthetic.")
    feed: Word | None = Field(default=None, description="Of the source: sip or iex [its first].")
    adjustment: Literal["raw", "split", "all"] = "all"


class Asked(Body):
    """The question: prices, period, benchmark, trading. Prices are a snapshot, or fetched: one of the two."""

    snapshot: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="The hash of the prices, which are uploaded."
    )
    fetch: Fetch | None = Field(
        default=None, description="The service fetches the prices, with your keys where it has some."
    )
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
    vary: Vary = Field(default=[])
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


class Rolling(Body):
    """Train, test on what follows, step on. Lengths are `3y`, `6m`, `2w` or `126d`."""

    scheme: Literal["walkforward"]
    train: Length
    test: Length
    step: Length
    anchored: bool = Field(default=False, description="Every training begins at the start.")


class Combinatorial(Body):
    """Combinatorial purged cross-validation."""

    scheme: Literal["cpcv"]
    groups: Annotated[int, Field(ge=2, le=64)] = 10
    test_groups: Annotated[int, Field(ge=1, le=63)] = 2
    purge: Annotated[int, Field(ge=0, le=100_000, description="Sessions left out around tests.")] = 0
    embargo: Annotated[int, Field(ge=0, le=100_000, description="More of them after tests.")] = 0


class WalkForward(Body):
    """A sweep whose best row is chosen on some sessions and judged on others."""

    kind: Literal["walkforward"]
    strategy: Strategy
    asked: Asked
    scheme: Rolling | Combinatorial = Field(discriminator="scheme")
    by: Name = Field(default="sharpe", description="The metric that chooses; a minus turns it around.")
    vary: Vary = Field(default=[])
    fix: Pairs = Field(default=[], description="Names, each with its one value.")
    select: Sample | Listed | None = None
    latest_start: dt.date | None = None


class Warm(Body):
    """Prices that are to be in the cache before anybody asks for them."""

    kind: Literal["warm"]
    source: Word
    tickers: Tickers | None = Field(default=None, description="Null for those of all your strategies.")
    feed: Word | None = None
    start: dt.date | None = Field(default=None, description="First day [all that the source has].")


class Import(Body):
    """A stretch of prices in bulk: of a vendor, or of the flat files that the service has."""

    kind: Literal["import"]
    source: Word = Field(description="A vendor, or `flat_files`.")
    tickers: list[Ticker] = Field(
        default=[], max_length=_MOST_TICKERS, description="Of a vendor; flat files have all."
    )
    feed: Word | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    interval: Literal["1d", "1h", "30m", "15m", "5m", "1m"] = "1d"


class Purge(Body):
    """Adjusted prices and corporate actions are forgotten, so that they are fetched afresh."""

    kind: Literal["purge"]
    source: Word | None = Field(default=None, description="Only of this one.")


class Submission(
    RootModel[Annotated[Sweep | Run | WalkForward | Warm | Import | Purge, Field(discriminator="kind")],]
):
    """A job of any kind."""


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
    "walkforward": {
        "summary": "The best row of three years, judged on the half year after them",
        "value": {
            "kind": "walkforward",
            "strategy": _STRATEGY,
            "asked": {"fetch": {"source": "alpaca"}, "start": "2016-01-04"},
            "scheme": {"scheme": "walkforward", "train": "3y", "test": "6m", "step": "6m"},
            "vary": [["hot", "70:85:1"]],
        },
    },
    "warm": {
        "summary": "The prices of all your strategies, before anybody asks for them",
        "value": {"kind": "warm", "source": "alpaca"},
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
