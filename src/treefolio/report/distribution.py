"""How the days were: a histogram of daily returns beside the benchmark's and a normal distribution's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics.passes import FLAT
from treefolio.report import drawing, ticks
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, row, section, table
from treefolio.report.numerals import count, percent, percent_mark
from treefolio.report.page import chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

BINS = 81
"""Odd, so that one bin has 0 in its middle."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_MIDDLE = 0.995
"""The bins reach as far as this share of the days; what lies beyond is in the outermost ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A histogram of returns that is symmetric about 0.

    Attributes:
        edges: (BINS + 1,) counts, rival: (BINS,), the outermost with all that lies beyond.
        normal: (BINS,) what a normal distribution of the same mean and deviation would have.
        outside: how many days lie beyond the edges.
    """

    edges: Floats
    counts: Floats
    rival: Floats | None
    normal: Floats | None
    outside: int


def days_of(returns: Floats, rival: Floats | None) -> Days:
    """The histogram of (n,) returns, and of the benchmark's, over the same bins."""
    every = returns if rival is None else np.concatenate((returns, rival))
    reach = float(np.quantile(np.abs(every), _MIDDLE))
    reach = reach if reach > FLAT else max(float(np.abs(every).max()), 0.01)
    edges = np.linspace(-reach, reach, BINS + 1)
    return Days(
        edges=edges,
        counts=_counted(returns, edges),
        rival=None if rival is None else _counted(rival, edges),
        normal=_normal(returns, edges),
        outside=int((np.abs(returns) > reach).sum()),
    )


def _counted(returns: Floats, edges: Floats) -> Floats:
    inside = np.clip(returns, edges[0], edges[-1])
    return np.histogram(inside, bins=edges)[0].astype(np.float64)


def _normal(returns: Floats, edges: Floats) -> Floats | None:
    """Expected counts; None where the returns do not vary."""
    if len(returns) < 2 or np.ptp(returns) <= FLAT:
        return None
    mean, deviation = float(returns.mean()), float(returns.std(ddof=1))
    below = [0.5 * math.erfc((mean - edge) / (deviation * math.sqrt(2.0))) for edge in edges.tolist()]
    below[0], below[-1] = 0.0, 1.0
    return len(returns) * np.diff(np.array(below))


def distribution_section(returns: Floats, rival: Floats | None, rival_name: str) -> Html:
    """The histogram and a table of quantiles."""
    found = days_of(returns, rival)
    svg = drawing.draw(
        "distribution",
        "How many days had which return",
        lambda axes: _paint(axes, found),
        height=260,
    )
    key = [("main", "Strategy")]
    key += [("rival", rival_name)] if rival is not None else []
    key += [("loss", "Normal, same mean and deviation")] if found.normal is not None else []
    caption = (
        f"{count(found.outside)} of {count(len(returns))} days lie beyond the edges, in the outermost bars."
    )
    return section(
        "distribution",
        "Daily returns",
        chart(svg, key=legend(key), caption=caption if found.outside else None),
        el("div", _quantiles(returns, rival, rival_name), style="margin-top:18px"),
        note="How many sessions had which return.",
    )


def _quantiles(returns: Floats, rival: Floats | None, rival_name: str) -> Html:
    heads = ("", "Worst", *(f"{q:.0%}" for q in QUANTILES), "Best")
    rows = [_quantile_row(returns, "Strategy")]
    if rival is not None:
        rows.append(_quantile_row(rival, rival_name))
    return table(heads, rows)


def _quantile_row(returns: Floats, name: str) -> Html:
    found = np.quantile(returns, (0.0, *QUANTILES, 1.0))
    return row(*(percent(float(value)) for value in found), head=name)


def _paint(axes: Axes, found: Days) -> None:
    width = float(found.edges[1] - found.edges[0])
    left, right = found.edges[:-1], found.edges[:-1] + 0.86 * width
    nothing = np.zeros(BINS)
    outline = np.column_stack((left, left, right, right)).ravel()  # one path: bars one by one take long
    heights = np.column_stack((nothing, found.counts, found.counts, nothing)).ravel()
    axes.fill(outline, heights, color=colour("main"), alpha=0.75, linewidth=0)
    if found.rival is not None:
        axes.stairs(found.rival, found.edges, color=colour("rival"), linewidth=1.3)
    middles = 0.5 * (found.edges[:-1] + found.edges[1:])
    if found.normal is not None:
        axes.plot(middles, found.normal, color=colour("loss"), linewidth=1.3, linestyle=(0, (4, 3)))
    curves = [each for each in (found.counts, found.rival, found.normal) if each is not None]
    top = 1.06 * max(1.0, *(float(each.max()) for each in curves))
    low, high = float(found.edges[0]), float(found.edges[-1])
    axes.set_xlim(low, high)
    axes.set_ylim(0.0, top)
    mark(
        axes,
        x=ticks.linear(low, high, lambda v: percent_mark(v, high), about=8),
        y=ticks.linear(0.0, top, count, about=4, whole=True),
    )
