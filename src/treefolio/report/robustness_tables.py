"""Starts, costs and fills on the page: one chart each where there is a line to draw, and their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from treefolio.metrics import METRICS
from treefolio.report import drawing, ticks
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, row, section, shortened, table
from treefolio.report.numerals import UNDEFINED, count, percent, percent_mark, ratio, share, shown
from treefolio.report.page import chart
from treefolio.report.robustness_words import FILLS, bears
from treefolio.sweep.robustness.costs import Costs, Level
from treefolio.sweep.robustness.starts import Rolling, Start, Starts
from treefolio.sweep.robustness.timing import Filled, Timing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = ("sharpe", "cagr", "volatility", "max_drawdown", "calmar", "turnover")
"""Metrics of a cost level and of a fill."""
ENDS = 5
"""Starts in the table: as many of the worst, and of the best."""


def starts_section(found: Starts, rival: str) -> Html:
    """Annual return by month of start, the worst and best starts, and rolling years."""
    exact = "exactly what a run that starts there has" if found.caveat is None else f"but {found.caveat}"
    note = (
        "The same run, begun in each of its months that leave a year, and held to the end. It comes from the "
        f"one curve: {exact}."
    )
    parts: list[Html | None] = []
    if len(found.found) > 1:
        svg = drawing.draw(
            "starts",
            "Annual return to the end of the run, by the month of its start",
            lambda axes: _paint_starts(axes, found.found),
            height=250,
        )
        benchmark = found.found[0].benchmark is not None
        key = [("main", "Strategy"), *([("rival", rival)] if benchmark else [])]
        parts = [chart(svg, key=legend(key)), _starts_table(found)]
    return section("starts", "Starts", *parts, _rolling_table(found.rolling), note=note)


def _starts_table(found: Starts) -> Html:
    ranked = sorted(found.found, key=lambda each: (each.cagr is None, each.cagr or 0.0))
    few = len(ranked) <= 2 * ENDS
    picked = ranked if few else [*ranked[:ENDS], *ranked[-ENDS:]]
    rows = [_start_row(each) for each in picked]
    heads = ("Start", "Sessions", "Annual return", "Sharpe ratio", "Maximum drawdown", "Benchmark")
    title = "All starts, the worst first" if few else f"The {ENDS} worst and the {ENDS} best starts"
    return el("details", el("summary", title), table(heads, rows), open="open")


def _start_row(each: Start) -> Html:
    return row(
        count(each.sessions),
        UNDEFINED if each.cagr is None else percent(each.cagr),
        UNDEFINED if each.sharpe is None else ratio(each.sharpe),
        percent(each.max_drawdown),
        UNDEFINED if each.benchmark is None else percent(each.benchmark),
        head=each.session,
    )


def _rolling_table(found: Sequence[Rolling]) -> Html | None:
    if not found:
        return None
    rows = [
        row(
            count(each.windows),
            f"{percent(each.worst.cagr)} ({each.worst.first} to {each.worst.last})",
            percent(each.median),
            f"{percent(each.best.cagr)} ({each.best.first} to {each.best.last})",
            share(each.loss),
            UNDEFINED if each.behind is None else share(each.behind),
            head=f"{each.years} year" + ("s" if each.years > 1 else ""),
        )
        for each in found
    ]
    heads = ("Any stretch of", "Number", "Worst a year", "Median", "Best", "Lose", "Behind benchmark")
    return el("div", table(heads, rows), style="margin-top:18px")


def _paint_starts(axes: Axes, found: Sequence[Start]) -> None:
    sessions = np.array([each.session for each in found], dtype="datetime64[D]")
    days = sessions.astype(np.float64)
    values: list[float] = []
    for name, width, numbers in (
        ("rival", 1.3, [each.benchmark for each in found]),
        ("main", 1.8, [each.cagr for each in found]),
    ):
        line = np.array([np.nan if value is None else value for value in numbers])
        axes.plot(days, line, color=colour(name), linewidth=width)
        values += [value for value in line.tolist() if value == value]
    _span(axes, values)
    axes.set_xlim(days[0], days[-1])
    low, high = axes.get_ylim()
    marks = ticks.linear(low, high, lambda v: percent_mark(v, high - low), about=5)
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=marks)


def _span(axes: Axes, values: Sequence[float]) -> None:
    """The vertical axis over these numbers and 0."""
    low, high = min((0.0, *values)), max((0.0, *values))
    margin = 0.05 * (high - low) or 0.01
    axes.set_ylim(low - (margin if low < 0 else 0.0), high + margin)


def costs_section(found: Costs, rival: str) -> Html:
    """Annual return by slippage with the benchmark's level, and a row for each level."""
    told = []
    if found.benchmark is not None:
        target = percent(found.benchmark.target)
        told.append(f"Against {rival} with {target} a year, {bears(found.benchmark, found)}.")
    if found.nothing is not None:
        told.append(f"Against earning nothing, {bears(found.nothing, found)}.")
    svg = drawing.draw(
        "costs",
        "Annual return by slippage, and the benchmark's",
        lambda axes: _paint_costs(axes, found),
        height=230,
    )
    key = [("main", "Strategy"), *([("rival", rival)] if found.benchmark is not None else [])]
    rows = [_numbers_row(f"{each.slippage_bps:g} bps", each, found.asked) for each in found.levels]
    note = (
        "Whole runs with this slippage on each side of a trade; all other costs as asked. The break-even is "
        "interpolated between two levels."
    )
    return section(
        "costs",
        "Costs",
        el("p", " ".join(told)),
        chart(svg, key=legend(key)),
        el("div", table(("Slippage", *_heads()), rows), style="margin-top:14px"),
        note=note,
    )


def _heads() -> tuple[str, ...]:
    return tuple(METRICS[key].label for key in SHOWN)


def _numbers_row(head: str, each: Level, asked: float) -> Html:
    own = " (as asked)" if each.slippage_bps == asked else ""
    return row(*_numbers(each.metrics, each.reason), head=head + own)


def _numbers(metrics: Mapping[str, float | None] | None, reason: str | None) -> list[Html | str]:
    if metrics is None:
        why = shortened(reason or "", 160)
        return [el("td", why, colspan=str(len(SHOWN)), style="text-align:left")]
    return [shown(METRICS[key], metrics[key]) for key in SHOWN]


def _paint_costs(axes: Axes, found: Costs) -> None:
    points = [(each.slippage_bps, each.cagr) for each in found.levels if each.cagr is not None]
    across, values = [x for x, _ in points], [y for _, y in points]
    every = list(values)
    if found.benchmark is not None:
        axes.axhline(found.benchmark.target, color=colour("rival"), linewidth=1.3)
        every.append(found.benchmark.target)
    axes.plot(across, values, color=colour("main"), linewidth=1.8, marker="o", markersize=4)
    if found.benchmark is not None and found.benchmark.bps is not None:
        axes.axvline(found.benchmark.bps, color=colour("loss"), linewidth=1.3, linestyle=(0, (5, 3)))
    _span(axes, every)
    most = max(across, default=1.0) or 1.0
    axes.set_xlim(-0.01 * most, most * 1.04)
    low, high = axes.get_ylim()
    mark(
        axes,
        x=ticks.linear(0.0, most, lambda v: f"{v:g} bps", about=6),
        y=ticks.linear(low, high, lambda v: percent_mark(v, high - low), about=4),
    )


def timing_section(found: Timing) -> Html:
    """A row for each fill."""
    rows = [_fill_row(each, found.asked) for each in found.found]
    note = (
        "The same decisions, each made from a session's close, traded at different times. A close that "
        "decides can hardly be traded at: what is lost until the next close says how soon the edge is gone."
    )
    return section("timing", "Execution timing", table(("Traded at", *_heads()), rows), note=note)


def _fill_row(each: Filled, asked: str) -> Html:
    own = " (as asked)" if each.fill == asked else ""
    return row(*_numbers(each.metrics, each.reason), head=FILLS[each.fill] + own)
