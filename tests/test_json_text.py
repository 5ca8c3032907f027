"""JSON text: fast where it is sound, exact about places where it is not, and never recursing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import FormatError
from treefolio.strategy import json_text
from treefolio.strategy.json_text import parse_json

DEEP = 100_000

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\\n', max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_both_readers_agree_with_the_standard_library(
    value: object, ascii_only: bool, indent: int | None
) -> None:
    """Sound text gives the value that was written, by the fast way and by the reader with its own stack."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parse_json(text)[0] == value
    assert json_text._Reader(text, None).read() == value


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("", 1, 1, "empty"),
        ("  \n ", 2, 2, "empty"),
        ("{", 1, 2, "line 1, column 1"),
        ('{"a": [1,\n 2', 2, 3, "line 1, column 7"),
        ("[1,]", 1, 4, "a value is missing"),
        ("[,1]", 1, 2, "a value is missing"),
        ('{"a":1,}', 1, 8, "a key in double quotes"),
        ("{1:2}", 1, 2, "a key in double quotes"),
        ("{'a':1}", 1, 2, "no JSON value"),
        ("{a:1}", 1, 2, "'a'"),
        ('{"a" 1}', 1, 6, "a colon is missing"),
        ("[1 2]", 1, 4, "a comma or ]"),
        ('{"a":1]', 1, 7, "a comma or }"),
        ("[1]\n[2]", 2, 1, "more text after the end"),
        ('["abc\n"]', 1, 2, "not closed"),
        ('{"name": "abc', 1, 10, "not closed"),
        ("[tru]", 1, 2, "'tru'"),
        ("[01]", 1, 2, "'01'"),
        ("[.5]", 1, 2, "'.5'"),
        ("[1.]", 1, 2, "'1.'"),
        ("[+1]", 1, 2, "'+1'"),
        ("[NaN]", 1, 2, "'NaN'"),
        ("[-Infinity]", 1, 2, "'-Infinity'"),
        ("[1e999]", 1, 2, "too large"),
        (f"[{'9' * 400}]", 1, 2, "too large"),
        ('["\\x"]', 1, 2, "no character"),
        ('["\\ud83d"]', 1, 2, "no character"),
        ('{"a": 1,\n "b": {"c": 2, "c": 3}}', 2, 16, "given twice"),
    ],
)
def test_damage_is_named_with_its_place(text: str, line: int, column: int, said: str) -> None:
    """Damaged text is a FormatError that says what is wrong, in which file, line and column."""
    with pytest.raises(FormatError) as caught:
        parse_json(text, source="bad.json")
    assert (caught.value.source, caught.value.line, caught.value.column) == ("bad.json", line, column)
    assert said in caught.value.message


@pytest.mark.parametrize("text", ['{"a": [1,\n {"b": "\\u00e9"}]}', '{"a": [1,\n {"b": "\\ud83d\\ude00"}]}'])
def test_positions_are_those_of_the_opening_brackets(text: str) -> None:
    """Every object and list of the value has its line and column, whichever way it was read."""
    value, positions = parse_json("\ufeff" + text)
    assert isinstance(value, dict)
    assert positions.of(value) == (1, 1)
    assert positions.of(value["a"]) == (1, 7)
    assert positions.of(value["a"][1]) == (2, 2)
    assert positions.of({}) is None


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_depth_is_no_limit(opening: str, closing: str) -> None:
    """100,000 levels are read, and the innermost container has its place."""
    value, positions = parse_json(opening * DEEP + "[]" + closing * DEEP)
    for _ in range(DEEP):
        value = value[0] if isinstance(value, list) else value["a"]  # type: ignore[index]
    assert positions.of(value) == (1, len(opening) * DEEP + 1)


def test_keys_keep_their_order() -> None:
    """An object's keys come in the order of the text."""
    value, _ = parse_json('{"z": 1, "a": 2, "m": 3}')
    assert list(value) == ["z", "a", "m"]  # type: ignore[call-overload]
