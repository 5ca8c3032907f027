"""The table of metrics as a page: ``docs/metrics.md`` is what `markdown` returns; a test compares them."""

from __future__ import annotations

from treefolio.metrics.row import Metric
from treefolio.metrics.table import GROUPS, METRICS, TITLES

_HEAD = """# Metrics

Generated from the table in `treefolio.metrics` ({count} metrics); do not edit.

r are the n daily returns of a run over N = n + 1 sessions, b those of the benchmark, w the weights. The
first day's costs belong to the first return. The risk-free rate is 0, a year has 252 sessions. The keys
are the same in `metrics.json`, `rows.parquet`, the API and reports. Fractions are fractions: 0.1 is 10 %.
What is undefined (a ratio over nothing, too short a run, no benchmark) is null, never infinite. *Agrees
with* names the function of another library that gives the same number to 1e-9, or says how they differ;
each is tested.
"""


def markdown() -> str:
    """The page: for each group, a table of key, label, unit, what is better, convention and oracle."""
    parts = [_HEAD.format(count=len(METRICS))]
    for group, rows in GROUPS.items():
        parts.append(f"\n## {TITLES[group]}\n\n| key | label | unit | better | meant is | agrees with |")
        parts.append("|---|---|---|---|---|---|")
        parts += [_line(metric) for metric in rows]
    return "\n".join(parts) + "\n"


def _line(metric: Metric) -> str:
    cells = (
        f"`{metric.key}`",
        metric.label,
        metric.unit,
        metric.better or "",
        metric.convention,
        metric.oracle.removeprefix("definition: "),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
