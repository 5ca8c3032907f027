"""What changed from one tree to another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import TREE, parsed

from test_report_pages import check_inert
from treefolio.report.tree_diff import LARGEST, TreeDiff, diff_html, inside, lines_of, tree_diff
from treefolio.strategy.text import write

TEXT = write(parsed(TREE))
LINES = st.lists(st.sampled_from(["a", "b", "  c", "    c", "d", "- e"]), max_size=30)


def applied(found: TreeDiff, old: list[str]) -> list[str]:
    """The first text turned into the second, from the difference and the second one's folded lines alone."""
    assert found.lines is not None
    made: list[str] = []
    for line in found.lines:
        if line.mark in "+ ":
            made.append(line.text)
        elif line.mark == "…":
            hidden = int(line.text.split()[0].replace(",", ""))
            made += found.new[line.at : line.at + hidden]
        else:
            assert line.text in old
    return made


@given(LINES, LINES)
def test_the_difference_leads_from_one_to_the_other(a: list[str], b: list[str]):
    """Nothing is lost, and what leaves, comes and stays adds up."""
    found = tree_diff("\n".join(a), "\n".join(b))
    assert applied(found, a) == b
    assert found.same + found.added == len(b)
    assert found.same + found.removed == len(a)


@given(LINES)
def test_a_text_does_not_differ_from_itself(lines: list[str]):
    found = tree_diff("\n".join(lines), "\n".join(lines))
    assert (found.added, found.removed) == (0, 0)
    assert "The trees are the same." in diff_html(found, 100)


def test_one_number_is_one_line_with_its_surroundings():
    found = tree_diff(TEXT, TEXT.replace("> 200", "> 60"))
    assert found.lines is not None
    changed = [(line.mark, line.text.strip()) for line in found.lines if line.mark in "+-"]
    assert changed == [("-", "if: rsi(A, 5) > 200"), ("+", "if: rsi(A, 5) > 60")]
    assert found.lines[0].mark == "…"
    assert found.lines[-1].mark == "…"
    html = diff_html(found, 100)
    assert "in Outer" in html


def test_a_tree_put_into_another_one_is_not_all_new():
    """Its lines are matched whatever their indentation, and the fold says how far they moved."""
    head, tail = TEXT.split("tree:\n")
    inner = "\n".join(f"  {line}" for line in tail.splitlines())
    wrapped = f"{head}tree:\n  if: rsi(B, 9) > 80\n  then: C\n  else:\n{inner}\n"
    found = tree_diff(TEXT, wrapped)
    assert (found.removed, found.added) == (0, 3)
    assert found.lines is not None
    assert "indented 2 more" in found.lines[-1].text


def test_a_move_to_another_level_is_not_hidden():
    found = tree_diff("a:\n  b:\n  c: x", "a:\n  b:\n    c: x")
    assert (found.removed, found.added) == (0, 0)
    assert "indented 2 more" in diff_html(found, 100)


def test_a_long_difference_is_cut_off_and_says_so():
    html = diff_html(tree_diff("\n".join("abc" * 40), "\n".join("xyz" * 40)), 50)
    assert html.count('class="del"') + html.count('class="add"') == 50
    assert "And 190 more lines." in html


def test_a_huge_text_is_not_compared_and_says_so():
    found = tree_diff("x\n" * (LARGEST + 1), "x")
    assert found.lines is None
    assert "too many to compare" in diff_html(found, 10)


def test_json_on_one_line_is_compared_by_its_values():
    assert len(lines_of('{"tree": {"equal": ["A", "B"]}}')) > 4


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("tree:\n  group: One\n  of:\n    if: x", ["One"]),
        ("equal:\n  - group: One\n    of: A\n  - group: Two\n    of:\n      if: x", ["Two"]),
        ("group: A\nof:\n  group: B\n  of:\n    group: C\n    of:\n      if: x", ["B", "C"]),
        ("tree:\n  if: x", []),
    ],
)
def test_the_groups_around_a_line_are_named(text: str, names: list[str]):
    lines = text.splitlines()
    assert inside(lines, len(lines) - 1) == names


def test_hostile_lines_are_text():
    html = diff_html(tree_diff("a: <script>1</script>", "a: <script>2</script>"), 10)
    assert "<script>" not in html
    check_inert(f"<div>{html}</div>")
