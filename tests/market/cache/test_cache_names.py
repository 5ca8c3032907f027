"""Keys as names, on any file system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from cache_cases import key
from hypothesis import given
from hypothesis import strategies as some

from treefolio.market.bars import Shelf
from treefolio.market.cache.base import Key
from treefolio.market.cache.names import key_of, name_of, quoted

words = some.text(max_size=12) | some.sampled_from(
    ["", "-", ".", "..", "CON", "nul", "BRK/B", "a", "A", "%2F"]
)
keys = some.builds(
    Key,
    some.builds(Shelf, source=words, feed=words, entitlement=words, delivered=words, interval=words),
    words,
    words,
)


@given(keys)
def test_names_lead_back(one: Key) -> None:
    """Whatever a key holds, its name is that of no other, and stays inside its folder."""
    name = name_of(one)
    assert key_of(name) == one
    assert name.isascii()
    parts = PurePosixPath(name).parts
    assert len(parts) == 8
    assert not any(part.startswith(".") or part.endswith(".") for part in parts)
    assert not any(character in name for character in '\\:*?"<>|\0 ')


@given(keys, some.sampled_from(["ticker", "part", "source", "feed", "entitlement"]))
def test_capitals_alone_never_tell_names_apart(one: Key, where: str) -> None:
    """Two keys have two names on a file system that takes small letters for capitals, too."""
    if where in Key._fields:
        other = one._replace(**{where: getattr(one, where).swapcase()})
    else:
        other = one._replace(shelf=replace(one.shelf, **{where: getattr(one.shelf, where).swapcase()}))
    assert (name_of(one).casefold() == name_of(other).casefold()) == (one == other)


@pytest.mark.parametrize(
    ("ticker", "written"),
    [
        ("SPY", "SPY"), ("BRK/B", "BRK%2FB"), ("BRK.B", "BRK.B"), ("^VIX", "^VIX"), ("ABRpD", "ABR%70D"),
        ("CON", "%43ON"), ("COM1", "%43OM1"), ("CONE", "CONE"), ("..", "%2E%2E"), ("", "-"), ("-", "%2D"),
        ("../../etc/passwd", "%2E.%2F..%2F%65%74%63%2F%70%61%73%73%77%64"), ("Ä", "%C3%84"),
    ],
)  # fmt: skip
def test_tickers_as_written(ticker: str, written: str) -> None:
    """Most tickers stand as they are; what a file system cannot hold is escaped."""
    assert name_of(key(ticker)) == f"v1/alpaca/sip/default/raw/1d/{written}/2024"


@pytest.mark.parametrize(
    "name",
    [
        "v0/alpaca/sip/default/raw/1d/SPY/2024", "v1/alpaca/sip/default/raw/1d/SPY", "locks/x.lock", "",
        "v1/alpaca/sip/default/raw/1d/spy/2024", "v1/alpaca/sip/default/raw/1d/%53PY/2024",
    ],
)  # fmt: skip
def test_other_names_are_no_keys(name: str) -> None:
    """Blocks of another schema, other files, and names that no key has."""
    assert key_of(name) is None


def test_any_text_is_one_part() -> None:
    """A lock may have any name."""
    assert "/" not in quoted("a/b/../c")
    assert quoted("A") != quoted("a")
