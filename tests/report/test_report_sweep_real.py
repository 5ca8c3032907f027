"""Pages of real sweeps: what can be told of one row, of rows that do not vary, of none, and of many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from report_cases import market, parsed

from test_report_pages import HOSTILE, Page, check_inert
from treefolio.engine.question import Question
from treefolio.market.panel import Panel
from treefolio.report import SweepSummary, sweep_page
from treefolio.sweep.many import plan_sweep
from treefolio.testing.panels import panel_of

TREE = """
name: Swept
variables:
  hot: {default: 70, values: [55, 60, 65, 70, 75, 80]}
  days: {default: 3, values: [2, 3, 5, 8]}
  fund: {default: B, values: [B, C]}
tree:
  if: rsi(A, $days) > $hot
  then: $fund
  else: {equal: [C, D]}
"""


def swept(
    source: str = TREE,
    panel: Panel | None = None,
    *,
    folder: Path | None = None,
    reality: int = 0,
    missing: str = "error",
    metrics: Sequence[str] | None = None,
) -> SweepSummary:
    question = Question(panel=panel or market(), benchmark="B", missing=missing)  # type: ignore[arg-type]
    planned = plan_sweep(parsed(source), question, metrics=metrics)
    found = planned.run(folder, reality=reality)
    counts: dict[str, int] = dict(found.summary["status"])  # type: ignore[call-overload]
    return SweepSummary(
        rows=found.rows,
        variables=found.space.axes,
        manifest=found.manifest,
        counts=counts,
        selection=found.selection,
        synthetic=False,
    )


def page_of(summary: SweepSummary) -> Page:
    return check_inert(sweep_page(summary))


def test_notes_of_the_sweep_stand_above_its_numbers():
    summary = swept("{name: I, variables: {n: [2, 3]}, tree: {if: 'rsi(A, $n) > 50', then: B, else: C}}")
    text = page_of(replace(summary, notes=("no price at all in the run: <b>CXH",))).text
    assert text.index("No price at all in the run: <b>CXH") < text.index("Trials 2")


def test_rows_that_are_one_and_the_same_are_called_neither_overfit_nor_a_spike():
    idle = "{name: I, variables: {n: [2, 3, 5]}, tree: {if: 'rsi(A, $n) > 200', then: B, else: C}}"
    text = page_of(swept(idle)).text
    assert "earn the same, so nothing was chosen" in text
    assert "drawing lots" not in text
    assert "it is a spike" not in text


def test_every_part_of_a_sweep_is_there(tmp_path: Path):
    page = page_of(swept(folder=tmp_path / "out", reality=5))
    wanted = {"real", "best", "parallel", "spread", "pbo", "heat", "marginals", "pareto", "trials", "reality"}
    assert wanted | {"space", "facts"} <= set(page.ids())
    for words in (
        "Trials 48 3 variables",
        "of so many independent ones without any skill",
        "Probability of overfitting",
        "Degradation slope",
        "White's reality check",
        "the best to expect of 48 such rows",
        "no other row has both a higher return and a smaller drawdown",
        "there is no home folder",
    ):
        assert words in page.text


def test_the_same_sweep_has_the_same_page():
    assert sweep_page(swept()) == sweep_page(swept())


def test_a_single_row_says_that_nothing_was_chosen():
    page = page_of(
        swept(
            TREE.replace("[55, 60, 65, 70, 75, 80]", "[70]")
            .replace("[2, 3, 5, 8]", "[3]")
            .replace("[B, C]", "[B]")
        )
    )
    assert "Only one row has a Sharpe ratio, so nothing was chosen here" in page.text
    assert "It cannot be told: only one row has a Sharpe ratio" in page.text
    assert {"heat", "parallel"}.isdisjoint(page.ids())


def test_rows_that_never_vary_have_no_sharpe_ratio():
    """Bills that do not move: every row is constant, and the page says that there is no best."""
    closes = {name: np.full(80, 10.0) for name in "ABCD"}
    page = page_of(swept(panel=panel_of(closes)))
    assert "No row has a Sharpe ratio: there is no best." in page.text
    assert "48 have no Sharpe ratio" in page.text


def test_fewer_sessions_than_blocks_say_so():
    page = page_of(swept(panel=market(sessions=24)))
    assert "fewer sessions than blocks" in page.text
    assert "Overfitting – undefined" in page.text


def test_rows_with_some_metrics_show_those():
    page = page_of(swept(metrics=["sharpe", "max_drawdown"]))
    assert "Maximum drawdown" in page.text
    assert "pareto" not in page.ids()
    assert "Volatility" not in page.text


def test_names_of_strangers_are_text_everywhere():
    """Names of variables, and tickers as their values, stand in tables, maps and lists; none is drawn."""
    hostile = TREE.replace("name: Swept", f"name: {json.dumps(HOSTILE)}")
    page = sweep_page(swept(hostile))
    check_inert(page)
    drawn = "".join(part.split("</svg>")[0] for part in page.split("<svg")[1:])
    assert "fund" not in drawn
    assert "alert(1)" not in drawn
