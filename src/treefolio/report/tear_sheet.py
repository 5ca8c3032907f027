"""The page of one run.

From top to bottom: the headline (`measures`), equity and drawdown (`curves`), months (`months`), what was
held (`holdings`) and traded (`trades`), all metrics (`measures`), and what identifies the result (`facts`).
"""

from __future__ import annotations

from treefolio.report.curves import drawdown_section, equity_section
from treefolio.report.facts import execution_line, facts_section, part, window_line, word
from treefolio.report.holdings import holdings_section
from treefolio.report.markup import el, shortened
from treefolio.report.measures import headline, metrics_section, rival_numbers
from treefolio.report.months import months_section
from treefolio.report.page import notes_alert, page, synthetic_alert
from treefolio.report.trades import trades_section
from treefolio.sweep.single import Result

_LINKS = (
    ("equity", "Equity"),
    ("drawdown", "Drawdown"),
    ("months", "Months"),
    ("holdings", "Holdings"),
    ("trades", "Trades"),
    ("metrics", "Metrics"),
    ("facts", "Facts"),
)


def run_page(result: Result) -> str:
    """A self-contained HTML page of one run, at most 1 MB: the same result gives the same text."""
    manifest, run, question = result.manifest, result.run, result.prepared.question
    rival = rival_numbers(result)
    rival_returns = None if rival is None else result.frame.marks.rival.returns
    description = result.strategy.description
    return page(
        kind="Backtest",
        name=result.strategy.name,
        lead=f"{window_line(manifest)} · {execution_line(manifest)}",
        alerts=[synthetic_alert(result.synthetic), notes_alert(result.notes)],
        links=_LINKS,
        parts=[
            el("p", shortened(description, 2_000), style="margin-top:20px") if description else None,
            headline(result, rival),
            equity_section(result),
            drawdown_section(result),
            months_section(run.sessions, run.returns, rival_returns, question.benchmark_name or ""),
            holdings_section(run),
            trades_section(run, question.execution.capital),
            metrics_section(result, rival),
            facts_section(manifest),
        ],
        foot=f"Treefolio {word(part(manifest, 'versions'), 'treefolio')}. A backtest is not a promise.",
    )
