"""Self-contained HTML pages of results: no network, no script, light and dark, printable, at most 1 MB.

* `run_page` shows one run. `tear_sheet` puts it together from `measures`, `curves`, `out_of_sample`,
  `months`, `rolling`, `distribution`, `worst_days`, `holdings`, `usage` and `branches`, `trades`, `facts`.
* `compare_page` shows several beside each other (`compare_curves`, `compare_tables`, `tree_diff`).
* `sweep_page` shows a sweep, given as a `SweepSummary`. `sweep_sheet` puts it together: what the rows say by
  `summary`, what is said of the best by `luck`; `verdict`, `best`, `parallel`, `spread` and `null`,
  `overfitting`, `heat`, `marginals`, `pareto`, `trials`, `explained`.
* `walk_page` shows a walk-forward, or combinatorial cross-validation, with `walk_curves` and `walk_tables`.

Below them: `page` (the shell), `style` (the style sheet and its colours), `markup` (HTML that escapes),
`numerals` (how numbers read), `drawing` (charts, by Matplotlib), `ticks`, and `thin` (fewer points to draw).
"""

from __future__ import annotations

from treefolio.report.compare_page import compare_page
from treefolio.report.summary import SweepSummary
from treefolio.report.sweep_sheet import sweep_page
from treefolio.report.tear_sheet import run_page
from treefolio.report.walk_page import walk_page

__all__ = ["SweepSummary", "compare_page", "run_page", "sweep_page", "walk_page"]
