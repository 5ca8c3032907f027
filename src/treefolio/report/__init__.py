"""Self-contained HTML pages of results: no network, no script, light and dark, printable, at most 1 MB.

* `run_page` shows one run. `tear_sheet` puts it together from `measures`, `curves`, `months`, `holdings`,
  `trades` and `facts`.
* `sweep_page` shows a sweep, given as a `SweepSummary`. `sweep_sheet` puts it together from `summary`,
  `luck`, `spread`, `marginals`, `heat` and `facts`.

Below them: `page` (the shell), `style` (the style sheet and its colours), `markup` (HTML that escapes),
`numerals` (how numbers read), `drawing` (charts, by Matplotlib), `ticks`, and `thin` (fewer points to draw).
"""

from __future__ import annotations

from treefolio.report.summary import SweepSummary
from treefolio.report.sweep_sheet import sweep_page
from treefolio.report.tear_sheet import run_page

__all__ = ["SweepSummary", "run_page", "sweep_page"]
