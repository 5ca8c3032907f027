"""What has no meaning is refused wherever it comes from, and the error says where in the tree."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from strategy_samples import SIGNATURES, strategies
from treefolio.errors import LimitError, StrategyError
from treefolio.strategy.tree import (
    Asset,
    Cash,
    Compare,
    Constant,
    Constraint,
    Empty,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Lasting,
    Node,
    Reading,
    Rebalance,
    Scale,
    Specified,
    Strategy,
    Switch,
    Term,
    Var,
    Variable,
)
from treefolio.strategy.validate import Limits, validate

A, B = Asset("A"), Asset("B")
RSI = Reading("rsi", (10,), "A")
HOT = RSI > 79
BY = Reading("rsi", (10,))
NAN = math.nan
bad: Any = "not a node"


@given(strategies())
def test_good_strategies_pass(strategy: Strategy) -> None:
    """Nothing is said against a strategy that has a meaning, with or without signatures."""
    validate(strategy)
    validate(strategy, SIGNATURES)


NODES: list[tuple[Node, str, str]] = [
    (Asset(""), "", "ticker must be a word"),
    (Asset(5), "", "ticker must be a word"),  # type: ignore[arg-type]
    (Equal(()), "", "at least one child"),
    (InverseVolatility((), 5), "", "at least one child"),
    (InverseVolatility((A,), 0), "", "window must be 1 or more"),
    (InverseVolatility((A,), 10**7), "", "window must be 1e+06 or less"),
    (Specified((A, B), (1,)), "", "1 weights for 2 children"),
    (Specified((A, B), (0, 0.0)), "", "no weight above 0"),
    (Specified((A, B), (-1, 2)), "", "weight must be 0 or more"),
    (Specified((A, B), (NAN, 2)), "", "weight must be a finite number"),
    (Specified((A, B), (math.inf, 2)), "", "weight must be a finite number"),
    (If(HOT, A, bad), "", "If: otherwise must be a node"),
    (If(bad, A, B), "", "If: condition must be a condition"),
    (If(A, A, B), "", "If: condition must be a condition"),  # type: ignore[arg-type]
    (If(Compare(RSI, ">", Constant(NAN)), A, B), " > condition", "value must be a finite number"),
    (If(Compare(RSI, "=>", RSI), A, B), " > condition", "unknown comparator"),
    (If(Compare(BY, ">", RSI), A, B), " > condition", "needs a ticker"),
    (If(Lasting(HOT, 0), A, B), " > condition", "sessions must be 1 or more"),
    (If(Reading("rsi", (10,), "A", -1) > 5, A, B), " > condition", "sessions ago must be 0 or more"),
    (If(math.inf * RSI > 5, A, B), " > condition", "value must be a finite number"),
    (Filter((A,), BY, "top", 0), "", "count must be 1 or more"),
    (Filter((A,), BY, "top", 1.5), "", "count must be a whole number"),
    (Filter((A,), BY, "middle", 1), "", "unknown direction"),
    (Filter((A,), RSI, "top", 1), "", "must not name a ticker"),
    (Filter((A, B), BY, "top", 1, (1,)), "", "1 weights for 2 children"),
    (Filter((A,), BY, "top", 1, (1,), 20), "", "inverse volatility too"),
    (Filter((), BY, "top", 1), "", "at least one child"),
    (Switch((), (A,)), "", "at least one condition"),
    (Switch((HOT,), (A,)), "", "1 branches for 1 conditions"),
    (Switch((HOT,), (A, None)), "", "cannot be null"),
    (Scale(RSI, 30, 30.0, A, B), "", "two different ends"),
    (Scale(BY, 30, 70, A, B), "", "needs a ticker"),
    (Group(5, A), "", "name must be a text"),  # type: ignore[arg-type]
    (Asset(Var("hto")), "", "unknown variable 'hto'"),
    (Asset(Var("hot")), "", "$hot cannot stand here: ticker must be a word"),
    (InverseVolatility((A,), Var("fund")), "", "$fund cannot stand here"),
]


@pytest.mark.parametrize(("node", "path", "message"), NODES)
def test_nodes_without_meaning(node: Node, path: str, message: str) -> None:
    """The error names the place, deep inside of a tree too."""
    strategy = Strategy(
        name="x",
        root=Equal((A, Group("Bear", node))),
        variables=(Variable("hot", (70, 75), 70), Variable("fund", ("A", "B"), "A")),
    )
    with pytest.raises(StrategyError) as caught:
        validate(strategy, SIGNATURES)
    assert message in caught.value.message
    assert caught.value.path == 'root > child[2] "Bear" > child' + path


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading("rssi", (10,), "A"), "unknown indicator 'rssi'"),
        (Reading("rsi", (), "A"), "needs 1 parameters, not 0"),
        (Reading("rsi", (10, 11), "A"), "takes 1 parameters, not 2"),
        (Reading("rsi", (0,), "A"), "window must be from 1"),
        (Reading("rsi", (2.5,), "A"), "whole number"),
        (Reading("rsi", (Var("half"),), "A"), "whole number"),
        (Reading(Var("kind"), (10,), "A"), "unknown indicator 'rssi'"),
    ],
)
def test_indicators(reading: Reading, message: str) -> None:
    """With signatures, indicators and all values of their parameters are checked; without, their form."""
    strategy = Strategy(
        name="x",
        root=If(reading > 5, A, B),
        variables=(Variable("half", (5, 5.5), 5), Variable("kind", ("rsi", "rssi"), "rsi")),
    )
    validate(strategy)
    with pytest.raises(StrategyError) as caught:
        validate(strategy, SIGNATURES)
    assert message in caught.value.message
    assert caught.value.path == "root > condition"


GOOD = Strategy(name="x", root=A, variables=(Variable("hot", (70, 75), 70),))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 5}, "name must be a text"),
        ({"description": None}, "description must be a text"),
        ({"empty": "keep"}, "unknown policy"),
        ({"root": "A"}, "tree must be a node"),
        ({"root": Equal((Cash(), Empty()))}, "never holds anything"),
        ({"variables": (Variable("a b", (1,), 1),)}, "cannot name a variable"),
        ({"variables": (Variable("a" * 201, (1,), 1),)}, "cannot name a variable"),
        ({"variables": (Variable("a", (1,), 1), Variable("a", (2,), 2))}, "declared twice"),
        ({"variables": (Variable("a", (NAN,), 1),)}, "finite number or a word"),
        ({"variables": (Variable("a", (True,), True),)}, "finite number or a word"),
        ({"variables": (Variable("a", ("", "b"), "b"),)}, "finite number or a word"),
        ({"variables": (Variable("a", (1, 2, 1.0), 1),)}, "twice"),
        ({"constraints": (Constraint(Term(Var("hto")), "<", Term(5)),)}, "unknown variable 'hto'"),
        ({"constraints": (Constraint(Term(5), "<<", Term(5)),)}, "unknown comparator"),
        ({"constraints": (Constraint(Term(NAN), "<", Term(5)),)}, "finite"),
        ({"rebalance": Rebalance("hourly")}, "unknown rule"),  # type: ignore[arg-type]
        ({"rebalance": Rebalance("daily", 0.05)}, "no other rule has one"),
        ({"rebalance": Rebalance("threshold")}, "needs a corridor"),
        ({"rebalance": Rebalance("threshold", 5)}, "corridor must be 1 or less"),
        ({"rebalance": Rebalance("threshold", Var("hot"))}, "$hot cannot stand here"),
    ],
)
def test_headers_without_meaning(changes: dict[str, Any], message: str) -> None:
    """Everything around the tree is checked as well."""
    validate(GOOD)
    with pytest.raises(StrategyError) as caught:
        validate(replace(GOOD, **changes))
    assert message in caught.value.message


def test_limits() -> None:
    """Shared parts count each time they are used; both limits are LimitErrors."""
    node: Node = A
    for _ in range(40):
        node = Equal((node, node))
    with pytest.raises(LimitError, match="nodes and conditions"):
        validate(Strategy(name="x", root=node), limits=Limits(items=10_000))
    with pytest.raises(LimitError, match="levels deep"):
        validate(Strategy(name="x", root=node), limits=Limits(depth=10))
    validate(
        Strategy(name="x", root=If(Compare(RSI, ">", Constant(5)), A, B)), limits=Limits(items=4, depth=2)
    )
