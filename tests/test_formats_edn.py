"""EDN text: every kind of form, damage with its place, no recursion."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import FormatError
from treefolio.formats.edn import Form, Keyword, Symbol, parse_edn

DEEP = 100_000


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("", []),
        ("nil true false", [None, True, False]),
        ("1 -5 +3 10N", [1, -5, 3, 10]),
        ("0.5 0.25M 1e3 -2.5E-1", [0.5, 0.25, 1000.0, -0.25]),
        ("1/3 -2/4", [Fraction(1, 3), Fraction(-1, 2)]),
        ('"a\\"b\\\\c\\n\\u00e9"', ['a"b\\c\né']),
        ('"\\ud83d\\ude00"', ["😀"]),
        ('"{:not [a (map"', ["{:not [a (map"]),
        ("\\a \\newline \\u0041", ["a", "\n", "A"]),
        (":a :a/b :is-else?", ["a", "a/b", "is-else?"]),
        ("if > not= weight-equal", ["if", ">", "not=", "weight-equal"]),
        ("(a [1, 2] {:k #{3}})", [["a", [1, 2], {"k": [3]}]]),
        ("; a (comment\n1 ;; and 2", [1]),
        ("1 #_ (gone 2) 3 #_ #_ 4 5 6", [1, 3, 6]),
        ("[#_ :gone]", [[]]),
        ('#inst "2024-01-01" #uuid "x"', ["2024-01-01", "x"]),
        ("\ufeff1", [1]),
        ("{:a 1, :b 2}", [{"a": 1, "b": 2}]),
    ],
)
def test_forms(text: str, forms: list[object]) -> None:
    """Each form of EDN has its Python value."""
    assert parse_edn(text)[0] == forms


def test_lists_keywords_and_symbols_can_be_told_from_vectors_and_strings() -> None:
    """Their classes say what they were."""
    forms, _ = parse_edn('(f :k "s") [f]')
    assert isinstance(forms[0], Form)
    assert [type(part) for part in forms[0]] == [Symbol, Keyword, str]
    assert type(forms[1]) is list


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("(a\n b", 2, 3, "the ( of line 1, column 1"),
        ("(a]", 1, 3, "] cannot close the ( of line 1, column 1"),
        ("a)", 1, 2, ") closes nothing"),
        ("{:a}", 1, 1, "a value for each key"),
        ("{:a 1 :a 2}", 1, 1, "given twice"),
        ("{[1] 2}", 1, 1, "a map's key"),
        ('{:a "abc', 1, 5, "not closed"),
        ('"\\q"', 1, 2, "\\q"),
        ('"\\ud83d"', 1, 1, "no character"),
        ("1/0", 1, 1, "divides by zero"),
        ("12abc", 1, 1, "12abc"),
        ("1e999", 1, 1, "too large"),
        ("9" * 400, 1, 1, "too large"),
        ("##NaN", 1, 1, "##NaN"),
        ("'quoted", 1, 1, "'quoted"),
        ("[#_]", 1, 4, "a form is missing"),
        ("(#inst)", 1, 7, "a form is missing"),
        ("#_", 1, 3, "a form is missing"),
        ("{: 1}", 1, 2, ":"),
    ],
)
def test_damage_is_named_with_its_place(text: str, line: int, column: int, said: str) -> None:
    """Damaged text is a FormatError with file, line and column."""
    with pytest.raises(FormatError) as caught:
        parse_edn(text, source="bad.edn")
    assert (caught.value.source, caught.value.line, caught.value.column) == ("bad.edn", line, column)
    assert said in caught.value.message


@given(st.text('"{}[]();:#\\ \n1a/.,_', max_size=40))
def test_no_text_does_worse_than_a_format_error(text: str) -> None:
    """Whatever the text, the reader gives forms or a FormatError with a place inside it."""
    error = None
    try:
        forms, _ = parse_edn(text)
    except FormatError as caught:
        error = caught
    if error is None:
        assert isinstance(forms, list)
    else:
        assert 1 <= (error.line or 0) <= text.count("\n") + 1
        assert 1 <= (error.column or 0) <= len(text) + 1


def test_positions_and_depth() -> None:
    """Containers have their line and column, at any depth."""
    forms, positions = parse_edn("{:a [1\n (b)]}")
    top = forms[0]
    assert isinstance(top, dict)
    assert positions.of(top) == (1, 1)
    assert positions.of(top["a"][1]) == (2, 2)
    value: object = parse_edn("[" * DEEP + "]" * DEEP)[0]
    depth = 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1
    assert depth == DEEP
