"""The public generators: they are seeded, and produce everything that they promise."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from treefolio.engine.reference_tree import Tree
from treefolio.indicators import INDICATORS
from treefolio.strategy.tree import (
    COMPARATORS,
    DIRECTIONS,
    REBALANCINGS,
    Asset,
    Compare,
    Condition,
    Constant,
    Equal,
    Filter,
    InverseVolatility,
    Lasting,
    Reading,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    count_nodes,
    iterate,
)
from treefolio.testing.panels import panel_of, random_panel
from treefolio.testing.trees import KINDS, USUAL, random_strategy

TICKERS = tuple("ABCDEF")
MANY = range(150)


def strategies(variables: bool = False) -> list[Strategy]:
    return [
        random_strategy(np.random.default_rng(seed), tickers=TICKERS, variables=variables) for seed in MANY
    ]


def items(variables: bool = False) -> list[object]:
    return [item for strategy in strategies(variables) for item in iterate(strategy.root)]


def readings(found: list[object]) -> list[Reading]:
    sides = [side for item in found if isinstance(item, Compare) for side in (item.left, item.right)]
    return [
        *(side for side in sides if isinstance(side, Reading)),
        *(item.by for item in found if isinstance(item, Filter)),
        *(item.reading for item in found if isinstance(item, Scale)),
    ]


def test_the_same_seed_gives_the_same_strategy_and_panel():
    """And another seed another one."""
    first, again, other = (
        (
            random_strategy(np.random.default_rng(seed), tickers=TICKERS),
            random_panel(np.random.default_rng(seed), tickers=TICKERS).content_hash,
        )
        for seed in (7, 7, 8)
    )
    assert first == again
    assert first[0].root != other[0].root
    assert first[1] != other[1]


def test_every_kind_of_node_and_condition_occurs():
    """Within the first seeds, each often."""
    counts = Counter(type(item) for item in items())
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 50


def test_every_indicator_comparator_and_rule_occurs():
    """In conditions, scales or filters."""
    found = items()
    assert {reading.indicator for reading in readings(found)} == set(INDICATORS)
    assert {item.comparator for item in found if isinstance(item, Compare)} == set(COMPARATORS)
    assert {item.direction for item in found if isinstance(item, Filter)} == set(DIRECTIONS)
    assert {strategy.rebalance.rule for strategy in strategies()} == set(REBALANCINGS)
    assert {strategy.empty for strategy in strategies()} == {"redistribute", "cash"}


FEATURES = {
    "filter over assets": lambda i: isinstance(i, Filter) and all(isinstance(c, Asset) for c in i.children),
    "filter over branches": lambda i: (
        isinstance(i, Filter) and not any(isinstance(c, Asset) for c in i.children)
    ),
    "filter in a filter": lambda i: isinstance(i, Filter) and any(isinstance(c, Filter) for c in i.children),
    "keep ties": lambda i: isinstance(i, Filter) and i.keep_ties,
    "filter weights": lambda i: isinstance(i, Filter) and i.weights,
    "filter by calm": lambda i: isinstance(i, Filter) and i.volatility_window,
    "calm of branches": lambda i: (
        isinstance(i, InverseVolatility) and not any(isinstance(c, Asset) for c in i.children)
    ),
    "inverted scale": lambda i: isinstance(i, Scale) and i.low > i.high,
    "empty slot": lambda i: isinstance(i, Switch) and None in i.branches,
    "zero weight": lambda i: isinstance(i, Specified) and 0 in i.weights,
    "two readings": lambda i: (
        isinstance(i, Compare) and isinstance(i.left, Reading) and isinstance(i.right, Reading)
    ),
    "number first": lambda i: isinstance(i, Compare) and isinstance(i.left, Constant),
    "lasting of a compound": lambda i: isinstance(i, Lasting) and not isinstance(i.condition, Compare),
    "nested compound": lambda i: isinstance(i, Condition) and len(list(iterate(i))) > 4,
}


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_occurs(feature):
    """At least three times in 150 strategies."""
    assert sum(bool(FEATURES[feature](item)) for item in items()) >= 3


def test_readings_are_moved_scaled_and_shifted_sometimes():
    """And mostly not."""
    found = readings(items())
    for moved in (
        [reading.sessions_ago > 0 for reading in found],
        [reading.scale != 1 for reading in found],
        [reading.offset != 0 for reading in found],
    ):
        assert 0.02 < np.mean(moved) < 0.4


def test_both_sides_of_conditions_occur():
    """Most comparisons are true on some sessions of a panel and false on others."""
    sides = Counter()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        strategy = random_strategy(rng, tickers=TICKERS)
        panel = random_panel(rng, tickers=TICKERS, sessions=250, late_listings=False, gaps=False)
        tree = Tree(strategy, panel, range(0))
        for item in tree.items:
            if isinstance(item, Compare):
                sides[len(set(tree.truth[id(item)][50:]))] += 1
    assert sides[2] > 0.6 * sum(sides.values())


PLACES = {
    "number": lambda i: isinstance(i, Compare) and isinstance(i.right, Constant) and i.right.value,
    "comparator": lambda i: isinstance(i, Compare) and i.comparator,
    "sessions": lambda i: isinstance(i, Lasting) and i.sessions,
    "ticker held": lambda i: isinstance(i, Asset) and i.ticker,
    "weight": lambda i: isinstance(i, Specified) and next((w for w in i.weights if isinstance(w, Var)), None),
    "window": lambda i: isinstance(i, InverseVolatility) and i.window,
    "count": lambda i: isinstance(i, Filter) and i.count,
    "direction": lambda i: isinstance(i, Filter) and i.direction,
    "filter weight": lambda i: (
        isinstance(i, Filter) and next((w for w in i.weights if isinstance(w, Var)), None)
    ),
    "filter window": lambda i: isinstance(i, Filter) and i.volatility_window,
    "scale low": lambda i: isinstance(i, Scale) and i.low,
    "scale high": lambda i: isinstance(i, Scale) and i.high,
    "ticker read": lambda i: isinstance(i, Scale) and i.reading.ticker,
    "indicator": lambda i: isinstance(i, Filter) and i.by.indicator,
    "parameter": lambda i: isinstance(i, Filter) and i.by.params and i.by.params[0],
    "sessions ago": lambda i: isinstance(i, Filter) and i.by.sessions_ago,
    "scale": lambda i: isinstance(i, Filter) and i.by.scale,
    "offset": lambda i: isinstance(i, Filter) and i.by.offset,
}


@pytest.mark.parametrize("place", PLACES)
def test_variables_stand_at_every_kind_of_place(place):
    """Numbers and words alike."""
    assert any(isinstance(PLACES[place](item), Var) for item in items(variables=True))


def _variables_in(value: object) -> set[str]:
    """Names of the variables anywhere in a field's value."""
    if isinstance(value, Var):
        return {value.name}
    if isinstance(value, tuple):
        return set().union(*(_variables_in(part) for part in value))
    if isinstance(value, Reading | Constant):
        return set().union(*(_variables_in(getattr(value, name)) for name in value.__slots__))
    return set()


def test_exactly_the_variables_that_are_used_are_declared():
    """Each with its default among at least two values."""
    declared_somewhere = 0
    for strategy in strategies(variables=True):
        used = _variables_in(strategy.rebalance.corridor)
        for item in iterate(strategy.root):
            own = [name for name in item.__slots__ if name not in item.PARTS]
            used |= set().union(*(_variables_in(getattr(item, name)) for name in own), set())
        assert used == {variable.name for variable in strategy.variables}
        assert all(len(v.values) >= 2 and v.default in v.values for v in strategy.variables)
        declared_somewhere += bool(strategy.variables)
    assert declared_somewhere > 140


def test_without_variables_none_is_declared():
    """The default."""
    assert not any(strategy.variables for strategy in strategies())


@pytest.mark.parametrize("nodes", [1, 10, 300])
def test_the_size_is_about_what_was_asked_for(nodes):
    """Within a factor of two, and a few."""
    rng = np.random.default_rng(nodes)
    for _ in range(20):
        strategy = random_strategy(rng, tickers=TICKERS, nodes=nodes)
        assert nodes / 2 <= count_nodes(strategy.root) <= 2 * nodes + 10


def test_only_the_given_kinds_occur():
    """Assets and comparisons always may."""
    kinds = (Asset, Equal, Filter)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        root = random_strategy(rng, tickers=TICKERS, kinds=kinds).root
        assert {type(item) for item in iterate(root)} <= set(kinds)


def test_a_panel_is_as_prices_are():
    """Positive, high and low around open and close, on ascending sessions, tickers sorted."""
    panel = random_panel(np.random.default_rng(1), tickers=("C", "A", "B"), late_listings=False, gaps=False)
    assert panel.tickers == ("A", "B", "C")
    assert panel.synthetic
    assert panel.fields["close"].shape == (300, 3)
    assert (np.diff(panel.sessions) > np.timedelta64(0, "D")).all()
    assert np.is_busday(panel.sessions).all()
    low, high = panel.fields["low"], panel.fields["high"]
    for name in ("open", "close"):
        assert (low > 0).all()
        assert (low <= panel.fields[name]).all()
        assert (panel.fields[name] <= high).all()


def _features(**how) -> Counter:
    found = Counter()
    for seed in range(60):
        closes = random_panel(np.random.default_rng(seed), tickers=TICKERS, sessions=120, **how).fields[
            "close"
        ]
        missing = np.isnan(closes)
        found["late"] += bool(missing[0].any())
        found["gap"] += bool((missing[1:] & ~missing[:-1]).any())
        changes = np.diff(closes, axis=0)
        found["no change"] += bool((changes == 0).any())
        found["flat"] += bool((changes == 0).all(axis=0).any())
        pairs = [(a, b) for a in range(6) for b in range(a)]
        found["copy"] += any(np.array_equal(closes[:, a], closes[:, b]) for a, b in pairs)
        near = [np.nanmax(np.abs(closes[:, a] / closes[:, b] - 1)) for a, b in pairs]
        found["near copy"] += any(0 < distance < 1e-10 for distance in near)
    return found


def test_panels_are_awkward_as_asked():
    """Late listings, gaps, flat lines only when they are asked for; ties and near ties anyway."""
    tame = _features(late_listings=False, gaps=False)
    assert (tame["late"], tame["gap"], tame["flat"]) == (0, 0, 0)
    assert min(tame[name] for name in ("no change", "copy", "near copy")) > 3
    wild = _features(constant=True)
    assert min(wild[name] for name in ("late", "gap", "flat")) > 20


def test_a_panel_by_hand():
    """Columns by ticker, sorted, with opens when they are given."""
    panel = panel_of({"B": [1, 2], "A": [3, 4]}, opens={"B": [5, 6], "A": [7, 8]})
    assert panel.tickers == ("A", "B")
    assert panel.column("B").tolist() == [1, 2]
    assert panel.column("A", "open").tolist() == [7, 8]
    assert [str(day) for day in panel.sessions] == ["2012-01-03", "2012-01-04"]


def test_thresholds_name_indicators_that_exist():
    """The table of usual ranges is a table of indicators."""
    assert set(USUAL) <= set(INDICATORS)
    assert all(low < high for low, high in USUAL.values())
