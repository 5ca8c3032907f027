"""Composer's Clojure language: every operation, its spelling as JSON arrays, and what is refused."""

from __future__ import annotations

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
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Node,
    NoneOf,
    Reading,
    Rebalance,
    Specified,
)

DEEP = 20_000
A, B = Asset("AAA"), Asset("BBB")
TWO = '[(asset "AAA" "A name") (asset "BBB" nil)]'
OVER = Compare(Reading("rsi", (10,), "SPY"), ">", Constant(79))


def tree(text: str) -> Node:
    return formats.read_text(text).strategy.root


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('(asset "AAA")', A),
        ('(asset "EQUITIES::BRK/B//USD" "Berkshire")', Asset("BRK-B")),
        (f"(weight-equal {TWO})", Equal((A, B))),
        ('(weight-equal (asset "AAA") (asset "BBB"))', Equal((A, B))),
        ('(weight-equal [[(asset "AAA")] (asset "BBB")])', Equal((A, B))),
        ("(weight-equal [])", Empty()),
        (f"(weight-marketcap {TWO})", Equal((A, B))),
        ('(weight-specified 0.3 (asset "AAA") 0.7 (asset "BBB"))', Specified((A, B), (0.3, 0.7))),
        ('(weight-specified 1/3 (asset "AAA") 0.25M (asset "BBB"))', Specified((A, B), (1 / 3, 0.25))),
        ('(weight-specified [1 (asset "AAA") 0 (asset "BBB")])', Specified((A, B), (1, 0))),
        (f"(weight-inverse-volatility 10 {TWO})", InverseVolatility((A, B), 10)),
        (f"(weight-inverse-volatility {{:window 10}} {TWO})", InverseVolatility((A, B), 10)),
        (f'(group "G" {TWO})', Group("G", Equal((A, B)))),
        ('(group "G" [(asset "AAA")])', Group("G", A)),
        ('(group "" [])', Group("", Empty())),
        (
            f"(filter (rsi {{:window 10}}) (select-top 1) {TWO})",
            Filter((A, B), Reading("rsi", (10,)), "top", 1),
        ),
        (
            f"(filter (stdev-return 5) (select-bottom 2) {TWO})",
            Filter((A, B), Reading("stdev_return", (5,)), "bottom", 2),
        ),
        ('(if (> (rsi "SPY" {:window 10}) 79) [(asset "AAA")] [(asset "BBB")])', If(OVER, A, B)),
        ('(if (> (rsi "SPY" 10) 79) (asset "AAA"))', If(OVER, A, Empty())),
        ('(if (> (rsi "SPY" 10) 79) nil (asset "BBB"))', If(OVER, Empty(), B)),
        (f'(if (> (rsi "SPY" 10) 79) {TWO} [])', If(OVER, Equal((A, B)), Empty())),
    ],
)
def test_nodes(text: str, expected: Node) -> None:
    """Each operation becomes its node, children in vectors or bare."""
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('(< (current-price "SPY") (moving-average-price "SPY" {:window 200}))',
         Compare(Reading("price", (), "SPY"), "<", Reading("sma", (200,), "SPY"))),
        ('(>= (cumulative-return "SPY" {:window 5}) -7)',
         Compare(Reading("cumulative_return", (5,), "SPY"), ">=", Constant(-0.07))),
        ('(<= 7 (max-drawdown "SPY" {:window 5}))',
         Compare(Constant(0.07), "<=", Reading("max_drawdown", (5,), "SPY"))),
        ('(> (max-drawdown "SPY" {:window 5}) (stdev-return "QQQ" {:window 9}))',
         Compare(Reading("max_drawdown", (5,), "SPY"), ">", Reading("stdev_return", (9,), "QQQ"))),
        ('(> (rsi "SPY" 10) (stdev-return "QQQ" {:window 9}))',
         Compare(Reading("rsi", (10,), "SPY"), ">", Reading("stdev_return", (9,), "QQQ", scale=100))),
        ('(= (rsi "SPY" 10) 157/2)', Compare(Reading("rsi", (10,), "SPY"), "==", Constant(78.5))),
        ('(not= (rsi "SPY" 10) 1)', Compare(Reading("rsi", (10,), "SPY"), "!=", Constant(1))),
        ('(> (exponential-moving-average-price "SPY" {:window 7}) 1)',
         Compare(Reading("ema", (7,), "SPY"), ">", Constant(1))),
        ('(> (percentage-price-oscillator "SPY" {:short-window 12, :long-window 26}) 0)',
         Compare(Reading("ppo", (12, 26, 0), "SPY"), ">", Constant(0))),
        ('(and (> (rsi "SPY" 10) 79) (or (> (rsi "SPY" 10) 79) (not (> (rsi "SPY" 10) 79))))',
         AllOf((OVER, AnyOf((OVER, NoneOf((OVER,))))))),
    ],
)  # fmt: skip
def test_conditions(text: str, expected: Condition) -> None:
    """Comparisons in both directions, in the dialect's units, joined to any depth."""
    made = tree(f'(if {text} (asset "AAA") (asset "BBB"))')
    assert isinstance(made, If)
    assert made.condition == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{:rebalance-frequency :daily}", Rebalance("daily")),
        ("{:rebalance-frequency :quarterly}", Rebalance("quarterly")),
        ("{:rebalance-threshold 0.05}", Rebalance("threshold", 0.05)),
        ("{:rebalance-threshold 1/20}", Rebalance("threshold", 0.05)),
        ('{:rebalance-frequency "yearly"}', Rebalance("yearly")),
        ("{}", Rebalance("daily")),
        ("", Rebalance("daily")),
    ],
)
def test_definitions(options: str, expected: Rebalance) -> None:
    """Name, options and tree of a defsymphony; several trees share equally."""
    found = formats.read_text(f'; a comment\n(defsymphony "Name" {options} {TWO})')
    assert (found.format, found.strategy.name) == ("composer-dsl", "Name")
    assert found.strategy.rebalance == expected
    assert found.strategy.root == Equal((A, B))


def test_json_arrays_spell_the_same_language() -> None:
    """Lists that begin with a string are operations; keywords keep their colon."""
    text = """["defsymphony", "Name", {":rebalance-threshold": 0.1}, ["weight-equal", [
      ["if", [">", ["rsi", "SPY", {":window": 10}], 79],
        [["asset", "AAA", "A"]],
        [["filter", ["rsi", {":window": 10}], ["select-top", 1], [["asset", "AAA"], ["asset", "BBB"]]]]]]]]"""
    found = formats.read_text(text)
    ranked = Filter((A, B), Reading("rsi", (10,)), "top", 1)
    assert found.format == "composer-dsl"
    assert found.strategy.root == Equal((If(OVER, A, ranked),))
    assert found.strategy.rebalance == Rebalance("threshold", 0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('(weight-equals [(asset "A")])', "operation weight-equals"),
        ('(weight-equal [(unimplemented "leverage" 2)])', "unimplemented"),
        ('(if (unimplemented x) (asset "A") (asset "B"))', "unimplemented"),
        ('(if (> (unimplemented x) 3) (asset "A") (asset "B"))', "unimplemented"),
        ('(if (> (rsi 10) 3) (asset "A") (asset "B"))', "needs a ticker"),
        ('(if (> (rsi "SPY") 3) (asset "A") (asset "B"))', "needs a window"),
        ('(if (> (rsy "SPY" 10) 3) (asset "A") (asset "B"))', '"rsy"'),
        ('(if (> (rsi "SPY" {:span 10}) 3) (asset "A") (asset "B"))', "'span'"),
        ('(if (> (rsi "SPY" 10)) (asset "A") (asset "B"))', "two sides"),
        ('(if (> (rsi "SPY" 10) "x") (asset "A") (asset "B"))', "a number"),
        ('(if (xor 1 2) (asset "A") (asset "B"))', "condition xor"),
        ('(if (and) (asset "A") (asset "B"))', "holds no conditions"),
        ('(if true (asset "A") (asset "B"))', "a condition is missing"),
        ('(if (> 1 2))', "one or two branches"),
        ('(weight-specified 0.5 (asset "A") 0.5)', "a weight before each node"),
        ('(weight-specified (asset "A") 0.5)', "a weight must be a number"),
        ('(weight-specified -1 (asset "A") 2 (asset "B"))', "negative"),
        ('(weight-inverse-volatility [(asset "A")])', "window"),
        ('(filter (rsi 10) (select-some 1) [(asset "A")])', "select-some"),
        ('(filter (rsi 10) (select-top 0) [(asset "A")])', "from 1 up"),
        ('(filter (rsi 10) [(asset "A")])', "an indicator, a selection"),
        ("(asset)", "needs a ticker"),
        ("(asset 5)", "the ticker"),
        ('(weight-equal ["AAA"])', "operation AAA"),
        ("(weight-equal [5])", "a node is missing"),
        ("(group [])", "needs a name"),
        ('(defsymphony "N" {:rebalance-frequency :hourly} (asset "A"))', '"hourly"'),
        ('(defsymphony "N" {:rebalance-often true} (asset "A"))', "'rebalance-often'"),
        ('(defsymphony "N" {:rebalance-threshold 5} (asset "A"))', "from 0 to 1"),
        ('(defsymphony "N" {})', "no tree"),
        ('(asset "A") (asset "B")', "2 forms"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(text: str, said: str) -> None:
    """An error names the trouble, its path, line and column."""
    with pytest.raises(FormatError) as caught:
        formats.read_text("\n\n" + text, source="test.clj")
    error = caught.value
    assert said in error.message
    assert (error.source, error.line) == ("test.clj", 3)
    assert error.column is not None
    assert str(error.path).startswith("root")


def test_lenient_leaves_out_and_notes() -> None:
    """What Composer could not state becomes an empty branch."""
    found = formats.read_text('(weight-equal [(unimplemented "x") (asset "AAA")])', lenient=True)
    assert found.strategy.root == Equal((Empty(), A))
    assert "unimplemented" in found.report.unsupported[0].message


def test_depth_is_no_limit() -> None:
    """Nodes, vectors and conditions nest as deep as memory allows."""
    node = tree("(weight-equal [" * DEEP + '(asset "AAA")' + "])" * DEEP)
    depth = 0
    while isinstance(node, Equal):
        node, depth = node.children[0], depth + 1
    assert (depth, node) == (DEEP, A)
    assert tree("(weight-equal " + "[" * DEEP + '(asset "AAA")' + "]" * DEEP + ")") == Equal((A,))
    made = tree("(if " + "(and " * DEEP + '(> (rsi "SPY" 10) 79)' + ")" * DEEP + ' (asset "AAA"))')
    assert isinstance(made, If)
    found: Condition = made.condition
    while isinstance(found, AllOf):
        found = found.conditions[0]
    assert found == OVER
