"""The numbers of the tree on the page: the most fragile with what each step does, cliffs, and the dead."""

from __future__ import annotations

import numpy as np

from treefolio.report import drawing
from treefolio.report.drawing import WIDE
from treefolio.report.markup import Html, el, legend, row, section, shortened, table
from treefolio.report.numerals import UNDEFINED, count, plain, ratio, share
from treefolio.report.page import cards, chart
from treefolio.report.robustness_draws import paint_histogram
from treefolio.sweep.robustness.fragility import CLIFF, Literals, Moved, Sensitivity

TOP = 30
"""Numbers in the table of the most fragile; all are in literals.parquet."""
COLUMNS = 5
"""Steps to each side that have a column."""
LISTED = 200
LONGEST = 46
_FULL = 0.5
"""A change of the Sharpe ratio that has the full colour."""
_DEEPEST = 0.75


def literals_section(found: Literals) -> Html:
    """Cards, the spread of all rows, and the tables."""
    note = (
        f"Every number of the tree was moved, alone, by up to {count(found.steps)} steps to each side, and "
        "the run repeated. A step is one session of a window, one point of an index from 0 to 100, and about "
        "a twentieth of any other number. A plateau is what one hopes for: the real value stands in the "
        "middle of its neighbours. A number is a cliff when a single step loses more than steps usually do, "
        f"by more than {CLIFF:g} of Sharpe ratio."
    )
    if not found.found:
        nothing = el("p", "The tree has no number that could be moved.", class_="note")
        return section("literals", "Literals", nothing, _left_out(found), note=note)
    return section(
        "literals",
        "Literals",
        _cards(found),
        _spread(found),
        _table(found),
        _cliffs(found),
        _dead(found),
        _left_out(found),
        note=note,
    )


def _cards(found: Literals) -> Html:
    worst = next((each for each in found.found if each.lowest is not None), None)
    worse = UNDEFINED if found.worse is None else share(found.worse)
    return cards(
        (
            ("Numbers moved", "one at a time", count(len(found.found)), f"{count(found.rows)} runs"),
            ("Dead", "no step of them changes anything", count(len(found.dead)), "change nothing"),
            ("Cliffs", "one step loses far more than usual", count(len(found.cliffs)), "of them"),
            (
                "Largest drop",
                "of the Sharpe ratio, by moving one number",
                ratio(worst.drop if worst else 0.0),
                worst.ladder.id if worst else "",
            ),
            ("Runs that are worse", "of those that differ; half is a plateau", worse, "by Sharpe ratio"),
        )
    )


def _spread(found: Literals) -> Html | None:
    """How the Sharpe ratios of all rows that differ are spread around the real one."""
    values = [
        point.sharpe
        for each in found.alive
        for point in each.moved
        if not point.same and point.sharpe is not None
    ]
    if len(values) < 2:
        return None
    own = found.base["sharpe"]
    svg = drawing.draw(
        "perturbed",
        "How many runs with one number moved have which Sharpe ratio, and the real one",
        lambda axes: paint_histogram(axes, np.array(values), own, lambda v, _: f"{v:.3g}"),
        width=WIDE,
        height=220,
    )
    key = legend((("main", "One number moved"), ("loss", f"Real: {_ratio(own)}")))
    return chart(svg, key=key)


def _table(found: Literals) -> Html:
    shown = found.alive[:TOP]
    if not shown:
        return el("p", "None of them changes anything.", class_="note")
    reach = min(found.steps, COLUMNS)
    steps = [k for k in range(-reach, reach + 1) if k]
    heads = ("Number", "Of", "Is", *(f"{k:+d}".replace("-", "−") for k in steps), "Drop", "Cliff")
    rows = [_row(each, steps, found.base["sharpe"]) for each in shown]
    more = "" if found.steps <= COLUMNS else f" Steps beyond {COLUMNS} are in the files."
    lead = el(
        "p",
        f"The {count(len(shown))} most fragile of {count(len(found.alive))} that matter, by the largest "
        f"drop: what each step does to the Sharpe ratio of {_ratio(found.base['sharpe'])}.{more}",
        class_="note",
        style="margin:20px 0 8px",
    )
    return el("div", lead, table(heads, rows, kind="heat"))


def _row(each: Sensitivity, steps: list[int], own: float | None) -> Html:
    points = {point.steps: point for point in each.moved}
    cells = [_cell(points.get(k), own) for k in steps]
    text = el("td", shortened(each.ladder.text, LONGEST), style="text-align:left")
    strong = {"class_": "never"} if each.is_cliff else {}
    return row(
        text,
        plain(each.ladder.value),
        *cells,
        ratio(each.drop),
        el("td", ratio(each.cliff) if each.cliff > 0 else UNDEFINED, **strong),
        head=each.ladder.id,
    )


def _cell(point: Moved | None, own: float | None) -> Html:
    if point is None or point.sharpe is None or own is None:
        return el("td", UNDEFINED)
    change = point.sharpe - own
    title = f"{plain(point.value)}: {ratio(point.sharpe)}"
    if abs(change) < 0.005:
        return el("td", "0" if point.same else "0.00", title=title)
    text = f"{change:+.2f}".replace("-", "−")
    alpha = min(1.0, abs(change) / _FULL) * _DEEPEST
    kind = "gain" if change > 0 else "loss"
    return el("td", text, class_=kind, style=f"--a:{alpha:.2f}", title=title)


def _cliffs(found: Literals) -> Html | None:
    if not found.cliffs:
        return None
    rows = [_cliff(each) for each in found.cliffs[:LISTED]]
    several = f"{count(len(found.cliffs))} cliffs, the steepest first" if len(found.cliffs) > 1 else "1 cliff"
    title = el("summary", several)
    heads = ("Number", "Of", "From", "To", "Sharpe ratio from", "to", "Score")
    return el("details", title, table(heads, rows, kind="left"), open="open")


def _cliff(each: Sensitivity) -> Html:
    assert each.edge is not None
    a, b = each.edge
    return row(
        shortened(each.ladder.text, 2 * LONGEST),
        plain(a.value),
        plain(b.value),
        _ratio(a.sharpe),
        _ratio(b.sharpe),
        ratio(each.cliff),
        head=each.ladder.id,
    )


def _dead(found: Literals) -> Html | None:
    if not found.dead:
        return None
    rows = [
        row(shortened(each.ladder.text, 2 * LONGEST), plain(each.ladder.value), head=each.ladder.id)
        for each in found.dead[:LISTED]
    ]
    more = len(found.dead) - LISTED
    if more > 0:
        rows.append(row("", "", head=f"{count(more)} more, in literals.parquet"))
    several = f"{count(len(found.dead))} dead numbers: moving them changes nothing"
    title = el("summary", several if len(found.dead) > 1 else "1 dead number: moving it changes nothing")
    return el("details", title, table(("Number", "Of", "Is"), rows, kind="left"))


def _left_out(found: Literals) -> Html | None:
    if not found.left_out:
        return None
    rows = [row(why, head=name) for name, why in list(found.left_out.items())[:LISTED]]
    title = el("summary", f"{count(len(found.left_out))} numbers that were not moved")
    return el("details", title, table(("Number", "Because"), rows, kind="left"))


def _ratio(value: float | None) -> str:
    return UNDEFINED if value is None else ratio(value)
