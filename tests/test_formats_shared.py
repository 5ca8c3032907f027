"""Every strategy of the private reference data imports, and means what its twin in another notation means."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from treefolio import formats
from treefolio.errors import FormatError
from treefolio.indicators import SIGNATURES
from treefolio.strategy import text as native
from treefolio.strategy.tree import AllOf, AnyOf, Asset, Compare, Filter, If, Reading, count_nodes, iterate
from treefolio.strategy.validate import validate

pytestmark = pytest.mark.shared
FOLDERS = {"composer_clj": 60, "composer_edn": 10, "composer_json": 11, "quantmage_json": 1}
DAMAGED = "missing_double_quotes.edn"
Map = dict[str, Any]


def maps_in(document: object) -> list[Map]:
    """All mappings of a JSON value."""
    found, stack = [], [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return found


def loaded(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8-sig"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_strategy_imports(shared: Path, folder: str) -> None:
    """Each file gives a valid strategy with nothing unsupported, and survives the native text unchanged."""
    files = sorted((shared / "strategies" / folder).iterdir())
    assert len(files) >= FOLDERS[folder]
    for path in files:
        if path.name == DAMAGED:
            continue
        found = formats.read(path)
        assert not found.report.unsupported
        validate(found.strategy, SIGNATURES)
        again = formats.read_text(native.write(found.strategy))
        assert (again.format, again.strategy) == ("native", found.strategy), path.name


def test_the_file_without_outer_quotes(shared: Path) -> None:
    """As delivered, it holds the bytes of tqqq_long_term.edn, so it can only mean the same; otherwise it is
    damaged, and the error has a line and a column."""
    folder = shared / "strategies" / "composer_edn"
    if (folder / DAMAGED).read_bytes() == (folder / "tqqq_long_term.edn").read_bytes():
        assert formats.read(folder / DAMAGED).strategy == formats.read(folder / "tqqq_long_term.edn").strategy
        return
    with pytest.raises(FormatError) as caught:
        formats.read(folder / DAMAGED)
    assert caught.value.line is not None
    assert caught.value.column is not None


@pytest.mark.parametrize("kth", [0, 1, 7, 50, -2, -1])
def test_a_missing_double_quote_is_found(shared: Path, kth: int) -> None:
    """Without one of its quotes, a real EDN file is refused with line and column."""
    path = shared / "strategies" / "composer_edn" / "tqqq_long_term.edn"
    text = path.read_text(encoding="utf-8")
    quotes = [at for at, character in enumerate(text) if character == '"']
    with pytest.raises(FormatError) as caught:
        formats.read_text(text[: quotes[kth]] + text[quotes[kth] + 1 :], source=path.name)
    assert caught.value.source == path.name
    assert caught.value.line == 1
    assert caught.value.column is not None


TWINS = [
    ("composer_json/simple.json", "composer_edn/simple.edn"),
    ("composer_json/simple.json", "composer_edn/symphony_not_root_level.edn"),
    ("composer_json/copy_simple_500.json", "composer_edn/copy_simple_500.json"),
    ("composer_json/inputFile.json", "composer_edn/inputFile.edn"),
    ("composer_json/jamestest.json", "composer_edn/jamestest.edn"),
    ("composer_json/betaballer-modified.json", "composer_edn/betaballer-modified.edn"),
    ("composer_json/tqqq_long_term.json", "composer_edn/tqqq_long_term.edn"),
    ("composer_json/protected_leverage3x.json", "composer_edn/protected_leverage3x.json"),
    ("composer_json/protected_leverage3x.json", "composer_edn/no_root_symphony_protected_leverage.json"),
    ("composer_clj/ftlt_holy_grail.clj", "composer_clj/grail.clj"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_are_equal(shared: Path, one: str, other: str) -> None:
    """The same strategy in two notations is the same value."""
    first, second = (formats.read(shared / "strategies" / path).strategy for path in (one, other))
    assert first == second


def test_the_json_spelling_of_the_language_equals_the_golden_strategy(shared: Path) -> None:
    """Three files hold the tree whose holdings Composer itself stated."""
    trees = [
        formats.read(shared / path).strategy.root
        for path in (
            "golden/composer_tqqq_ftlt/strategy.clj",
            "strategies/composer_json/launchstack_symphony_v1.json",
            "strategies/composer_clj/launchstack_tqqq_ftlt_frontrunner.clj",
        )
    ]
    assert trees[0] == trees[1] == trees[2]
    assert count_nodes(trees[0]) == 45


def expected_nodes(steps: list[Map]) -> int:
    """Nodes that a Composer document has: its steps without root and if-child, one more wherever several
    children of a root, group or branch share equally, one for each branch without children."""
    count = 0
    for step in steps:
        children = len(step.get("children") or ())
        kind = step["step"]
        if kind not in ("root", "if-child"):
            count += 1
        if kind in ("root", "group", "if-child"):
            count += children != 1
    return count


def test_composer_nodes_and_conditions_are_all_there(shared: Path) -> None:
    """Nodes, assets, conditions and filters of each JSON file, counted in the file itself."""
    for path in sorted((shared / "strategies" / "composer_json").iterdir()):
        steps = [found for found in maps_in(loaded(path)) if isinstance(found.get("step"), str)]
        if not steps:
            continue
        root = formats.read(path).strategy.root
        kinds = Counter(step["step"] for step in steps)
        items = Counter(type(item) for item in iterate(root))
        assert count_nodes(root) == expected_nodes(steps), path.name
        assert items[Asset] == kinds["asset"]
        assert items[Filter] == kinds["filter"]
        assert items[If] == kinds["if"] == kinds["if-child"] / 2
        tickers = {item.ticker for item in iterate(root) if isinstance(item, Asset)}
        assert tickers == {step["ticker"] for step in steps if step["step"] == "asset"}


def test_anansi(shared: Path) -> None:
    """3,752 steps, 316 conditions of which 96 are distinct."""
    path = shared / "strategies" / "composer_json" / "anansi_strategy.json"
    steps = [found for found in maps_in(loaded(path)) if "step" in found]
    assert len(steps) == 3752
    conditions = [item for item in iterate(formats.read(path).strategy.root) if isinstance(item, Compare)]
    assert (len(conditions), len(set(conditions))) == (316, 96)
    stated = Counter(
        (step["lhs-val"], step["comparator"], step["rhs-val"])
        for step in steps
        if step["step"] == "if-child" and not step["is-else-condition?"]
    )
    signs = {">": "gt", "<": "lt"}
    imported: Counter[tuple[object, str, str]] = Counter()
    for condition in conditions:
        assert isinstance(condition.left, Reading)
        right = condition.right
        value = str(right.ticker if isinstance(right, Reading) else right.value)
        imported[condition.left.ticker, signs[str(condition.comparator)], value] += 1
    assert imported == stated


def test_quantmage_conditions_are_all_there(shared: Path) -> None:
    """Single conditions, their joins, and tickers, counted in the file itself."""
    path = next((shared / "strategies" / "quantmage_json").iterdir())
    found = formats.read(path)
    maps = maps_in(loaded(path))
    items = Counter(type(item) for item in iterate(found.strategy.root))
    kinds = Counter(item.get("condition_type") for item in maps)
    assert items[Compare] == kinds["SingleCondition"] == 799
    assert (items[AllOf], items[AnyOf]) == (kinds["AllOf"], kinds["AnyOf"])
    assert items[Asset] == sum(item.get("incantation_type") == "Ticker" for item in maps)
    assert (found.strategy.rebalance.rule, found.strategy.rebalance.corridor) == ("threshold", 0.05)
    assert any("[open" in note.message for note in found.report.approximated)
