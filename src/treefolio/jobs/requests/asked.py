"""What every question to an engine has in common: prices, period, benchmark, trading.

Prices are either there, under their hash, or the service fetches them when the job begins.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace

from treefolio.engine.execution import Execution
from treefolio.engine.question import Question
from treefolio.engine.run import Missing
from treefolio.errors import UsageError
from treefolio.graph.plan import Axes
from treefolio.indicators import SIGNATURES
from treefolio.market.bars import TOTAL
from treefolio.market.panel import Panel
from treefolio.market.supply import Supplied, Supply
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.strategy.variables import bind
from treefolio.sweep.ask import panel_for
from treefolio.sweep.holdout import hold_out
from treefolio.sweep.lengths import parse_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Prices that the service fetches, with the owner's keys where there are some.

    Attributes:
        source, feed: as `market.sources.table` names them; None for the source's first feed.
        adjustment: raw, split or all.
    """

    source: str
    feed: str | None = None
    adjustment: str = TOTAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The question, but for the strategy and its values.

    Attributes:
        snapshot: the hash of the prices; None when they are to be fetched.
        fetch: from where. They are fetched once: whatever is computed later has the same ones.
        source: where the prices came from, for the manifest; None for what the snapshot says. The same prices
            may come from files of other names.
        synthetic: they are made up.
        benchmark: a ticker, or a strategy's native text as `rival`; None for none.
        wished: the benchmark was asked for, so its absence is an error.
        holdout: the length at the end that is held out, such as ``2y``.

    Raises:
        UsageError: of snapshot and fetch there is none, or both.
    """

    snapshot: str | None = None
    fetch: Fetch | None = None
    source: str | None = None
    synthetic: bool = False
    start: dt.date | None = None
    end: dt.date | None = None
    benchmark: str | None = "SPY"
    rival: str | None = None
    wished: bool = False
    missing: Missing = "error"
    holdout: str | None = None
    execution: Execution = field(default_factory=Execution)

    def __post_init__(self) -> None:
        if (self.snapshot is None) == (self.fetch is None):
            which = "no prices are named" if self.fetch is None else "snapshot and fetch exclude each other"
            raise UsageError(which, hint="Give the hash of a snapshot, or where to fetch prices from.")

    def on(self, snapshot: str) -> Asked:
        """The same question on these prices."""
        return replace(self, snapshot=snapshot, fetch=None)


def rival_of(asked: Asked) -> str | Strategy | None:
    """The benchmark: a ticker, or a strategy."""
    if asked.rival is None:
        return asked.benchmark
    return bind(parse(asked.rival, SIGNATURES), {}, SIGNATURES)


def question_of(asked: Asked, panel: Panel) -> Question:
    """The question on these prices; its end is moved where the end of them is held out."""
    if asked.source is not None:
        panel = replace(panel, source=asked.source, synthetic=asked.synthetic or panel.synthetic)
    question = Question(
        panel=panel,
        start=asked.start,
        end=asked.end,
        benchmark=rival_of(asked),
        missing=asked.missing,
        execution=asked.execution,
    )
    if asked.holdout is None:
        return question
    return hold_out(question, parse_length(asked.holdout, "holdout"))


def prices_for(asked: Asked, strategy: Strategy, axes: Axes, supply: Supply) -> Supplied:
    """Prices of all that the strategy can reach with these values, and of the benchmark.

    Raises:
        MissingPrices: there are none of some tickers. SourceError: the source cannot be asked.
    """
    return panel_for(
        supply,
        strategy,
        axes,
        missing=asked.missing,
        benchmark=rival_of(asked),
        end=asked.end,
        opens=asked.execution.fill == "next_open",
    )
