"""The worst days and the decisions behind them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from report_cases import TREE, market, parsed, result_of

from test_report_pages import check_inert
from treefolio.engine.execution import Execution
from treefolio.engine.question import Question
from treefolio.engine.trace import trace
from treefolio.report import run_page
from treefolio.report.worst_days import WORST, causes_of, worst_days, worst_days_section
from treefolio.strategy.tree import Rebalance
from treefolio.sweep.single import Result, run

NEVER = "tree: {if: 'rsi(A, 5) > 200', then: A, else: cash}"


def test_they_are_the_largest_losses_with_what_they_are_made_of():
    """With fills at the close and no costs, weights times returns are the day's return."""
    result = result_of()
    days = worst_days(result)
    losses = np.sort(result.run.returns)[:WORST]
    assert [day.lost for day in days] == pytest.approx(losses.tolist())
    for day in days:
        assert sum(each.weight * each.moved for each in day.held) == pytest.approx(day.lost, rel=1e-9)
        parts = [each.weight * each.moved for each in day.held]
        assert parts == sorted(parts)
        k = np.flatnonzero(result.run.sessions == np.datetime64(day.session))[0]
        assert day.decided == str(result.run.sessions[k - 1])
        assert day.rival == result.frame.marks.rival.returns[k - 1]


def test_the_cause_is_the_last_thing_that_decided():
    """The comparison of an asset's own if, or the ranking that kept it."""
    result = result_of()
    causes = {(each.ticker, each.cause.kind) for day in worst_days(result) for each in day.held if each.cause}
    assert causes
    assert {kind for _, kind in causes} <= {"if", "filter"}
    for day in worst_days(result):
        assert all(each.wanted for each in day.held)


def test_the_largest_share_names_the_cause():
    tree = "tree: {weighted: [{30%: {if: 'rsi(A, 5) > 0', then: B, else: C}}, {70%: B}]}"
    steps = trace(parsed(tree), market(), 100).steps
    assert "B" in {step.text for step in steps}
    assert causes_of(steps)["B"].kind == "if"
    nested = "tree: {if: 'rsi(A, 5) > 0', then: {if: 'rsi(B, 5) < 101', then: C, else: D}, else: A}"
    assert causes_of(trace(parsed(nested), market(), 100).steps)["C"].text == "if rsi(B, 5) < 101"


@pytest.mark.parametrize(("fill", "late"), [("close", 1), ("next_close", 2), ("next_open", 2)])
def test_the_decision_is_the_last_one_that_was_traded(fill: str, late: int):
    """What waits for the next session was not held into the day."""
    result = run(parsed(TREE), Question(panel=market(), benchmark=None, execution=Execution(fill=fill)))
    sessions = result.run.sessions.tolist()
    for day in worst_days(result):
        place = [str(session) for session in sessions].index(day.session)
        assert day.decided == str(sessions[max(place - late, 0)])


def test_by_a_slower_rule_the_decision_is_an_earlier_one():
    strategy = replace(parsed(TREE), rebalance=Rebalance("monthly"))
    result = run(strategy, Question(panel=market(), benchmark=None))
    looks = {str(result.run.sessions[k]) for k in np.flatnonzero(result.prepared.market.looks)}
    assert {day.decided for day in worst_days(result)} <= looks


def test_a_run_without_a_loss_has_none():
    assert worst_days_section(result_of(NEVER)) is None
    page = check_inert(run_page(result_of(NEVER)))
    assert "worst" not in page.ids()


def rows_of(result: Result) -> list[list[str]]:
    return [row for row in check_inert(run_page(result)).rows if len(row) == 5]


def test_the_page_says_why():
    """Weight, move, part of the loss, and the comparison with its numbers and its margin."""
    rows = rows_of(result_of("tree: {if: 'rsi(A, 5) > 50', then: B, else: C}"))
    because = [row[4] for row in rows if row[0] in ("B", "C")]
    assert len(because) == WORST
    assert all(text.startswith("if rsi(A, 5) > 50") and "margin" in text for text in because)
    held = [row[4] for row in rows_of(result_of("tree: A")) if row[0] == "A"]
    assert held == ["no condition"] * WORST


def test_a_ranking_says_what_it_kept_and_what_came_next():
    """By their scores: the kept one is better than the next."""
    tree = "tree: {filter: bottom 1 by rsi(5), of: [A, C, D]}"
    because = [row[4] for row in rows_of(result_of(tree)) if row[0] in ("A", "C", "D")]
    assert len(because) == WORST
    for text in because:
        found = re.fullmatch(r"bottom 1 by rsi\(5\)kept [ACD] ([\d.]+); next [ACD] ([\d.]+)", text)
        assert found, text
        assert float(found[1]) <= float(found[2])
