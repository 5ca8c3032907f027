"""What one variable does to the ranked metric, all others averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from treefolio.metrics import Metric
from treefolio.report import drawing, ticks
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.markup import Html, el, legend, row, section, shortened, table
from treefolio.report.numerals import count, marked, plain, shown
from treefolio.report.page import chart
from treefolio.report.summary import RANKED, SweepSummary, by_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED, TOGETHER = 60, 600
"""Values in a table, and in all tables; a chart shows all of them."""
DOTTED = 30
"""Values up to which a curve has a dot for each."""
MOST_VARIABLES = 24
FEWEST_DRAWN = 5
LONGEST = 40

Reach = tuple[float, float]

_SHOWN = ("mean", "median")


def marginals_section(summary: SweepSummary) -> Html:
    """For each variable, the mean and the median of the ranked metric by value."""
    metric, names = RANKED, list(summary.variables)[:MOST_VARIABLES]
    found = [(name, by_value(summary, name)) for name in names]
    reach = _reach([values for _, values in found])
    left = len(summary.variables) - len(names)
    more = f" {left} more variables are not shown." if left else ""
    most = max(10, min(LISTED, TOGETHER // max(1, len(found))))
    parts = [_one(k, name, values, metric, reach, most) for k, (name, values) in enumerate(found)]
    return section(
        "marginals",
        f"{metric.label} by variable",
        legend((("main", "Mean"), ("rival", "Median"))),
        el("div", *parts, class_="pair"),
        note=f"Over all combinations with that value, on one scale. A plateau is better than a spike.{more}",
    )


def _one(k: int, name: str, values: pl.DataFrame, metric: Metric, reach: Reach, most: int) -> Html:
    title = el("h3", shortened(name, LONGEST), title=shortened(name, 400))
    if not len(values):
        return el("div", title, el("p", "No combination has a value.", class_="note"))
    listed = _table(values, metric, most)
    if not values["value"].dtype.is_numeric() or len(values) < FEWEST_DRAWN:
        return el("div", title, listed)
    svg = drawing.draw(
        f"marginal-{k}",
        f"Mean and median of the {metric.label} by value of a variable",
        lambda axes: _paint(axes, values.sort("value"), metric, reach),
        width=SMALL,
        height=210,
    )
    return el("div", title, chart(svg, small=True), el("details", el("summary", "As a table"), listed))


def _reach(found: list[pl.DataFrame]) -> Reach:
    """From below the lowest to above the highest mean or median of any variable."""
    both = np.concatenate([np.zeros(0), *(values[key].to_numpy() for values in found for key in _SHOWN)])
    if not len(both):
        return 0.0, 1.0
    low, high = float(both.min()), float(both.max())
    margin = 0.08 * (high - low) or 0.1 * max(abs(low), 1.0)
    return low - margin, high + margin


def _table(values: pl.DataFrame, metric: Metric, most: int) -> Html:
    rows = [
        row(shown(metric, mean), shown(metric, median), count(number), head=shortened(plain(value), LONGEST))
        for value, number, mean, median in values.head(most).iter_rows()
    ]
    left = len(values) - most
    more = el("p", f"And {count(left)} more values.", class_="note") if left > 0 else None
    return el("div", table(("Value", "Mean", "Median", "Combinations"), rows), more)


def _paint(axes: Axes, values: pl.DataFrame, metric: Metric, reach: Reach) -> None:
    at = values["value"].to_numpy().astype(np.float64)
    curves = [(values[key].to_numpy(), name) for key, name in (("median", "rival"), ("mean", "main"))]
    dots = "o" if len(at) <= DOTTED else ""
    for curve, name in curves:
        axes.plot(at, curve, color=colour(name), linewidth=1.6, marker=dots, markersize=4.0)
    low, high = reach
    axes.set_ylim(low, high)
    whole = values["value"].dtype.is_integer()
    margin = 0.02 * float(at[-1] - at[0])
    axes.set_xlim(at[0] - margin, at[-1] + margin)
    mark(
        axes,
        x=ticks.linear(float(at[0]), float(at[-1]), lambda v: plain(round(v, 10)), about=6, whole=whole),
        y=ticks.linear(low, high, lambda v: marked(metric, v, high - low)),
    )
