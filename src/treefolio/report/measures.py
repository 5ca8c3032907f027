"""The numbers: a headline of six, and the table of all metrics by group, beside the benchmark's own."""

from __future__ import annotations

from collections.abc import Mapping

from treefolio.metrics import GROUPS, METRICS, TITLES, Metric, measure_one
from treefolio.report.curves import still
from treefolio.report.markup import Html, el, section
from treefolio.report.numerals import UNDEFINED, short_money, shown
from treefolio.report.page import cards
from treefolio.sweep.single import Result

Numbers = Mapping[str, float | None]

HEADLINE = ("annualized_return", "volatility", "sharpe", "max_drawdown", "calmar")

_ONLY_OURS = ("benchmark", "activity")
"""Groups that say nothing about the benchmark by itself."""


def rival_numbers(result: Result) -> Numbers | None:
    """The benchmark's own metrics by the same conventions; None when there is none, or none that moves."""
    returns = result.frame.marks.rival.returns
    if not returns.size or still(result.benchmark):
        return None
    return measure_one(returns, result.frame)


def headline(result: Result, rival: Numbers | None) -> Html:
    """The numbers that people look for first, each beside the benchmark's."""
    capital, name = result.prepared.question.execution.capital, result.prepared.question.benchmark_name or ""
    entries = [
        (metric.label, metric.convention, shown(metric, result.metrics[key]), _beside(metric, rival, name))
        for key in HEADLINE
        for metric in (METRICS[key],)
    ]
    final = float(result.run.values[-1])
    entries.append(("Final value", "at the last close", short_money(final), f"from {short_money(capital)}"))
    return cards(entries)


def metrics_section(result: Result, rival: Numbers | None) -> Html:
    """Every metric, by group, with its convention on hover."""
    name = result.prepared.question.benchmark_name or ""
    groups = [group for group in GROUPS if rival is not None or group != "benchmark"]
    tables = [_group(group, result.metrics, rival, name) for group in groups]
    note = "Point at a name for its convention. Risk-free rate 0; a year has 252 sessions."
    if rival is None:
        note += " There is no benchmark to compare with."
    return section("metrics", "All metrics", el("div", *tables, class_="groups"), note=note)


def _group(group: str, numbers: Numbers, rival: Numbers | None, name: str) -> Html:
    beside = None if group in _ONLY_OURS else rival
    rows = []
    for metric in GROUPS[group]:
        cells = [shown(metric, numbers.get(metric.key))]
        if beside is not None:
            cells.append(shown(metric, beside.get(metric.key)))
        label = el("th", metric.label, scope="row", title=metric.convention)
        rows.append(el("tr", label, *(el("td", cell) for cell in cells)))
    heads = [el("th", el("strong", TITLES[group]), scope="col"), el("th", "", scope="col")]
    if beside is not None:
        heads.append(el("th", name, scope="col"))
    return el("div", el("table", el("thead", el("tr", *heads)), el("tbody", *rows)))


def _beside(metric: Metric, rival: Numbers | None, name: str) -> str:
    if rival is None:
        return ""
    value = rival.get(metric.key)
    return f"{name} {UNDEFINED if value is None else shown(metric, value)}"
