"""What the money did: the equity curve beside the benchmark, and the drawdown below its peak."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.report import drawing, ticks
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, row, section, table
from treefolio.report.numerals import count, money, percent, percent_mark, short_money
from treefolio.report.page import chart
from treefolio.report.thin import kept, said
from treefolio.strategy.tree import Strategy
from treefolio.sweep.single import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]

DEEPEST = 10
"""How many drawdowns are listed."""
_FLAT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One stay below a peak; positions of sessions.

    Attributes:
        depth: the largest loss from the peak, a positive fraction.
        end: the first session at or above the peak again; None while it lasts.
    """

    peak: int
    trough: int
    end: int | None
    depth: float


def growth(returns: Floats) -> Floats:
    """(N,) value by session as multiples of the capital, from (N − 1,) returns; the first is 1."""
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def under_water(values: Floats) -> Floats:
    """(N,) each value's distance from the highest one so far, as a fraction, 0 or negative."""
    return values / np.maximum.accumulate(values) - 1.0


def drawdowns(values: Floats) -> list[Drawdown]:
    """Every stay below a peak, the deepest first; of equal depth, the earlier first."""
    below = under_water(values)
    deep = below < 0
    begins = np.flatnonzero(deep & ~np.append(False, deep[:-1]))
    ends = np.flatnonzero(~deep & np.append(False, deep[:-1]))
    found = []
    for k, begin in enumerate(begins):
        end = int(ends[k]) if k < len(ends) else None
        trough = int(begin + np.argmin(below[begin:end]))
        found.append(Drawdown(peak=int(begin) - 1, trough=trough, end=end, depth=-float(below[trough])))
    return sorted(found, key=lambda each: -each.depth)


def still(values: Floats | None) -> bool:
    """The benchmark is there and does not move: nothing can be compared with it."""
    return values is not None and bool(np.ptp(values) <= _FLAT * abs(float(values[0])))


def equity_section(result: Result, since: dt.date | None = None) -> Html:
    """The equity curve on a log scale, with the benchmark's where there is one that moves.

    A line is drawn at ``since``, the first day out of sample, where it lies within the run.
    """
    run, rival, name = result.run, result.benchmark, result.prepared.question.benchmark_name or ""
    drawn = None if still(rival) else rival
    line = since if since is not None and run.sessions[0] < np.datetime64(since) <= run.sessions[-1] else None
    svg = drawing.draw(
        "equity",
        "Value of the portfolio and of the benchmark by session, on a log scale",
        lambda axes: _paint_equity(axes, run.sessions, run.values, drawn, line),
        height=380,
    )
    key = [("main", "Strategy")] + ([] if drawn is None else [("rival", _rival_words(result))])
    if line is not None:
        key.append(("loss", f"Out of sample since {line}"))
    start = short_money(result.prepared.question.execution.capital)
    note = (
        f"{start} at the start, at each session's close, on a log scale: equal steps are equal percentages."
    )
    if still(rival):
        note += f" {name} does not move over these sessions (no variance), so it is not drawn or compared."
    if since is not None and np.datetime64(since) > run.sessions[-1]:
        note += f" All of it lies before {since}, the first day out of sample."
    return section(
        "equity", "Equity", chart(svg, key=legend(key), caption=said(len(run.values)) or None), note=note
    )


def _rival_words(result: Result) -> str:
    question = result.prepared.question
    held = "" if isinstance(question.benchmark, Strategy) else ", bought and held"
    return f"{question.benchmark_name}{held}"


def drawdown_section(result: Result) -> Html:
    """The drawdown curve beside the benchmark's, and a table of the deepest ones."""
    sessions, values = result.run.sessions, growth(result.run.returns)
    below, rival = under_water(values), result.benchmark
    beside = None if rival is None or still(rival) else under_water(rival)
    svg = drawing.draw(
        "drawdown",
        "Loss from the highest value so far, by session",
        lambda axes: _paint_drawdown(axes, sessions, below, beside),
        height=210,
    )
    name = result.prepared.question.benchmark_name or ""
    key = None if beside is None else legend((("loss", "Strategy"), ("rival", name)))
    found = drawdowns(values)
    deepest = found[:DEEPEST]
    heads = ("Depth", "Start", "Trough", "Recovery", "Sessions")
    rows = [_drawdown_row(each, sessions) for each in deepest]
    listed = table(heads, rows) if rows else el("p", "There was none.", class_="note")
    return section(
        "drawdown",
        "Drawdown",
        chart(svg, key=key, caption=said(len(values)) or None),
        el(
            "details",
            el("summary", f"The {len(deepest)} deepest of {count(len(found))}"),
            listed,
            open="open",
        ),
        note="Loss from the highest value so far; the capital is the first peak.",
    )


def _drawdown_row(each: Drawdown, sessions: Dates) -> Html:
    end = len(sessions) if each.end is None else each.end
    return row(
        str(sessions[each.peak]),
        str(sessions[each.trough]),
        "not yet" if each.end is None else str(sessions[each.end]),
        count(end - each.peak - 1),
        head=percent(each.depth),
    )


def _paint_equity(
    axes: Axes, sessions: Dates, values: Floats, rival: Floats | None, line: dt.date | None
) -> None:
    axes.set_yscale("log")
    curves = [(rival, "rival", 1.3), (values, "main", 1.8)]
    shown = [(curve, name, width) for curve, name, width in curves if curve is not None]
    days = sessions.astype("datetime64[D]").astype(np.float64)
    for curve, name, width in shown:
        places = kept(curve)
        above = np.where(curve > 0, curve, np.nan)  # a log scale has no place for ruin
        axes.plot(days[places], above[places], color=colour(name), linewidth=width)
    if line is not None:
        at = float(np.datetime64(line).astype("datetime64[D]").astype(np.int64))
        axes.axvline(at, color=colour("loss"), linewidth=1.4, linestyle=(0, (5, 3)))
    positive = np.concatenate([curve[curve > 0] for curve, _, _ in shown])
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)
    margin = (high / low) ** 0.04 if high > low else 1.05
    axes.set_ylim(low / margin, high * margin)
    axes.set_xlim(days[0], days[-1])
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=_money_marks(low / margin, high * margin))


def _money_marks(low: float, high: float) -> ticks.Ticks:
    """Short words, unless two marks would then read the same."""
    short = ticks.logarithmic(low, high, short_money)
    different = len({label for _, label in short}) == len(short)
    return short if different else ticks.logarithmic(low, high, money)


def _paint_drawdown(axes: Axes, sessions: Dates, below: Floats, rival: Floats | None) -> None:
    places, every = kept(below), sessions.astype("datetime64[D]").astype(np.float64)
    days, depth = every[places], below[places]
    axes.fill_between(days, depth, 0.0, color=colour("loss"), alpha=0.22, linewidth=0)
    axes.plot(days, depth, color=colour("loss"), linewidth=1.2)
    lowest = float(below.min())
    if rival is not None:
        places = kept(rival)
        axes.plot(every[places], rival[places], color=colour("rival"), linewidth=1.1)
        lowest = min(lowest, float(rival.min()))
    low = min(lowest * 1.05, -0.001)
    axes.set_ylim(low, 0.0)
    axes.set_xlim(days[0], days[-1])
    marks = ticks.linear(low, 0.0, lambda v: percent_mark(v, -low), about=4)
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=marks)
