"""What changed between two strategies: each kind of edit by its place, equal ones counted."""

from __future__ import annotations

import difflib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_cases import HOT, HOTTER

from account_samples import refused
from treefolio import formats
from treefolio.client import Client
from treefolio.service.strategies.difference import MOST_CHANGES, changes, text_difference
from treefolio.strategy.text import write
from treefolio.strategy.tree import Asset, Empty, Equal, Group, If, Specified, Strategy
from treefolio.testing.trees import random_strategy

TREE = """\
name: Mine
rebalance: daily
variables: {hot: 70}
tree:
  group: Top
  of:
    weighted:
      - 60%: {if: 'rsi(TQQQ, 10) > $hot and rsi(SPY, 5) > 20', then: BIL, else: [TQQQ, UPRO, SOXL]}
      - 40%: {filter: 'top 1 by rsi(10)', of: [AAA, BBB, CCC]}
"""
EDITS = [
    (
        "rsi(SPY, 5)",
        "rsi(SPY, 6)",
        "condition",
        "> child[1] > condition > condition[2]",
        "rsi(SPY, 5) > 20",
        "rsi(SPY, 6) > 20",
    ),
    (
        "and rsi(SPY, 5) > 20",
        "and rsi(SPY, 5) > 20 and price(QQQ) > 5",
        "condition",
        "> condition[3]",
        None,
        "price(QQQ) > 5",
    ),
    (
        "rsi(TQQQ, 10) > $hot and ",
        "",
        "condition",
        "> child[1] > condition",
        "rsi(TQQQ, 10) > $hot and rsi(SPY, 5) > 20, around rsi(SPY, 5) > 20",
        None,
    ),
    ("then: BIL", "then: SHV", "ticker", "> child[1] > then", "BIL", "SHV"),
    ("[TQQQ, UPRO, SOXL]", "[TQQQ, SOXL]", "ticker", "> else > child[2]", "UPRO", None),
    ("[TQQQ, UPRO, SOXL]", "[TECL, TQQQ, UPRO, SOXL]", "ticker", "> else > child[1]", None, "TECL"),
    (
        "[TQQQ, UPRO, SOXL]",
        "UPRO",
        "branch",
        "> child[1] > else",
        "equal of TQQQ, UPRO, SOXL, around UPRO",
        None,
    ),
    (
        "then: BIL",
        "then: {if: 'rsi(BIL, 5) > 3', then: BIL, else: SHV}",
        "branch",
        "> child[1] > then",
        None,
        "if rsi(BIL, 5) > 3, around BIL",
    ),
    ("then: BIL", "then: cash", "branch", "> child[1] > then", "BIL", "cash"),
    ("60%", "50%", "weight", "> child > child[1]", "60%", "50%"),
    (
        "top 1 by rsi(10)",
        "bottom 2 by rsi(10)",
        "filter",
        "> child[2]",
        "top 1 by rsi(10)",
        "bottom 2 by rsi(10)",
    ),
    ("group: Top", "group: Base", "group", 'root "Base"', "Top", "Base"),
    ("hot: 70", "hot: 70:80:5", "variable", "variables > hot", "70, of 1: 70", "70, of 3: 70, 75, 80"),
    ("rebalance: daily", "rebalance: threshold(5%)", "rebalance", "rebalance", "daily", "threshold(5%)"),
    ("name: Mine", "name: Yours", "name", "name", "Mine", "Yours"),
    (
        "variables: {hot: 70}",
        "variables: {hot: 70}\nconstraints: ['$hot > 3']",
        "constraint",
        "constraints > $hot > 3",
        None,
        "$hot > 3",
    ),
]
TICKERS = ["SPY", "TQQQ", "BIL"]


def read(text: str) -> Strategy:
    return formats.read_text(text).strategy


@pytest.mark.parametrize(("old", "new", "kind", "path", "before", "after"), EDITS)
def test_one_edit(old: str, new: str, kind: str, path: str, before: str | None, after: str | None) -> None:
    """Is one change, with its place; the way back is the same one turned round."""
    assert TREE.count(old) == 1
    there, back = (
        changes(*pair)[0]
        for pair in ((read(TREE), read(TREE.replace(old, new))), (read(TREE.replace(old, new)), read(TREE)))
    )
    (found,) = there
    assert (found.kind, found.before, found.after, found.count) == (kind, before, after, 1)
    assert found.path.endswith(path)
    assert found.what == ("added" if before is None else "removed" if after is None else "changed")
    assert [(each.kind, each.before, each.after) for each in back] == [(kind, after, before)]


def test_several_edits_at_once() -> None:
    """Are told apart."""
    new = read(
        TREE.replace("60%", "50%")
        .replace("UPRO, SOXL", "SOXL, TECL")
        .replace("- 40%", "- 10%: GLD\n      - 40%")
    )
    found, whole = changes(read(TREE), new)
    assert whole
    assert Counter((each.what, each.kind, each.before, each.after) for each in found) == Counter(
        [
            ("changed", "weight", "60%", "50%"),
            ("removed", "ticker", "UPRO", None),
            ("added", "ticker", None, "TECL"),
            ("added", "ticker", None, "10%: GLD"),
        ]
    )


def test_the_same_edit_in_many_places() -> None:
    """Is one change with a count, at the first of them."""
    tree = "tree: [{}]".format(
        ", ".join(f"{{if: 'rsi(SPY, {k}) > 79', then: A{k}, else: BIL}}" for k in range(2, 40))
    )
    (found,) = changes(read(tree), read(tree.replace("else: BIL", "else: SHV")))[0]
    assert (found.before, found.after, found.count, found.path) == (
        "BIL",
        "SHV",
        38,
        "root > child[1] > else",
    )


def test_too_many_changes_to_list() -> None:
    """Are said to be more."""
    old, new = (
        Strategy(
            name="x", root=Equal(tuple(Group(str(k), Asset(f"{letter}{k}")) for k in range(MOST_CHANGES + 5)))
        )
        for letter in "AB"
    )
    found, whole = changes(old, new)
    assert (len(found), whole) == (MOST_CHANGES, False)


def test_depth_is_no_limit() -> None:
    """Of 20,000 levels, the one that changed is found; its path is shortened."""
    condition = read("tree: {if: 'rsi(SPY, 10) > 79', then: A, else: B}").root
    assert isinstance(condition, If)

    def deep(ticker: str) -> Strategy:
        root: If | Asset = Asset(ticker)
        for _ in range(20_000):
            root = If(condition.condition, Asset("BIL"), root)
        return Strategy(name="deep", root=root)

    (found,) = changes(deep("OLD"), deep("NEW"))[0]
    assert (found.kind, found.before, found.after) == ("ticker", "OLD", "NEW")
    assert "more" in found.path
    assert len(found.path) < 1_000


def test_long_lists() -> None:
    """That have nothing in common are compared all the same, in their order."""
    old, new = (
        Strategy(name="x", root=Equal(tuple(Asset(f"{letter}{k % 7}") for k in range(3_000))))
        for letter in "AB"
    )
    assert sum(each.count for each in changes(old, new)[0]) == 3_000
    mixed = Equal(tuple(Empty() if k % 3 else Asset(f"C{k}") for k in range(3_000)))
    assert changes(old, Strategy(name="x", root=mixed))[0]


@given(seed=st.integers(0, 2**32))
def test_nothing_is_said_of_nothing_and_something_of_something(seed: int) -> None:
    """Of any two strategies: no change if, and only if, they are the same."""
    rng = np.random.default_rng(seed)
    a, b = random_strategy(rng, tickers=TICKERS), random_strategy(rng, tickers=TICKERS)
    assert changes(a, a) == ([], True)
    assert changes(a, read(write(a))) == ([], True)
    assert bool(changes(a, b)[0]) == (a != b)
    assert text_difference(write(a), write(a)) == ""


@given(seed=st.integers(0, 2**32), at=st.integers(0, 3))
def test_one_more_child(seed: int, at: int) -> None:
    """Wherever it is put, it is the only change; weights of the others do not move with it."""
    rng = np.random.default_rng(seed)
    children = [random_strategy(rng, tickers=TICKERS).root for _ in range(3)]
    added = [*children[:at], Asset("ADDED"), *children[at:]]
    weights = [1, 2, 3]
    old = Strategy(name="x", root=Specified(tuple(children), tuple(weights)))
    new = Strategy(name="x", root=Specified(tuple(added), (*weights[:at], 9, *weights[at:])))
    (found,) = changes(old, new)[0]
    assert (found.what, found.after, found.path) == ("added", "9: ADDED", f"root > child[{at + 1}]")


def test_text_difference() -> None:
    """Is what makes the one text of the other, by lines."""
    old, new = (write(read(text)) for text in (HOT, HOTTER))
    found = text_difference(old, new)
    assert found == "\n".join(
        difflib.unified_diff(old.splitlines(), new.splitlines(), "older", "newer", lineterm="")
    )
    assert "-  then: BIL" in found.splitlines()
    assert "+  then: SHV" in found.splitlines()


def test_the_route(client: Client) -> None:
    """Both ways, and of a version with itself."""
    made = client.strategies.add(HOT).strategy.id
    client.strategies.add_version(made, HOTTER)
    found = client.strategies.diff(made, 1, 2)
    assert {(each.kind, each.before, each.after) for each in found.changes} == {
        ("variable", "70, of 1: 70", "75, of 1: 75"),
        ("ticker", "BIL", "SHV"),
    }
    assert (found.same, found.complete, found.tickers_added, found.tickers_removed) == (
        False,
        True,
        ["SHV"],
        ["BIL"],
    )
    assert found.text is not None
    assert client.strategies.diff(made, 2, 1).tickers_added == ["BIL"]
    same = client.strategies.diff(made, 2, 2)
    assert (same.same, same.changes, same.text) == (True, [], "")
    http = client.transport.http
    refused(http.get(f"/api/v1/strategies/{made}/diff?from=1&to=3"), 404, "not_found")
    refused(http.get(f"/api/v1/strategies/{made}/diff?from=1"), 422, "invalid")
