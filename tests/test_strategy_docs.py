"""The page about strategies is true: every example on it is read, and survives writing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from treefolio.errors import StrategyError
from treefolio.indicators import SIGNATURES
from treefolio.strategy import expression, handles, kinds, spelling, text
from treefolio.strategy.tree import REBALANCINGS, Strategy

PAGE = (Path(__file__).parents[1] / "docs" / "strategies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NATIVE = [body for language, body in BLOCKS if language in ("yaml", "json")]
CONDITIONS = [
    line.split("#")[0].strip()
    for language, body in BLOCKS
    if language == "conditions"
    for line in body.splitlines()
]


@pytest.mark.parametrize("example", NATIVE)
def test_examples_are_strategies(example: str) -> None:
    """Each example is a whole strategy, or a node, and survives writing."""
    if not re.search(r'^(?:tree|\s*"tree"):', example, re.MULTILINE):
        example = "tree:\n" + "".join(f"  {line}\n" for line in example.splitlines())
    strategy = text.parse(example, SIGNATURES, source="example.yaml")
    assert text.parse(text.write(strategy), SIGNATURES) == strategy
    assert text.parse(text.write(strategy, as_json=True), SIGNATURES) == strategy


@pytest.mark.parametrize("example", CONDITIONS)
def test_examples_are_conditions(example: str) -> None:
    """Each line is a condition, and survives writing."""
    condition = expression.condition(example, SIGNATURES)
    assert expression.condition(spelling.condition(condition), SIGNATURES) == condition


def test_python_example() -> None:
    """The example in Python builds what the same words in YAML say."""
    (example,) = (body for language, body in BLOCKS if language == "python")
    names: dict[str, object] = {}
    exec(example, names)  # the page is ours
    made = names["made"]
    assert isinstance(made, Strategy)
    assert text.parse(text.write(made), SIGNATURES) == made
    assert "if: rsi(TQQQ, 10) > $hot and rsi(SPY, 10) > 70" in text.write(made)


def test_error_example() -> None:
    """The error on the page is what such a file gives."""
    (example,) = (body for language, body in BLOCKS if language == "text")
    damaged = """
tree:
  if: rsi(TQQQ, 10) > 79
  then: UVXY
  else:
    group: Bear market
    of:
      if: rssi(TQQQ, 10) > 50
      then: BIL
"""
    with pytest.raises(StrategyError) as caught:
        text.parse(damaged, SIGNATURES, source="a.yaml")
    assert str(caught.value).splitlines() == example.splitlines()


def test_nothing_is_left_out() -> None:
    """Every kind of node, rule of rebalancing and key of the file is on the page."""
    for word in (*kinds.KINDS, *REBALANCINGS, *text.KEYS):
        assert re.search(rf"`{word}\b|^\s*-?\s*\{{?{word}:", PAGE, re.MULTILINE), word


def test_handles_on_the_page() -> None:
    """The handles that the table names are what handles are called."""
    strategy = text.parse(
        "rebalance: threshold(5%)\n"
        "tree:\n"
        "  - {if: 'rsi(A, 5) > 70 and sma(A, 5) > sma(B, 6) for 2 sessions', then: A}\n"
        "  - {if: macd(A) > 0, then: {weighted: [1: A]}}\n"
        "  - {filter: top 1 by rsi(5), of: [A], weights: [1]}\n"
        "  - {scale: rsi(A), between: [1, 2], from: {inverse_volatility: 5, of: [A]}, to: A}\n",
        SIGNATURES,
    )
    found = {re.sub(r"^([a-z])\d+", r"\g<1>1", h.id) for h in handles.handles(strategy, SIGNATURES)}
    section = PAGE[PAGE.index("| handle | of |") : PAGE.index("## JSON")]
    named = set(re.findall(r"`([a-z]+\d?\.\w+)`", section))
    assert len(named) > 15
    assert named <= found
