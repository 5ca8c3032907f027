"""Draws on the page: the fan of resampled histories, histograms with the real one, their quantiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS, Metric
from treefolio.report import drawing, ticks
from treefolio.report.drawing import SMALL, colour, mark
from treefolio.report.markup import Html, el, legend, row, section, table
from treefolio.report.numerals import UNDEFINED, count, marked, multiple, share, shown
from treefolio.report.page import chart
from treefolio.report.thin import kept
from treefolio.sweep.robustness.monte_carlo import MonteCarlo
from treefolio.sweep.robustness.random_picks import RandomPicks
from treefolio.sweep.robustness.spread import QUANTILES, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

BINS = 41
POINTS = 400
"""Sessions at which the bands are drawn; they are smooth."""
_MIDDLE = (0.002, 0.998)
"""A histogram reaches over these quantiles, and to the real one; the outermost bars have the rest."""


def monte_carlo_section(found: MonteCarlo) -> Html:
    """The fan, three histograms and their quantiles."""
    fan = drawing.draw(
        "fan",
        "Growth of the resampled histories in bands, and of the run, on a log scale",
        lambda axes: _paint_fan(axes, found),
        height=360,
    )
    key = legend((("main", "The run"), ("s1", "Half of the histories, and 90 % of them"), ("s2", "Median")))
    note = (
        f"{count(found.draws)} histories as long as the run, made of stretches of its own daily returns: "
        f"{found.block:.1f} sessions long on average, so that most of what ties a day to those before it "
        "stays. They show the luck of order and draw, given days like these. They do not show days that "
        "never came, nor that the rules may have been made to suit these days."
    )
    pictures = [histogram(f"mc-{key}", key, each) for key, each in found.spreads.items()]
    return section(
        "monte_carlo",
        "Monte Carlo",
        chart(fan, key=key),
        quantile_table(found.spreads),
        el("div", *pictures, class_="pair", style="margin-top:22px"),
        note=note,
    )


def random_picks_section(found: RandomPicks) -> Html:
    """The null distribution with the run's own value in it."""
    note = (
        "The null hypothesis that its timing is worth nothing. What the tree decided is moved along the "
        "calendar by a random number of sessions, so that every portfolio is held as often and as long at a "
        "stretch as in the run: each condition and each ranking has become a draw, equally frequent and "
        "equally persistent. The p-value is the share of draws that do at least as well, the run counted "
        "among them. Both sides are without costs. It does not tell whether the rules were made to suit "
        "these days."
    )
    if found.reason is not None:
        why = el("p", f"{found.reason[:1].upper()}{found.reason[1:]}.", class_="note")
        return section("random_picks", "Random picks", why, note=note)
    spreads = {"sharpe": found.sharpe, "cagr": found.cagr}
    facts = (
        f"{count(found.portfolios)} different sets of tickers, each held for {found.mean_length:.1f} "
        f"sessions on average; {count(found.draws)} of {count(found.moves)} possible moves; "
        f"p = {_p(found.p_sharpe)} by Sharpe ratio, {_p(found.p_cagr)} by annual return."
    )
    pictures = [histogram(f"null-{key}", key, each) for key, each in spreads.items()]
    return section(
        "random_picks",
        "Random picks",
        el("p", facts),
        quantile_table(spreads),
        el("div", *pictures, class_="pair", style="margin-top:22px"),
        note=note,
    )


def _p(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.2g}"


def quantile_table(spreads: Mapping[str, Spread]) -> Html:
    """A row for each metric: the real one, its place among the draws, and their quantiles."""
    heads = ("", "Real", "Draws below", *(f"{q:.0%}" for q in QUANTILES))
    rows = []
    for key, each in spreads.items():
        metric = METRICS[key]
        cells = [shown(metric, each.real), UNDEFINED if each.below is None else share(each.below)]
        cells += [shown(metric, value) for value in each.quantiles] or [UNDEFINED] * len(QUANTILES)
        rows.append(row(*cells, head=metric.label))
    return el("div", table(heads, rows), style="margin-top:14px")


def histogram(name: str, key: str, found: Spread) -> Html | None:
    """How the draws of one metric are spread, and where the real one lies; None without draws."""
    if not len(found.draws):
        return None
    metric = METRICS[key]
    svg = drawing.draw(
        name,
        f"How many draws have which {metric.label.lower()}, and the real one",
        lambda axes: paint_histogram(
            axes, found.draws, found.real, lambda v, widest: _mark(metric, v, widest)
        ),
        width=SMALL,
        height=230,
    )
    drawn = legend((("main", "Draws"), ("loss", f"Real: {shown(metric, found.real)}")))
    return el("div", el("h3", metric.label), chart(svg, key=drawn, small=True))


def _mark(metric: Metric, value: float, widest: float) -> str:
    return f"{value:.3g}".replace("-", "−") if metric.unit == "ratio" else marked(metric, value, widest)


def paint_histogram(
    axes: Axes, draws: Floats, real: float | None, word: Callable[[float, float], str]
) -> None:
    """Bars over the middle of (n,) numbers, and a line at the real one."""
    low, high = (float(value) for value in np.quantile(draws, _MIDDLE))
    if real is not None:
        low, high = min(low, real), max(high, real)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    margin = 0.03 * (high - low)
    low, high = low - margin, high + margin
    counts, edges = np.histogram(np.clip(draws, low, high), bins=BINS, range=(low, high))
    width = float(edges[1] - edges[0])
    axes.bar(edges[:-1], counts, width=0.86 * width, align="edge", color=colour("main"), alpha=0.75)
    if real is not None:
        axes.axvline(real, color=colour("loss"), linewidth=1.8)
    top = 1.06 * max(1.0, float(counts.max()))
    axes.set_xlim(low, high)
    axes.set_ylim(0.0, top)
    widest = max(abs(low), abs(high))
    mark(
        axes,
        x=ticks.linear(low, high, lambda v: word(v, widest), about=5),
        y=ticks.linear(0.0, top, count, about=4, whole=True),
    )


def _paint_fan(axes: Axes, found: MonteCarlo) -> None:
    axes.set_yscale("log")
    days = found.sessions.astype("datetime64[D]").astype(np.float64)
    places = np.unique(np.linspace(0, len(days) - 1, min(len(days), POINTS)).astype(np.int64))
    bands = np.where(found.bands > 0, found.bands, np.nan)[:, places]
    axes.fill_between(days[places], bands[0], bands[4], color=colour("s1"), alpha=0.25, linewidth=0)
    axes.fill_between(days[places], bands[1], bands[3], color=colour("s1"), alpha=0.45, linewidth=0)
    axes.plot(days[places], bands[2], color=colour("s2"), linewidth=1.2, linestyle=(0, (5, 3)))
    drawn = kept(found.values)
    above = np.where(found.values > 0, found.values, np.nan)
    axes.plot(days[drawn], above[drawn], color=colour("main"), linewidth=1.7)
    every = np.concatenate((bands.ravel(), above))
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    margin = (high / low) ** 0.03 if high > low else 1.05
    axes.set_ylim(low / margin, high * margin)
    axes.set_xlim(days[0], days[-1])
    marks = ticks.logarithmic(low / margin, high * margin, multiple)
    mark(axes, x=ticks.dates(found.sessions[0], found.sessions[-1]), y=marks)
