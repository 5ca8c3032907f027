"""Validation: all that is wrong with a text at once, each with its place; the first is the reader's own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_cases import FILES, HOT

from treefolio import formats
from treefolio.client import Client
from treefolio.errors import StrategyError
from treefolio.service.strategies.reading import validated
from treefolio.strategy.text import write
from treefolio.strategy.validate import MOST_PROBLEMS
from treefolio.testing.trees import random_strategy

NATIVE = """\
name: x
foo: 1
variables: {hot: 70:60:1, cold: 5}
rebalance: dayly
constraints: ['$cold < $colt', '$x < 3']
tree:
  weighted:
    - 60%:
        if: rsii(SPY, 10) > $cold
        then: 'TQ QQ'
        else: {filter: 'top 1 by rsi(0)', of: [A, 'b c'], tie: keep}
    - 40%: {if: 'rsi(SPY) > > 3', thenn: X, else: Y}
"""
NATIVE_SAID = [
    ("70:60:1 leads away from its end", None),
    ("a strategy has no key 'foo'", None),
    ("filter has no key 'tie'", "root > child[1] > else"),
    ("if has no key 'thenn'", "root > child[2]"),
    ("if needs then", "root > child[2]"),
    ("rsi: window must be from 1 to 100000, not 0", "root > child[1] > else"),
    ("unknown indicator 'rsii'", "root > child[1] > condition"),
    ("unknown rule of rebalancing 'dayly'", None),
    ("unknown variable 'colt'", None),
    ("unknown variable 'x'", None),
    ("'TQ QQ' is not a ticker", "root > child[1] > then"),
]
COMPOSER = {
    "step": "root",
    "name": "S",
    "rebalance": "daily",
    "children": [
        {
            "step": "wt-cash-equal",
            "children": [
                {"step": "asset", "ticker": 5},
                {"step": "assett"},
                {
                    "step": "if",
                    "children": [
                        {
                            "step": "if-child",
                            "is-else-condition?": False,
                            "lhs-fn": "rsii",
                            "lhs-fn-params": {"window": 10},
                            "lhs-val": "SPY",
                            "comparator": "gt",
                            "rhs-val": "7",
                            "rhs-fixed-value?": True,
                            "children": [{"step": "oops"}],
                        },
                        {
                            "step": "if-child",
                            "is-else-condition?": True,
                            "children": [{"step": "asset", "ticker": "SPY"}],
                        },
                    ],
                },
            ],
        }
    ],
}
COMPOSER_SAID = [
    ('the indicator "rsii" is not known', "root > child[1] > child[3] > condition"),
    ('the step "assett" is not known', "root > child[1] > child[2]"),
    ('the step "oops" is not known', "root > child[1] > child[3] > then > child[1]"),
    ("the ticker is 5", "root > child[1] > child[1]"),
]
DSL = """\
(defsymphony "S" {:rebalance-frequency :daily}
 (weight-equal [(asset 5 nil) (assett "A")
  (if (> (rsii "SPY" {:window 10}) 3) [(oops)] [(asset "SPY" nil)])]))
"""
ELEMENTS = {
    "name": "S",
    "elements": [
        {"id": "1", "type": "ticker", "ticker": "", "weight": 50},
        {"id": "2", "type": "tickr", "ticker": "SPY", "weight": 50},
    ],
}
QUANTMAGE = {
    "name": "S",
    "trading_type": "Daily",
    "incantation": {
        "incantation_type": "Weighted",
        "name": "all",
        "type": "Equal",
        "incantations": [
            {"incantation_type": "Tickr", "symbol": "SPY"},
            {"incantation_type": "Ticker", "symbol": 7},
            {"incantation_type": "Ticker", "symbol": "SPY"},
        ],
    },
}
TICKERS = ["SPY", "TQQQ", "BIL"]


@pytest.mark.parametrize(
    ("text", "said"),
    [(NATIVE, NATIVE_SAID), (json.dumps(COMPOSER), COMPOSER_SAID)],
    ids=["native", "composer"],
)
def test_all_of_them(client: Client, text: str, said: list[tuple[str, str | None]]) -> None:
    """Each once, with its path and line; nothing else is said of such a text."""
    found = client.strategies.validate(text, file_name="x.yaml")
    assert sorted(
        ((each.message.partition(";")[0], each.path) for each in found.problems),
        key=lambda pair: pair[0].strip("'"),
    ) == sorted(said, key=lambda pair: pair[0].strip("'"))
    assert all(each.line for each in found.problems)
    assert (found.hash, found.format, found.tickers, found.report) == (None, None, [], None)


@pytest.mark.parametrize(
    ("text", "count"),
    [(DSL, 4), (json.dumps(ELEMENTS), 2), (json.dumps(QUANTMAGE), 2)],
    ids=["dsl", "elements", "quantmage"],
)
def test_other_formats(text: str, count: int) -> None:
    """Their readers go on beside a damaged part, too."""
    found = validated(text, None).problems
    assert len(found) == count
    assert len({each.path for each in found}) == count


@pytest.mark.parametrize(
    "tree",
    [
        "$x",
        "{if: 'rsi(SPY, $x) > $x', then: SPY, else: BIL}",
        "{weighted: [{$x: SPY}, {1: BIL}]}",
        "{asset: $x}",
    ],
)
def test_nothing_follows_from_a_damaged_variable(tree: str) -> None:
    """Its own trouble is told, not that of its uses."""
    (found,) = validated(f"variables: {{x: 3:1:1}}\ntree: {tree}\n", None).problems
    assert found.message == "3:1:1 leads away from its end"


@pytest.mark.parametrize("kind", FILES)
def test_a_sound_one(kind: str, client: Client) -> None:
    """Has no problem; what it holds is what its import says."""
    name, text = FILES[kind]
    found = client.strategies.validate(text, file_name=name)
    kept = client.strategies.add(text, file_name=name)
    said = client.strategies.inspect(kept.strategy.id, 1)
    assert found.problems == []
    assert (found.name, found.format, found.hash) == (said.name, kind, kept.version.hash)
    assert (found.tickers, found.variables, found.lookback, found.report) == (
        said.tickers,
        said.variables,
        said.lookback,
        said.report,
    )


def test_nothing_is_kept(client: Client, ann: httpx.Client) -> None:
    """Of what is validated."""
    before = client.strategies.list().total
    assert ann.post("/strategies/validate", json={"text": HOT}).status_code == 200
    assert client.strategies.list().total == before


def test_no_more_than_can_be_read() -> None:
    """Of very many, the first ones."""
    tree = "tree: [{}]".format(", ".join(["'a b'"] * 5_000))
    assert len(validated(tree, None).problems) == MOST_PROBLEMS + 1


@given(seed=st.integers(0, 2**32))
def test_what_is_written_has_none(seed: int) -> None:
    """Whatever the strategy: what is found in its text is what the reader finds."""
    text = write(random_strategy(np.random.default_rng(seed), tickers=TICKERS))
    found, problems = formats.examine(text)
    assert (found, problems) == (formats.read_text(text), ())


def _damage(value: Any, rng: random.Random) -> Any:
    """The value with something in it left out, put in twice or replaced."""
    spots: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        part = stack.pop()
        pairs = list(part.items() if isinstance(part, dict) else enumerate(part))
        spots += [(part, key) for key, _ in pairs]
        stack += [inner for _, inner in pairs if isinstance(inner, dict | list)]
    for _ in range(rng.randint(1, 4)):
        holder, key = rng.choice(spots)
        if isinstance(holder, dict) and rng.random() < 0.3:
            holder.pop(key, None)
        elif isinstance(holder, list) or key in holder:
            holder[key] = rng.choice([None, 5, -1, "x", "", [], {}, "SPY", [5], {"step": "asset"}, 1e9, True])
    return value


_TREES: dict[str, Callable[[], Any]] = {
    "composer": lambda: json.loads(json.dumps(COMPOSER)),
    "sound composer": lambda: json.loads(FILES["composer-json"][1]),
    "quantmage": lambda: json.loads(FILES["quantmage-json"][1]),
    "elements": lambda: json.loads(FILES["elements-json"][1]),
    "native": lambda: json.loads(write(formats.read_text(FILES["composer-json"][1]).strategy, as_json=True)),
}


def read(text: str) -> formats.Import | StrategyError:
    """What the reader makes of a text, or what it stops at."""
    try:
        return formats.read_text(text)
    except StrategyError as error:
        return error


@pytest.mark.parametrize("kind", _TREES)
@given(seed=st.integers(0, 2**32))
def test_damaged_anywhere(kind: str, seed: int) -> None:
    """A text that is read has no problem; of another one the first is what the reader stops at."""
    text = json.dumps(_damage(_TREES[kind](), random.Random(seed)))
    found, problems = formats.examine(text)
    expected = read(text)
    if isinstance(expected, formats.Import):
        assert (found, problems) == (expected, ())
    else:
        assert found is None
        first = problems[0]
        assert (first.message, first.path, first.line) == (expected.message, expected.path, expected.line)
