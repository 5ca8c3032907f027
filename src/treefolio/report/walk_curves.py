"""The stitched curve of a walk-forward beside the best row of the whole sample, and the paths of CPCV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.metrics import METRICS
from treefolio.report import drawing, ticks
from treefolio.report.curves import growth
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.markup import Html, el, legend, row, section, table
from treefolio.report.numerals import UNDEFINED, count, marked, multiple, shown
from treefolio.report.page import chart
from treefolio.report.thin import kept
from treefolio.sweep.walkforward.result import WalkForward

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]

SPREAD = ("sharpe", "cagr", "max_drawdown", "calmar")
"""Metrics of paths that are drawn one by one."""
TOGETHER = 14_000
"""Points of all curves of one chart."""
MOST_PATHS, DOTS = 40, 400
"""Paths whose curve is drawn, and those that have a dot, spread over all."""


def curve_section(result: WalkForward, whole: pl.DataFrame | None, benchmark: str | None) -> Html:
    """The stitched curve, or curves, on a log scale.

    Args:
        whole: ``session`` and ``return`` of the best row of the whole sample; None when there is none.
        benchmark: its name; None for none.
    """
    paths = result.curve.partition_by("path", maintain_order=True)
    title = "Out of sample, stitched"
    if not paths:
        text = "No fold could choose, so there is no curve."
        return section("curve", title, el("p", text, class_="note"))
    first = paths[0]
    curves = [(_days(first), growth(_returns(first)), "main", 1.8)]
    curves += [(_days(each), growth(_returns(each)), "main", 1.0) for each in paths[1:MOST_PATHS]]
    key = [("main", "Out of sample" if len(paths) == 1 else f"{count(len(paths))} paths out of sample")]
    seen = None if whole is None else first.select("session").join(whole, on="session", how="left")
    if seen is not None:
        curves.append((_days(seen), growth(_returns(seen.fill_null(0.0))), "loss", 1.4))
        key.append(("loss", "The best row of the whole sample, which has seen these days"))
    if benchmark is not None and first["benchmark"].null_count() == 0:
        values = np.concatenate(([1.0], first["benchmark"].to_numpy()))
        curves.append((_days(first), values, "rival", 1.3))
        key.append(("rival", benchmark))
    svg = drawing.draw(
        "curve",
        "Growth of the stitched returns out of sample, of the whole sample's best and of the benchmark",
        lambda axes: _paint(axes, curves, _changes(first) if len(paths) == 1 else []),
        height=380,
    )
    return section("curve", title, chart(svg, key=legend(key)), note=_note(len(paths)))


def _note(paths: int) -> str:
    common = (
        "Multiples of the value before the first test, on a log scale. What is between tests is left out."
    )
    if paths == 1:
        own = "Each test is earned by the row that its training chose; a thin line is where it changes."
        return f"{own} {common}"
    some = f" {MOST_PATHS} of them are drawn." if paths > MOST_PATHS else ""
    return f"Each path goes through the whole history once, in tests alone.{some} {common}"


def _returns(frame: pl.DataFrame) -> Floats:
    return frame["return"].to_numpy()


def _days(frame: pl.DataFrame) -> Floats:
    """The sessions, and a day before the first, from which they grow."""
    days = frame["session"].to_numpy().astype("datetime64[D]").astype(np.float64)
    return np.concatenate(([days[0] - 1.0], days))


def _changes(frame: pl.DataFrame) -> list[float]:
    """The days on which another fold's winner takes over."""
    fold = frame["fold"].to_numpy()
    return [float(day) for day in _days(frame)[1:][1:][np.diff(fold) != 0]]


def _paint(axes: Axes, curves: Sequence[tuple[Floats, Floats, str, float]], changes: Sequence[float]) -> None:
    axes.set_yscale("log")
    for day in changes:
        axes.axvline(day, color=colour("line"), linewidth=1.0)
    most = max(100, TOGETHER // len(curves))
    for days, values, tint, width in reversed(curves):
        places = kept(values, most)
        above = np.where(values > 0, values, np.nan)  # a log scale has no place for ruin
        axes.plot(
            days[places], above[places], color=colour(tint), linewidth=width, alpha=_strength(curves, width)
        )
    positive = np.concatenate([values[values > 0] for _, values, _, _ in curves])
    low, high = float(positive.min()), float(positive.max())
    margin = (high / low) ** 0.04 if high > low else 1.05
    low, high = low / margin, high * margin
    first, last = curves[0][0][0], curves[0][0][-1]
    axes.set_ylim(low, high)
    axes.set_xlim(first, last)
    ends = np.array([first, last]).astype("datetime64[D]")
    mark(axes, x=ticks.dates(ends[0], ends[1]), y=ticks.logarithmic(low, high, multiple))


def _strength(curves: Sequence[tuple[Floats, Floats, str, float]], width: float) -> float:
    """Paths beside the first one are faint where they are many."""
    return 1.0 if width != 1.0 or len(curves) <= 4 else 0.45


def paths_section(result: WalkForward) -> Html | None:
    """How the metrics of several paths are spread; None for one path."""
    found = [path.metrics for path in result.paths if path.metrics is not None]
    if len(found) < 2:
        return None
    keys = list(dict.fromkeys((result.by, *SPREAD)))
    whole = result.whole.metrics if result.whole is not None else {}
    charts, rows = [], []
    for key in keys:
        defined = [value for each in found if (value := each.get(key)) is not None]
        values = np.array(defined, np.float64)
        if not len(values):
            continue
        charts.append(_spread(key, values, whole.get(key)))
        rows.append(_quantiles(key, values, whole.get(key)))
    note = (
        f"Each of the {count(len(found))} paths is a history that could have been chosen and judged: how far "
        "they lie apart is how much hangs on the cut. They share days, so they are not independent."
    )
    heads = ("", "Lowest", "25%", "Median", "75%", "Highest", "Best of the whole sample")
    return section(
        "paths",
        "Paths",
        el("div", *charts, class_="pair"),
        el("div", table(heads, rows), style="margin-top:18px"),
        note=note,
    )


def _quantiles(key: str, values: Floats, whole: float | None) -> Html:
    found = np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0))
    cells = [shown(METRICS[key], float(value)) for value in found]
    return row(*cells, UNDEFINED if whole is None else shown(METRICS[key], whole), head=METRICS[key].label)


def _spread(key: str, values: Floats, whole: float | None) -> Html:
    metric = METRICS[key]
    svg = drawing.draw(
        f"paths-{key}",
        f"The {metric.label} of each path",
        lambda axes: _paint_spread(axes, key, np.sort(values), whole),
        width=SMALL,
        height=150,
    )
    line = "" if whole is None else f" Line: {shown(metric, whole)}, the best of the whole sample."
    whose = "each path" if len(values) <= DOTS else f"{count(DOTS)} of the paths"
    caption = f"A dot for {whose}, lowest first.{line}"
    return el("div", el("h3", metric.label, title=metric.convention), chart(svg, caption=caption, small=True))


def _paint_spread(axes: Axes, key: str, values: Floats, whole: float | None) -> None:
    ranks = np.unique(np.linspace(1, len(values), min(len(values), DOTS)).astype(np.int64))
    places, drawn = ranks.astype(np.float64), values[ranks - 1]
    axes.plot(places, drawn, color=colour("main"), linewidth=0, marker="o", markersize=4.0)
    low, high = float(values.min()), float(values.max())
    if whole is not None:
        axes.axhline(whole, color=colour("loss"), linewidth=1.4)
        low, high = min(low, whole), max(high, whole)
    margin = 0.12 * (high - low) or 0.1 * max(abs(high), 0.1)
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    axes.set_xlim(0.5, len(values) + 0.5)
    marks = ticks.linear(low, high, lambda v: _word(key, v, high - low), about=4)
    mark(axes, x=ticks.linear(1.0, float(len(values)), count, about=6, whole=True), y=marks)


def _word(key: str, value: float, widest: float) -> str:
    metric = METRICS[key]
    return f"{value:.4g}".replace("-", "−") if metric.unit == "ratio" else marked(metric, value, widest)
