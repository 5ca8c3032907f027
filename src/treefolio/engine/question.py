"""What is asked of an engine."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from treefolio.engine.execution import Execution
from treefolio.engine.run import Missing
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of an engine, but for the strategy and its variables.

    Attributes:
        panel: prices; all history that there is.
        start, end: both included; None for as early, or as late, as the prices allow.
        benchmark: a ticker, bought and held, or a strategy, run under the same rules; None for none.
        missing: what a ticker without prices means (docs/semantics.md).
    """

    panel: Panel
    start: dt.date | None = None
    end: dt.date | None = None
    benchmark: str | Strategy | None = "SPY"
    missing: Missing = "error"
    execution: Execution = field(default_factory=Execution)

    @property
    def benchmark_name(self) -> str | None:
        """The benchmark's ticker, or the name of the strategy."""
        return self.benchmark.name if isinstance(self.benchmark, Strategy) else self.benchmark
