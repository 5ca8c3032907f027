"""The page of a sweep.

From top to bottom: how many combinations there were and what the best of so many is worth (`luck`), the best,
the space, how the metrics are spread (`spread`), what each variable does (`marginals`) and two together
(`heat`), what failed, and what identifies the sweep (`facts`). All numbers come from `summary`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS, Metric
from treefolio.report.facts import execution_line, facts_section, number, part, window_line, word
from treefolio.report.heat import heat_section
from treefolio.report.luck import expected_best_sharpe
from treefolio.report.marginals import marginals_section
from treefolio.report.markup import Html, el, row, section, shortened, table
from treefolio.report.numerals import UNDEFINED, count, plain, ratio, share, shown
from treefolio.report.page import cards, page, synthetic_alert
from treefolio.report.spread import spread_section
from treefolio.report.summary import SweepSummary, Value, best, column, reasons
from treefolio.sweep.assignments import described

Floats = NDArray[np.float64]

TOP = 20
LISTED_VARIABLES = 8
"""Variables with a column in the list of the best."""
BESIDE = ("sharpe", "annualized_return", "volatility", "max_drawdown", "calmar")
"""Metrics in the list of the best."""

_REASONS = 12
_LONGEST_VALUES = 160
_LINKS = (
    ("best", "Best"),
    ("space", "Space"),
    ("spread", "Distributions"),
    ("marginals", "Variables"),
    ("facts", "Facts"),
)


def sweep_page(summary: SweepSummary) -> str:
    """A self-contained HTML page of a sweep, at most 1 MB: the same summary gives the same text."""
    manifest = summary.manifest
    ratios = column(summary, "sharpe")
    luck = expected_best_sharpe(len(ratios), int(number(manifest, "sessions")))
    return page(
        kind="Sweep",
        name=word(part(manifest, "strategy"), "name"),
        lead=f"{window_line(manifest)} · {execution_line(manifest)}",
        alerts=[synthetic_alert(summary.synthetic)],
        links=_LINKS,
        parts=[
            _headline(summary, ratios, luck),
            _warning(ratios, int(number(manifest, "sessions")), luck),
            _best_section(summary),
            _space_section(summary),
            spread_section(summary, luck),
            marginals_section(summary),
            heat_section(summary),
            _failed_section(summary),
            facts_section(manifest),
        ],
        foot=f"Treefolio {word(part(manifest, 'versions'), 'treefolio')}. A backtest is not a promise.",
    )


def _headline(summary: SweepSummary, ratios: Floats, luck: float) -> Html:
    total = sum(summary.counts.values())
    ok = summary.counts.get("ok", 0)
    rest = ", ".join(f"{count(n)} {status}" for status, n in summary.counts.items() if n and status != "ok")
    middle = ratio(float(np.median(ratios))) if len(ratios) else UNDEFINED
    most = ratio(float(ratios.max())) if len(ratios) else UNDEFINED
    return cards(
        (
            ("Combinations", "", count(total), f"{len(summary.variables)} variables"),
            ("Done", "status ok", count(ok), rest or "none failed, none skipped"),
            ("Best Sharpe ratio", METRICS["sharpe"].convention, most, "the luckiest of all of them"),
            ("Expected of luck", "√(252 / T) · E[max of N]", ratio(luck), "as the best, without any skill"),
            ("Median Sharpe ratio", METRICS["sharpe"].convention, middle, "of all combinations"),
        )
    )


def _warning(ratios: Floats, sessions: int, luck: float) -> Html | None:
    """That the best of many is lucky, with the numbers of this sweep."""
    if not len(ratios):
        return None
    most = float(ratios.max())
    years = f"{sessions / 252:.1f} years"
    numbers = (
        f"This sweep made {count(len(ratios))} trials over {count(sessions)} sessions ({years}). "
        "Of that many independent trials whose true Sharpe ratio is 0, the best is expected to show "
        f"{ratio(luck)}; the best here shows {ratio(most)}. "
    )
    first = el(
        "p", el("strong", "The best of many trials is lucky. "), numbers, _MORE if most > luck else _LESS
    )
    return el("div", first, el("p", _ALIKE), class_="alert", role="note")


_MORE = "That is more than luck alone would show, but no proof: earlier sweeps of the strategy count as well."
_LESS = "Luck alone would be expected to show as much."
_ALIKE = (
    "Neighbours in a grid are alike, so there are fewer independent trials than combinations, and the bar is "
    "somewhat lower than that; but then, merely holding the market may have shown more than 0. Judge a "
    "winner by its neighbours, and by data that it has not seen."
)


def _best_section(summary: SweepSummary) -> Html:
    names = list(summary.variables)[:LISTED_VARIABLES]
    metrics = [METRICS[key] for key in dict.fromkeys((summary.rank_by, *BESIDE))]
    found = best(summary, [*names, *(metric.key for metric in metrics)], TOP)
    ranked = enumerate(found.iter_rows(named=True), start=1)
    rows = [_ranked(place, values, names, metrics) for place, values in ranked]
    heads = ["", *(shortened(name, 24) for name in names), *(metric.label for metric in metrics)]
    left = len(summary.variables) - len(names)
    more = f" {left} more variables have no column here." if left else ""
    label = METRICS[summary.rank_by].label
    title = f"The {len(rows)} best" if rows else "The best"
    return section(
        "best", title, table(heads, rows), note=f"By {label}; of equals, the earlier combination.{more}"
    )


def _ranked(place: int, values: dict[str, object], names: list[str], metrics: list[Metric]) -> Html:
    picked = [shortened(plain(values[name]), 24) for name in names]
    numbers = [_number(metric, values[metric.key]) for metric in metrics]
    return row(*picked, *numbers, head=str(place))


def _number(metric: Metric, value: object) -> str:
    return shown(metric, float(value) if isinstance(value, int | float) else None)


def _space_section(summary: SweepSummary) -> Html:
    full = int(np.prod([len(values) for values in summary.variables.values()], dtype=object))
    meanings = _meanings(summary)
    rows = [
        row(count(len(values)), _values(values), meanings.get(name, ""), head=shortened(name, 60))
        for name, values in summary.variables.items()
    ]
    total = sum(summary.counts.values())
    some = f", of which {count(total)} ({share(total / full)}) were asked for" if total < full else ""
    origin = part(part(summary.manifest, "space"), "listed")
    how = f" They are {described(origin)}." if origin else ""
    note = f"The grid has {count(full)} combinations{some}.{how}"
    return section(
        "space", "Space", table(("Variable", "Number", "Values", "Of"), rows, kind="left wrap"), note=note
    )


def _meanings(summary: SweepSummary) -> dict[str, str]:
    """Handle → the part of the strategy around it; declared variables speak for themselves."""
    listed = part(summary.manifest, "space").get("variables")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return {str(entry.get("name")): shortened(str(entry["of"]), 80) for entry in entries if entry.get("of")}


def _values(values: tuple[Value, ...]) -> str:
    """The values, the middle left out when they are many."""
    text = ", ".join(plain(value) for value in values[:12])
    if len(values) > 12:
        text = ", ".join(plain(value) for value in values[:8]) + f", …, {plain(values[-1])}"
    return shortened(text, _LONGEST_VALUES)


def _failed_section(summary: SweepSummary) -> Html | None:
    if sum(summary.counts.values()) == summary.counts.get("ok", 0):
        return None
    rows = [
        row(el("td", shortened(reason, 240)), count(n), head=status)
        for status, reason, n in reasons(summary, _REASONS)
    ]
    note = f"Why combinations were not done; the {_REASONS} most frequent reasons."
    return section(
        "failed", "Not done", table(("Status", "Reason", "Combinations"), rows, kind="left wrap"), note=note
    )
