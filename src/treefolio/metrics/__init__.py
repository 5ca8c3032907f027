"""Metrics: one table of numbers about a run, and one kernel that computes them all.

``METRICS`` says what each number is, by which convention, and which other library agrees. A `frame` holds
what all runs over the same sessions share; `measure` is the kernel, `measure_rows` the kernel over a
block of runs, and `measure_one` the same for one run, as a dictionary.

Modules in processing order: ``row``, ``rows_*`` and ``table`` (what there is), ``marks`` (what kernels take
of a frame), ``passes`` and ``tails`` (sums), ``frames`` (calendar and benchmark), ``compute`` (numbers),
``docs`` (the page).
"""

from __future__ import annotations

from treefolio.metrics.compute import COUNT, measure, measure_one, measure_rows
from treefolio.metrics.frames import Frame, frame
from treefolio.metrics.marks import Marks
from treefolio.metrics.row import Metric
from treefolio.metrics.table import (
    ACTIVITY_KEYS,
    GROUP_OF,
    GROUPS,
    METRICS,
    POSITIONS,
    TITLES,
    Activity,
    require_keys,
)

__all__ = [
    "ACTIVITY_KEYS",
    "COUNT",
    "GROUPS",
    "GROUP_OF",
    "METRICS",
    "POSITIONS",
    "TITLES",
    "Activity",
    "Frame",
    "Marks",
    "Metric",
    "frame",
    "measure",
    "measure_one",
    "measure_rows",
    "require_keys",
]
