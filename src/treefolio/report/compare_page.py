"""The page of a comparison: strategies, tickers and earlier runs side by side on their common sessions.

From top to bottom: the numbers people look for first, the curves and what they lost (`compare_curves`), how
they move together and whether they differ by more than chance (`compare_tables`), what their trees have
apart (`tree_diff`), all metrics, and what identifies each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from treefolio.metrics import GROUPS, METRICS, TITLES
from treefolio.report.compare_curves import curves_section, losses_section, rolling_section
from treefolio.report.compare_tables import correlations_section, differences_section
from treefolio.report.facts import execution_line, part, window_line, word
from treefolio.report.markup import Html, el, row, section, shortened, table
from treefolio.report.numerals import count, shown
from treefolio.report.page import notes_alert, page, synthetic_alert
from treefolio.report.tree_diff import diff_html, tree_diff
from treefolio.sweep.compare import Comparison, Entrant

HEADLINE = (
    "cumulative_return",
    "annualized_return",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "longest_drawdown",
    "best_day",
    "worst_day",
    "win_rate",
    "beta",
    "turnover",
    "costs",
)
"""Metrics that stand at the top."""
DIFF_LINES = 500
"""Lines of differences that a page carries, over all pairs."""
LONGEST_NAME = 32

_ONE_LEAF = re.compile(r"^tree: .*$", re.MULTILINE)
"""A text whose tree is one leaf, such as a ticker's: nothing to compare."""

_LINKS = (
    ("numbers", "Numbers"),
    ("curves", "Curves"),
    ("losses", "Drawdowns"),
    ("correlations", "Correlations"),
    ("rolling", "Rolling correlation"),
    ("differences", "Differences"),
    ("trees", "Trees"),
    ("metrics", "All metrics"),
    ("facts", "Facts"),
)


def compare_page(comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """A self-contained HTML page of a comparison, at most 1 MB: the same comparison gives the same text."""
    entrants = comparison.entrants
    names = [short_name(each.name) for each in entrants]
    window = (
        f"{comparison.sessions[0]} to {comparison.sessions[-1]}, {count(len(comparison.sessions))} sessions"
    )
    parts = {
        "numbers": _numbers_section(comparison, names),
        "curves": curves_section(comparison, names),
        "losses": losses_section(comparison, names),
        "correlations": correlations_section(comparison, names),
        "rolling": rolling_section(comparison, names),
        "differences": differences_section(comparison, names),
        "trees": _trees_section(entrants, names),
        "metrics": _all_section(comparison, names),
        "facts": _facts_section(entrants, names),
    }
    version = word(part(entrants[0].manifest, "versions"), "treefolio")
    return page(
        kind="Comparison",
        name=", ".join(names),
        lead=f"{window}, which all of them have",
        alerts=[synthetic_alert(comparison.synthetic), notes_alert((*notes, *_unlike(entrants)))],
        links=[(anchor, text) for anchor, text in _LINKS if parts[anchor] is not None],
        parts=parts.values(),
        foot=f"Treefolio {version}. A backtest is not a promise.",
    )


def short_name(name: str) -> str:
    """The name, cut to `LONGEST_NAME`; what tells namesakes apart, in brackets at its end, stays."""
    head, bracket, tail = name.rpartition(" (")
    if len(name) <= LONGEST_NAME or not head or not tail.endswith(")") or len(tail) > LONGEST_NAME - 8:
        return shortened(name, LONGEST_NAME)
    return shortened(head, LONGEST_NAME - len(bracket + tail)) + bracket + tail


def _unlike(entrants: Sequence[Entrant]) -> list[str]:
    """What was not the same for all of them, so that a difference may come from there."""
    found = []
    for key, what in (
        ("execution", "how and at what cost they trade"),
        ("missing", "what missing prices mean"),
    ):
        if len({json.dumps(each.manifest.get(key), sort_keys=True) for each in entrants}) > 1:
            found.append(f"not the same for all: {what}")
    return found


def _numbers_section(comparison: Comparison, names: Sequence[str]) -> Html:
    return section("numbers", "Side by side", _metric_table(comparison, HEADLINE, names))


def _metric_table(comparison: Comparison, keys: Sequence[str], names: Sequence[str]) -> Html:
    """A row for each metric that some curve has, with its convention on hover; the best is bold."""
    rows = []
    for key in keys:
        metric, values = METRICS[key], [numbers.get(key) for numbers in comparison.metrics]
        defined = [value for value in values if value is not None]
        if not defined:
            continue
        best = None
        if metric.better is not None and min(defined) != max(defined):
            best = max(defined) if metric.better == "high" else min(defined)
        cells = (
            el("td", shown(metric, value), class_="best" if value is not None and value == best else "")
            for value in values
        )
        rows.append(el("tr", el("th", metric.label, scope="row", title=metric.convention), *cells))
    return table(("", *names), rows, kind="sides")


def _all_section(comparison: Comparison, names: Sequence[str]) -> Html:
    groups = (
        el("details", el("summary", TITLES[group]), _metric_table(comparison, [m.key for m in rows], names))
        for group, rows in GROUPS.items()
    )
    note = "Point at a name for its convention. What only a whole run knows is blank where one is cut."
    return section("metrics", "All metrics", *groups, note=note)


def _trees_section(entrants: Sequence[Entrant], names: Sequence[str]) -> Html | None:
    """What turns the first strategy into each other one; None where there are no two texts."""
    known = [k for k, each in enumerate(entrants) if each.text and not _ONE_LEAF.search(each.text)]
    if len(known) < 2:
        return None
    first, others = known[0], known[1:]
    most = DIFF_LINES // len(others)
    blocks = (_tree_block(entrants, names, first, other, most) for other in others)
    note = (
        f"From {names[first]} to each other: − leaves, + comes, line by line of the text form. What is the "
        "same is folded; a fold says where it stands deeper or less deep than before."
    )
    return section("trees", "Trees", *blocks, note=note)


def _tree_block(entrants: Sequence[Entrant], names: Sequence[str], a: int, b: int, most: int) -> Html:
    found = tree_diff(entrants[a].text or "", entrants[b].text or "")
    size = f"−{count(found.removed)} +{count(found.added)} lines, {count(found.same)} the same"
    body = diff_html(found, most)
    small = found.added + found.removed <= 2 * most // 3
    opened = {"open": "open"} if small else {}
    return el("details", el("summary", f"{names[a]} → {names[b]}: {size}"), body, **opened)


def _facts_section(entrants: Sequence[Entrant], names: Sequence[str]) -> Html:
    rows = [_facts_row(each, name) for each, name in zip(entrants, names, strict=True)]
    heads = ("", "Named by", "Whole window", "Execution", "Prices", "Strategy")
    return section("facts", "Facts", table(heads, rows, kind="left"))


def _facts_row(each: Entrant, name: str) -> Html:
    manifest = each.manifest
    snapshot = word(part(manifest, "prices"), "snapshot")[:12]
    return row(
        shortened(each.source, 60),
        window_line(manifest),
        execution_line(manifest),
        el("td", el("code", snapshot)),
        el("td", el("code", word(part(manifest, "strategy"), "hash")[:12])),
        head=name,
    )
