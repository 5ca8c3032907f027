"""Where continuous integration runs (``CI`` is set), a test that needs a real server or tool has one.

There, a test marked ``service`` that is skipped has failed: else a suite without Postgres would be green.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The report of a test, or of its setup."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("service") is not None:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must run where CI is set, and was skipped: {why}"
    return report
