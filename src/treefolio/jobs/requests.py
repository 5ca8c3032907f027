"""What a job is asked, as values that travel as JSON, and what becomes of it on a worker.

`plan` and `run` give exactly what the command line gives for the same question.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from treefolio.engine.compiled import Question
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.run import Missing
from treefolio.errors import UsageError
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.strategy.variables import bind
from treefolio.sweep import many, single
from treefolio.sweep.ask import answer, opened
from treefolio.sweep.assignments import Listed, Sample, open_selection
from treefolio.sweep.holdout import hold_out
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.space import Space

Value = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The question, but for the strategy and its values.

    Attributes:
        snapshot: the hash of the prices.
        source: where these came from, for the manifest; None for what the snapshot says. The same prices may
            come from files of other names.
        synthetic: they are made up.
        benchmark: a ticker, or a strategy's native text as `rival`; None for none.
        wished: the benchmark was asked for, so its absence is an error.
        holdout: the length at the end that is held out, such as ``2y``.
    """

    snapshot: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """A sweep.

    Attributes:
        strategy: its native text.
        vary: NAME → SPEC as ``--vary`` takes it, or values; their order is that of the columns.
        select: a sample, listed combinations, or None for all.
        metrics, reality, exact: as `many.plan_sweep` and `many.Planned.run` take them.
    """

    strategy: str
    asked: Asked
    vary: Mapping[str, str | Sequence[Value]] = field(default_factory=dict)
    fix: Mapping[str, Value] = field(default_factory=dict)
    select: Sample | Listed | None = None
    latest_start: dt.date | None = None
    metrics: tuple[str, ...] | None = None
    reality: int = 0
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A single backtest.

    Attributes:
        strategy: its native text. values: of ``--set``.
        out_of_sample_from: from here on its author knew no price.
    """

    strategy: str
    asked: Asked
    values: Mapping[str, Value] = field(default_factory=dict)
    engine: single.Engine = "compiled"
    out_of_sample_from: dt.date | None = None


Request = SweepRequest | RunRequest


# As JSON. The order of variables is that of the columns, so they travel as pairs.


def kind_of(request: Request) -> str:
    """``sweep`` or ``run``."""
    return "sweep" if isinstance(request, SweepRequest) else "run"


def name_of(request: Request) -> str:
    """The strategy's name. Raises FormatError, StrategyError."""
    return parse(request.strategy, SIGNATURES).name


def to_json(request: Request) -> dict[str, object]:
    """The request as plain data; `from_json` makes the same of it."""
    found: dict[str, object] = {
        "kind": kind_of(request),
        "strategy": request.strategy,
        "asked": _asked_to_json(request.asked),
    }
    if isinstance(request, RunRequest):
        return found | {
            "values": _pairs(request.values),
            "engine": request.engine,
            "out_of_sample_from": _iso(request.out_of_sample_from),
        }
    return found | {
        "vary": [
            [name, spec if isinstance(spec, str) else list(spec)] for name, spec in request.vary.items()
        ],
        "fix": _pairs(request.fix),
        "select": _select_to_json(request.select),
        "latest_start": _iso(request.latest_start),
        "metrics": None if request.metrics is None else list(request.metrics),
        "reality": request.reality,
        "exact": request.exact,
    }


def from_json(data: Mapping[str, Any]) -> Request:
    """The request in plain data.

    Raises:
        UsageError: something is missing, or of another type.
    """
    try:
        if data["kind"] == "run":
            return RunRequest(
                strategy=data["strategy"],
                asked=_asked_from_json(data["asked"]),
                values=dict(data["values"]),
                engine=data["engine"],
                out_of_sample_from=_date(data["out_of_sample_from"]),
            )
        return SweepRequest(
            strategy=data["strategy"],
            asked=_asked_from_json(data["asked"]),
            vary=dict(data["vary"]),
            fix=dict(data["fix"]),
            select=_select_from_json(data["select"]),
            latest_start=_date(data["latest_start"]),
            metrics=None if data["metrics"] is None else tuple(data["metrics"]),
            reality=data["reality"],
            exact=data["exact"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the request cannot be read: {error}", hint="docs/api.md shows one.") from None


def _asked_to_json(asked: Asked) -> dict[str, object]:
    return {
        "snapshot": asked.snapshot,
        "source": asked.source,
        "synthetic": asked.synthetic,
        "start": _iso(asked.start),
        "end": _iso(asked.end),
        "benchmark": asked.benchmark,
        "rival": asked.rival,
        "wished": asked.wished,
        "missing": asked.missing,
        "holdout": asked.holdout,
        "execution": asdict(asked.execution),
    }


def _asked_from_json(data: Mapping[str, Any]) -> Asked:
    given = data["execution"]
    return Asked(
        snapshot=data["snapshot"],
        source=data["source"],
        synthetic=data["synthetic"],
        start=_date(data["start"]),
        end=_date(data["end"]),
        benchmark=data["benchmark"],
        rival=data["rival"],
        wished=data["wished"],
        missing=data["missing"],
        holdout=data["holdout"],
        execution=Execution(
            fill=given["fill"],
            capital=float(given["capital"]),
            whole_shares=given["whole_shares"],
            cash_rate=float(given["cash_rate"]),
            costs=Costs(
                slippage_bps=float(given["costs"]["slippage_bps"]),
                commission_bps=float(given["costs"]["commission_bps"]),
                commission_minimum=float(given["costs"]["commission_minimum"]),
                us_fees=given["costs"]["us_fees"],
            ),
        ),
    )


def _select_to_json(select: Sample | Listed | None) -> dict[str, object] | None:
    if isinstance(select, Sample):
        return {"count": select.count, "seed": select.seed, "method": select.method}
    if isinstance(select, Listed):
        return {"name": select.name, "columns": [[name, list(v)] for name, v in select.columns.items()]}
    return None


def _select_from_json(data: Mapping[str, Any] | None) -> Sample | Listed | None:
    if data is None:
        return None
    if "count" in data:
        return Sample(count=data["count"], seed=data["seed"], method=data["method"])
    return Listed(name=data["name"], columns=dict(data["columns"]))


def _pairs(values: Mapping[str, Value]) -> list[list[Value]]:
    return [[name, value] for name, value in values.items()]


def _iso(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


# What becomes of it.


def question_of(asked: Asked, panel: Panel) -> Question:
    """The question on these prices; its end is moved where the end of them is held out."""
    rival: str | Strategy | None = asked.benchmark
    if asked.rival is not None:
        rival = bind(parse(asked.rival, SIGNATURES), {}, SIGNATURES)
    if asked.source is not None:
        panel = replace(panel, source=asked.source, synthetic=asked.synthetic or panel.synthetic)
    question = Question(
        panel=panel,
        start=asked.start,
        end=asked.end,
        benchmark=rival,
        missing=asked.missing,
        execution=asked.execution,
    )
    if asked.holdout is None:
        return question
    return hold_out(question, parse_length(asked.holdout, "holdout"))


def opened_space(request: SweepRequest) -> Space:
    """The combinations of a sweep, without its prices: as quick as it can be said what is wrong with it.

    Raises:
        FormatError, StrategyError, SpaceError.
    """
    _, space = open_selection(parse(request.strategy, SIGNATURES), request.vary, request.fix, request.select)
    return space


def plan(request: SweepRequest, panel: Panel) -> many.Planned:
    """The sweep, ready to begin.

    Raises:
        SpaceError, StrategyError, MissingPrices, WindowError.
    """
    tree = parse(request.strategy, SIGNATURES)
    planned, _ = answer(
        question_of(request.asked, panel),
        lambda question: many.plan_sweep(
            tree,
            question,
            vary=request.vary,
            fix=request.fix,
            select=request.select,
            latest_start=request.latest_start,
            metrics=request.metrics,
        ),
        wished=request.asked.wished,
    )
    return planned


def run(request: RunRequest, panel: Panel) -> single.Result:
    """The backtest.

    Raises:
        StrategyError, MissingPrices, WindowError, RunError.
    """
    strategy, values = opened(parse(request.strategy, SIGNATURES), request.values)
    result, _ = answer(
        question_of(request.asked, panel),
        lambda question: single.run(strategy, question, values, request.engine),
        wished=request.asked.wished,
    )
    return result
