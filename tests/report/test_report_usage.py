"""How often each branch of the tree decided: held against the trace of every session."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from report_cases import TREE, market, parsed, result_of

from test_report_pages import check_inert
from treefolio.engine.compiled import Prepared
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.engine.trace import Trace, trace
from treefolio.report import branches, run_page
from treefolio.report.usage import Usage, usage
from treefolio.strategy.tree import Empty, Group, Item, Node, Strategy, count_nodes, iterate, parts
from treefolio.sweep.single import run
from treefolio.testing.panels import random_panel
from treefolio.testing.trees import random_strategy

TICKERS = tuple("ABCDE")
_LABELS = {"of": "child", "from": "start", "to": "end"}


def below(node: Item, label: str) -> Item:
    """The part of a node that a step of a trace names."""
    found = dict(parts(node)).get(_LABELS.get(label, label))
    assert found is not None, (node, label)
    return found


def reached(strategy: Strategy, found: Trace) -> set[int]:
    """The identities of the nodes that the steps of a trace went through."""
    way: list[Item] = []
    seen = set()
    for step in found.steps:
        del way[step.level :]
        way.append(below(way[-1], step.label) if way else strategy.root)
        seen.add(id(way[-1]))
    return seen


def prepared_for(strategy: Strategy, seed: int) -> Prepared:
    panel = random_panel(np.random.default_rng(seed), tickers=TICKERS, sessions=64)
    question = Question(panel=panel, benchmark=None, missing="skip", start=panel.sessions[50].item())
    return prepare(strategy, question)


@pytest.mark.parametrize("seed", range(20))
def test_every_branch_is_used_on_the_sessions_whose_trace_goes_through_it(seed: int):
    """On random trees with every kind of node, prices with gaps, and every rule of rebalancing."""
    strategy = random_strategy(np.random.default_rng(seed), tickers=TICKERS, nodes=18)
    prepared = prepared_for(strategy, seed)
    times: Counter[int] = Counter()
    looks = np.flatnonzero(prepared.market.looks)
    for k in looks:
        found = trace(strategy, prepared.panel, prepared.window.first + int(k), "skip")
        times.update(reached(strategy, found))
    shared = {key for key, number in Counter(map(id, iterate(strategy.root))).items() if number > 1}
    used = usage(prepared)
    assert used.sessions == len(looks)
    for branch in used.branches:
        if id(branch.node) not in shared:
            assert branch.sessions == times[id(branch.node)], branch
    dead = [item for each in used.dead for item in iterate(each.node) if isinstance(item, Node)]
    assert len(dead) == sum(each.nodes for each in used.dead) <= used.nodes == count_nodes(strategy.root)
    assert not any(times[id(item)] for item in dead if id(item) not in shared)


def described(found: Usage) -> list[tuple[int, str, str, bool]]:
    return [(each.level, each.label, each.text, each.sessions > 0) for each in found.branches]


def test_branches_read_like_the_tree():
    """Groups lend their names, an if in an else stands beside it, weightings of leaves list them."""
    found = usage(result_of().prepared)
    assert described(found) == [
        (0, "", "“Outer”", True),
        (1, "if rsi(A, 5) > 75", "B", True),
        (1, "else if rsi(A, 5) > 200", "equal: A, B, C", False),
        (1, "else", "top 1 by cumulative_return(3) of 3", True),
        (2, "kept", "A", True),
        (2, "kept", "C", True),
        (2, "kept", "equal, 2 parts", True),
        (3, "1/2", "B", True),
        (3, "1/2", "", True),
        (4, "if rsi(C, 4) > 50", "D", True),
        (4, "else", "A", True),
    ]
    assert [(each.nodes, each.text) for each in found.dead] == [(4, "equal: A, B, C")]
    both = [each.sessions for each in found.branches[1:4]]
    assert sum(both) == found.sessions == found.branches[0].sessions


def test_an_empty_branch_is_no_dead_one():
    """It never gets a share, which is what it is for."""
    found = usage(result_of("tree: {equal: [A, empty, {if: 'rsi(A, 5) > 50', then: B, else: C}]}").prepared)
    assert not any(isinstance(each.node, Empty) for each in found.branches)
    assert found.dead == []


def test_the_page_says_what_is_dead():
    page = check_inert(run_page(result_of()))
    assert "1 never" in page.text
    assert ["else if rsi(A, 5) > 200 equal: A, B, C", "4", "“Outer”"] in page.rows
    simple = check_inert(run_page(result_of("tree: A")))
    assert "The tree has no branches" in simple.text


def deep(levels: int) -> str:
    """An if in an if, so many times."""
    if levels == 0:
        return "B"
    return f"{{if: 'rsi(A, 5) > {levels / 9}', then: {{group: g, of: {deep(levels - 1)}}}, else: C}}"


def test_a_large_tree_is_cut_off_and_says_so():
    """Upper levels are shown, every shown branch has its parent shown, the rest is counted."""
    found = usage(result_of(f"tree: {deep(150)}").prepared)
    places = branches.shown(found.branches)
    assert len(places) == branches.SHOWN < len(found.branches)
    assert {found.branches[k].parent for k in places} <= {*places, -1}
    html = branches.branches_section(found)
    assert f"And {len(found.branches) - branches.SHOWN} more branches" in html


def test_a_tree_of_one_group_has_no_branches():
    found = usage(result_of("tree: {group: x, of: A}").prepared)
    assert isinstance(found.branches[0].node, Group)
    assert len(found.branches) == 1


def test_usage_does_not_depend_on_the_engine():
    """The reference engine's results have the same branches."""
    strategy, question = parsed(TREE), Question(panel=market(), benchmark=None)
    fast, slow = (run(strategy, question, engine=engine) for engine in ("compiled", "reference"))
    assert described(usage(fast.prepared)) == described(usage(slow.prepared))
