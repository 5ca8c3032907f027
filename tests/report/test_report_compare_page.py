"""The page of a comparison: what it says, and that it stays within its size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_cases import TREE, market, parsed

from test_report_pages import HOSTILE, check_inert
from treefolio.engine.question import Question
from treefolio.metrics import METRICS
from treefolio.report import compare_page
from treefolio.report.compare_page import LONGEST_NAME, short_name
from treefolio.report.compare_tables import p_words
from treefolio.report.numerals import shown
from treefolio.sweep.compare import MOST, Comparison
from treefolio.sweep.entrants import Asked, together


def compared(*sources: str, sessions: int = 260) -> Comparison:
    question = Question(panel=market(sessions), benchmark="B")
    asked = [
        Asked(source=f"file {k}", strategy=parsed(source), question=question)
        for k, source in enumerate(sources)
    ]
    return together(asked)[0]


PAIR = compared(TREE, TREE.replace("Case", "Other").replace("> 75", "> 60"))


def test_metrics_stand_side_by_side_and_the_better_one_is_marked():
    text = compare_page(PAIR)
    page = check_inert(text)
    metric, numbers = METRICS["sharpe"], [each["sharpe"] for each in PAIR.metrics]
    assert [metric.label, *(shown(metric, number) for number in numbers)] in page.rows
    best = shown(metric, max(number for number in numbers if number is not None))
    assert f'<td class="best">{best}</td>' in text


def test_the_difference_and_its_method_are_said():
    page = check_inert(compare_page(PAIR))
    (pair,) = PAIR.differences
    assert pair.sharpe is not None
    line = next(row for row in page.rows if row[0] == "Case less Other")
    assert p_words(pair.sharpe.holm) == line[6]
    for word in ("Newey and West", "Ledoit and Wolf (2008)", f"{PAIR.lags} lags"):
        assert word in page.text


def test_the_trees_are_compared_with_the_first():
    page = check_inert(compare_page(PAIR))
    assert "Case → Other: −2 +2 lines" in page.text  # the name and the threshold
    assert "if: rsi(A, 5) &gt; 60" in compare_page(PAIR)


def test_names_from_strangers_are_text():
    page = check_inert(
        compare_page(compared(TREE.replace("Case", f"'{HOSTILE.replace(chr(39), '')}'"), TREE))
    )
    assert "<script>" in page.text


def test_a_curve_that_stands_still_leaves_dashes():
    never = "tree: {if: 'rsi(A, 5) > 200', then: A, else: cash}"
    page = check_inert(compare_page(compared("tree: A", never)))
    assert any(row[-1] == "neither" or row[-1] == "return" for row in page.rows)
    assert "rolling" not in page.ids()


@pytest.mark.parametrize("sessions", [2, 40])
def test_a_short_comparison_says_what_it_cannot_tell(sessions: int):
    last = market(260)
    start = last.sessions[-sessions].item()
    question = Question(panel=last, benchmark=None, start=start)
    asked = [Asked(source=name, strategy=parsed(f"tree: {name}"), question=question) for name in "AB"]
    page = check_inert(compare_page(together(asked)[0]))
    said = any("cannot be told" in row for row in page.rows)
    assert said == (sessions == 2)


def test_ten_long_curves_fit():
    """Curves are thinned together, differences of trees share their lines; what is left out is said."""
    trees = [TREE.replace("Case", f"Case {k}").replace("> 75", f"> {70 + k}") for k in range(MOST)]
    page = check_inert(compare_page(compared(*trees, sessions=6_000)))
    assert "equal groups are drawn" in page.text


def test_large_differences_are_cut_off_and_say_so():
    first, second = (
        "tree:\n  equal:\n"
        + "".join(f"    - {{if: 'rsi({a}, 5) > {k}', then: A, else: {b}}}\n" for k in range(400))
        for a, b in ("AB", "CD")
    )
    assert "more lines." in check_inert(compare_page(compared(first, second))).text


def test_notes_and_unlike_rules_are_at_the_top():
    first, second = PAIR.entrants
    other = replace(second, manifest={**second.manifest, "missing": "skip"})
    page = check_inert(compare_page(replace(PAIR, entrants=(first, other)), [f"note {HOSTILE}"]))
    assert "Not the same for all: what missing prices mean." in page.text
    assert f"Note {HOSTILE}." in page.text


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Short", "Short"),
        ("x" * 40, "x" * (LONGEST_NAME - 1) + "…"),
        ("x" * 40 + " (a.json)", "x" * (LONGEST_NAME - 10) + "… (a.json)"),
        ("x" * 10 + " (" + "y" * 40 + ")", ("x" * 10 + " (" + "y" * 40)[: LONGEST_NAME - 1] + "…"),
    ],
)
def test_long_names_keep_what_tells_them_apart(name: str, short: str):
    assert short_name(name) == short
    assert len(short_name(name)) <= LONGEST_NAME
