"""The elements format: every element, variables, and the validation messages that its users know."""

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
    Constant,
    Empty,
    Equal,
    Filter,
    Group,
    If,
    Node,
    NoneOf,
    Operand,
    Reading,
    Scale,
    Specified,
    Var,
    Variable,
)

DEEP = 20_000
A, B = Asset("AAA"), Asset("BBB")
Map = dict[str, Any]


def ticker(symbol: str, weight: Any = 100) -> Map:
    return {"id": f"t-{symbol}", "type": "ticker", "ticker": symbol, "weight": weight}


TA, TB = ticker("AAA"), ticker("BBB")


def imported(*elements: Map, lenient: bool = False, **more: Any) -> formats.Import:
    document = {"version": "2.0", "name": "Test", "elements": list(elements), **more}
    return formats.read_text(json.dumps(document, indent=1), source="test.json", lenient=lenient)


def tree(*elements: Map, **more: Any) -> Node:
    return imported(*elements, **more).strategy.root


def condition(**more: Any) -> Map:
    return {
        "ticker": "SPY",
        "indicator": "RSI",
        "params": {"window": "10"},
        "period": "10",
        "operator": "gt",
        "compareTo": "threshold",
        "threshold": "79",
        **more,
    }


def gate(mode: str, conditions: list[Map], then: list[Map], otherwise: list[Map], **more: Any) -> Map:
    return {
        "id": "g",
        "type": "gate",
        "name": "",
        "weight": 100,
        "conditionMode": mode,
        "conditions": conditions,
        "thenChildren": then,
        "elseChildren": otherwise,
        **more,
    }


def scale(**more: Any) -> Map:
    config = {
        "ticker": "SPY",
        "indicator": "RSI",
        "params": {"window": "10"},
        "period": "10",
        "rangeMin": "30",
        "rangeMax": "70.5",
        **more,
    }
    return {
        "id": "s",
        "type": "scale",
        "name": "",
        "weight": 100,
        "config": config,
        "fromChildren": [TA],
        "toChildren": [TB],
    }


def sort(**more: Any) -> Map:
    return {
        "id": "o",
        "type": "sort",
        "name": "",
        "weight": 100,
        "direction": "top",
        "count": "1",
        "indicator": "RETURN",
        "params": {"window": "20"},
        "period": "20",
        "children": [ticker("AAA", 0), ticker("BBB", 0)],
        **more,
    }


def weight(mode: str, *children: Map, **more: Any) -> Map:
    return {"id": "w", "type": "weight", "name": "", "weight": 100, "weightMode": mode,
            "children": list(children), **more}  # fmt: skip


SPY_RSI = Reading("rsi", (10,), "SPY")
OVER = Compare(SPY_RSI, ">", Constant(79))
UNDER = Compare(SPY_RSI, "<", Constant(30))
LOW = condition(operator="lt", threshold="30")
BY_RETURN = Reading("cumulative_return", (20,))


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (TA, A),
        (weight("equal", TA, TB), Equal((A, B))),
        (weight("equal", TA, weight("equal")), Equal((A, Empty()))),
        (weight("equal", TA, name="Core"), Group("Core", Equal((A,)))),
        (weight("defined", ticker("AAA", 60), ticker("BBB", "40")), Specified((A, B), (0.6, 0.4))),
        (weight("defined", ticker("AAA", 33.33), ticker("BBB", 66.67)), Specified((A, B), (0.3333, 0.6667))),
        (weight("defined", ticker("AAA", 100), ticker("BBB", 0)), Specified((A, B), (1, 0))),
        (gate("if", [condition()], [TA], [TB]), If(OVER, A, B)),
        (gate("if", [condition(), LOW], [TA], [TB]), If(OVER, A, B)),
        (gate("if_all", [condition(), LOW], [TA], [TB]), If(AllOf((OVER, UNDER)), A, B)),
        (gate("if_any", [condition(), LOW], [TA], [TB]), If(AnyOf((OVER, UNDER)), A, B)),
        (gate("if_none", [condition()], [TA], [TB]), If(NoneOf((OVER,)), A, B)),
        (gate("if", [], [TA], [TB], condition=condition()), If(OVER, A, B)),
        (gate("if", [condition()], [ticker("AAA", 20)], []), If(OVER, A, Empty())),
        (
            gate("if", [condition()], [ticker("AAA", 30), ticker("BBB", 90)], [TA]),
            If(OVER, Specified((A, B), (30, 90)), A),
        ),
        (
            gate("if", [condition()], [ticker("AAA", 0), ticker("BBB", None)], [TA]),
            If(OVER, Equal((A, B)), A),
        ),
        (scale(), Scale(SPY_RSI, 30, 70.5, A, B)),
        (scale(rangeMin="70", rangeMax="30"), Scale(SPY_RSI, 70, 30, A, B)),
        (sort(), Filter((A, B), BY_RETURN, "top", 1, keep_ties=True)),
        (
            sort(direction="bottom", count=2, children=[ticker("AAA", 30), ticker("BBB", 10)]),
            Filter((A, B), BY_RETURN, "bottom", 2, (30, 10), keep_ties=True),
        ),
    ],
)
def test_nodes(element: Map, expected: Node) -> None:
    """Each element becomes its node."""
    assert tree(element) == expected


def test_root_elements_share_by_their_weights() -> None:
    """Several root elements have weights that sum to 100; a single one takes all, whatever its weight."""
    assert tree(ticker("AAA", 25), ticker("BBB", 75)) == Specified((A, B), (0.25, 0.75))
    assert tree(ticker("AAA", 25)) == A
    found = imported(TA, versioningEnabled=True, strategyVersion={"major": 1}, createdAt="now")
    assert (found.format, found.strategy.name, found.strategy.empty) == (
        "elements-json",
        "Test",
        "redistribute",
    )
    assert not found.report


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"indicator": "CURRENT_PRICE", "params": {}}, Reading("price", (), "SPY")),
        ({"params": {"period": 12}}, Reading("rsi", (12,), "SPY")),
        ({"params": {}, "period": "14"}, Reading("rsi", (14,), "SPY")),
        ({"params": None, "period": 14}, Reading("rsi", (14,), "SPY")),
        ({"indicator": "MACD", "params": {}}, Reading("macd_hist", (12, 26, 9), "SPY")),
        (
            {"indicator": "MACD_LINE", "params": {"fast": "5", "slow": "20", "signal": "4"}},
            Reading("macd", (5, 20, 4), "SPY"),
        ),
        ({"indicator": "PPO_HIST", "params": {"matype": "1"}}, Reading("ppo_hist", (12, 26, 1, 9), "SPY")),
        (
            {"indicator": "BBANDS_UPPER", "params": {"timeperiod": "20", "nbdevup": "2.5"}},
            Reading("bbands_upper", (20, 2.5, 2, 0), "SPY"),
        ),
        (
            {"indicator": "STOCH_K", "params": {"fastk": "9", "slowk": "2"}},
            Reading("stoch_k", (9, 2, 3, 0), "SPY"),
        ),
        ({"indicator": "VOLATILITY"}, Reading("volatility", (10,), "SPY")),
        ({"indicator": "AROONOSC"}, Reading("aroon_osc", (10,), "SPY")),
        ({"indicator": "OBV"}, Reading("obv", (), "SPY")),
        ({"indicator": "CUMULATIVE_RETURN"}, Reading("return_since_start", (), "SPY")),
        ({"ticker": "brk/b"}, Reading("rsi", (10,), "BRK-B")),
    ],
)
def test_readings(keys: Map, expected: Reading) -> None:
    """Indicators by their names there, parameters as strings, the legacy period where params say nothing."""
    made = tree(gate("if", [condition(**keys)], [TA], [TB]))
    assert isinstance(made, If)
    assert isinstance(made.condition, Compare)
    assert made.condition.left == expected


RIGHT = {"rightTicker": "QQQ", "rightIndicator": "SMA", "rightParams": {"window": "50"}}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"compareTo": "value", "threshold": "-0.07"}, Constant(-0.07)),
        ({"compareTo": None, "threshold": 5}, Constant(5)),
        ({"compareTo": "indicator", **RIGHT}, Reading("sma", (50,), "QQQ")),
        ({"compareTo": None, "threshold": "", **RIGHT}, Reading("sma", (50,), "QQQ")),
        (
            {"compareTo": "indicator", **RIGHT, "rightParams": {}, "rightPeriod": "7"},
            Reading("sma", (7,), "QQQ"),
        ),
    ],
)
def test_right_sides(keys: Map, expected: Operand) -> None:
    """A threshold, under either name, or another indicator. Fractions stay fractions."""
    made = tree(gate("if", [condition(**keys)], [TA], [TB]))
    assert isinstance(made, If)
    assert isinstance(made.condition, Compare)
    assert made.condition.right == expected


@pytest.mark.parametrize(
    ("operator", "sign"),
    [("gt", ">"), ("lt", "<"), ("gte", ">="), ("lte", "<="), ("eq", "=="), ("neq", "!=")],
)
def test_operators(operator: str, sign: str) -> None:
    """All six."""
    made = tree(gate("if", [condition(operator=operator)], [TA], [TB]))
    assert isinstance(made, If)
    assert made.condition == Compare(SPY_RSI, sign, Constant(79))


def listed(name: str, kind: str, values: Any) -> Map:
    return {"name": name, "type": kind, "values": values}


def test_variables_stand_anywhere() -> None:
    """One variable is one Var, whatever its case; declared values are put into the tree's spelling."""
    whole = condition(
        ticker="$Sym", params={"window": " $win "}, operator="$op", threshold="$LEVEL", indicator="$ind"
    )
    ranked = sort(direction="$dir", count="$n", children=[ticker("$sym", "$w"), ticker("BBB", 40)])
    found = imported(
        gate("if", [whole], [ranked], [scale(rangeMin="$level")]),
        variables=[
            listed("sym", "ticker", "spy, qqq;SPY\nbrk/b"),
            listed("win", "number", ["5:15:5", 20]),
            listed("level", "number", [70, "80"]),
            listed("n", "number", "1 2"),
        ],
    )
    reading = Reading(Var("ind"), (Var("win"),), Var("sym"))
    filtered = Filter((Asset(Var("sym")), B), BY_RETURN, Var("dir"), Var("n"), (Var("w"), 40), keep_ties=True)
    assert found.strategy.root == If(
        Compare(reading, Var("op"), Constant(Var("level"))),
        filtered,
        Scale(SPY_RSI, Var("level"), 70.5, A, B),
    )
    assert found.strategy.variables == (
        Variable("sym", ("SPY", "QQQ", "BRK-B"), "SPY"),
        Variable("win", (5, 10, 15, 20), 5),
        Variable("level", (70, 80), 70),
        Variable("n", (1, 2), 1),
    )


def test_words_of_variables_are_translated() -> None:
    """A variable for an operator, a direction or an indicator lists the words of this format."""
    found = imported(
        gate("if", [condition(operator="$op", indicator="$ind")], [sort(direction="$dir")], [TB]),
        variables=[
            listed("op", "ticker", "gt LT"),
            listed("ind", "ticker", ["RSI", "SMA"]),
            listed("dir", "ticker", "top bottom"),
        ],
    )
    assert [variable.values for variable in found.strategy.variables] == [
        (">", "<"),
        ("rsi", "sma"),
        ("top", "bottom"),
    ]


def test_weights_with_variables_stay_in_percent() -> None:
    """Their sum is nobody's to check before the values are known."""
    made = tree(weight("defined", ticker("AAA", "$w"), ticker("BBB", 40)))
    assert made == Specified((A, B), (Var("w"), 40))


def two(element: Map) -> list[Map]:
    return [ticker("AAA", 50), {**element, "weight": 50}]


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ([], "no elements"),
        ([ticker("A", 50), ticker("B", 49)], "root elements sum to 99, not to 100"),
        (two(weight("defined", ticker("A", 50), ticker("B", 60))), "children sum to 110, not to 100"),
        (two(weight("defined", ticker("A", None))), "the weight must be a number"),
        (two(weight("defined", ticker("A", 120), ticker("B", -20))), "from 0 to 100"),
        (two(weight("inverse", TA)), '"inverse"'),
        (two({**TA, "id": ""}), "has no id"),
        (two({**TA, "type": "tiker"}), '"tiker"'),
        (two({**TA, "leverage": 2}), "'leverage'"),
        (two(ticker("NO SUCH TICKER")), "no ticker"),
        (two(gate("if", [], [TA], [TB])), "no condition"),
        (two(gate("if_most", [condition()], [TA], [TB])), '"if_most"'),
        (two(gate("if", [condition(params={}, period="")], [TA], [TB])), "needs a window"),
        (two(gate("if", [condition(params={"window": ""}, period=None)], [TA], [TB])), "needs a window"),
        (two(gate("if", [condition(params={"window": "ten"})], [TA], [TB])), "window must be a number"),
        (two(gate("if", [condition(params={"window": "2.5"})], [TA], [TB])), "whole number"),
        (two(gate("if", [condition(params={"lenght": "5"})], [TA], [TB])), "'lenght'"),
        (two(gate("if", [condition(threshold="")], [TA], [TB])), "threshold must be a number"),
        (two(gate("if", [condition(threshold="high")], [TA], [TB])), "threshold must be a number"),
        (two(gate("if", [condition(indicator="RSY")], [TA], [TB])), '"RSY"'),
        (two(gate("if", [condition(operator="over")], [TA], [TB])), '"over"'),
        (two(gate("if", [condition(ticker="")], [TA], [TB])), "ticker is missing"),
        (two(gate("if", [condition(compareTo="mood")], [TA], [TB])), '"mood"'),
        (two(scale(rangeMin="70.50")), "must differ"),
        (two(scale(rangeMin="")), "rangeMin must be a number"),
        (two({**scale(), "toChildren": []}), "two branches"),
        (two(sort(children=[])), "no child"),
        (two(sort(count="")), "no count"),
        (two(sort(count="0")), "from 1 up"),
        (two(sort(direction="middle")), '"middle"'),
        ([weight("equal")], "no ticker"),
    ],
)
def test_validation_messages(elements: list[Map], said: str) -> None:
    """Each message that the users of this format know, with the element's path and place in the text."""
    with pytest.raises(FormatError) as caught:
        imported(*elements)
    error = caught.value
    assert said in error.message
    assert str(error.path).startswith("root")
    assert error.line is not None
    assert error.column is not None


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ([listed("1st", "number", [1])], "cannot name a variable"),
        ([listed("a", "number", [1]), listed("A", "number", [2])], "listed twice"),
        ([listed("a", "colour", [1])], '"colour"'),
        ([listed("a", "number", ["x"])], "a value must be a number"),
        ([listed("a", "number", ["1:9:0"])], "step 0"),
        ([listed("a", "number", [[1]])], "a number or a word"),
        ([listed("a", "date", ["tomorrow"])], "no date"),
        ([listed("a", "ticker", ["A?B"])], "no ticker"),
        ([listed("sym", "number", [5])], "the ticker is 5"),
        (["a"], "a mapping"),
    ],
)
def test_damaged_variables_are_refused(variables: list[Any], said: str) -> None:
    """A list of variables is checked by its types, and by where the variables stand."""
    with pytest.raises(FormatError) as caught:
        imported(ticker("$sym"), variables=variables)
    assert said in caught.value.message


def test_one_variable_cannot_stand_for_two_kinds_of_thing() -> None:
    """A ticker in one place and a number in another is an error; a count and a threshold are both numbers."""
    with pytest.raises(FormatError) as caught:
        imported(gate("if", [condition(ticker="$x", threshold="$x")], [TA], [TB]))
    assert "$x" in caught.value.message
    both = sort(count="$n", params={"window": "$n"})
    assert tree(both) == Filter(
        (A, B), Reading("cumulative_return", (Var("n"),)), "top", Var("n"), keep_ties=True
    )


def test_indicators_of_a_variable_must_take_the_same_parameters() -> None:
    """RSI takes a window, MACD none of that name."""
    with pytest.raises(FormatError):
        imported(
            gate("if", [condition(indicator="$ind")], [TA], [TB]),
            variables=[listed("ind", "ticker", "RSI MACD")],
        )


def test_warnings_are_notes() -> None:
    """Two empty branches, a variable without values, a level of a branch, conditions beyond the first."""
    half = ticker("AAA", 50)
    for mode in ("if", "IF"):
        empty = imported(half, {**gate(mode, [condition(), LOW], [], []), "weight": 50})
        assert empty.strategy.root == Specified((A, If(OVER, Empty(), Empty())), (0.5, 0.5))
        assert "both branches of a gate are empty" in empty.report.approximated[0].message
        assert "no effect" in empty.report.ignored[0].message
    level = imported(sort(indicator="SMA", children=[weight("equal", TA), half]))
    assert "a level" in level.report.approximated[0].message
    bare = imported(TA, variables=[listed("x", "number", [])])
    assert bare.strategy.variables == ()
    assert "no values yet" in bare.report.approximated[0].message


def test_lenient_leaves_out_and_notes() -> None:
    """An unknown type of element is empty under lenient."""
    found = imported(weight("equal", {**TA, "type": "warp"}, TA), lenient=True)
    assert found.strategy.root == Equal((Empty(), A))
    assert found.report.unsupported[0].path == "root > element[1] > child[1]"


def test_depth_is_no_limit() -> None:
    """A tree 20,000 levels deep imports."""
    opening = '{"id":"1","type":"weight","weightMode":"equal","children":['
    text = '{"elements":[' + opening * DEEP + json.dumps(TA) + "]}" * DEEP + "]}"
    node = formats.read_text(text).strategy.root
    depth = 0
    while isinstance(node, Equal):
        node, depth = node.children[0], depth + 1
    assert (depth, node) == (DEEP, A)
