"""Return against drawdown: the rows that no other one beats in both, before the cloud of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS
from treefolio.report import drawing, ticks
from treefolio.report.best import BESIDE, JUDGED, LISTED_VARIABLES, row_table
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, section
from treefolio.report.numerals import count, percent_mark
from treefolio.report.page import chart
from treefolio.report.summary import ROW, SweepSummary, has, numbered
from treefolio.sweep.front import front as unbeaten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GAIN, PAIN = "annualized_return", "max_drawdown"
LABELLED = 12
"""Rows of the front that have a number and a line in the table."""
DOTS = 400
"""Up to so many rows are drawn one by one; more of them by their density."""
_ACROSS, _UP = 64, 36
_SHADES = (0.12, 0.24, 0.4, 0.6)
_DOT = 10.0


def pareto_section(summary: SweepSummary) -> Html | None:
    """The picture and the table; None where the rows lack one of the two metrics."""
    if not has(summary, GAIN, PAIN):
        return None
    found = numbered(summary, (GAIN, PAIN)).drop_nulls().drop_nans()
    if not len(found):
        return None
    gains, pains = found[GAIN].to_numpy(), found[PAIN].to_numpy()
    places = front(gains, pains)
    labelled = places[_spread(len(places))]
    svg = drawing.draw(
        "pareto",
        "Annualized return of the rows against their maximum drawdown, and the front of the best",
        lambda axes: _paint(axes, gains, pains, places, labelled),
        height=380,
    )
    several = f", of which {LABELLED} have a number" if len(places) > LABELLED else ""
    note = (
        "Drawdown across, annualized return up: better is up and to the left. "
        f"{count(len(places))} of {count(len(found))} rows are on the front{several}: no other row has "
        "both a higher return and a smaller drawdown. They were chosen as the best were, and are as lucky."
    )
    cloud = "Rows" if len(found) <= DOTS else "Rows, the darker the more"
    key = legend((("main", cloud), ("loss", "The front")))
    parts = chart(svg, key=key), _table(summary, found[ROW].to_numpy()[labelled])
    return section("pareto", "Return against drawdown", *parts, note=note)


def front(gains: Floats, pains: Floats) -> Ints:
    """Places of the rows that none beats: by rising pain, each with more gain than all before.

    Of rows with the same gain and pain the first counts.
    """
    places = unbeaten(np.column_stack((gains, -pains)))
    _, first = np.unique(pains[places], return_index=True)
    return places[first]


def _spread(size: int) -> Ints:
    """Places among so many to label: both ends, and others in equal steps."""
    return np.unique(np.linspace(0, size - 1, min(size, LABELLED)).round().astype(np.int64))


def _table(summary: SweepSummary, rows: Ints) -> Html:
    names = list(summary.variables)[:LISTED_VARIABLES]
    metrics = [METRICS[key] for key in BESIDE if has(summary, key)]
    judged = [key for key in JUDGED if has(summary, key)]
    keys = [*names, *(metric.key for metric in metrics), *judged]
    found = numbered(summary, keys, rows.tolist())
    place = {row: k for k, row in enumerate(rows.tolist())}
    order = np.argsort([place[row] for row in found[ROW]])
    return el("div", row_table(found[order], names, metrics, judged), style="margin-top:14px")


def _paint(axes: Axes, gains: Floats, pains: Floats, places: Ints, labelled: Ints) -> None:
    x, y = _reach(pains, pains[places]), _reach(gains, gains[places])
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    if len(gains) <= DOTS:
        axes.scatter(pains, gains, s=_DOT, color=colour("main"), alpha=0.45, linewidths=0)
    else:
        _cloud(axes, pains, gains, x, y)
    axes.plot(pains[places], gains[places], color=colour("loss"), linewidth=1.4, marker="o", markersize=3.0)
    for number, place in enumerate(labelled.tolist(), start=1):
        at, left = (pains[place], gains[place]), number % 2 == 1
        axes.plot(*at, color=colour("loss"), marker="o", markersize=6.0)
        aside, side = ((-6, 5), "right") if left else ((6, -12), "left")
        axes.annotate(
            str(number), at, aside, textcoords="offset points", horizontalalignment=side, color=colour("soft")
        )
    mark(
        axes,
        x=ticks.linear(*x, lambda v: percent_mark(v, x[1] - x[0]), about=7),
        y=ticks.linear(*y, lambda v: percent_mark(v, y[1] - y[0])),
    )


def _reach(values: Floats, front: Floats) -> tuple[float, float]:
    """From the lowest to the highest, but for the outermost half percent that is not on the front."""
    inner = np.quantile(values, (0.005, 0.995))
    low, high = min(float(inner[0]), float(front.min())), max(float(inner[1]), float(front.max()))
    margin = 0.07 * (high - low) or 0.01
    return low - margin, high + margin


def _cloud(axes: Axes, across: Floats, up: Floats, x: tuple[float, float], y: tuple[float, float]) -> None:
    """The density of all rows in a few shades, each one path."""
    counts, xs, ys = np.histogram2d(across, up, bins=(_ACROSS, _UP), range=(x, y))
    steps = np.quantile(counts[counts > 0], (0.0, 0.4, 0.7, 0.9)) if counts.any() else ()
    width, height = xs[1] - xs[0], ys[1] - ys[0]
    shade = np.searchsorted(steps, counts, side="right") * (counts > 0)
    for level, strength in enumerate(_SHADES, start=1):
        a, b = np.nonzero(shade == level)
        if not len(a):
            continue
        left, low, gap = xs[a], ys[b], np.full(len(a), np.nan)
        corners = np.column_stack((left, left + width, left + width, left, gap)).ravel()
        heights = np.column_stack((low, low, low + height, low + height, gap)).ravel()
        axes.fill(corners, heights, color=colour("main"), alpha=strength, linewidth=0)
