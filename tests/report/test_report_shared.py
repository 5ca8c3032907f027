"""The report of a large real strategy: within its size, with its branches counted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from test_report_pages import check_inert
from treefolio.engine.question import Question
from treefolio.formats import read
from treefolio.graph.build import build
from treefolio.graph.derive import tickers
from treefolio.market.files import read_panel
from treefolio.report import run_page
from treefolio.report.usage import usage
from treefolio.strategy.tree import count_nodes
from treefolio.sweep.single import run


@pytest.mark.shared
def test_a_strategy_of_thousands_of_nodes_has_a_page_of_its_own(shared: Path):
    """At most 1 MB, with dead branches, reasons for the worst days, and both sides of a day."""
    strategy = read(shared / "strategies" / "composer_json" / "anansi_strategy.json").strategy
    held, seen = tickers(build(strategy).graph, {})
    panel = read_panel([shared / "prices" / "etf_daily.parquet"], tickers=held | seen | {"SPY"})
    result = run(strategy, Question(panel=panel, start=dt.date(2015, 1, 2), missing="skip"))
    page = check_inert(run_page(result, dt.date(2024, 3, 1)))
    found = usage(result.prepared)
    assert found.nodes == count_nodes(strategy.root) > 3_000
    assert found.dead
    assert "Out of sample since 2024-03-01" in page.text
    assert page.text.count("decided at the close of") == 5
    assert "more branches below these" in page.text
