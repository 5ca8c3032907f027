"""Two variables at once: the mean of the ranked metric for each pair of their values.

Of more than two variables the pairs are shown that account for most of the metric's variance. Pairs are made
of the `STRONGEST` variables by that measure, each by itself, so that many variables do not take long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from treefolio.report.markup import Html, el, section, shortened
from treefolio.report.numerals import plain, share, shown
from treefolio.report.summary import RANKED, Cells, SweepSummary, Value, by_value, grid
from treefolio.sweep.groups import in_order

MOST, FEWER = 40, 25
"""Rows and columns of the first map and of the others; where there are more values, neighbours share one."""
MAPS = 5
STRONGEST = 6
ROOM = 16
"""Up to so many columns have room for their numbers."""

EVERY = 4
"""Columns without room share a heading, which is of the first of them."""

_STRONGEST = 0.8
_LONGEST = 12
_LONGEST_LABEL = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """A variable's values, put into a few places.

    Attributes:
        place: value → its place. labels: of each place.
    """

    place: dict[Value, int]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Two variables, and the cells between their values."""

    down: str
    across: str
    rows: Bins
    columns: Bins
    cells: Cells


def bins(values: Sequence[Value], most: int = MOST) -> Bins:
    """Numbers ascending, words as listed; groups of neighbours whose sizes differ by at most one."""
    ordered = in_order(values)
    groups = [part.tolist() for part in np.array_split(np.arange(len(ordered)), min(most, len(ordered)))]
    ends = [(ordered[group[0]], ordered[group[-1]]) for group in groups]
    words = (plain(a) if a == b else f"{plain(a)}–{plain(b)}" for a, b in ends)
    return Bins(
        place={ordered[k]: g for g, group in enumerate(groups) for k in group},
        labels=tuple(shortened(word, _LONGEST_LABEL) for word in words),
    )


def heat_section(summary: SweepSummary) -> Html | None:
    """The maps, the most telling first; None for fewer than two variables that vary."""
    several = [name for name, values in summary.variables.items() if len(values) > 1]
    if len(several) < 2:
        return None
    pairs = telling(summary, several)
    first, *others = pairs
    few = first.cells.told == 0.0 or len(pairs) == 1
    note = f"The mean {RANKED.label} over all combinations of a cell. The stronger, the higher."
    if not few:
        note += " First the two variables that account for most of its variance."
    if max(len(summary.variables[name]) for each in pairs for name in (each.down, each.across)) > FEWER:
        note += f" Neighbouring values may share a cell, at most {MOST} to a side."
    rest = [el("div", el("h3", _title(each, few=few)), *_drawn(each, small=True)) for each in others]
    return section(
        "heat",
        f"{RANKED.label} by two variables",
        el("h3", _title(first, few=few)),
        *_drawn(first),
        el("div", *rest, class_="pair", style="margin-top:26px") if rest else None,
        note=note,
    )


def telling(summary: SweepSummary, names: Sequence[str]) -> list[Map]:
    """At most `MAPS` pairs of variables that vary, those first that account for most of the variance."""
    chosen = list(names)
    if len(chosen) > STRONGEST:
        strength = {name: _strength(summary, name) for name in chosen}
        kept = sorted(chosen, key=lambda name: -strength[name])[:STRONGEST]
        chosen = [name for name in chosen if name in kept]
    found = [_map_of(summary, a, b, FEWER) for a, b in combinations(chosen, 2)]
    found.sort(key=lambda each: -each.cells.told)
    first = _map_of(summary, found[0].down, found[0].across, MOST)
    return [first, *found[1:MAPS]]


def _strength(summary: SweepSummary, name: str) -> float:
    """How far the means by value scatter about their own mean, weighted by rows."""
    found = by_value(summary, name)
    if not len(found):
        return 0.0
    means, weights = found["mean"].to_numpy(), found["count"].to_numpy()
    return float(np.average((means - np.average(means, weights=weights)) ** 2, weights=weights))


def _map_of(summary: SweepSummary, a: str, b: str, most: int) -> Map:
    """The one with more values goes down."""
    down, across = sorted((a, b), key=lambda name: len(summary.variables[name]), reverse=True)
    rows, columns = bins(summary.variables[down], most), bins(summary.variables[across], most)
    cells = grid(summary, down, across, (rows.place, columns.place))
    return Map(down=down, across=across, rows=rows, columns=columns, cells=cells)


def _title(each: Map, *, few: bool) -> str:
    names = f"{shortened(each.down, 40)} down, {shortened(each.across, 40)} across"
    return names if few else f"{names}: {share(each.cells.told)} of the variance"


def _drawn(each: Map, *, small: bool = False) -> tuple[Html, Html | None]:
    """The table, and the range of its colours."""
    means = each.cells.means
    seen = means[np.isfinite(means)]
    low, reach = (float(seen.min()), float(np.ptp(seen))) if len(seen) else (0.0, 0.0)
    roomy = len(each.columns.labels) <= ROOM and not small
    body = []
    for label, line in zip(each.rows.labels, means.tolist(), strict=True):
        head = el("th", shortened(label, _LONGEST), scope="row")
        places = (f"{label}, {other}" for other in each.columns.labels)
        cells = (_cell(value, low, reach, place, roomy) for value, place in zip(line, places, strict=True))
        body.append(el("tr", head, *cells))
    kind = "heat" if roomy else "heat fine"
    drawn = el(
        "table", el("thead", el("tr", *_heads(each.columns.labels, roomy))), el("tbody", *body), class_=kind
    )
    return el("div", drawn, class_="scroll"), _range(means)


def _heads(labels: Sequence[str], roomy: bool) -> list[Html]:
    """A heading for each column, or for every `EVERY` of them where there is no room for more."""
    corner = el("th", "", scope="col", style="width:1%")
    if roomy or len(labels) <= EVERY:
        return [corner, *(el("th", shortened(text, _LONGEST), scope="col") for text in labels)]
    groups = (labels[k : k + EVERY] for k in range(0, len(labels), EVERY))
    heads = (
        el("th", shortened(each[0], _LONGEST), colspan=str(len(each)), style="text-align:left")
        for each in groups
    )
    return [corner, *heads]


def _cell(value: float, low: float, reach: float, place: str, roomy: bool) -> Html:
    if np.isnan(value):
        return el("td", "", title=f"{place}: none")
    strength = _STRONGEST * ((value - low) / reach if reach > 0 else 0.5)
    number = shown(RANKED, value)
    title = f"{place}: {number}"
    return el("td", number if roomy else "", class_="gain", style=f"--a:{strength:.2f}", title=title)


def _range(means: NDArray[np.float64]) -> Html | None:
    seen = means[np.isfinite(means)]
    if not len(seen):
        return None
    low, high = shown(RANKED, float(seen.min())), shown(RANKED, float(seen.max()))
    return el("p", f"From {low} to {high}.", class_="note")
