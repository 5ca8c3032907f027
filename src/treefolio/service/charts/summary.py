"""How many rows are well, and how some metrics are spread."""

from __future__ import annotations

from collections.abc import Sequence

from treefolio.service.charts.chosen import choose, require_metric, said
from treefolio.service.charts.models import Summary
from treefolio.service.shelf import Table
from treefolio.sweep.rows import STATUSES, summarise

_STATUS = "status"


def summary(there: Table, *, metrics: Sequence[str] = (), where: str | None = None) -> Summary:
    """The rows that satisfy the condition by status, and their metrics, as ``summary.json`` has them.

    Raises:
        UsageError: no metric, or no condition.
    """
    for name in metrics:
        require_metric(name, there.rows, "metrics", also=())
    found = choose(there, where, {name: name for name in (_STATUS, *dict.fromkeys(metrics))})
    if not there.rows.width:
        return Summary(**said(there, 0), status=dict.fromkeys(STATUSES, 0), metrics={})
    counted = {key: value for key, value in summarise(found.lazy()).items() if key in ("status", "metrics")}
    return Summary.model_validate(said(there, found.height) | counted)
