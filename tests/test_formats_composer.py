"""Composer's maps: every step, every oddity that occurs, and what is refused or noted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from treefolio import formats
from treefolio.errors import FormatError, LimitError
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Constant,
    Empty,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Node,
    Reading,
    Rebalance,
    Specified,
)

DEEP = 20_000
A, B = Asset("AAA"), Asset("BBB")
Map = dict[str, Any]


def asset(ticker: str, **more: Any) -> Map:
    return {"step": "asset", "ticker": ticker, **more}


def root(*children: Map, **more: Any) -> Map:
    return {"step": "root", "name": "Test", "rebalance": "daily", "children": list(children), **more}


def imported(*children: Map, lenient: bool = False, **more: Any) -> formats.Import:
    return formats.read_text(json.dumps(root(*children, **more)), source="test.json", lenient=lenient)


def tree(*children: Map) -> Node:
    return imported(*children).strategy.root


def messages(notes: tuple[formats.Note, ...]) -> str:
    return "\n".join(note.message for note in notes)


def case(*children: Map, **condition: Any) -> Map:
    return {"step": "if-child", "is-else-condition?": False, "children": list(children), **condition}


def otherwise(*children: Map) -> Map:
    return {"step": "if-child", "is-else-condition?": True, "children": list(children)}


def condition(**keys: Any) -> Any:
    """The condition that the given keys of an if-child make."""
    made = tree({"step": "if", "children": [case(asset("AAA"), **keys), otherwise(asset("BBB"))]})
    assert isinstance(made, If)
    return made.condition


RSI = {
    "lhs-fn": "relative-strength-index",
    "lhs-val": "SPY",
    "lhs-fn-params": {"window": 10},
    "comparator": "gt",
}
FIXED = {**RSI, "rhs-fixed-value?": True, "rhs-val": "79"}
SPY_RSI = Reading("rsi", (10,), "SPY")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (asset("SPY"), Asset("SPY")),
        (asset("EQUITIES::SPY//USD"), Asset("SPY")),
        (asset("CRYPTO::BTC//USD"), Asset("BTC-USD")),
        (asset("BRK/B"), Asset("BRK-B")),
        (asset("EQUITIES::BRK/B//USD"), Asset("BRK-B")),
        (asset("BRK.B"), Asset("BRK-B")),
        (asset(" spy "), Asset("SPY")),
        (asset("$USD"), Cash()),
        ({"step": "empty"}, Empty()),
        ({"step": "wt-cash-equal", "children": [asset("AAA"), asset("BBB")]}, Equal((A, B))),
        ({"step": "wt-cash-equal", "children": [asset("AAA")]}, Equal((A,))),
        ({"step": "wt-cash-equal", "children": []}, Empty()),
        ({"step": "wt-marketcap", "children": [asset("AAA"), asset("BBB")]}, Equal((A, B))),
        (
            {"step": "wt-inverse-vol", "window-days": "14", "children": [asset("AAA"), asset("BBB")]},
            InverseVolatility((A, B), 14),
        ),
        ({"step": "group", "name": "G", "children": [asset("AAA")]}, Group("G", A)),
        ({"step": "group", "name": "G", "children": [asset("AAA"), asset("BBB")]}, Group("G", Equal((A, B)))),
        ({"step": "group", "name": "G", "children": []}, Group("G", Empty())),
    ],
)
def test_nodes(node: Map, expected: Node) -> None:
    """Each step becomes its node."""
    assert tree(node) == expected


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([{"num": "60", "den": 100}, {"num": 40, "den": "100"}], (0.6, 0.4)),
        ([{"num": 66.67, "den": 100}, {"num": "33.333", "den": 100}], (0.6667, 0.33333)),
        ([{"num": "01", "den": "2"}, {"num": 1, "den": 3}], (0.5, 1 / 3)),
        ([{"num": "75.00", "den": 100}, {"num": 0, "den": 100}], (0.75, 0)),
    ],
)
def test_specified_weights(weights: list[Map], expected: tuple[float, float]) -> None:
    """Weights are numerator over denominator, exactly, however they are spelled."""
    children = [asset(name, weight=weight) for name, weight in zip(("AAA", "BBB"), weights, strict=True)]
    assert tree({"step": "wt-cash-specified", "children": children}) == Specified((A, B), expected)


def test_a_lone_child_needs_no_weight() -> None:
    """Below specified weights, a single child without a weight takes all."""
    assert tree({"step": "wt-cash-specified", "children": [asset("AAA")]}) == Specified((A,), (1,))


@pytest.mark.parametrize(
    ("step", "more"),
    [("wt-cash-equal", {}), ("group", {"name": "G"}), ("wt-inverse-vol", {"window-days": 5})],
)
def test_weights_elsewhere_are_ignored_and_noted(step: str, more: Map) -> None:
    """A weight below anything but specified weights changes nothing; the note counts them."""
    plain = imported({"step": step, "children": [asset("AAA"), asset("BBB")], **more})
    weight = {"num": "90", "den": 100}
    weighted = imported(
        {"step": step, "children": [asset("AAA", weight=weight), asset("BBB", weight=weight)], **more}
    )
    assert weighted.strategy == plain.strategy
    note = next(note for note in weighted.report.ignored if "weight" in note.message)
    assert (note.count, note.message) == (2, f"a weight below {step} has no effect")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (FIXED, Compare(SPY_RSI, ">", Constant(79))),
        ({**FIXED, "comparator": "lte", "rhs-val": 30.5}, Compare(SPY_RSI, "<=", Constant(30.5))),
        ({**FIXED, "comparator": "gte"}, Compare(SPY_RSI, ">=", Constant(79))),
        (
            {**FIXED, "lhs-fn-params": {}, "lhs-window-days": "10"},
            Compare(SPY_RSI, ">", Constant(79)),
        ),
        (
            {**FIXED, "rhs-fn": "moving-average-return", "rhs-window-days": "1"},
            Compare(SPY_RSI, ">", Constant(79)),
        ),
        (
            {**RSI, "rhs-fn": "relative-strength-index", "rhs-val": "QQQ", "rhs-window-days": "20"},
            Compare(SPY_RSI, ">", Reading("rsi", (20,), "QQQ")),
        ),
        (
            {**RSI, "rhs-fixed-value?": False, "rhs-fn": "relative-strength-index", "rhs-val": "QQQ",
             "rhs-fn-params": {"window": 5}},
            Compare(SPY_RSI, ">", Reading("rsi", (5,), "QQQ")),
        ),
        ({**RSI, "rhs-val": "79"}, Compare(SPY_RSI, ">", Constant(79))),
        (
            {"lhs-fn": "current-price", "lhs-val": "SPY", "lhs-window-days": "31", "comparator": "lt",
             "rhs-fn": "moving-average-price", "rhs-val": "SPY", "rhs-fn-params": {"window": 200}},
            Compare(Reading("price", (), "SPY"), "<", Reading("sma", (200,), "SPY")),
        ),
        (
            {**FIXED, "lhs-fn": "percentage-price-oscillator-signal",
             "lhs-fn-params": {"short-window": 5, "long-window": 20, "smooth-window": 7}, "rhs-val": "0"},
            Compare(Reading("ppo_signal", (5, 20, 0, 7), "SPY"), ">", Constant(0)),
        ),
        (
            {**FIXED, "lhs-fn": "upper-bollinger", "lhs-fn-params": {"window": 20, "standard-deviations": 3}},
            Compare(Reading("bbands_upper", (20, 3, 3, 0), "SPY"), ">", Constant(79)),
        ),
    ],
)  # fmt: skip
def test_flat_conditions(keys: Map, expected: Compare) -> None:
    """Windows in either spelling, numbers as text, and left-overs beside a fixed value."""
    assert condition(**keys) == expected


@pytest.mark.parametrize(
    ("function", "name", "value", "expected"),
    [
        ("cumulative-return", "cumulative_return", "20", 0.2),
        ("cumulative-return", "cumulative_return", "7", 0.07),
        ("moving-average-return", "mean_return", "0.29", 0.0029),
        ("standard-deviation-return", "stdev_return", 1.1, 0.011),
        ("max-drawdown", "max_drawdown", "-57", -0.57),
        ("relative-strength-index", "rsi", "57", 57),
        ("standard-deviation-price", "stdev_price", "57", 57),
    ],
)
def test_percent_becomes_a_fraction(function: str, name: str, value: object, expected: float) -> None:
    """The number beside a percent indicator is divided by 100 in decimals: 7 is 0.07, the nearest float."""
    made = condition(**{**FIXED, "lhs-fn": function, "rhs-val": value})
    assert made == Compare(Reading(name, (10,), "SPY"), ">", Constant(expected))


def test_two_percent_indicators_need_no_conversion_and_a_mixed_pair_gets_one() -> None:
    """Both sides in percent compare as fractions; beside an RSI, the percent side is multiplied by 100."""
    right = {"rhs-fn": "max-drawdown", "rhs-val": "QQQ", "rhs-fn-params": {"window": 5}}
    drawdown = Reading("max_drawdown", (5,), "QQQ")
    both = condition(**{**RSI, "lhs-fn": "cumulative-return", **right})
    assert both == Compare(Reading("cumulative_return", (10,), "SPY"), ">", drawdown)
    mixed = condition(**{**RSI, **right})
    assert mixed == Compare(SPY_RSI, ">", Reading("max_drawdown", (5,), "QQQ", scale=100))


def operand(ticker: str) -> Map:
    return {"fn": "relative-strength-index", "ticker": ticker, "params": {"window": 10}}


def binary(ticker: str, constant: float = 79.0) -> Map:
    return {
        "condition-type": "binary",
        "lhs": operand(ticker),
        "comparator": "gt",
        "rhs": {"constant": constant},
    }


def broadcast(operator: str, *tickers: str) -> Map:
    return {
        **binary("%"),
        "condition-type": "binary-compound",
        "operator": operator,
        "tickers": list(tickers),
    }


def over(ticker: str) -> Compare:
    return Compare(Reading("rsi", (10,), ticker), ">", Constant(79))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (binary("SPY"), over("SPY")),
        (
            {**binary("SPY"), "rhs": operand("QQQ")},
            Compare(SPY_RSI, ">", Reading("rsi", (10,), "QQQ")),
        ),
        (broadcast("any", "SPY", "QQQ"), AnyOf((over("SPY"), over("QQQ")))),
        (broadcast("all", "SPY", "EQUITIES::QQQ//USD"), AllOf((over("SPY"), over("QQQ")))),
        (broadcast("any", "SPY"), over("SPY")),
        (
            {
                "condition-type": "compound",
                "operator": "all",
                "conditions": [
                    binary("SPY"),
                    {
                        "condition-type": "compound",
                        "operator": "any",
                        "conditions": [binary("A"), binary("B")],
                    },
                ],
            },
            AllOf((over("SPY"), AnyOf((over("A"), over("B"))))),
        ),
    ],
)
def test_condition_blocks(block: Map, expected: object) -> None:
    """A condition block beats the flat keys beside it, which are noted as stale."""
    made = imported({"step": "if", "children": [case(asset("AAA"), condition=block, **FIXED), otherwise()]})
    assert isinstance(made.strategy.root, If)
    assert made.strategy.root.condition == expected
    assert "stale comparison beside the condition block" in messages(made.report.ignored)


def test_if_branches() -> None:
    """Several children of a branch share equally; a missing or empty else branch is empty."""
    two = [asset("AAA"), asset("BBB")]
    made = tree({"step": "if", "children": [case(*two, **FIXED), otherwise(asset("AAA"))]})
    assert made == If(over("SPY"), Equal((A, B)), A)
    assert tree({"step": "if", "children": [case(asset("AAA"), **FIXED)]}) == If(over("SPY"), A, Empty())
    assert tree({"step": "if", "children": [case(asset("AAA"), **FIXED), otherwise()]}) == If(
        over("SPY"), A, Empty()
    )
    flagless = case(asset("AAA"), **FIXED)
    del flagless["is-else-condition?"]
    assert tree({"step": "if", "children": [otherwise(asset("BBB")), flagless]}) == If(over("SPY"), A, B)


SORT = {"step": "filter", "sort-by-fn": "relative-strength-index", "select-fn": "bottom", "select-n": "2"}


def test_filters() -> None:
    """A filter ranks its children; the window may be in either spelling, the count is text."""
    children = [asset("AAA"), asset("BBB")]
    expected = Filter((A, B), Reading("rsi", (10,)), "bottom", 2)
    for window in ({"sort-by-fn-params": {"window": 10}}, {"sort-by-window-days": "10", "select?": True}):
        assert tree({**SORT, **window, "children": children}) == expected
    price = imported({**SORT, "sort-by-fn": "current-price", "sort-by-window-days": 21, "children": children})
    assert price.strategy.root == Filter((A, B), Reading("price"), "bottom", 2)
    assert "takes no window" in messages(price.report.ignored)
    assert not price.report.approximated


def test_levels_of_branches_are_noted() -> None:
    """Ranking a branch by a level is noted; ranking assets by one, or a branch by RSI, is not."""
    branch = {"step": "wt-cash-equal", "children": [asset("BBB")]}
    by_price = {**SORT, "sort-by-fn": "moving-average-price", "sort-by-window-days": "5"}
    noted = imported({**by_price, "children": [asset("AAA"), branch]})
    assert "ranked by sma, a level" in messages(noted.report.approximated)
    assert not imported({**by_price, "children": [asset("AAA")]}).report.approximated
    by_rsi = {**SORT, "sort-by-window-days": "5", "children": [branch]}
    assert not imported(by_rsi).report.approximated


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rebalance": "daily"}, Rebalance("daily")),
        ({"rebalance": "weekly"}, Rebalance("weekly")),
        ({"rebalance": "monthly"}, Rebalance("monthly")),
        ({"rebalance": "quarterly"}, Rebalance("quarterly")),
        ({"rebalance": "yearly"}, Rebalance("yearly")),
        ({"rebalance": "none"}, Rebalance("never")),
        ({"rebalance": "none", "rebalance-corridor-width": 0.05}, Rebalance("threshold", 0.05)),
        ({"rebalance": "none", "rebalance-corridor-width": "0.1"}, Rebalance("threshold", 0.1)),
        ({"rebalance": "none", "rebalance-corridor-width": None}, Rebalance("never")),
        ({"rebalance": "daily", "rebalance-corridor-width": 0.05}, Rebalance("daily")),
        ({"rebalance": None}, Rebalance("daily")),
    ],
)
def test_rebalancing(keys: Map, expected: Rebalance) -> None:
    """Every rule, and the corridor as a fraction of the portfolio."""
    assert imported(asset("AAA"), **keys).strategy.rebalance == expected


def test_root() -> None:
    """Name and description are kept; several children share equally; display keys are named in one note."""
    made = imported(asset("AAA", price=3.5, exchange="X"), asset("BBB"), description="why", id="7")
    assert (made.format, made.strategy.name, made.strategy.description) == ("composer-json", "Test", "why")
    assert made.strategy.root == Equal((A, B))
    assert messages(made.report.ignored) == "keys for display only: exchange, id, price"
    bare = formats.read_text(json.dumps({"step": "wt-cash-equal", "children": [asset("AAA")]}))
    assert bare.strategy.root == Equal((A,))
    assert "daily is assumed" in messages(bare.report.approximated)


REFUSED: list[tuple[Map, str]] = [
    ({"step": "wt-cash-equals", "children": []}, 'step "wt-cash-equals"'),
    ({"children": []}, "step nothing"),
    ({"step": "asset"}, "ticker is missing"),
    (asset("TWO WORDS"), "no ticker"),
    (asset("FUTURES::ES//USD"), "a kind that is not known"),
    (asset("SPY", children=[asset("QQQ")]), "an asset has children"),
    (asset("SPY", leverage=2), "'leverage'"),
    (asset("SPY", **{"stop-loss": 5}), "'stop-loss'"),
    (asset("SPY", extra={"deep": 1}), "'extra'"),
    ({"step": "wt-cash-specified", "children": [asset("A"), asset("B")]}, "a weight is missing"),
    (
        {"step": "wt-cash-specified", "children": [asset("A", weight={"num": "x", "den": 100})]},
        "num must be a number",
    ),
    (
        {"step": "wt-cash-specified", "children": [asset("A", weight={"num": 1, "den": 0})]},
        "den is zero",
    ),
    (
        {"step": "wt-cash-specified", "children": [asset("A", weight={"num": -1, "den": 100})]},
        "negative",
    ),
    (
        {"step": "wt-cash-specified", "children": [asset("A", weight={"num": 0, "den": 100})]},
        "sum to zero",
    ),
    ({"step": "wt-inverse-vol", "children": [asset("A")]}, "window of inverse volatility"),
    ({**SORT, "children": [asset("A")]}, "needs a window"),
    ({**SORT, "sort-by-fn": "relative-strength", "children": []}, '"relative-strength"'),
    ({**SORT, "sort-by-window-days": "10", "select-fn": "middle", "children": []}, '"middle"'),
    ({**SORT, "sort-by-window-days": "10", "select-n": "0", "children": []}, "from 1 up"),
    ({**SORT, "sort-by-window-days": "10", "select?": False, "children": []}, "select?"),
    ({"step": "if", "children": [otherwise(asset("A"))]}, "0 conditions and 1 else"),
    ({"step": "if", "children": [case(**FIXED), case(**FIXED)]}, "2 conditions"),
    ({"step": "if", "children": [asset("A")]}, "no if-child"),
    (
        {"step": "if", "children": [{**case(**FIXED), "is-else-condition?": "false"}, otherwise()]},
        "must be true or false",
    ),
    ({"step": "if", "children": [case(**{**FIXED, "comparator": "above"}), otherwise()]}, '"above"'),
    ({"step": "if", "children": [case(**{**FIXED, "rhs-val": "lots"}), otherwise()]}, "rhs-val"),
    ({"step": "if", "children": [case(**{**RSI, "rhs-val": "QQQ"}), otherwise()]}, "rhs-val"),
    ({"step": "if", "children": [case(**{**FIXED, "lhs-fn-params": {"window": "ten"}})]}, "window"),
    ({"step": "if", "children": [case(**{**FIXED, "lhs-fn-params": {"span": 3}}), otherwise()]}, "'span'"),
    ({"step": "if", "children": [case(**{**FIXED, "lhs-fn-params": {"window": 0}})]}, "from 1 to"),
    ({"step": "if", "children": [case(condition={"condition-type": "xor"}), otherwise()]}, '"xor"'),
    ({"step": "if", "children": [case(condition=broadcast("most", "A")), otherwise()]}, '"most"'),
    ({"step": "if", "children": [case(condition=broadcast("any")), otherwise()]}, "names no tickers"),
    ({"step": "if", "children": [case(condition=binary("%")), otherwise()]}, "%"),
    ({"step": "if", "children": [case(condition={**binary("A"), "for": 3}), otherwise()]}, "'for'"),
    (otherwise(asset("A")), "outside an if"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "said"), REFUSED)
def test_what_is_not_known_is_refused(node: Map, said: str) -> None:
    """An error names the trouble, its path in the tree, and its line and column."""
    text = json.dumps(root({"step": "group", "name": "Bear", "children": [node]}), indent=1)
    with pytest.raises(FormatError) as caught:
        formats.read_text(text, source="test.json")
    error = caught.value
    assert said in error.message
    assert error.path is not None
    assert error.path.startswith('root > child[1] "Bear"')
    assert error.source == "test.json"
    assert error.line is not None
    assert error.line > 5
    assert error.column is not None


def test_spelling_mistakes_get_a_suggestion() -> None:
    """The hint names the nearest known word."""
    with pytest.raises(FormatError) as caught:
        imported({**SORT, "sort-by-fn": "relative-strenght-index", "children": []})
    assert caught.value.hint == "Did you mean relative-strength-index?"


def test_lenient_leaves_out_and_notes() -> None:
    """Under lenient an unsupported node is empty, a condition takes its if with it, a key is passed over."""
    unknown = imported({"step": "wt-cash-equal", "children": [{"step": "warp"}, asset("AAA")]}, lenient=True)
    assert unknown.strategy.root == Equal((Empty(), A))
    assert unknown.report.unsupported[0].path == "root > child[1] > child[1]"
    inner = {"condition-type": "compound", "operator": "any", "conditions": [{"condition-type": "xor"}]}
    branch = {"step": "if", "children": [case(asset("AAA"), condition=inner), otherwise(asset("BBB"))]}
    made = imported({"step": "group", "name": "G", "children": [branch, asset("AAA")]}, lenient=True)
    assert made.strategy.root == Group("G", Equal((Empty(), A)))
    keyed = imported(asset("AAA", leverage=2), asset("BBB", leverage=3), lenient=True)
    assert keyed.strategy.root == Equal((A, B))
    assert [note.count for note in keyed.report.unsupported] == [2]
    with pytest.raises(FormatError):
        imported(asset("TWO WORDS"), lenient=True)


def test_unknown_keys_for_display_are_noted() -> None:
    """A key that speaks of nothing held is passed over with a note; one that holds nothing as well."""
    made = imported(asset("AAA", shade="blue", hedge=None))
    assert made.strategy.root == A
    said = messages(made.report.ignored)
    assert "'shade' is not known" in said
    assert "'hedge' holds nothing" in said


def nested(opening: str, closing: str, depth: int) -> str:
    inner = opening * depth + '{"step":"asset","ticker":"SPY"}' + closing * depth
    return f'{{"step":"root","rebalance":"daily","children":[{inner}]}}'


def test_depth_is_no_limit_and_size_is() -> None:
    """A tree 20,000 levels deep imports; a tree with more nodes than the limit is a LimitError."""
    text = nested('{"step":"group","name":"g","children":[', "]}", DEEP)
    node = formats.read_text(text).strategy.root
    depth = 0
    while isinstance(node, Group):
        node, depth = node.child, depth + 1
    assert (depth, node) == (DEEP, Asset("SPY"))
    with pytest.raises(LimitError):
        formats.read_text(text, limits=formats.Limits(nodes=DEEP))
    with pytest.raises(FormatError) as caught:
        formats.read_text(text.replace("asset", "warp"))
    assert "more …" in str(caught.value.path)


def test_deep_conditions() -> None:
    """Conditions nest as deep as memory allows."""
    opening = '{"condition-type":"compound","operator":"any","conditions":['
    block = opening * DEEP + json.dumps(binary("SPY")) + "]}" * DEEP
    branch = f'{{"step":"if-child","condition":{block},"children":[]}}'
    text = f'{{"step":"root","rebalance":"daily","children":[{{"step":"if","children":[{branch}]}}]}}'
    made = formats.read_text(text).strategy.root
    assert isinstance(made, If)
    found, depth = made.condition, 0
    while isinstance(found, AnyOf):
        found, depth = found.conditions[0], depth + 1
    assert (depth, found) == (DEEP, over("SPY"))
