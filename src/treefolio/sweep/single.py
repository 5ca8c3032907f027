"""One backtest from end to end: `run` and what it returns.

The numbers come from the compiled engine (a sweep of one) or, on request, from the reference engine; the
metrics come from the same kernel in both cases.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.engine import reference
from treefolio.engine.compiled import Prepared, record
from treefolio.engine.prepare import prepare, traded_otherwise
from treefolio.engine.question import Question
from treefolio.engine.run import Run
from treefolio.errors import MissingPrices, RunError, UsageError
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.metrics import Activity, Frame, measure_one
from treefolio.strategy.tree import Number, Strategy
from treefolio.strategy.validate import validate
from treefolio.strategy.variables import bind
from treefolio.sweep.block import frame_of
from treefolio.sweep.manifest import manifest

Engine = Literal["compiled", "reference"]
ENGINES: tuple[Engine, ...] = ("compiled", "reference")
Assignment = Mapping[str, Number | str]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One backtest with everything that is known of it.

    Attributes:
        strategy: as it ran, its variables bound to `assignment`.
        metrics: key → number, or None where it is undefined.
        notes: what the user should be told: a moved start, indicators that have not settled.
        seconds: phase → seconds it took.
    """

    strategy: Strategy
    assignment: Assignment
    engine: Engine
    prepared: Prepared = field(repr=False)
    frame: Frame = field(repr=False)
    run: Run = field(repr=False)
    metrics: Mapping[str, float | None]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def synthetic(self) -> bool:
        """The prices are made up."""
        return self.prepared.panel.synthetic

    @cached_property
    def manifest(self) -> Mapping[str, object]:
        """What identifies the result; the same manifest gives the same bytes."""
        return manifest(self.prepared, engine=self.engine, assignment=self.assignment)

    @property
    def benchmark(self) -> NDArray[np.float64] | None:
        """(N,) the benchmark's value, starting at the capital."""
        return self.prepared.benchmark

    @cached_property
    def equity(self) -> pl.DataFrame:
        """session, value, benchmark."""
        benchmark = self.benchmark
        absent = pl.Series([None] * len(self.run.values), dtype=pl.Float64)
        return pl.DataFrame(
            {
                "session": pl.Series(self.run.sessions.astype("datetime64[D]")),
                "value": self.run.values,
                "benchmark": absent if benchmark is None else benchmark,
            }
        )

    @cached_property
    def weights(self) -> pl.DataFrame:
        """session, ticker, weight after that session's trade; only weights that are not 0."""
        session, column = np.nonzero(self.run.weights)
        return pl.DataFrame(
            {
                "session": pl.Series(self.run.sessions[session].astype("datetime64[D]"), dtype=pl.Date),
                "ticker": pl.Series([self.run.tickers[a] for a in column], dtype=pl.String),
                "weight": pl.Series(self.run.weights[session, column], dtype=pl.Float64),
            }
        )

    @cached_property
    def trades(self) -> pl.DataFrame:
        """session, ticker, shares, price, notional, cost."""
        trades = self.run.trades
        return pl.DataFrame(
            {
                "session": pl.Series(
                    self.run.sessions[trades.session].astype("datetime64[D]"), dtype=pl.Date
                ),
                "ticker": pl.Series([self.run.tickers[a] for a in trades.ticker], dtype=pl.String),
                "shares": trades.shares,
                "price": trades.price,
                "notional": trades.notional,
                "cost": trades.cost,
            }
        )


def run(
    strategy: Strategy, question: Question, assignment: Assignment | None = None, engine: Engine = "compiled"
) -> Result:
    """The backtest of a strategy with its variables set by ``assignment`` (defaults where it is silent).

    Raises:
        StrategyError, MissingPrices, WindowError, RunError: with the place and a remedy.
    """
    if engine not in ENGINES:
        raise UsageError(f"unknown engine {engine!r}", hint=f"One of {', '.join(ENGINES)}.")
    began = time.perf_counter()
    chosen = {variable.name: variable.default for variable in strategy.variables} | dict(assignment or {})
    prepared = _prepared(strategy, question, chosen)
    ready = time.perf_counter()
    made = record(prepared) if engine == "compiled" else _by_reference(prepared)
    frame = frame_of(prepared)
    done = time.perf_counter()
    return Result(
        strategy=prepared.strategy,
        assignment=chosen,
        engine=engine,
        prepared=prepared,
        frame=frame,
        run=made,
        metrics=measure_one(made.returns, frame, Activity.of(made.activity)),
        notes=prepared.notes,
        seconds=phases(prepared, ready - began, done - ready),
    )


def filled_later(result: Result) -> Mapping[str, float | None] | None:
    """The metrics if its decisions were traded at the next close; None where something has no price then."""
    execution = replace(result.prepared.question.execution, fill="next_close")
    try:
        made = record(traded_otherwise(result.prepared, execution))
    except (RunError, MissingPrices):
        return None
    return measure_one(made.returns, result.frame, Activity.of(made.activity))


def phases(prepared: Prepared, preparing: float, execution: float) -> dict[str, float]:
    """Seconds by phase. What was prepared for an earlier run costs this one next to nothing."""
    indicator = min(prepared.indicator_seconds, preparing)
    return {"analysis": preparing - indicator, "indicator": indicator, "execution": execution}


_recent: deque[tuple[Strategy, Panel, object, Prepared]] = deque(maxlen=2)
"""What was prepared last, so that asking the same again, as one does in a notebook, costs milliseconds."""


def _prepared(strategy: Strategy, question: Question, chosen: Assignment) -> Prepared:
    """The strategy, bound and prepared; remembered by the identity of strategy and panel."""
    rest = (
        tuple(chosen.items()),
        question.start,
        question.end,
        question.benchmark,
        question.missing,
        question.execution,
    )
    for known, panel, asked, prepared in list(_recent):
        if known is strategy and panel is question.panel and asked == rest:
            return prepared
    bound = bind(strategy, chosen, SIGNATURES)
    validate(bound, SIGNATURES)
    prepared = prepare(bound, question)
    _recent.append((strategy, question.panel, rest, prepared))
    return prepared


def _by_reference(prepared: Prepared) -> Run:
    question = prepared.question
    return reference.run(
        prepared.strategy, prepared.panel, prepared.window, question.execution, missing=question.missing
    )
