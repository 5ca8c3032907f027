"""How the metrics of a sweep are spread: histograms, with what luck alone would show (`null`) beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS, Metric
from treefolio.report import drawing, ticks
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.luck import Luck
from treefolio.report.markup import Html, el, legend, section
from treefolio.report.null import Null, null_of, said
from treefolio.report.numerals import count, marked, shown
from treefolio.report.page import chart
from treefolio.report.summary import SweepSummary, column, has

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPREAD = ("sharpe", "sortino", "annualized_return", "max_drawdown", "volatility", "calmar")
WITHOUT: Mapping[str, str] = MappingProxyType(
    {
        "volatility": "No line: luck is not what makes returns volatile.",
        "calmar": "No line: it mixes return and drawdown, which have one each.",
    }
)
"""Metrics that have no distribution of luck, and why."""
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


_FEWEST = 8
_NARROWEST = 1 / 200
_ONE_VALUE = 1e-9
"""Values that differ by less than this share of their size are drawn as one."""


def histogram(values: NDArray[np.float64], null: Null | None = None) -> Histogram:
    """Counts in equal bins over all values, or over the middle 99 % of them when the rest is far out.

    Far out: all values together reach over more than three times the width of the middle. There are `BINS`,
    or fewer for a few values, and where a bin would be less than `_NARROWEST` of what is drawn, ``null``
    included.
    """
    low, high = float(values.min()), float(values.max())
    inner, outer = (float(q) for q in np.quantile(values, (_TAIL, 1 - _TAIL)))
    if outer > inner and high - low > _WILD * (outer - inner):
        low, high = inner, outer
    drawn = high - low if null is None else max(high, null.high) - min(low, null.low)
    least = max(_NARROWEST * drawn, _ONE_VALUE * max(abs(low), abs(high)))
    bins = min(BINS, max(_FEWEST, round(2 * math.sqrt(len(values)))))
    if high - low < bins * least:
        bins = max(1, int((high - low) / least))
    if high - low <= least:
        half = least / 2 or 0.5
        low, high = (low + high) / 2 - half, (low + high) / 2 + half
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return Histogram(
        edges=edges,
        counts=counts.astype(np.int64),
        below=int((values < low).sum()),
        above=int((values > high).sum()),
    )


def spread_section(summary: SweepSummary, luck: Luck, sessions: int) -> Html:
    """A histogram for each of `SPREAD` that the rows have, beside what luck gives."""
    volatility = column(summary, "volatility") if has(summary, "volatility") else np.zeros(0)
    usual = float(np.median(volatility)) if len(volatility) else float("nan")
    charts = [
        _one(summary, METRICS[key], luck, null_of(key, luck, sessions, usual))
        for key in SPREAD
        if has(summary, key)
    ]
    key = legend((("main", "Rows"), ("loss", "As many rows without skill"), ("ink", "Median of the rows")))
    note = "One count for each combination. Rows without skill are independent; those of a grid are not."
    return section("spread", "Distributions", key, el("div", *charts, class_="pair"), note=note)


def _one(summary: SweepSummary, metric: Metric, luck: Luck, null: Null | None) -> Html:
    values = column(summary, metric.key)
    title = el("h3", metric.label, title=metric.convention)
    if not len(values):
        return el("div", title, el("p", "It is undefined in every combination.", class_="note"))
    found, middle = histogram(values, null), float(np.median(values))
    svg = drawing.draw(
        f"spread-{metric.key}",
        f"How many combinations have which {metric.label}",
        lambda axes: _paint(axes, found, middle, null, metric),
        width=SMALL,
        height=210,
    )
    caption = _caption(found, middle, metric, WITHOUT.get(metric.key), null, luck.trials)
    return el("div", title, chart(svg, caption=caption, small=True))


def _caption(
    found: Histogram, middle: float, metric: Metric, without: str | None, null: Null | None, trials: int
) -> str:
    words = [f"Median {shown(metric, middle)}."]
    if null is not None:
        words.append(said(null, trials))
    elif without is not None:
        words.append(without)
    if found.below or found.above:
        words.append(f"{count(found.below)} below and {count(found.above)} above are not drawn.")
    return " ".join(words)


def expected_counts(null: Null, found: Histogram, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many of as many rows without skill a bin about each of these places would have."""
    half = float(found.edges[1] - found.edges[0]) / 2
    total = found.counts.sum() + found.below + found.above
    return total * (null.cdf(at + half) - null.cdf(at - half))


def _paint(axes: Axes, found: Histogram, middle: float, null: Null | None, metric: Metric) -> None:
    low, high = float(found.edges[0]), float(found.edges[-1])
    left, width = found.edges[:-1], 0.9 * float(found.edges[1] - found.edges[0])
    top = float(found.counts.max())
    if null is not None:
        low, high = min(low, null.low), max(high, null.high)
        at = np.linspace(low, high, 160)
        line = expected_counts(null, found, at)
        top = max(top, min(float(line.max()), 3 * top))
        if null.band is not None:
            axes.axvspan(*null.band, color=colour("loss"), alpha=0.16, linewidth=0)
        if null.best is not None:
            axes.axvline(null.best, color=colour("loss"), linewidth=1.5, linestyle=(0, (4, 3)))
    corners = np.column_stack((left, left, left + width, left + width)).ravel()
    nothing = np.zeros(len(left))
    heights = np.column_stack((nothing, found.counts, found.counts, nothing)).ravel()
    axes.fill(corners, heights, color=colour("main"), alpha=0.75, linewidth=0)
    if null is not None:
        axes.plot(at, line, color=colour("loss"), linewidth=1.4)
    axes.axvline(middle, color=colour("ink"), linewidth=1.5)
    margin = 0.02 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(0.0, 1.06 * top)
    mark(
        axes,
        x=ticks.linear(low, high, lambda v: _mark(metric, v, high - low)),
        y=ticks.linear(0.0, 1.06 * top, count, about=4, whole=True),
    )


def _mark(metric: Metric, value: float, widest: float) -> str:
    """Ratios without decimals that say nothing: 2, not 2.00."""
    return f"{value:.4g}".replace("-", "−") if metric.unit == "ratio" else marked(metric, value, widest)
