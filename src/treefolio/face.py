"""The functions of the library's face that no package below has as they stand.

`run`, `sweep`, `walk_forward`, and one for each indicator.

They take what a notebook has, strategies or files, panels or files, ISO dates, and ask the engine.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from treefolio.engine.execution import Execution
from treefolio.engine.question import Question
from treefolio.engine.run import Missing
from treefolio.errors import UsageError
from treefolio.formats import Import
from treefolio.graph.plan import Axes
from treefolio.indicators import INDICATORS, SIGNATURES
from treefolio.market.panel import Panel
from treefolio.market.supply import FileSupply, Supply
from treefolio.settings import home
from treefolio.strategy.build import reading
from treefolio.strategy.tree import NumberLike, Reading, Strategy, Word
from treefolio.sweep import ask, single
from treefolio.sweep.assignments import Sample, open_selection
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.many import Planned, Progress, Swept, plan_sweep
from treefolio.sweep.single import Engine, Result
from treefolio.sweep.space import Value
from treefolio.sweep.walkforward.folds import Rolling
from treefolio.sweep.walkforward.plan import plan_walk
from treefolio.sweep.walkforward.result import WalkForward

StrategyLike: TypeAlias = "Strategy | Import | str | Path"
PricesLike: TypeAlias = "Panel | Supply | str | Path | Sequence[str | Path]"
Day: TypeAlias = "dt.date | str | None"


def run(
    strategy: StrategyLike,
    prices: PricesLike,
    *,
    start: Day = None,
    end: Day = None,
    benchmark: str | Strategy | None = ask.DEFAULT_BENCHMARK,
    missing: Missing = "error",
    execution: Execution | None = None,
    engine: Engine = "compiled",
    set: Mapping[str, Value] | None = None,  # noqa: A002 - the word of the command line, --set
) -> Result:
    """One backtest.

    Args:
        strategy: a strategy, an import, or a file in any format.
        prices: a panel; Parquet or CSV files; or a `vendor`, which fetches what is needed.
        start, end: dates or ``YYYY-MM-DD``, both included; None for as early, or as late, as prices allow.
        benchmark: a ticker, or a strategy without open variables; SPY is left out, with a note, where the
            prices do not have it.
        set: values of variables and handles.

    Raises:
        TreefolioError: with what is wrong, where, and what to do.
    """
    made, values = ask.opened(ask.load(strategy).strategy, set or {})
    axes = ask.defaults(made) | {name: (value,) for name, value in values.items()}
    question = _question(made, prices, axes, start, end, benchmark, missing, execution)
    result, notes = ask.answer(
        question, lambda asked: single.run(made, asked, values, engine), wished=_wished(benchmark)
    )
    return replace(result, notes=(*result.notes, *notes))


def sweep(
    strategy: StrategyLike,
    prices: PricesLike,
    vary: Mapping[str, str | Sequence[Value]] | None = None,
    *,
    start: Day = None,
    end: Day = None,
    benchmark: str | Strategy | None = ask.DEFAULT_BENCHMARK,
    missing: Missing = "error",
    execution: Execution | None = None,
    set: Mapping[str, Value] | None = None,  # noqa: A002 - the word of the command line, --set
    space: str | Path | None = None,
    sample: Sample | None = None,
    latest_start: Day = None,
    metrics: Collection[str] | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Swept:
    """Every combination of some values, those that a file lists, or a sample.

    Args:
        vary: variable or handle → values, or ``70:85:1``. Declared variables with several values vary too.
        space: a CSV or Parquet file instead: a column per variable, a row per combination.
        sample: draws some combinations instead of taking all.
        metrics: the columns of metrics that the rows shall have; None for all. Fewer are quicker.
        threads: how many ranges of rows are computed at once; None for one per processor.
        executor: computes them elsewhere than on threads of this process: a ProcessPoolExecutor that spawns,
            or a Dask client's (``client.get_executor()``); then ``threads`` is best its number of workers.
        out: a folder for the files of a sweep; None keeps the rows in memory. Either way its trials are
            counted in the ledger of the strategy's lineage, in the home folder.
        progress: called at the beginning and after each part, on the calling thread.

    The other arguments are those of `run`.
    """
    planned, notes = _planned(
        strategy,
        prices,
        vary or {},
        start=start,
        end=end,
        benchmark=benchmark,
        missing=missing,
        execution=execution,
        fix=set or {},
        select=_selection(space, sample),
        latest_start=latest_start,
        metrics=metrics,
    )
    swept = planned.run(
        None if out is None else Path(out),
        threads=threads or os.cpu_count() or 1,
        resume=resume,
        progress=progress,
        executor=executor,
        home=home(),
    )
    return replace(swept, notes=(*swept.notes, *notes))


def walk_forward(
    strategy: StrategyLike,
    prices: PricesLike,
    vary: Mapping[str, str | Sequence[Value]] | None = None,
    *,
    train: str,
    test: str,
    step: str | None = None,
    anchored: bool = False,
    by: str = "sharpe",
    start: Day = None,
    end: Day = None,
    benchmark: str | Strategy | None = ask.DEFAULT_BENCHMARK,
    missing: Missing = "error",
    execution: Execution | None = None,
    set: Mapping[str, Value] | None = None,  # noqa: A002 - the word of the command line, --set
    space: str | Path | None = None,
    sample: Sample | None = None,
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> WalkForward:
    """The best combination of each training, judged on the sessions that follow; all in one pass.

    Args:
        train, test, step: lengths such as ``3y``, ``6m``, ``126d`` (sessions). The step is the test's length
            when it is not given.
        anchored: every training begins at the start.
        by: the metric that chooses, by its better end; a minus turns it around.

    The other arguments are those of `sweep`.
    """
    scheme = Rolling(
        train=parse_length(train, "train"),
        test=parse_length(test, "test"),
        step=parse_length(step or test, "step"),
        anchored=anchored,
    )
    planned, _ = _planned(
        strategy,
        prices,
        vary or {},
        start=start,
        end=end,
        benchmark=benchmark,
        missing=missing,
        execution=execution,
        fix=set or {},
        select=_selection(space, sample),
    )
    walk = plan_walk(planned, scheme, by)
    return walk.run(threads=threads or os.cpu_count() or 1, progress=progress, home=home())


def indicator(name: str) -> Callable[..., Reading]:
    """The function that makes readings of an indicator: ``rsi("TQQQ", 10)``, ``rsi(10)`` of a branch."""
    signature, row = SIGNATURES[name], INDICATORS[name]

    def build(*args: Word | NumberLike, **parameters: NumberLike) -> Reading:
        return reading(signature, *args, **parameters)

    build.__name__ = build.__qualname__ = name
    words = ", ".join(f"{p.name}={p.default}" if p.default is not None else p.name for p in row.parameters)
    build.__doc__ = (
        f"{row.label} of a ticker, or of the branch that is ranked. Parameters: {words or 'none'}."
    )
    return build


def _selection(space: str | Path | None, sample: Sample | None) -> Path | Sample | None:
    """A file of combinations, a sample to draw, or None for all."""
    if space is not None and sample is not None:
        raise UsageError("space and sample exclude each other", hint="Give one of them.")
    return sample if space is None else Path(space)


def _planned(
    strategy: StrategyLike,
    prices: PricesLike,
    vary: Mapping[str, str | Sequence[Value]],
    *,
    start: Day,
    end: Day,
    benchmark: str | Strategy | None,
    missing: Missing,
    execution: Execution | None,
    fix: Mapping[str, Value],
    select: Path | Sample | None,
    latest_start: Day = None,
    metrics: Collection[str] | None = None,
) -> tuple[Planned, tuple[str, ...]]:
    """A sweep that can begin, and notes on it."""
    tree = ask.load(strategy).strategy
    opened, chosen = open_selection(tree, vary, fix, select)
    axes = {**chosen.axes, **{name: (value,) for name, value in chosen.fixed.items()}}
    question = _question(opened, prices, axes, start, end, benchmark, missing, execution)
    latest = _day(latest_start, "latest_start")
    return ask.answer(
        question,
        lambda asked: plan_sweep(
            tree, asked, vary=vary, fix=fix, select=select, latest_start=latest, metrics=metrics
        ),
        wished=_wished(benchmark),
    )


def _question(
    strategy: Strategy,
    prices: PricesLike,
    axes: Axes,
    start: Day,
    end: Day,
    benchmark: str | Strategy | None,
    missing: Missing,
    execution: Execution | None,
) -> Question:
    if missing not in ("error", "skip"):
        raise UsageError(f"missing is {missing!r}", hint="One of error, skip.")
    last = _day(end, "end")
    if isinstance(prices, Panel):
        panel = prices
    else:
        panel = ask.panel_for(
            _supply(prices),
            strategy,
            axes,
            missing=missing,
            benchmark=benchmark,
            end=last,
            opens=execution is not None and execution.fill == "next_open",
        ).panel
    return Question(
        panel=panel,
        start=_day(start, "start"),
        end=last,
        benchmark=benchmark,
        missing=missing,
        execution=execution or Execution(),
    )


def _supply(prices: Supply | str | Path | Sequence[str | Path]) -> Supply:
    """What has the prices: files, where it is not said otherwise."""
    if isinstance(prices, str | Path):
        return FileSupply(files=(Path(prices),))
    return FileSupply(files=tuple(map(Path, prices))) if isinstance(prices, Sequence) else prices


def _wished(benchmark: str | Strategy | None) -> bool:
    """SPY is the default, so that nobody need have wished for it."""
    return benchmark != ask.DEFAULT_BENCHMARK


def _day(day: Day, name: str) -> dt.date | None:
    if not isinstance(day, str):
        return day
    try:
        return dt.date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{name} is {day!r}", hint="Dates are written YYYY-MM-DD.") from None
