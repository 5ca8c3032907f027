"""The native text form: what it means, that it survives writing, and that its errors say where."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given

from strategy_samples import SIGNATURES, strategies
from treefolio.errors import FormatError, LimitError, StrategyError
from treefolio.strategy import text
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Constant,
    Constraint,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Lasting,
    Node,
    NoneOf,
    Reading,
    Rebalance,
    Scale,
    Specified,
    Strategy,
    Switch,
    Term,
    Var,
    Variable,
    count_nodes,
)
from treefolio.strategy.validate import Limits


def rsi(ticker: str, window: int = 14) -> Reading:
    return Reading("rsi", (window,), ticker)


def parse(tree: str, header: str = "name: X\n", **options: object) -> Strategy:
    """A strategy from the text under its key `tree`, indented here."""
    inner = "\n".join("  " + line for line in tree.splitlines())
    return text.parse(f"{header}tree:\n{inner}\n", SIGNATURES, **options)  # type: ignore[arg-type]


A, B = Asset("A"), Asset("B")
HOT = rsi("A", 10) > 79

NODES: list[tuple[str, Node]] = [
    ("A", A),
    ("BRK.B", Asset("BRK.B")),
    ("NO", Asset("NO")),
    ("on", Asset("on")),
    ("7203", Asset("7203")),
    ("2024-01-02", Asset("2024-01-02")),
    ("1e5", Asset("1e5")),
    ("^VIX", Asset("^VIX")),
    ('{asset: "cash"}', Asset("cash")),
    ("asset: '\"a b\"'", Asset("a b")),
    ("[A, B, cash, [A]]", Equal((A, B, Cash(), Equal((A,))))),
    ("- A\n- B", Equal((A, B))),
    ("equal: [A, empty]", Equal((A, Empty()))),
    ("group: Bear market\nof: [A, B]", Group("Bear market", Equal((A, B)))),
    ("group: 5\nof: A", Group("5", A)),
    (
        "weighted:\n  - 60%: A\n  - 0.4: B\n  - 60%: {equal: [A]}",
        Specified((A, B, Equal((A,))), (0.6, 0.4, 0.6)),
    ),
    ("inverse_volatility: 20\nof: [A, B]", InverseVolatility((A, B), 20)),
    ("if: rsi(A, 10) > 79\nthen: A\nelse: B", If(HOT, A, B)),
    ("if: rsi(A, 10) > 79\nthen: A", If(HOT, A, Empty())),
    ("{if: 'rsi(A, 10) > 79', then: A, else: cash}", If(HOT, A, Cash())),
    ("if: |\n  rsi(A, 10)\n  > 79\nthen: A", If(HOT, A, Empty())),
    ("if:\n  all:\n    - rsi(A, 10) > 79\nthen: A", If(AllOf((HOT,)), A, Empty())),
    (
        "if:\n  any:\n    - rsi(A, 10) > 79\n    - none: [rsi(B) > 1]\n  for: 3\nthen: A",
        If(Lasting(AnyOf((HOT, NoneOf((rsi("B") > 1,)))), 3), A, Empty()),
    ),
    ("filter: top 2 by rsi(10)\nof: [A, B]", Filter((A, B), Reading("rsi", (10,)), "top", 2)),
    (
        "filter: bottom 1 by price\nof: [A, B]\nweights: [1, 3]\nties: keep",
        Filter((A, B), Reading("price"), "bottom", 1, (1, 3), None, True),
    ),
    (
        "filter: top 1 by rsi\nof: [A]\nweights: inverse_volatility(20)",
        Filter((A,), Reading("rsi", (14,)), "top", 1, (), 20),
    ),
    (
        'switch: ["rsi(A, 10) > 79", rsi(B) > 1]\nbranches: [null, ~, B]',
        Switch((HOT, rsi("B") > 1), (None, None, B)),
    ),
    ("switch: [rsi(B) > 1]\nbranches:\n  -\n  - 'null'", Switch((rsi("B") > 1,), (None, Asset("null")))),
    (
        "scale: 2 * rsi(A)\nbetween: [30, 70.5]\nfrom: A\nto: [A, B]",
        Scale(2 * rsi("A"), 30, 70.5, A, Equal((A, B))),
    ),
    (
        "enter: rsi(A, 10) > 79\nexit: rsi(B) > 1\nthen: A\nelse: B",
        EnterExit(HOT, rsi("B") > 1, A, B),
    ),
    ("enter: rsi(A, 10) > 79\nexit: rsi(B) > 1\nthen: A", EnterExit(HOT, rsi("B") > 1, A, Empty())),
    ("[&x {group: g, of: A}, *x]", Equal((Group("g", A), Group("g", A)))),
]


@pytest.mark.parametrize(("tree", "meaning"), NODES)
def test_node_means(tree: str, meaning: Node) -> None:
    """Each text says exactly this node, and survives writing as YAML and as JSON."""
    strategy = parse(tree)
    assert strategy.root == meaning
    assert text.parse(text.write(strategy), SIGNATURES) == strategy
    assert text.parse(text.write(strategy, as_json=True), SIGNATURES) == strategy


HEADER = """
name: "Everything: in the header"
description: |
  Two
  lines
rebalance: threshold($c)
empty: cash
variables:
  hot: 70:72:1            # a range, both ends included
  fund: [TQQQ, SOXL, "5"]
  slow: {default: 200, values: [100, 150, 200]}
  fast: 5, 10
  cmp: [">", "<"]
  c: {default: 5%}
constraints:
  - $fast < $slow
tree: [$fund, {if: "rsi($fund, $fast) $cmp $hot", then: A}]
"""


def test_header() -> None:
    """Everything around the tree."""
    strategy = text.parse(HEADER, SIGNATURES)
    assert strategy.name == "Everything: in the header"
    assert strategy.description == "Two\nlines\n"
    assert strategy.rebalance == Rebalance("threshold", Var("c"))
    assert strategy.empty == "cash"
    assert strategy.variables == (
        Variable("hot", (70, 71, 72), 70),
        Variable("fund", ("TQQQ", "SOXL", "5"), "TQQQ"),
        Variable("slow", (100, 150, 200), 200),
        Variable("fast", (5, 10), 5),
        Variable("cmp", (">", "<"), ">"),
        Variable("c", (0.05,), 0.05),
    )
    assert strategy.constraints == (Constraint(Term(Var("fast")), "<", Term(Var("slow"))),)
    hot = Compare(Reading("rsi", (Var("fast"),), Var("fund")), Var("cmp"), Constant(Var("hot")))
    assert strategy.root == Equal((Asset(Var("fund")), If(hot, A, Empty())))


def test_defaults_of_the_header() -> None:
    """A tree is enough; the name is then the file's."""
    strategy = text.parse("tree: A", SIGNATURES, source="folder/Long term.yaml")
    assert strategy == Strategy(name="Long term", root=A)


def test_json_is_recognised() -> None:
    """A text that begins as JSON does is JSON, with its escapes; YAML in braces is still YAML."""
    assert text.parse('{"name": "\\ud83d\\ude00\\/", "tree": ["A", "B"]}', SIGNATURES).name == "😀/"
    assert text.parse("{name: x, tree: [A, B]}", SIGNATURES).root == Equal((A, B))
    assert text.parse('\ufeff{"tree": "A"}', SIGNATURES).root == A
    assert text.parse("\ufefftree: A", SIGNATURES).root == A


@given(strategies())
def test_every_strategy_survives_writing(strategy: Strategy) -> None:
    """Writing a strategy and reading it again gives an equal one, from YAML and from JSON."""
    yaml, as_json = text.write(strategy), text.write(strategy, as_json=True)
    assert text.parse(yaml, SIGNATURES) == strategy
    assert text.parse(as_json, SIGNATURES) == strategy
    assert text.write(text.parse(yaml, SIGNATURES)) == yaml
    assert isinstance(json.loads(as_json), dict)


@given(strategies())
def test_types_of_numbers_survive_writing(strategy: Strategy) -> None:
    """Whole numbers stay int and others stay float: the text says each number's repr or its percentage."""
    read = text.parse(text.write(strategy), SIGNATURES)
    assert [repr(variable) for variable in read.variables] == [repr(v) for v in strategy.variables]
    assert repr(read.rebalance) == repr(strategy.rebalance)


WRITTEN = """\
name: TQQQ for the long term
rebalance: daily
empty: redistribute
variables:
  hot: 70:85:1
  slow:
    default: 200
    values: [100, 150, 200]
tree:
  if: rsi(TQQQ, 10) > $hot
  then: UVXY
  else:
    weighted:
      - 60%: TQQQ
      - 40%:
          if:
            all:
              - price(SPY) > 1.02 * sma(SPY, $slow)
              - price(QQQ) > 1.02 * sma(QQQ, $slow)
              - not rsi(SPY, 10) > 80 for 3 sessions
          then:
            equal: [SPY, QQQ]
"""


def test_written_text_is_pleasant() -> None:
    """Reading what a person would write and writing it again changes nothing."""
    assert text.write(text.parse(WRITTEN, SIGNATURES)) == WRITTEN


# Errors


PLACES = [
    ("if: rssi(A) > 5\nthen: A", 3, 7, "root > condition", "unknown indicator", "rsi"),
    ("if: rsi(A) > $hto\nthen: A", 3, 7, "root > condition", "unknown variable 'hto'", "hot"),
    ("if: rsi(A) > 5\nthan: A", 4, 3, "root", "if has no key 'than'", "then"),
    ("if: rsi(A) > 5", 3, 3, "root", "if needs then", None),
    ("if: rsi(A) > 5\nthen:", 4, 8, "root > then", "a node is missing", "empty"),
    ("if: [rsi(A) > 5]\nthen: A", 3, 7, "root > condition", "a condition is a text", "if:"),
    ("{if: rsi(A, 10) > 5, then: A}", 3, 15, "root", "if has no key", "quotation marks"),
    ("[A, B, {fliter: top 1 by rsi, of: [A]}]", 3, 11, "root > child[3]", "unknown node 'fliter'", "filter"),
    (
        "group: Bear\nof:\n  if: rsi(A) > 5\n  then: {}",
        6,
        11,
        'root "Bear" > child > then',
        "missing",
        "empty",
    ),
    ("equal: A", 3, 10, "root", "equal needs a list", "equal: ["),
    ("equal: []", 3, 3, "root", "at least one child", "empty"),
    ("rsi(A) > 5", 3, 3, "root", "is not a ticker", "if:"),
    ("weighted: {A: 60%}", 3, 13, "root", "weighted needs a list", "- 60%: TQQQ"),
    ("weighted: [A]", 3, 14, "root", "one weight with one node", "- 60%: TQQQ"),
    ("weighted: [0: A, 0%: B]", 3, 3, "root", "no weight above 0", "positive"),
    ("weighted: [-1: A]", 3, 3, "root", "weight must be 0 or more", None),
    ("weighted: [nan: A]", 3, 14, "root", "expected a number", "finite"),
    ("inverse_volatility: 0\nof: [A]", 3, 3, "root", "window must be 1 or more", None),
    ("inverse_volatility: 2.5\nof: [A]", 3, 3, "root", "whole number", None),
    ("filter: top 0 by rsi\nof: [A]", 3, 3, "root", "count must be 1 or more", None),
    ("filter: top 1 by rsi(0)\nof: [A]", 3, 20, "root", "window must be from 1", None),
    ("filter: top 1 by rsi(5)\nof: [A, B]\nweights: [1]", 3, 3, "root", "1 weights for 2 children", None),
    ("filter: top 1 by rsi(5)\nof: [A]\nweights: rsi(3)", 5, 12, "root", "inverse_volatility(window)", None),
    ("filter: top 1 by rsi(5)\nof: [A]\nties: drop", 5, 9, "root", "can only be kept", "keep"),
    ("switch: [rsi(A) > 5]\nbranches: [A]", 3, 3, "root", "1 branches for 1 conditions", "needs 2"),
    ("switch: [rsi(A) > 5]\nbranches: [A, null]", 3, 3, "root", "cannot be null", "empty"),
    ("scale: rsi(A)\nbetween: [30, 30.0]\nfrom: A\nto: B", 3, 3, "root", "two different ends", "between"),
    ("scale: rsi(A)\nbetween: [30]\nfrom: A\nto: B", 4, 12, "root", "two numbers", "between"),
    ("scale: 5\nbetween: [1, 2]\nfrom: A\nto: B", 3, 10, "root", "expected an indicator", None),
    ("if: rsi($hot) > 5\nthen: A", 3, 7, "root > condition", "$hot cannot stand here: ticker", None),
    ("if: rsi(A, $fund) > 5\nthen: A", 3, 7, "root > condition", "$fund cannot stand here", None),
    ("if: rsi(A) $fund 5\nthen: A", 3, 7, "root > condition", "unknown comparator 'A'", "One of"),
    ("if: $fund(A) > 5\nthen: A", 3, 7, "root > condition", "unknown indicator 'A'", None),
    (
        "if: {all: [rsi(A) > 5], for: 0}\nthen: A",
        3,
        7,
        "root > condition",
        "sessions must be 1 or more",
        None,
    ),
    ("cash", 3, 3, None, "never holds anything", "ticker"),
]


@pytest.mark.parametrize(("tree", "line", "column", "path", "message", "hint"), PLACES)
def test_errors_in_the_tree_say_where(
    tree: str, line: int, column: int, path: str | None, message: str, hint: str | None
) -> None:
    """File, line, column, path in the tree, and mostly a remedy. (The tree begins at line 3, column 3.)"""
    header = "variables: {hot: 70:72:1, fund: [A, B]}\n"
    with pytest.raises(StrategyError) as caught:
        parse(tree, header, source="a.yaml")
    error = caught.value
    assert (error.source, error.line, error.column, error.path) == ("a.yaml", line, column, path)
    assert message in error.message
    assert hint is None or hint in (error.hint or "")


HEADERS = [
    ("nmae: X", 1, 1, "no key 'nmae'", "name"),
    ("rebalance: treshold(5%)", 1, 12, "unknown rule", "threshold"),
    ("rebalance: threshold", 1, 12, "needs a corridor", "threshold(5%)"),
    ("rebalance: daily(5%)", 1, 12, "no other rule has one", None),
    ("rebalance: threshold(5)", 1, 12, "corridor must be 1 or less", None),
    ("empty: keep", 1, 8, "unknown policy", "redistribute"),
    ("variables: [hot]", 1, 12, "need names", None),
    ("variables: {hot: 70:72:0}", 1, 18, "step 0", None),
    ("variables: {hot: 72:70:1}", 1, 18, "away from its end", "72:70:-1"),
    ("variables: {hot: []}", 1, 18, "needs values", "70:85:1"),
    ("variables: {hot: ';'}", 1, 19, "no value", None),
    ("variables: {hot: [1, nan]}", 1, 22, "finite", None),
    ("variables: {hot: [1, 1.0]}", 1, 13, "twice", None),
    ("variables: {hot: {values: [1]}}", 1, 18, "needs default", None),
    ("variables: {1hot: [1]}", 1, 13, "cannot name a variable", None),
    ("constraints: $a < $b", 1, 14, "needs a list", None),
    ("constraints: [$a < $b]", 1, 15, "unknown variable 'a'", None),
    ("constraints: [5 <> 6]", 1, 18, "expected a number", None),
    ("name: X\nname: Y", 2, 1, "given twice", None),
    ("? [a]\n: b", 1, 3, "a key must be a word", None),
    ("<<: {name: X}", 1, 1, "merge keys", "Write the keys out."),
    ("name: !!str X", 1, 7, "tags", None),
    ("name: *x", 1, 7, "names nothing above", None),
    ("variables: &x {a: *x}", 1, 19, "inside what it names", None),
    ("name: [", 3, 1, "damaged YAML", None),
]


@pytest.mark.parametrize(("header", "line", "column", "message", "hint"), HEADERS)
def test_errors_in_the_header_say_where(
    header: str, line: int, column: int, message: str, hint: str | None
) -> None:
    """File, line and column of what is wrong around the tree."""
    with pytest.raises(StrategyError) as caught:
        text.parse(f"{header}\ntree: A\n", SIGNATURES, source="a.yaml")
    error = caught.value
    assert (error.source, error.line, error.column) == ("a.yaml", line, column)
    assert message in error.message
    assert hint is None or hint in (error.hint or "")


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ("", "empty"),
        ("# nothing", "empty"),
        ("A", "mapping with the key tree"),
        ("[A]", "damaged|mapping|no JSON value"),
        ("name: X", "needs tree"),
        ("tree: A\n---\ntree: B", "second document"),
        ("tree: A\x00", "damaged YAML"),
        ("tree: \ud800", "damaged YAML"),
        ('{"tree": true}', "true has no meaning"),
        ('{"tree": "A",}', "key"),
        ('{"tree": NaN}', "JSON"),
    ],
)
def test_damaged_texts(whole: str, message: str) -> None:
    """Damage is a StrategyError, whatever it is."""
    with pytest.raises(StrategyError, match=message):
        text.parse(whole, SIGNATURES)


def test_json_errors_have_lines() -> None:
    """In JSON an error is placed at the object or list around it."""
    with pytest.raises(StrategyError) as caught:
        text.parse('{\n "tree":\n  {"if": "rssi(A) > 1",\n "then": "A"}}', SIGNATURES, source="a.json")
    assert (caught.value.source, caught.value.line, caught.value.column) == ("a.json", 3, 3)
    assert caught.value.path == "root > condition"


# Size


def _chain(depth: int) -> Node:
    node: Node = A
    for k in range(depth):
        node = If(rsi("A", 1 + k % 300) > k, A, node)
    return node


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("depth", [300, 5_000])
def test_deep_trees_survive_writing(depth: int, as_json: bool) -> None:
    """Depth is no obstacle, and the text's size grows in proportion to the tree's."""
    strategy = Strategy(name="deep", root=_chain(depth))
    written = text.write(strategy, as_json=as_json)
    assert text.parse(written, SIGNATURES) == strategy
    assert len(written) < 2_000 * depth


def test_deep_yaml_can_be_read() -> None:
    """Nested lists in brackets, twenty thousand deep."""
    root = text.parse(f"tree: {'[' * 20_000}A{']' * 20_000}", SIGNATURES).root
    assert count_nodes(root) == 20_001


def test_depth_is_limited() -> None:
    """Deeper than the limit is a LimitError, from YAML and from JSON, before memory runs out."""
    limits = Limits(depth=50)
    for brackets in (60, 1_000):
        nested = "[" * brackets + '"A"' + "]" * brackets
        for whole in (f"tree: {nested}", f'{{"tree": {nested}}}'):
            with pytest.raises(LimitError):
                text.parse(whole, SIGNATURES, limits=limits)


def test_brackets_that_never_end_are_refused_where_the_limit_is() -> None:
    """Not at the end of the text: the YAML parser's time grows with the square of the nesting."""
    with pytest.raises(LimitError, match="25,000 levels") as caught:
        text.parse("tree: " + "[" * 120_000, SIGNATURES)
    assert caught.value.line == 1
    assert caught.value.column is not None
    assert caught.value.column < 26_000


@pytest.mark.parametrize("kind", ["nodes", "conditions"])
def test_aliases_that_multiply_are_refused(kind: str) -> None:
    """Forty doublings by aliases are a LimitError at once; a few are shared, not copied."""
    first = "&a0 [A, A]" if kind == "nodes" else "&a0 {all: [rsi(A) > 1, rsi(A) > 2]}"
    wrap = "&a{k} [*a{p}, *a{p}]" if kind == "nodes" else "&a{k} {{all: [*a{p}, *a{p}]}}"

    def bomb(doublings: int) -> str:
        layers = [first, *(wrap.format(k=k, p=k - 1) for k in range(1, doublings))]
        last = f"*a{doublings - 1}"
        if kind == "nodes":
            return "tree:\n" + "".join(f"  - {layer}\n" for layer in layers) + f"  - {last}\n"
        conditions = "".join(f"    - {layer}\n" for layer in layers)
        return f"tree:\n  if:\n   all:\n{conditions}    - {last}\n  then: A\n"

    with pytest.raises(LimitError, match="1,000,000"):
        text.parse(bomb(40), SIGNATURES)
    root = text.parse(bomb(5), SIGNATURES).root
    children = root.children if isinstance(root, Equal) else root.condition.conditions  # type: ignore[attr-defined]
    assert children[-1] is children[-2]


def test_size_is_limited() -> None:
    """The limit counts nodes and the comparisons inside of conditions."""
    many = " and ".join(["rsi(A) > 1"] * 50)
    limits = Limits(items=40)
    with pytest.raises(LimitError):
        text.parse(f"tree: {{if: {many}, then: A}}", SIGNATURES, limits=limits)
    with pytest.raises(LimitError):
        text.parse(f"tree: [{', '.join(['A'] * 50)}]", SIGNATURES, limits=limits)


def test_repeated_conditions_are_shared() -> None:
    """The same words of a condition become one object."""
    root = text.parse("tree: [{if: rsi(A) > 1, then: A}, {if: rsi(A) > 1, then: B}]", SIGNATURES).root
    assert isinstance(root, Equal)
    first, second = root.children
    assert isinstance(first, If)
    assert isinstance(second, If)
    assert first.condition is second.condition


def test_errors_are_readable() -> None:
    """The message of an error says where, what and what to do, on lines of their own."""
    with pytest.raises(StrategyError) as caught:
        parse("if: rssi(A) > 5\nthen: A", source="a.yaml")
    lines = str(caught.value).splitlines()
    assert re.match(r"a\.yaml, line 3, column 7: unknown indicator 'rssi'", lines[0])
    assert lines[1:] == ["  at root > condition", "Did you mean rsi?"]


def test_damage_is_a_format_error() -> None:
    """What is no YAML is a FormatError, which is a StrategyError too."""
    with pytest.raises(FormatError):
        text.parse("tree: [A", SIGNATURES)
