"""The page of a robustness report, and its sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_cases import market, parsed
from test_report_chromium import BROWSER, opened

from test_report_pages import HOSTILE, check_inert
from treefolio.engine.question import Question
from treefolio.report.robustness_page import robustness_page
from treefolio.report.robustness_words import bears, sentences
from treefolio.strategy.tree import Strategy
from treefolio.sweep.robustness import PARTS, Robustness, Wish, examine
from treefolio.sweep.robustness.costs import BreakEven, Costs, Level
from treefolio.sweep.single import run

TREE = """
name: Case
tree:
  if: rsi(A, 5) > 75
  then: B
  else:
    if: rsi(A, 5) > 200
    then: {equal: [A, B, C]}
    else: {filter: top 1 by cumulative_return(3), of: [A, C, D]}
"""


def examined(strategy: Strategy, sessions: int = 420, **wish: object) -> Robustness:
    result = run(strategy, Question(panel=market(sessions), benchmark="B"))
    return examine(result, strategy, Wish(**{"draws": 40, "steps": 2, **wish}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> Robustness:
    return examined(parsed(TREE))


def test_the_page_has_every_part(found: Robustness):
    """In the order of the parts, each linked from the top."""
    page = check_inert(robustness_page(found))
    ids = [each for each in page.ids() if each in PARTS]
    assert ids == list(PARTS)
    assert "SYNTHETIC PRICES" in page.text


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome in the PATH")
def test_a_browser_has_nothing_to_complain_of(found: Robustness, tmp_path: Path):
    """No console message, and everything is drawn: the foot of the page is there."""
    messages, document = opened(robustness_page(found), tmp_path)
    assert messages == []
    assert "A backtest is not a promise." in document


def test_a_drop_too_small_to_be_read_is_not_said_as_two_numbers(found: Robustness):
    """From 0.65 to 0.65 tells nothing."""
    literals = found.literals
    assert literals is not None
    first = next(each for each in literals.found if each.lowest is not None)
    for drop, words in (
        (0.004, "lowers the Sharpe ratio by less than 0.01"),
        (first.drop, "the Sharpe ratio goes"),
    ):
        moved = replace(literals, found=(replace(first, drop=drop),))
        assert words in dict(sentences(replace(found, literals=moved)))["Literals"]


def test_the_same_findings_give_the_same_page(found: Robustness):
    """To the byte."""
    assert robustness_page(found) == robustness_page(found)


def test_names_of_strangers_are_text():
    """A script in the name of a strategy or of a branch is shown, not run."""
    quoted = HOSTILE.replace("'", "''")
    strategy = parsed(TREE.replace("name: Case", f"name: '{quoted}'"))
    page = check_inert(robustness_page(examined(strategy, parts=("costs", "literals"))))
    assert "<script>alert(1)</script>" in page.text


def test_five_sentences(found: Robustness):
    """One for each question, costs and timing together; all end with a full stop."""
    told = dict(sentences(found))
    assert list(told) == ["Monte Carlo", "Literals", "Starts", "Costs and timing", "Random picks"]
    assert all(text.endswith(".") for text in told.values())
    literals = found.literals
    assert literals is not None
    assert f"{len(literals.dead)} change nothing" in told["Literals"]
    assert literals.found[0].ladder.id in told["Literals"]


def test_a_dead_number_is_named(found: Robustness):
    """RSI is never above 200, nor above 202, whatever its window."""
    page = check_inert(robustness_page(found))
    literals = found.literals
    assert literals is not None
    assert [each.ladder.id for each in literals.dead] == ["c2.window", "c2.threshold"]
    assert ["c2.threshold", "rsi(A, 5) > 200", "200"] in page.rows


def test_a_part_without_an_answer_has_its_reason():
    """In the sentences; the page has no section for it."""
    short = examined(parsed(TREE), sessions=120)
    page = check_inert(robustness_page(short))
    assert "starts" not in page.ids()
    assert "Not answered: the run has" in page.text
    assert "Timing cannot be tested" not in page.text


@pytest.mark.parametrize("source", ["tree: A", "tree: {equal: [A, B]}"])
def test_a_tree_without_numbers_or_timing(source: str):
    """There is nothing to move and nothing to time, and the page says so."""
    page = check_inert(robustness_page(examined(parsed(source))))
    assert "no number that could be moved" in page.text
    assert "there is no timing" in page.text


def test_a_level_that_failed_shows_its_reason(found: Robustness):
    """Across the columns of its row."""
    made = found.costs
    assert made is not None
    failed = Level(slippage_bps=99.0, metrics=None, reason="the costs of a trade would take all")
    page = robustness_page(replace(found, costs=replace(made, levels=(*made.levels, failed))))
    assert ["99 bps", "the costs of a trade would take all"] in check_inert(page).rows


@pytest.mark.parametrize(
    ("even", "words"),
    [
        (BreakEven(target=0.1, bps=12.34, said="at"), "breaks even at 12.3 bps"),
        (BreakEven(target=0.1, bps=None, said="above"), "stays ahead up to 50 bps"),
        (BreakEven(target=0.1, bps=None, said="below"), "is behind at 0 bps"),
    ],
)
def test_how_much_slippage_it_bears(even: BreakEven, words: str):
    """Where it breaks even, or on which side of all levels it stays."""
    levels = tuple(Level(slippage_bps=bps, metrics={"cagr": 0.1}) for bps in (0.0, 50.0))
    assert words in bears(even, Costs(asked=0.0, levels=levels, benchmark=even, nothing=None))
