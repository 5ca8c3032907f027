"""The page of one run.

From top to bottom: the headline (`measures`), equity (`curves`), before and after the strategy was there
(`out_of_sample`), drawdown (`curves`), months (`months`), sliding windows (`rolling`), the days
(`distribution`) and the worst of them with their decisions (`worst_days`), what was held (`holdings`), which
branches decided it (`usage`, `branches`), what was traded (`trades`), all metrics (`measures`), and what
identifies the result (`facts`).
"""

from __future__ import annotations

import datetime as dt

from treefolio.report.branches import branches_section
from treefolio.report.curves import drawdown_section, equity_section
from treefolio.report.distribution import distribution_section
from treefolio.report.facts import execution_line, facts_section, part, window_line, word
from treefolio.report.holdings import holdings_section
from treefolio.report.markup import Html, el, shortened
from treefolio.report.measures import headline, metrics_section, rival_numbers
from treefolio.report.months import months_section
from treefolio.report.out_of_sample import out_of_sample_section, split
from treefolio.report.page import notes_alert, page, synthetic_alert
from treefolio.report.rolling import rolling_section
from treefolio.report.trades import trades_section
from treefolio.report.usage import usage
from treefolio.report.worst_days import worst_days_section
from treefolio.sweep.single import Result

_LINKS = (
    ("equity", "Equity"),
    ("sample", "Out of sample"),
    ("drawdown", "Drawdown"),
    ("months", "Months"),
    ("rolling", "Rolling"),
    ("distribution", "Days"),
    ("worst", "Worst days"),
    ("holdings", "Holdings"),
    ("branches", "Branches"),
    ("trades", "Trades"),
    ("metrics", "Metrics"),
    ("facts", "Facts"),
)


def run_page(result: Result, imported_on: dt.date | None = None) -> str:
    """A self-contained HTML page of one run, at most 1 MB: the same result gives the same text.

    Args:
        imported_on: the day on which this text of the strategy was first seen. What it did on that day and
            later is out of sample: it is marked on the curve, and measured by itself.
    """
    manifest, description = result.manifest, result.strategy.description
    parts = _parts(result, imported_on)
    return page(
        kind="Backtest",
        name=result.strategy.name,
        lead=f"{window_line(manifest)} · {execution_line(manifest)}",
        alerts=[synthetic_alert(result.synthetic), notes_alert(result.notes)],
        links=[(anchor, text) for anchor, text in _LINKS if parts[anchor] is not None],
        parts=[
            el("p", shortened(description, 2_000), style="margin-top:20px") if description else None,
            headline(result, rival_numbers(result)),
            *parts.values(),
        ],
        foot=f"Treefolio {word(part(manifest, 'versions'), 'treefolio')}. A backtest is not a promise.",
    )


def _parts(result: Result, imported_on: dt.date | None) -> dict[str, Html | None]:
    """The sections by their anchors, in the page's order; None for those that have nothing to show."""
    run, question, rival = result.run, result.prepared.question, rival_numbers(result)
    name, returns = question.benchmark_name or "", run.returns
    rivals = None if rival is None else result.frame.marks.rival.returns
    divided = None if imported_on is None else split(result, imported_on)
    sample = None if divided is None else out_of_sample_section(divided, len(run.sessions), name)
    return {
        "equity": equity_section(result, imported_on),
        "sample": sample,
        "drawdown": drawdown_section(result),
        "months": months_section(run.sessions, returns, rivals, name),
        "rolling": rolling_section(run.sessions, returns, rivals, name),
        "distribution": distribution_section(returns, rivals, name),
        "worst": worst_days_section(result),
        "holdings": holdings_section(run),
        "branches": branches_section(usage(result.prepared)),
        "trades": trades_section(run, question.execution.capital),
        "metrics": metrics_section(result, rival),
        "facts": facts_section(result.manifest),
    }
