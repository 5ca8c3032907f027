"""The best rows as lines across all variables: where they agree, lines run together.

Axes are numbered, since variables are named by strangers and nothing of theirs is drawn; the table below the
chart says which is which, and what stands at its ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.report import drawing
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, row, section, shortened, table
from treefolio.report.numerals import count, plain, shown
from treefolio.report.page import chart
from treefolio.report.summary import RANKED, SweepSummary, Value, best

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

LINES = 100
AXES = 12
"""Variables with an axis."""
_LONGEST = 60


def parallel_section(summary: SweepSummary) -> Html | None:
    """The lines of the `LINES` best rows; None for fewer than two rows or two variables that vary."""
    names = [name for name, values in summary.variables.items() if len(values) > 1][:AXES]
    found = best(summary, [*names, RANKED.key], LINES)
    if len(names) < 2 or len(found) < 2:
        return None
    heights = np.column_stack(
        [*(heights_of(found[name], summary.variables[name]) for name in names), _ranked(found[RANKED.key])]
    )
    svg = drawing.draw(
        "parallel",
        f"The {len(found)} best rows as lines across the variables and the {RANKED.label}",
        lambda axes: _paint(axes, heights),
        height=300,
    )
    left = sum(len(values) > 1 for values in summary.variables.values()) - len(names)
    more = f" {left} more variables have no axis." if left else ""
    note = (
        f"Each line is one of the {count(len(found))} rows with the highest {RANKED.label}. Where lines run "
        f"together the best agree on a value; where they spread the variable does not matter to them.{more}"
    )
    key = legend((("main", f"The {count(len(found))} best"), ("loss", "The best")))
    parts = chart(svg, key=key), el("div", _axes(summary, names, found), style="margin-top:10px")
    return section("parallel", "What the best have in common", *parts, note=note)


def heights_of(values: pl.Series, listed: Sequence[Value]) -> Floats:
    """(rows,) where values stand among all of their variable's, from 0 to 1.

    Numbers stand by size, words as listed.
    """
    ordered = list(dict.fromkeys(listed))
    if not any(isinstance(value, str) for value in ordered):
        ordered.sort()
    place: Mapping[Value, int] = {value: k for k, value in enumerate(ordered)}
    return np.array([place.get(value, np.nan) for value in values], np.float64) / max(1, len(ordered) - 1)


def _ranked(values: pl.Series) -> Floats:
    """(rows,) the metric between its lowest and highest among these rows, from 0 to 1."""
    numbers = values.to_numpy()
    low, reach = float(numbers.min()), float(np.ptp(numbers))
    return (numbers - low) / reach if reach > 0 else np.full(len(numbers), 0.5)


def _axes(summary: SweepSummary, names: Sequence[str], found: pl.DataFrame) -> Html:
    rows = []
    for k, name in enumerate(names, start=1):
        listed, taken = summary.variables[name], found[name].n_unique()
        ordered = listed if any(isinstance(v, str) for v in listed) else sorted(listed)
        ends = (shortened(plain(ordered[0]), 24), shortened(plain(ordered[-1]), 24))
        rows.append(
            row(shortened(name, _LONGEST), *ends, f"{count(taken)} of {count(len(listed))}", head=str(k))
        )
    numbers = found[RANKED.key]
    low, high = shown(RANKED, numbers.min()), shown(RANKED, numbers.max())  # type: ignore[arg-type]
    rows.append(row(RANKED.label, low, high, "", head=str(len(names) + 1)))
    return table(("Axis", "Variable", "Bottom", "Top", "Values among the best"), rows, kind="left")


def _paint(axes: Axes, heights: Floats) -> None:
    across = np.arange(heights.shape[1], dtype=np.float64)
    axes.grid(visible=False)
    for at in across:
        axes.axvline(at, color=colour("line"), linewidth=1.4)
    others = heights[:0:-1]
    gaps = np.full((len(others), 1), np.nan)
    xs = np.tile(np.append(across, np.nan), len(others))
    ys = np.hstack((others, gaps)).ravel()
    strength = 0.65 if len(others) <= 20 else 0.35
    axes.plot(xs, ys, color=colour("main"), linewidth=1.2, alpha=strength)
    axes.plot(across, heights[0], color=colour("loss"), linewidth=2.2)
    axes.set_xlim(-0.15, across[-1] + 0.15)
    axes.set_ylim(-0.04, 1.04)
    axes.spines["bottom"].set_visible(False)
    mark(axes, x=[(float(at), str(int(at) + 1)) for at in across], y=[(0.0, "bottom"), (1.0, "top")])
