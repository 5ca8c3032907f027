"""QuantMage's incantations: every kind, its conditions and numbers, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from treefolio import formats
from treefolio.errors import FormatError
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Compare,
    Condition,
    Constant,
    Empty,
    EnterExit,
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
    Switch,
)

DEEP = 20_000
A, B, C = Asset("AAA"), Asset("BBB"), Asset("CCC")
Map = dict[str, Any]


def ticker(symbol: str) -> Map:
    return {"incantation_type": "Ticker", "name": "", "symbol": symbol}


TA, TB, TC = ticker("AAA"), ticker("BBB"), ticker("CCC")


def document(incantation: object, **more: Any) -> str:
    return json.dumps(
        {"name": "Test", "description": "", "trading_type": "Daily", "incantation": incantation, **more},
        indent=1,
    )


def imported(incantation: object, *, lenient: bool = False, **more: Any) -> formats.Import:
    return formats.read_text(document(incantation, **more), source="test.json", lenient=lenient)


def tree(incantation: object) -> Node:
    return imported(incantation).strategy.root


def indicator(kind: str, window: int = 10) -> Map:
    return {"type": kind, "window": window}


def single(**more: Any) -> Map:
    """A condition as QuantMage writes it, with its placeholders."""
    return {
        "condition_type": "SingleCondition",
        "type": "IndicatorAndNumber",
        "greater_than": True,
        "for_days": 1,
        "lh_days_ago": 0,
        "lh_indicator": indicator("RelativeStrengthIndex"),
        "lh_ticker_symbol": "SPY",
        "rh_bias": 0.0,
        "rh_days_ago": 0,
        "rh_indicator": indicator("CumulativeReturn", 0),
        "rh_ticker_symbol": "",
        "rh_value": 79.0,
        "rh_value_int": 0,
        "rh_weight": 1.0,
        **more,
    }


SPY_RSI = Reading("rsi", (10,), "SPY")
OVER = Compare(SPY_RSI, ">", Constant(79))


def weighted(*children: object, **more: Any) -> Map:
    return {
        "incantation_type": "Weighted",
        "name": "",
        "type": "Equal",
        "weights": [],
        "inverse_volatility_window": 0,
        "incantations": list(children),
        **more,
    }


def choice(condition: object, then: object = TA, otherwise: object = TB) -> Map:
    return {
        "incantation_type": "IfElse",
        "name": "",
        "condition": condition,
        "then_incantation": then,
        "else_incantation": otherwise,
        "then_comment": "",
        "else_comment": "why",
    }


FILTERED = {
    "incantation_type": "Filtered",
    "sort_indicator": indicator("CumulativeReturn"),
    "bottom": False,
    "count": 1,
    "weight_type": "Equal",
    "incantations": [TA, TB],
}
MIXED = {
    "incantation_type": "Mixed",
    "indicator": indicator("RelativeStrengthIndex"),
    "ticker_symbol": "SPY",
    "from_value": 30.0,
    "to_value": 70.0,
    "from_incantation": TA,
    "to_incantation": TB,
}
ENTER_EXIT = {
    "incantation_type": "EnterExit",
    "enter_condition": single(),
    "exit_condition": single(greater_than=False, rh_value=30.0),
    "enter_incantation": TA,
    "exit_incantation": TB,
}
BY_RETURN = Reading("cumulative_return", (10,))


@pytest.mark.parametrize(
    ("incantation", "expected"),
    [
        (TA, A),
        (ticker("BRK.B"), Asset("BRK-B")),
        (weighted(TA, TB), Equal((A, B))),
        (weighted(), Empty()),
        (weighted(TA, TB, name="Pair"), Group("Pair", Equal((A, B)))),
        (weighted(TA, TB, type="Custom", weights=[60, 40.0]), Specified((A, B), (0.6, 0.4))),
        (
            weighted(TA, TB, type="Custom", weights=[33.29999923706055, 66.69999694824219]),
            Specified((A, B), (0.333, 0.667)),
        ),
        (
            weighted(TA, TB, type="InverseVolatility", inverse_volatility_window=20),
            InverseVolatility((A, B), 20),
        ),
        (FILTERED, Filter((A, B), BY_RETURN, "top", 1)),
        ({**FILTERED, "bottom": True, "count": 2}, Filter((A, B), BY_RETURN, "bottom", 2)),
        (
            {**FILTERED, "weight_type": "Custom", "weights": [75, 25]},
            Filter((A, B), BY_RETURN, "top", 1, (0.75, 0.25)),
        ),
        (
            {**FILTERED, "weight_type": "InverseVolatility", "inverse_volatility_window": 20},
            Filter((A, B), BY_RETURN, "top", 1, (), 20),
        ),
        (choice(single()), If(OVER, A, B)),
        (choice(single(), TA, None), If(OVER, A, Empty())),
        (MIXED, Scale(SPY_RSI, 30, 70, A, B)),
        (
            {**MIXED, "indicator": indicator("MaxDrawdown"), "from_value": 0.0, "to_value": 7.0},
            Scale(Reading("max_drawdown", (10,), "SPY"), 0, 0.07, A, B),
        ),
        ({**MIXED, "name": "Slide"}, Group("Slide", Scale(SPY_RSI, 30, 70, A, B))),
        (ENTER_EXIT, EnterExit(OVER, Compare(SPY_RSI, "<", Constant(30)), A, B)),
    ],
)
def test_nodes(incantation: Map, expected: Node) -> None:
    """Each kind of incantation becomes its node; a name becomes a group."""
    assert tree(incantation) == expected


def test_a_switch_counts_down_and_null_slots_stay() -> None:
    """The first branch is for all conditions; a null slot is kept, the null base is empty and noted."""
    conditions = [single(), single(rh_value=80.0)]
    second = Compare(SPY_RSI, ">", Constant(80))
    made = imported(
        {
            "incantation_type": "Switch",
            "conditions": conditions,
            "incantations": [TA, None, TB],
            "comments": ["x"],
        }
    )
    assert made.strategy.root == Switch((OVER, second), (A, None, B))
    assert not made.report.approximated
    based = imported(
        {"incantation_type": "Switch", "conditions": conditions, "incantations": [TA, None, None]}
    )
    assert based.strategy.root == Switch((OVER, second), (A, None, Empty()))
    assert "[open" in based.report.approximated[0].message


RETURN = {"lh_indicator": indicator("CumulativeReturn", 5)}
SPY_RETURN = Reading("cumulative_return", (5,), "SPY")
BOTH = {"type": "BothIndicators", "rh_ticker_symbol": "QQQ", "rh_value": 0.0}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (single(greater_than=False), Compare(SPY_RSI, "<", Constant(79))),
        (single(for_days=5), Lasting(OVER, 5)),
        (single(lh_days_ago=3), Compare(Reading("rsi", (10,), "SPY", 3), ">", Constant(79))),
        (single(rh_value=79.30000305175781), Compare(SPY_RSI, ">", Constant(79.3))),
        (single(rh_value=1234567.0), Compare(SPY_RSI, ">", Constant(1234567))),
        (single(**RETURN, rh_value=0.009999999776482582), Compare(SPY_RETURN, ">", Constant(0.0001))),
        (single(**RETURN, rh_value=-7.0), Compare(SPY_RETURN, ">", Constant(-0.07))),
        (
            single(**BOTH, rh_indicator=indicator("RelativeStrengthIndex", 5), rh_days_ago=2),
            Compare(SPY_RSI, ">", Reading("rsi", (5,), "QQQ", 2)),
        ),
        (
            single(**BOTH, rh_indicator=indicator("RelativeStrengthIndex", 5), rh_weight=1.100000023841858,
                   rh_bias=-2.5),
            Compare(SPY_RSI, ">", Reading("rsi", (5,), "QQQ", 0, 1.1, -2.5)),
        ),
        (
            single(
                **RETURN, **BOTH, rh_indicator=indicator("CumulativeReturn", 9), rh_weight=2.0, rh_bias=3.0
            ),
            Compare(SPY_RETURN, ">", Reading("cumulative_return", (9,), "QQQ", 0, 2, 0.03)),
        ),
        (
            single(**BOTH, rh_indicator=indicator("CumulativeReturn", 9), rh_weight=2.0, rh_bias=3.0),
            Compare(SPY_RSI, ">", Reading("cumulative_return", (9,), "QQQ", 0, 200, 3)),
        ),
        (
            single(**{**BOTH, "rh_ticker_symbol": "SPY"}, lh_indicator=indicator("CurrentPrice", 0),
                   rh_indicator=indicator("MovingAverage", 50)),
            Compare(Reading("price", (), "SPY"), ">", Reading("sma", (50,), "SPY")),
        ),
        ({"condition_type": "AllOf", "conditions": [single(), single(for_days=2)]},
         AllOf((OVER, Lasting(OVER, 2)))),
        ({"condition_type": "AnyOf", "conditions": [{"condition_type": "AllOf", "conditions": [single()]}]},
         AnyOf((AllOf((OVER,)),))),
    ],
)  # fmt: skip
def test_conditions(condition: Map, expected: Condition) -> None:
    """Days, weights, biases and percent; 32-bit artefacts are rounded away."""
    made = tree(choice(condition))
    assert isinstance(made, If)
    assert made.condition == expected


def test_left_overs_are_noted() -> None:
    """A window where none applies, a right-hand indicator beside a number, a value beside an indicator."""
    stray = single(lh_indicator=indicator("CurrentPrice", 7), rh_ticker_symbol="QQQ", rh_bias=2.0)
    beside = single(**{**BOTH, "rh_value": 5.0}, rh_indicator=indicator("RelativeStrengthIndex", 5))
    made = imported(weighted(choice(stray), choice(beside)))
    said = "\n".join(note.message for note in made.report.ignored)
    assert "CurrentPrice takes no window" in said
    assert "left-over right-hand indicator" in said
    assert "rh_bias has no effect" in said
    assert "left-over rh_value" in said


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"trading_type": "Threshold", "threshold": 5}, Rebalance("threshold", 0.05)),
        ({"trading_type": "Threshold", "threshold": 2.5}, Rebalance("threshold", 0.025)),
        ({"trading_type": "Monthly", "threshold": 0}, Rebalance("monthly")),
        ({"trading_type": "Annually"}, Rebalance("yearly")),
        ({"trading_type": None}, Rebalance("daily")),
    ],
)
def test_trading(keys: Map, expected: Rebalance) -> None:
    """A threshold counts percentage points."""
    assert imported(TA, **keys).strategy.rebalance == expected


def test_settings_of_a_run_are_noted() -> None:
    """Slippage and benchmark are no part of a strategy, and are named."""
    made = imported(TA, slippage_bps=5, benchmark_ticker="SPY", benchmark_spell="", version=2)
    assert (made.format, made.strategy.name) == ("quantmage-json", "Test")
    assert made.report.ignored[0].message.endswith('slippage_bps 5, benchmark_ticker "SPY"')


def test_null_branches_are_empty_and_said_to_be_open() -> None:
    """What a null branch means is an open question; the note counts them."""
    made = imported(weighted(TA, None, choice(single(), None, TB)))
    assert made.strategy.root == Equal((A, Empty(), If(OVER, Empty(), B)))
    note = made.report.approximated[0]
    assert ("[open" in note.message, note.count) == (True, 2)


@pytest.mark.parametrize(
    ("incantation", "said"),
    [
        ({"incantation_type": "Weigthed"}, '"Weigthed"'),
        ({}, "incantation_type nothing"),
        (ticker(""), "ticker is missing"),
        (ticker('Subspell "From"'), "Subspell"),
        (weighted(TA, TB, type="Custom", weights=[100]), "1 weights for 2"),
        (weighted(TA, TB, type="Custom", weights=[0, 0]), "all zero"),
        (weighted(TA, type="InverseVolatility"), "window of inverse volatility"),
        (weighted(TA, type="MarketCap"), '"MarketCap"'),
        (weighted(TA, leverage=2), "'leverage'"),
        ({**FILTERED, "count": 0}, "from 1 up"),
        ({**FILTERED, "sort_indicator": indicator("RSI")}, '"RSI"'),
        ({**FILTERED, "sort_indicator": None}, "the indicator nothing"),
        ({**MIXED, "to_value": 30.0}, "must differ"),
        ({**MIXED, "ticker_symbol": None}, "ticker is missing"),
        ({**ENTER_EXIT, "exit_condition": None}, "a condition is missing"),
        ({"incantation_type": "Switch", "conditions": [single()], "incantations": [TA]}, "1 branches, not 2"),
        (choice(single(type="Month", rh_value_int=4)), '"Month"'),
        (choice(single(type="IndicatorPercentile")), '"IndicatorPercentile"'),
        (choice(single(rh_value="lots")), "rh_value"),
        (choice(single(greater_than=None)), "greater_than is missing"),
        (choice(single(lh_indicator=indicator("RelativeStrengthIndex", 0))), "the window of Rel"),
        (choice(single(lh_ticker_symbol='Subspell "Else"')), "Subspell"),
        (choice(single(every=3, when={"a": 1})), "'when'"),
        (choice({"condition_type": "NoneOf", "conditions": [single()]}), '"NoneOf"'),
        (choice({"condition_type": "AllOf", "conditions": []}), "no conditions"),
    ],
)
def test_what_is_not_known_is_refused(incantation: Map, said: str) -> None:
    """An error names the trouble, its path, line and column."""
    with pytest.raises(FormatError) as caught:
        imported(weighted(TC, incantation))
    error = caught.value
    assert said in error.message
    assert str(error.path).startswith("root > child[2]")
    assert error.line is not None
    assert error.line > 10


@pytest.mark.parametrize(
    "keys",
    [
        {"trading_type": "Hourly"},
        {"trading_type": "Threshold", "threshold": 500},
        {"trading_type": "Threshold"},
    ],
)
def test_unknown_trading_is_refused(keys: Map) -> None:
    """A rule of trading that is not known, or a threshold that is no share of a portfolio."""
    with pytest.raises(FormatError):
        imported(TA, threshold=keys.pop("threshold", None), **keys)


def test_lenient_leaves_out_and_notes() -> None:
    """A condition that is not supported takes its node with it."""
    made = imported(weighted(TA, choice(single(type="Month"))), lenient=True)
    assert made.strategy.root == Equal((A, Empty()))
    assert made.report.unsupported[0].path == "root > child[2] > condition"


def test_a_bare_incantation_is_a_strategy() -> None:
    """Without the document around it, it is untitled and traded daily."""
    made = formats.read_text(json.dumps(weighted(TA, TB, TC, name="Three")))
    assert made.strategy.root == Group("Three", Equal((A, B, C)))
    assert made.strategy.rebalance == Rebalance("daily")


def test_depth_is_no_limit() -> None:
    """A tree 20,000 levels deep imports."""
    opening = '{"incantation_type":"Weighted","type":"Equal","incantations":['
    node = formats.read_text('{"incantation":' + opening * DEEP + "null" + "]}" * DEEP + "}").strategy.root
    depth = 0
    while isinstance(node, Equal):
        node, depth = node.children[0], depth + 1
    assert (depth, node) == (DEEP, Empty())
