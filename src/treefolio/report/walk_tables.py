"""The folds of a walk-forward: what was chosen, what came of it, and whether choices are stable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS
from treefolio.report import drawing, ticks
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.explained import Row, explained
from treefolio.report.markup import Html, el, join, legend, row, section, shortened, table
from treefolio.report.numerals import UNDEFINED, count, marked, plain, share, shown
from treefolio.report.page import chart
from treefolio.sweep.walkforward.result import ANNUAL, FoldResult, Span, WalkForward, Winner
from treefolio.sweep.walkforward.stability import Stability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

LISTED = 120
"""Folds with a line in the table."""
LISTED_VARIABLES = 6
MOST_VARIABLES = 24
DOTS = 500
"""Folds that are drawn, spread over all."""
BARS = 12
"""Values of a variable with a bar; the others are counted together."""
_LONGEST = 24


def folds_section(result: WalkForward) -> Html:
    """A line for each fold: when, what it chose, and the metric and annual return on both sides."""
    names = list(result.space.axes)[:LISTED_VARIABLES]
    keys = list(dict.fromkeys((result.by, ANNUAL)))
    heads = ["", "Training", "Test", *map(_heading, names)]
    for key in keys:
        label = METRICS[key].label
        heads += [join((label, "training"), el("br")), join((label, "test"), el("br"))]
    rows = [_fold(fold, names, keys) for fold in result.folds[:LISTED]]
    more = len(result.folds) - LISTED
    left = len(result.space.axes) - len(names)
    note = "The row that was best on the training, and what it then did on the test, which it had not seen."
    note += f" {left} more variables have no column here." if left > 0 else ""
    note += f" {count(more)} more folds are in folds.parquet." if more > 0 else ""
    heads.append("Efficiency")
    return section("folds", f"{count(len(result.folds))} folds", table(heads, rows, kind="dense"), note=note)


def _fold(fold: FoldResult, names: Sequence[str], keys: Sequence[str]) -> Html:
    dates = [_when(fold.train), _when(fold.test) + ("" if fold.complete else " (short)")]
    winner, outside = fold.winner, fold.out_of_sample
    if winner is None or outside is None:
        return row(*dates, *(UNDEFINED for _ in range(len(names) + 2 * len(keys) + 1)), head=str(fold.number))
    values = [shortened(plain(winner.assignment[name]), _LONGEST) for name in names]
    pairs = [shown(METRICS[key], found.get(key)) for key in keys for found in (winner.metrics, outside)]
    return row(*dates, *values, *pairs, _percent(fold.efficiency), head=str(fold.number))


def _heading(name: str) -> Html:
    """A variable above its column, which may break after a dot."""
    return join(re.split(r"(?<=[._])", shortened(name, _LONGEST)), el("wbr"))


def _when(spans: Sequence[Span]) -> str:
    more = f" and {len(spans) - 1} more" if len(spans) > 1 else ""
    return f"{spans[0].first} – {spans[0].last}{more}"


def _percent(value: float | None) -> str:
    return UNDEFINED if value is None else f"{100 * value:,.0f}%".replace("-", "−")


def scatter_section(result: WalkForward) -> Html | None:
    """The winners in sample against out of sample, by the metric that chose; None for fewer than two."""
    pairs = [
        (fold.winner.metrics.get(key), fold.out_of_sample.get(key))
        for key in (result.by,)
        for fold in result.folds
        if fold.complete and fold.winner is not None and fold.out_of_sample is not None
    ]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(known) < 2:
        return None
    inside, outside = np.array(known, np.float64).T
    metric = METRICS[result.by]
    svg = drawing.draw(
        "scatter",
        f"{metric.label} of the folds' winners, in sample across and out of sample up",
        lambda axes: _paint(axes, result.by, inside, outside),
        width=SMALL,
        height=300,
    )
    worse = int((outside > inside).sum() if result.lowest else (outside < inside).sum())
    some = f" {count(DOTS)} of the folds." if len(known) > DOTS else ""
    caption = f"{metric.label}: training across, test up. Dotted: as good there as here.{some}"
    note = f"{count(worse)} of {count(len(known))} winners did worse in the test than in the training."
    if not all(fold.complete for fold in result.folds):
        note += " Short tests are left out."
    body = el(
        "div", chart(svg, caption=caption, small=True), _means(inside, outside, result.by), class_="pair"
    )
    return section("scatter", "In sample against out of sample", body, note=note)


def _means(inside: Floats, outside: Floats, key: str) -> Html:
    metric = METRICS[key]
    rows = [
        row(shown(metric, float(inside.mean())), shown(metric, float(outside.mean())), head="Mean"),
        row(shown(metric, float(np.median(inside))), shown(metric, float(np.median(outside))), head="Median"),
        row(shown(metric, float(inside.min())), shown(metric, float(outside.min())), head="Lowest"),
        row(shown(metric, float(inside.max())), shown(metric, float(outside.max())), head="Highest"),
        row("", _correlation(inside, outside), head="Correlation"),
    ]
    return table((metric.label, "Training", "Test"), rows)


def _correlation(inside: Floats, outside: Floats) -> str:
    if np.ptp(inside) <= 0 or np.ptp(outside) <= 0:
        return UNDEFINED
    return f"{float(np.corrcoef(inside, outside)[0, 1]):.2f}".replace("-", "−")


def _paint(axes: Axes, key: str, inside: Floats, outside: Floats) -> None:
    x, y = _reach(inside), _reach(outside)
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.plot(x, x, color=colour("rival"), linewidth=1.2, linestyle=(0, (1, 2)))
    if y[0] < 0 < y[1]:
        axes.axhline(0.0, color=colour("rival"), linewidth=1.0)
    drawn = np.unique(np.linspace(0, len(inside) - 1, min(len(inside), DOTS)).astype(np.int64))
    axes.plot(
        inside[drawn],
        outside[drawn],
        color=colour("main"),
        linewidth=0,
        marker="o",
        markersize=5.0,
        alpha=0.7,
    )
    mark(
        axes,
        x=ticks.linear(*x, lambda v: _word(key, v, x[1] - x[0])),
        y=ticks.linear(*y, lambda v: _word(key, v, y[1] - y[0])),
    )


def _reach(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.1 * (high - low) or 0.1 * max(abs(high), 0.1)
    return low - margin, high + margin


def _word(key: str, value: float, widest: float) -> str:
    metric = METRICS[key]
    return f"{value:.4g}".replace("-", "−") if metric.unit == "ratio" else marked(metric, value, widest)


def stability_section(result: WalkForward) -> Html | None:
    """For each variable that varies, how often each value won, and how it moved from fold to fold."""
    several = [each for each in result.stability if len(each.values) > 1]
    if not several:
        return None
    parts = [_variable(each, result) for each in several[:MOST_VARIABLES]]
    left = len(several) - len(parts)
    chosen = sum(fold.winner is not None for fold in result.folds)
    note = (
        f"Which values won how many of {count(chosen)} folds. A value that wins again and again, or moves to "
        "its neighbours, was found; one that jumps about was drawn."
    )
    if result.changed is not None:
        note += f" The winner is another row than in the fold before in {share(result.changed)} of the steps."
    note += f" {left} more variables are not shown." if left > 0 else ""
    key = legend((("main", "Folds won"),))
    return section("stability", "Which values won", key, el("div", *parts, class_="pair"), note=note)


def _variable(each: Stability, result: WalkForward) -> Html:
    title = el("h3", shortened(each.variable, 40), title=shortened(each.variable, 400))
    won = [(wins, value) for wins, value in zip(each.wins, each.values, strict=True) if wins]
    won.sort(key=lambda pair: -pair[0])
    most = max((wins for wins, _ in won), default=1)
    today = None if result.current is None else result.current.assignment.get(each.variable)
    rows = [_won(wins, most, plain(value), now=value == today) for wins, value in won[:BARS]]
    others = sum(wins for wins, _ in won[BARS:])
    if others:
        rows.append(_won(others, most, f"{count(len(won) - BARS)} others", now=False))
    listed = table(("Value", "Folds", ""), rows, kind="grow")
    return el("div", title, listed, el("p", _moves(each), class_="note", style="margin-top:6px"))


def _won(wins: int, most: int, value: str, *, now: bool) -> Html:
    bar = el("i", class_="bar", style=f"width:{100 * min(1.0, wins / most):.0f}%")
    words = shortened(value, _LONGEST) + (" (today's choice)" if now else "")
    return row(count(wins), el("td", bar), head=words)


def _moves(each: Stability) -> str:
    words = f"{count(sum(wins > 0 for wins in each.wins))} of {count(len(each.values))} values won."
    if each.changed is not None:
        words += f" It changed in {share(each.changed)} of the steps"
        words += "." if each.mean_step is None else f", by {each.mean_step:.1f} positions a step on average."
    return words


def winners_section(result: WalkForward) -> Html:
    """What the whole sample would choose, and what would be chosen today."""
    rows = [
        _winner(name, winner, result)
        for name, winner in (("Best of the whole sample", result.whole), ("Chosen today", result.current))
    ]
    note = (
        "The first has seen every test, so its figures say nothing. The second is what the same choice, made "
        "on the latest training, would trade next."
    )
    return section("winners", "Winners", explained(("Row", METRICS[result.by].label), rows), note=note)


def _winner(name: str, winner: Winner | None, result: WalkForward) -> Row:
    if winner is None:
        return name, "There is none.", (UNDEFINED, UNDEFINED)
    values = (f"{shortened(key, 40)} = {shortened(plain(v), 40)}" for key, v in winner.assignment.items())
    value = shown(METRICS[result.by], winner.value)
    return name, shortened(", ".join(values), 400), (count(winner.row), value)
