"""The page of a sweep.

From top to bottom: how many trials there were and what the best of so many is worth (`verdict`), the best
(`best`, `parallel`), how the metrics are spread beside what luck gives (`spread`), choosing on one half and
judging on the other (`overfitting`), two variables together (`heat`) and each by itself (`marginals`), return
against drawdown (`pareto`), the trials counted (`trials`), the space, what failed, and what identifies the
sweep (`facts`). Numbers of rows come from `summary`, those about luck from `luck`.
"""

from __future__ import annotations

import numpy as np

from treefolio.report.best import best_section
from treefolio.report.facts import execution_line, facts_section, number, part, window_line, word
from treefolio.report.heat import heat_section
from treefolio.report.luck import read_luck
from treefolio.report.marginals import marginals_section
from treefolio.report.markup import Html, el, row, section, shortened, table
from treefolio.report.numerals import count, plain, share
from treefolio.report.overfitting import overfitting_section
from treefolio.report.page import notes_alert, page, synthetic_alert
from treefolio.report.parallel import parallel_section
from treefolio.report.pareto import pareto_section
from treefolio.report.spread import spread_section
from treefolio.report.summary import SweepSummary, Value, reasons
from treefolio.report.trials import reality_section, trials_section
from treefolio.report.verdict import findings, headline, verdict_alert, verdict_section
from treefolio.sweep.assignments import described

_REASONS = 12
_LONGEST_VALUES = 160
_LINKS = (
    ("real", "Is it real?"),
    ("best", "Best"),
    ("parallel", "In common"),
    ("spread", "Distributions"),
    ("pbo", "Overfitting"),
    ("heat", "Two variables"),
    ("marginals", "Variables"),
    ("pareto", "Return and drawdown"),
    ("trials", "Trials"),
    ("reality", "Reality check"),
    ("space", "Space"),
    ("failed", "Not done"),
    ("facts", "Facts"),
)


def sweep_page(summary: SweepSummary) -> str:
    """A self-contained HTML page of a sweep, at most 1 MB: the same summary gives the same text."""
    manifest, luck = summary.manifest, read_luck(summary.selection)
    sessions = int(number(manifest, "sessions"))
    found = findings(luck, sessions)
    parts = {
        "real": verdict_section(found, luck),
        "best": best_section(summary),
        "parallel": parallel_section(summary),
        "spread": spread_section(summary, luck, sessions),
        "pbo": overfitting_section(luck),
        "heat": heat_section(summary),
        "marginals": marginals_section(summary),
        "pareto": pareto_section(summary),
        "trials": trials_section(luck),
        "reality": reality_section(luck),
        "space": _space_section(summary),
        "failed": _failed_section(summary),
        "facts": facts_section(manifest),
    }
    total, ok = sum(summary.counts.values()), summary.counts.get("ok", 0)
    return page(
        kind="Sweep",
        name=word(part(manifest, "strategy"), "name"),
        lead=f"{window_line(manifest)} · {execution_line(manifest)}",
        alerts=[synthetic_alert(summary.synthetic), notes_alert(summary.notes)],
        links=[(anchor, text) for anchor, text in _LINKS if parts[anchor] is not None],
        parts=[
            headline(luck, total, ok, len(summary.variables)),
            verdict_alert(found),
            *parts.values(),
        ],
        foot=f"Treefolio {word(part(manifest, 'versions'), 'treefolio')}. A backtest is not a promise.",
    )


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
