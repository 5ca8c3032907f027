"""Two variables at once: the mean of the ranked metric for each pair of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS, Metric
from treefolio.report.markup import Html, el, section, shortened, table
from treefolio.report.numerals import plain, shown
from treefolio.report.summary import SweepSummary, Value, grid

MOST = 40
"""Rows and columns; where a variable has more values, neighbours share one."""
ROOM = 16
"""Up to so many columns have room for their numbers."""

_STRONGEST = 0.8
_LONGEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """A variable's values, put into at most `MOST` places.

    Attributes:
        place: value → its place. labels: of each place.
    """

    place: dict[Value, int]
    labels: tuple[str, ...]


def bins(values: Sequence[Value]) -> Bins:
    """Numbers ascending, words as listed; groups of neighbours whose sizes differ by at most one."""
    ordered = list(dict.fromkeys(values))
    if not any(isinstance(value, str) for value in ordered):
        ordered.sort()
    groups = [part.tolist() for part in np.array_split(np.arange(len(ordered)), min(MOST, len(ordered)))]
    ends = [(ordered[group[0]], ordered[group[-1]]) for group in groups]
    words = (plain(a) if a == b else f"{plain(a)}–{plain(b)}" for a, b in ends)
    return Bins(
        place={ordered[k]: g for g, group in enumerate(groups) for k in group},
        labels=tuple(shortened(word, 60) for word in words),
    )


def heat_section(summary: SweepSummary) -> Html | None:
    """The map for the two variables with the most values (the earlier of equals); None for fewer than two."""
    several = [name for name, values in summary.variables.items() if len(values) > 1]
    if len(several) < 2:
        return None
    chosen = sorted(several, key=lambda name: -len(summary.variables[name]))[:2]
    down, across = sorted(chosen, key=lambda name: len(summary.variables[name]), reverse=True)
    rows, columns = bins(summary.variables[down]), bins(summary.variables[across])
    means = grid(summary, down, across, (rows.place, columns.place))
    metric, names = METRICS[summary.rank_by], (shortened(down, 60), shortened(across, 60))
    note = "The mean over all combinations of a cell, the first variable down. The stronger, the higher."
    if max(len(summary.variables[name]) for name in chosen) > MOST:
        note += f" Neighbouring values share a cell, at most {MOST} to a side."
    return section(
        "heat",
        f"{metric.label} by {names[0]} and {names[1]}",
        _map(means, names, rows.labels, columns.labels, metric),
        _range(means, metric),
        note=note,
    )


def _map(
    means: NDArray[np.float64],
    names: tuple[str, str],
    down: Sequence[str],
    across: Sequence[str],
    metric: Metric,
) -> Html:
    seen = means[np.isfinite(means)]
    low, reach = (float(seen.min()), float(np.ptp(seen))) if len(seen) else (0.0, 0.0)
    roomy = len(across) <= ROOM
    body = []
    for label, line in zip(down, means, strict=True):
        head = el("th", shortened(label, _LONGEST), scope="row")
        places = [f"{names[0]} {label}, {names[1]} {each}" for each in across]
        cells = (
            _cell(float(v), low, reach, place, metric, roomy) for v, place in zip(line, places, strict=True)
        )
        body.append(el("tr", head, *cells))
    heads = [shortened(each, _LONGEST) if roomy or k % 4 == 0 else "" for k, each in enumerate(across)]
    return table(["", *heads], body, kind="heat" if roomy else "heat fine")


def _cell(value: float, low: float, reach: float, place: str, metric: Metric, roomy: bool) -> Html:
    if np.isnan(value):
        return el("td", "", title=f"{place}: none")
    strength = _STRONGEST * ((value - low) / reach if reach > 0 else 0.5)
    number = shown(metric, value)
    title = f"{place}: {number}"
    return el("td", number if roomy else "", class_="gain", style=f"--a:{strength:.2f}", title=title)


def _range(means: NDArray[np.float64], metric: Metric) -> Html | None:
    seen = means[np.isfinite(means)]
    if not len(seen):
        return None
    low, high = shown(metric, float(seen.min())), shown(metric, float(seen.max()))
    return el("p", f"From {low} to {high}.", class_="note")
