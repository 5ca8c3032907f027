"""The best rows of a sweep: the table, and each of them as a line across all variables (`parallel`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from treefolio.metrics import METRICS, Metric
from treefolio.report.markup import Html, el, join, section, shortened
from treefolio.report.numerals import UNDEFINED, count, plain, share, shown
from treefolio.report.summary import RANKED, ROW, SweepSummary, best, has

TOP = 20
LISTED_VARIABLES = 8
"""Variables with a column in the list of the best."""
BESIDE = ("sharpe", "annualized_return", "volatility", "max_drawdown", "calmar")
"""Metrics in the list of the best."""
JUDGED: Mapping[str, tuple[str, str]] = {
    "dsr": ("Deflated", "probability that its true Sharpe ratio is above the best to expect of luck"),
    "plateau": ("Plateau", "share of all rows that its neighbours in the grid rank above, on average"),
}
"""Columns that compare a row with the others: heading, and what it says."""
_LONGEST = 24


def best_section(summary: SweepSummary) -> Html:
    """The `TOP` best with their variables, metrics, deflated Sharpe ratio and plateau."""
    names = list(summary.variables)[:LISTED_VARIABLES]
    metrics = [METRICS[key] for key in BESIDE if has(summary, key)]
    judged = [key for key in JUDGED if has(summary, key)]
    found = best(summary, [*names, *(metric.key for metric in metrics), *judged], TOP)
    left = len(summary.variables) - len(names)
    more = f" {left} more variables have no column here." if left else ""
    title = f"The {len(found)} best" if len(found) else "The best"
    if not len(found):
        return section("best", title, el("p", f"No row has a {RANKED.label}.", class_="note"))
    note = (
        f"By {RANKED.label}; of equals, the earlier combination. Deflated: the probability that a row's true "
        "ratio is above the best to expect of luck among all rows; 95% is usual. Plateau: how its neighbours "
        f"in the grid rank, 100% is best.{more}"
    )
    return section("best", title, row_table(found, names, metrics, judged), note=note)


def row_table(
    found: pl.DataFrame, names: Sequence[str], metrics: Sequence[Metric], judged: Sequence[str]
) -> Html:
    """Rows with their place, number, variables and metrics."""
    heads = [el("th", "", scope="col"), el("th", "Row", scope="col", title="its number, from 0")]
    heads += [el("th", shortened(name, _LONGEST), scope="col") for name in names]
    heads += [
        el("th", join(metric.label.split(" ", 1), el("br")), scope="col", title=metric.convention)
        for metric in metrics
    ]
    heads += [el("th", JUDGED[key][0], scope="col", title=JUDGED[key][1]) for key in judged]
    body = []
    for place, values in enumerate(found.iter_rows(named=True), start=1):
        cells = [count(values[ROW])]
        cells += [shortened(plain(values[name]), _LONGEST) for name in names]
        cells += [_number(metric, values[metric.key]) for metric in metrics]
        cells += [_judged(values[key]) for key in judged]
        body.append(el("tr", el("th", str(place), scope="row"), *(el("td", cell) for cell in cells)))
    return el("div", el("table", el("thead", el("tr", *heads)), el("tbody", *body)), class_="scroll")


def _number(metric: Metric, value: object) -> str:
    return shown(metric, float(value) if isinstance(value, int | float) else None)


def _judged(value: object) -> str:
    return share(value) if isinstance(value, float) and value == value else UNDEFINED
