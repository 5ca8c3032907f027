"""How the metrics of a sweep are spread: histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS, Metric
from treefolio.report import drawing, ticks
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.markup import Html, el, section
from treefolio.report.numerals import count, marked, shown
from treefolio.report.page import chart
from treefolio.report.summary import SweepSummary, column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPREAD = ("sharpe", "annualized_return", "max_drawdown", "calmar")
BINS = 48

_TAIL = 0.005
_WILD = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts by bin.

    Attributes:
        edges: (B + 1,), counts: (B,).
        below, above: how many values lie outside.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    below: int
    above: int


_ONE_VALUE = 1e-9
"""Values that differ by less than this share of their size are drawn as one."""


def histogram(values: NDArray[np.float64]) -> Histogram:
    """Counts in `BINS` equal bins over all values, or over the middle 99 % of them when the rest is far out.

    Far out: all values together reach over more than three times the width of the middle.
    """
    low, high = float(values.min()), float(values.max())
    inner, outer = (float(q) for q in np.quantile(values, (_TAIL, 1 - _TAIL)))
    if outer > inner and high - low > _WILD * (outer - inner):
        low, high = inner, outer
    if high - low <= _ONE_VALUE * max(abs(low), abs(high)):
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    return Histogram(
        edges=edges,
        counts=counts.astype(np.int64),
        below=int((values < low).sum()),
        above=int((values > high).sum()),
    )


def spread_section(summary: SweepSummary, luck: float) -> Html:
    """The main metrics' histograms; ``luck`` is marked in the one of the Sharpe ratio."""
    charts = [_one(summary, METRICS[key], luck if key == "sharpe" else None) for key in SPREAD]
    note = "One count for each combination; the line is the median."
    return section("spread", "Distributions", el("div", *charts, class_="pair"), note=note)


def _one(summary: SweepSummary, metric: Metric, luck: float | None) -> Html:
    values = column(summary, metric.key)
    title = el("h3", metric.label, title=metric.convention)
    if not len(values):
        return el("div", title, el("p", "It is undefined in every combination.", class_="note"))
    found, middle = histogram(values), float(np.median(values))
    svg = drawing.draw(
        f"spread-{metric.key}",
        f"How many combinations have which {metric.label}",
        lambda axes: _paint(axes, found, middle, luck, metric),
        width=SMALL,
        height=210,
    )
    return el("div", title, chart(svg, caption=_caption(found, middle, luck, metric), small=True))


def _caption(found: Histogram, middle: float, luck: float | None, metric: Metric) -> str:
    words = [f"Median {shown(metric, middle)}."]
    if luck is not None:
        words.append(f"Dashed: {shown(metric, luck)}, the best to expect by luck.")
    if found.below or found.above:
        words.append(f"{count(found.below)} below and {count(found.above)} above are not drawn.")
    return " ".join(words)


def _paint(axes: Axes, found: Histogram, middle: float, luck: float | None, metric: Metric) -> None:
    low, high = float(found.edges[0]), float(found.edges[-1])
    width = (high - low) / BINS
    axes.bar(
        found.edges[:-1], found.counts, width=0.9 * width, align="edge", color=colour("main"), alpha=0.75
    )
    axes.axvline(middle, color=colour("ink"), linewidth=1.5)
    if luck is not None:
        axes.axvline(luck, color=colour("loss"), linewidth=1.5, linestyle=(0, (4, 3)))
        low, high = min(low, luck), max(high, luck)
    margin = 0.02 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    top = 1.06 * float(found.counts.max())
    axes.set_ylim(0.0, top)
    mark(
        axes,
        x=ticks.linear(low, high, lambda v: marked(metric, v, high - low)),
        y=ticks.linear(0.0, top, count, about=4, whole=True),
    )
