"""Handles: every literal that can be varied, once, with a stable id."""

from __future__ import annotations

import random

import pytest
from hypothesis import given

from strategy_samples import SIGNATURES, strategies
from treefolio.errors import SpaceError
from treefolio.strategy import handles, text, variables
from treefolio.strategy.tree import Asset, Compare, If, Node, Reading, Strategy, Variable, as_operand, iterate
from treefolio.strategy.validate import validate

TEXT = """
name: X
rebalance: threshold(5%)
variables: {hot: 70:72:1}
tree:
  - if: rsi(TQQQ, 10) > 79
    then: UVXY
    else:
      if: rsi(TQQQ, 10) > 79.0
      then: {group: Bear, of: UVXY}
      else:
        filter: top 2 by rsi(10)
        of: [UVXY, [BIL]]
        weights: [60%, 2]
  - if: macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2] and 1 < 2 for 3 sessions
    then: {weighted: [60%: UVXY, 40%: BIL]}
    else: {inverse_volatility: 20, of: [UVXY]}
  - scale: bollinger_upper(SPY, 20, 2.5)
    between: [1, $hot]
    from: {filter: bottom 1 by price, of: [BIL], weights: inverse_volatility(30)}
    to: UVXY
"""


def parsed() -> Strategy:
    return text.parse(TEXT, SIGNATURES)


EXPECTED = {
    "a1.ticker": ("UVXY", "ticker", "UVXY", 6),
    "a2.ticker": ("BIL", "ticker", "BIL", 3),
    "c1.comparator": (">", "comparator", "rsi(TQQQ, 10) > 79", 2),
    "c1.ticker": ("TQQQ", "ticker", "rsi(TQQQ, 10) > 79", 2),
    "c1.window": (10, "window", "rsi(TQQQ, 10) > 79", 2),
    "c1.threshold": (79, "threshold", "rsi(TQQQ, 10) > 79", 2),
    "c2.comparator": (">", "comparator", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.ticker": ("SPY", "ticker", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.fast": (3, "fast", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.slow": (4, "slow", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.signal": (5, "signal", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.right_ticker": ("QQQ", "ticker", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.right_sessions_ago": (2, "sessions_ago", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c2.right_scale": (1.5, "scale", "macd(SPY, 3, 4, 5) > 1.5 * price(QQQ)[2]", 1),
    "c3.comparator": ("<", "comparator", "1 < 2", 1),
    "c3.left_threshold": (1, "threshold", "1 < 2", 1),
    "c3.threshold": (2, "threshold", "1 < 2", 1),
    "l1.sessions": (3, "sessions", "1 < 2 for 3 sessions", 1),
    "f1.direction": ("top", "direction", "top 2 by rsi(10) of UVXY, equal", 1),
    "f1.count": (2, "count", "top 2 by rsi(10) of UVXY, equal", 1),
    "f1.window": (10, "window", "top 2 by rsi(10) of UVXY, equal", 1),
    "f1.weight1": (0.6, "weight", "top 2 by rsi(10) of UVXY, equal", 1),
    "f1.weight2": (2, "weight", "top 2 by rsi(10) of UVXY, equal", 1),
    "f2.direction": ("bottom", "direction", "bottom 1 by price of BIL", 1),
    "f2.count": (1, "count", "bottom 1 by price of BIL", 1),
    "f2.volatility_window": (30, "window", "bottom 1 by price of BIL", 1),
    "w1.weight1": (0.6, "weight", "60% UVXY, 40% BIL", 1),
    "w1.weight2": (0.4, "weight", "60% UVXY, 40% BIL", 1),
    "v1.window": (20, "window", "inverse_volatility(20) of UVXY", 1),
    "s1.low": (1, "low", "scale bollinger_upper(SPY, 20, 2.5) between 1 and $hot", 1),
    "s1.ticker": ("SPY", "ticker", "scale bollinger_upper(SPY, 20, 2.5) between 1 and $hot", 1),
    "s1.window": (20, "window", "scale bollinger_upper(SPY, 20, 2.5) between 1 and $hot", 1),
    "s1.deviations": (2.5, "deviations", "scale bollinger_upper(SPY, 20, 2.5) between 1 and $hot", 1),
    "rebalance.corridor": (0.05, "corridor", "threshold(5%)", 1),
}


def test_every_literal_has_one_handle() -> None:
    """Equal comparisons are one; ids, kinds, texts and uses are as documented; variables are no handles."""
    found = {h.id: (h.value, h.kind, h.text, h.uses) for h in handles.handles(parsed(), SIGNATURES)}
    assert found == EXPECTED


def test_parameters_without_signatures() -> None:
    """Without signatures a single parameter is the window, and others are numbered."""
    found = [h.id for h in handles.handles(parsed())]
    assert "c1.window" in found
    assert [name for name in found if "param" in name] == [
        "c2.param1", "c2.param2", "c2.param3", "s1.param1", "s1.param2",
    ]  # fmt: skip


@pytest.mark.parametrize("identity", EXPECTED)
def test_each_handle_opens(identity: str) -> None:
    """An opened handle is a declared variable in every use; with its default the strategy is what it was."""
    strategy = parsed()
    opened = handles.open_handles(strategy, [identity], SIGNATURES)
    value = EXPECTED[identity][0]
    assert opened.variables[-1] == Variable(identity, (value,), value)
    assert identity in variables.used(opened)
    validate(opened, SIGNATURES)
    assert identity not in [h.id for h in handles.handles(opened, SIGNATURES)]
    assert variables.bind(opened, {}) == variables.bind(strategy, {})
    assert text.parse(text.write(opened), SIGNATURES) == opened


def test_a_new_value_reaches_every_use() -> None:
    """Both comparisons get the new threshold, and nothing else changes."""
    opened = handles.open_handles(parsed(), ["c1.threshold", "a2.ticker"], SIGNATURES)
    bound = variables.bind(opened, {"c1.threshold": 80, "a2.ticker": "SHV"})
    expected = TEXT.replace("> 79.0", "> 80").replace("> 79", "> 80").replace("BIL", "SHV")
    assert bound == variables.bind(text.parse(expected, SIGNATURES), {})


def test_opening_one_keeps_the_ids_of_the_others() -> None:
    """Numbers count things, not literals: opened handles leave no gap."""
    opened = handles.open_handles(parsed(), ["c1.threshold", "f1.count"], SIGNATURES)
    left = {h.id for h in handles.handles(opened, SIGNATURES)}
    assert left == set(EXPECTED) - {"c1.threshold", "f1.count"}


@pytest.mark.parametrize(
    ("identity", "near"), [("c1.treshold", "c1.threshold"), ("c9.threshold", "threshold"), ("hto", "hot")]
)
def test_unknown_handles(identity: str, near: str) -> None:
    """An id that no handle has is a SpaceError that offers the nearest ones."""
    with pytest.raises(SpaceError) as caught:
        handles.open_handles(parsed(), [identity], SIGNATURES)
    assert identity in caught.value.message
    assert near in (caught.value.hint or "")


def test_a_variable_is_no_handle() -> None:
    """What is open already cannot be opened again."""
    opened = handles.open_handles(parsed(), ["c1.threshold"], SIGNATURES)
    with pytest.raises(SpaceError, match="a variable already"):
        handles.open_handles(opened, ["c1.threshold"], SIGNATURES)


def test_no_corridor_to_open() -> None:
    """A strategy that trades by period has no corridor."""
    with pytest.raises(SpaceError):
        handles.open_handles(Strategy(name="x", root=Asset("A")), ["rebalance.corridor"])


@given(strategies())
def test_opening_everything_changes_nothing(strategy: Strategy) -> None:
    """With all handles open and at their defaults, every strategy is what it was."""
    found = handles.handles(strategy, SIGNATURES)
    opened = handles.open_handles(strategy, [h.id for h in found], SIGNATURES)
    assert handles.handles(opened, SIGNATURES) == ()
    root = variables.bind(opened, {v.name: v.default for v in opened.variables}).root
    assert root == variables.bind(strategy, {}).root


def _random_tree(nodes: int) -> Node:
    """A tree of about so many nodes with few distinct comparisons, as people write them."""
    chance = random.Random(7)
    known: list[Node] = [Asset(name) for name in ("TQQQ", "UVXY", "BIL")]
    root: Node = known[0]
    for k in range(nodes // 2):
        reading = Reading("rsi", (chance.randrange(5, 12),), chance.choice(["SPY", "QQQ"]))
        root = If(Compare(reading, ">", as_operand(chance.randrange(70, 80))), chance.choice(known), root)
        if k % 500 == 0:
            known.append(root)
    return root


def test_uses_add_up() -> None:
    """The uses of all comparisons are the comparisons of the tree."""
    root = _random_tree(2_000)
    found = handles.handles(Strategy(name="x", root=root))
    distinct = {h.id.partition(".")[0]: h.uses for h in found if h.id.startswith("c")}
    assert len(distinct) <= 7 * 2 * 10
    assert sum(distinct.values()) == sum(isinstance(item, Compare) for item in iterate(root))


def test_depth_is_no_obstacle() -> None:
    """Ten thousand levels."""
    root: Node = Asset("A")
    for k in range(10_000):
        root = If(Reading("rsi", (k + 1,), "A") > 5, Asset("B"), root)
    strategy = Strategy(name="deep", root=root)
    opened = handles.open_handles(strategy, ["c10000.window", "a2.ticker"])
    assert variables.used(opened) == ("c10000.window", "a2.ticker")
