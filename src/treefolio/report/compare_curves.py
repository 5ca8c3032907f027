"""The curves of a comparison: growth on a log scale, losses from the peak, rolling correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.report import drawing, ticks
from treefolio.report.curves import growth, under_water
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, legend, section
from treefolio.report.numerals import multiple, percent_mark
from treefolio.report.page import chart
from treefolio.report.rolling import paint_curves, rolling_correlation
from treefolio.report.thin import MOST_POINTS, kept, said
from treefolio.sweep.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]

TINTS = ("main", "loss", "s2", "s8", "s4", "s0", "s6", "s3", "s9", "rival")
"""Colours of the curves, in the order in which they are taken."""
TOGETHER = 14_000
"""Points of all curves of one chart."""
WINDOW = 90
"""Sessions of the rolling correlation."""


def points(curves: int) -> int:
    """How many points each of so many curves may have."""
    return min(MOST_POINTS, TOGETHER // curves)


def key(names: Sequence[str]) -> Html:
    """Which curve is whose."""
    return legend(zip(TINTS, names, strict=False))


def curves_section(comparison: Comparison, names: Sequence[str]) -> Html:
    """Each curve as multiples of where it begins."""
    curves = [growth(column) for column in comparison.returns.T]
    svg = drawing.draw(
        "curves",
        "Growth of each from the first common session, on a log scale",
        lambda axes: _paint_growth(axes, comparison.sessions, curves),
        height=400,
    )
    most = points(len(curves))
    note = "Multiples of the value on the first session, on a log scale: equal steps are equal percentages."
    drawn = chart(svg, key=key(names), caption=said(len(comparison.sessions), most) or None)
    return section("curves", "Curves", drawn, note=note)


def losses_section(comparison: Comparison, names: Sequence[str]) -> Html:
    """Each curve's loss from its highest value so far."""
    curves = [under_water(growth(column)) for column in comparison.returns.T]
    svg = drawing.draw(
        "losses",
        "Loss of each from its highest value so far, by session",
        lambda axes: _paint_losses(axes, comparison.sessions, curves),
        height=240,
    )
    caption = said(len(comparison.sessions), points(len(curves))) or None
    return section("losses", "Drawdowns", chart(svg, key=key(names), caption=caption))


def rolling_section(comparison: Comparison, names: Sequence[str]) -> Html | None:
    """The correlation of each other with the first over sliding windows; None for shorter ones."""
    if len(comparison.returns) < WINDOW:
        return None
    first, *others = comparison.returns.T
    found = tuple(
        (WINDOW, TINTS[k], rolling_correlation(first, other, WINDOW))
        for k, other in enumerate(others, start=1)
    )
    if not any(np.isfinite(values).any() for _, _, values in found):
        return None
    svg = drawing.draw(
        "rolling",
        f"Correlation with the first over {WINDOW} sessions, by session",
        lambda axes: paint_curves(axes, comparison.sessions[1:], found, lambda v, _: f"{v:.3g}"),
        height=220,
    )
    shown = legend(zip(TINTS[1:], names[1:], strict=False))
    note = f"Of the last {WINDOW} daily returns with those of {names[0]}; a gap is where it is undefined."
    return section("rolling", "Rolling correlation", chart(svg, key=shown), note=note)


def _days(sessions: Dates) -> Floats:
    return sessions.astype("datetime64[D]").astype(np.float64)


def _paint_growth(axes: Axes, sessions: Dates, curves: Sequence[Floats]) -> None:
    axes.set_yscale("log")
    days, most = _days(sessions), points(len(curves))
    for tint, values in reversed(list(zip(TINTS, curves, strict=False))):
        places = kept(values, most)
        above = np.where(values > 0, values, np.nan)  # a log scale has no place for ruin
        axes.plot(days[places], above[places], color=colour(tint), linewidth=1.5)
    positive = np.concatenate([values[values > 0] for values in curves])
    low, high = float(positive.min()), float(positive.max())
    margin = (high / low) ** 0.04 if high > low else 1.05
    low, high = low / margin, high * margin
    axes.set_ylim(low, high)
    axes.set_xlim(days[0], days[-1])
    marks = ticks.logarithmic(low, high, multiple)
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=marks)


def _paint_losses(axes: Axes, sessions: Dates, curves: Sequence[Floats]) -> None:
    days, most = _days(sessions), points(len(curves))
    for tint, values in reversed(list(zip(TINTS, curves, strict=False))):
        places = kept(values, most)
        axes.plot(days[places], values[places], color=colour(tint), linewidth=1.1)
    low = min(*(float(values.min()) for values in curves), -0.001) * 1.05
    axes.set_ylim(low, 0.0)
    axes.set_xlim(days[0], days[-1])
    marks = ticks.linear(low, 0.0, lambda v: percent_mark(v, -low), about=4)
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=marks)
