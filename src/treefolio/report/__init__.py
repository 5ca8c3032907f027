"""Self-contained HTML pages: no network, no script, light and dark, printable.

`run_page` shows one run (`tear_sheet`)."""

from treefolio.report.tear_sheet import run_page
