"""What choosing on one half of the history is worth in the other: the page's part on CSCV.

`treefolio.selection.cscv` has the method; what is drawn comes from ``selection.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.report import drawing, ticks
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.explained import explained
from treefolio.report.luck import Luck, Overfit
from treefolio.report.markup import Html, el, legend, section
from treefolio.report.numerals import UNDEFINED, count, ratio, share
from treefolio.report.page import chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_DOT = 9.0
"""Area of a point, in square units."""


def overfitting_section(luck: Luck) -> Html:
    """The distribution of λ, the winners inside and outside, and the numbers; or why there are none."""
    over = luck.overfit
    title = "Chosen here, judged there"
    if over.pbo is None:
        why = luck.note or "there are fewer than two rows to choose from"
        return section("pbo", title, el("p", f"It cannot be told: {why}.", class_="note"))
    note = (
        f"The history is cut into {over.blocks} blocks. A half of them chooses the row with the best "
        f"Sharpe ratio, the other half judges it: {count(over.splits)} of {count(over.splits_total)} ways "
        f"(CSCV, over {count(over.rows)} rows)."
    )
    return section(
        "pbo",
        title,
        el("div", _logits(over), _winners(over), class_="pair"),
        el("div", _numbers(over), style="margin-top:18px"),
        note=note,
    )


def _numbers(over: Overfit) -> Html:
    middle = over.quantiles.get("0.5")
    error = f" ± {share(over.error)}" if over.error else ""
    slope = UNDEFINED if over.slope is None else ratio(over.slope)
    loss = UNDEFINED if over.loss is None else share(over.loss)
    adds = "What 1 more of Sharpe ratio inside adds outside."
    chance = "By chance about a half. ± is for the splits left out, not for having but one history."
    return explained(
        ("",),
        (
            ("Probability of overfitting", chance, (share(over.pbo or 0.0) + error,)),
            (
                "Median λ",
                "ln(w / (1 − w)) of the winner's rank w among all rows, outside. 0 is the median row.",
                (UNDEFINED if middle is None else ratio(middle),),
            ),
            (
                "Degradation slope",
                f"{adds} About −1 where one row always wins: what one half has more, the other has less.",
                (slope,),
            ),
            ("Probability of loss", "How often the winner has a Sharpe ratio below 0 outside.", (loss,)),
        ),
    )


def _logits(over: Overfit) -> Html:
    key = legend((("loss", "No better than the median row"), ("main", "Better")))
    if not sum(over.counts):
        return el("div", el("h3", "The winner's rank, outside"), el("p", "None.", class_="note"))
    svg = drawing.draw(
        "logits",
        "How many splits have which logit of the winner's rank out of sample",
        lambda axes: _paint_logits(axes, np.array(over.edges), np.array(over.counts, np.float64)),
        width=SMALL,
        height=240,
    )
    caption = (
        "Splits by λ. To the left of 0 the winner of one half is no better than the median in the other."
    )
    return el("div", el("h3", "The winner's rank, outside"), chart(svg, key=key, caption=caption, small=True))


def _paint_logits(axes: Axes, edges: Floats, counts: Floats) -> None:
    there = np.flatnonzero(counts)
    zero = int(np.argmin(np.abs(edges)))
    first, last = min(int(there[0]), zero - 1), max(int(there[-1]) + 1, zero + 1)
    edges, counts = edges[first : last + 1], counts[first:last]
    width = np.diff(edges)
    for kept, tint in ((edges[1:] <= 1e-12, "loss"), (edges[1:] > 1e-12, "main")):
        left = edges[:-1][kept]
        axes.bar(left, counts[kept], width=0.9 * width[kept], align="edge", color=colour(tint), alpha=0.75)
    axes.axvline(0.0, color=colour("ink"), linewidth=1.2)
    low, high = float(edges[0]), float(edges[-1])
    margin, top = 0.02 * (high - low), 1.06 * float(counts.max())
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(0.0, top)
    mark(
        axes,
        x=ticks.linear(low, high, lambda v: f"{v:g}".replace("-", "−"), about=6),
        y=ticks.linear(0.0, top, count, about=4, whole=True),
    )


def _winners(over: Overfit) -> Html:
    title = el("h3", "The winners, inside and outside")
    if not over.inside:
        return el("div", title, el("p", "None.", class_="note"))
    key = legend((("main", "A winner"), ("loss", "One that loses outside"), ("ink", "Slope")))
    svg = drawing.draw(
        "winners",
        "Sharpe ratios of the winners, in sample across and out of sample up",
        lambda axes: _paint_winners(axes, np.array(over.inside), np.array(over.outside), over.slope),
        width=SMALL,
        height=240,
    )
    some = f"{count(len(over.inside))} of the splits. " if len(over.inside) < over.splits else ""
    caption = f"{some}Sharpe ratio inside across, outside up. Dotted: as good outside as inside."
    return el("div", title, chart(svg, key=key, caption=caption, small=True))


def _paint_winners(axes: Axes, inside: Floats, outside: Floats, slope: float | None) -> None:
    for kept, tint in ((outside >= 0, "main"), (outside < 0, "loss")):
        axes.scatter(
            inside[kept], outside[kept], s=_DOT, color=colour(tint), alpha=0.4, linewidths=0, rasterized=False
        )
    low, high = _reach(inside)
    bottom, top = _reach(np.append(outside, 0.0))
    ends = np.array([low, high])
    axes.plot(ends, ends, color=colour("rival"), linewidth=1.2, linestyle=(0, (1, 2)))
    axes.axhline(0.0, color=colour("rival"), linewidth=1.0)
    if slope is not None:
        line = float(outside.mean()) + slope * (ends - float(inside.mean()))
        axes.plot(ends, line, color=colour("ink"), linewidth=1.5)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    mark(axes, x=ticks.linear(low, high, _plain), y=ticks.linear(bottom, top, _plain))


def _reach(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.1 * max(1.0, abs(high))
    return low - margin, high + margin


def _plain(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
