"""How an error reads: places in large trees are cut in the middle for people, and whole for programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import LONGEST_PATH, StrategyError, did_you_mean_file, short_path

DEEP = ['child[1] "Bonds > Shares"', *(f"child[{k}]" for k in range(2, 40)), 'then "Calm"', "condition"]


def test_a_long_place_keeps_its_ends() -> None:
    """As many whole parts as there is room for; the error's field has all of it."""
    path = " > ".join(["root", *DEEP])
    error = StrategyError("wrong", path=path)
    assert error.path == path
    shown = str(error).splitlines()[1]
    assert shown.startswith('  at root > child[1] "Bonds > Shares" > child[2] > … > child[3')
    assert shown.endswith('> child[39] > then "Calm" > condition')
    assert len(shown) <= LONGEST_PATH + 10


def test_a_place_that_is_long_by_its_names_alone_keeps_them() -> None:
    """Nothing inside a name is left out, and what cannot be shortened stays."""
    name = f'child "{"x" * 200}"'
    assert short_path(f"root > {name}") == f"root > {name}"
    assert short_path(f"root > {name} > then > else") == "root > … > then > else"
    assert short_path(name) == name


@given(st.lists(st.sampled_from(["then", "else", 'child[1] "A > B"', "child[22]"]), max_size=60))
def test_places_are_cut_between_parts(parts: list[str]) -> None:
    """Both ends of what is shown are ends of the place; one that is short is shown as it is."""
    path = " > ".join(["root", *parts])
    shown = short_path(path)
    head, cut, tail = shown.partition(" > … > ")
    assert bool(cut) == (len(path) > LONGEST_PATH)
    assert path.startswith(head)
    assert path.endswith(tail)
    assert len(shown) <= LONGEST_PATH + len(" > … > ")


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("prices.parquet", ["prices.csv", "price.parquet"]),
        ("Prices.parquet", ["prices.csv", "price.parquet"]),
        ("stragety.json", ["strategy.json"]),
        ("nofile.json", None),
        ("typo", None),
    ],
)
def test_files_are_offered_by_what_is_not_their_ending(
    tmp_path: Path, name: str, offered: list[str] | None
) -> None:
    """The nearest first; a folder that is not there offers none."""
    for each in ("prices.csv", "price.parquet", "strategy.json", "other.json"):
        (tmp_path / each).touch()
    said = f"Did you mean {' or '.join(offered)}?" if offered else None
    assert did_you_mean_file(tmp_path / name) == said
    assert did_you_mean_file(tmp_path / "nowhere" / name) is None
