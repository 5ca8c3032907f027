"""The trace of a decision: its weights are the engines', its steps add up, its margins are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from treefolio.engine import reference
from treefolio.engine.compiled import record
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.engine.trace import Step, Trace, trace, traces
from treefolio.engine.verdicts import Verdict
from treefolio.errors import MissingPrices, WindowError
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import text
from treefolio.strategy.tree import Rebalance
from treefolio.testing.panels import panel_of, random_panel
from treefolio.testing.trees import random_strategy

TICKERS = tuple("ABCDE")
RISING = [100.0 + k for k in range(30)]
FALLING = [200.0 - k for k in range(30)]
FLAT = [50.0] * 30


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of({"UP": RISING, "DOWN": FALLING, "FLAT": FLAT})


def explained(panel: Panel, tree: str, session: int = 25) -> Trace:
    """The trace of a tree in the native text form."""
    indented = "\n".join(f"  {line}" for line in tree.strip("\n").splitlines())
    return trace(text.parse(f"tree:\n{indented}\n", SIGNATURES), panel, session)


def only(found: Trace, kind: str) -> Step:
    """The one step of this kind."""
    (step,) = (step for step in found.steps if step.kind == kind)
    return step


@pytest.mark.parametrize("seed", range(40))
def test_weights_are_those_of_both_engines(seed: int) -> None:
    """On random trees with every kind of node, and the steps lead to the same weights."""
    rng = np.random.default_rng(seed)
    prices = random_panel(rng, tickers=TICKERS, sessions=120)
    strategy = random_strategy(rng, tickers=TICKERS, nodes=14)
    for session in (60, 119):
        found = trace(strategy, prices, session, "skip")
        expected = reference.decide(strategy, prices, session, missing="skip")
        assert found.weights == pytest.approx(expected, rel=1e-12)
        by_steps: dict[str, float] = {}
        for step in found.steps:
            if step.kind == "asset":
                by_steps[step.text] = by_steps.get(step.text, 0.0) + step.share
        assert by_steps == pytest.approx(expected, rel=1e-9)


def test_weights_are_the_bits_of_the_run() -> None:
    """Whatever window the run has."""
    rng = np.random.default_rng(5)
    prices = random_panel(rng, tickers=TICKERS, sessions=120, late_listings=False, gaps=False)
    strategy = replace(random_strategy(rng, tickers=TICKERS, nodes=20), rebalance=Rebalance())
    question = Question(panel=prices, benchmark=None, missing="skip", start=prices.sessions[60].item())
    run = record(prepare(strategy, question))
    for k in (0, 20, len(run.sessions) - 1):
        found = trace(strategy, prices, 60 + k, "skip")
        held = {run.tickers[a]: float(run.targets[k, a]) for a in np.flatnonzero(run.targets[k])}
        assert found.weights == held


def test_the_future_is_not_looked_at(panel: Panel) -> None:
    """Prices after the session do not enter."""
    tree = "if: rsi(UP, 5) > 70\nthen: {filter: top 1 by cumulative_return(3), of: [UP, DOWN]}\nelse: FLAT"
    after = {name: values.copy() for name, values in panel.fields.items()}
    for values in after.values():
        values[26:] *= 7.0
    other = Panel(sessions=panel.sessions, tickers=panel.tickers, fields=after, basis="other", source="other")
    assert explained(panel, tree) == explained(other, tree)


@pytest.mark.parametrize(
    ("condition", "left", "right", "margin", "near"),
    [
        ("price(UP) > 100", 125.0, 100.0, 25.0, False),
        ("price(UP) < 100", 125.0, 100.0, -25.0, False),
        ("price(UP) >= price(DOWN)", 125.0, 175.0, -50.0, False),
        ("price(UP) <= 125.5", 125.0, 125.5, 0.5, True),
        ("100 < price(UP)", 100.0, 125.0, 25.0, False),
        ("price(UP) == 125", 125.0, 125.0, 0.0, True),
        ("price(UP) != 100", 125.0, 100.0, 25.0, False),
        ("rsi(UP, 5) > 99.5", 100.0, 99.5, 0.5, True),
        ("rsi(UP, 5) > 90", 100.0, 90.0, 10.0, False),
        ("cumulative_return(FLAT, 5) < 0.001", 0.0, 0.001, 0.001, True),
        ("cumulative_return(FLAT, 5) < 0.01", 0.0, 0.01, 0.01, False),
        ("price(UP)[5] > 2 * price(FLAT) + 1", 120.0, 101.0, 19.0, False),
    ],
)
def test_a_comparison_has_both_values_and_its_margin(
    panel: Panel, condition: str, left: float, right: float, margin: float, near: bool
) -> None:
    """A margin is positive when the comparison holds; near is by the unit of what is compared."""
    step = only(explained(panel, f"if: '{condition}'\nthen: UP\nelse: DOWN"), "if")
    (verdict,) = step.verdicts
    assert (verdict.left, verdict.right) == pytest.approx((left, right))
    assert verdict.margin == pytest.approx(margin)
    assert verdict.near is near
    assert verdict.holds is (margin > 0 or condition == "price(UP) == 125")
    assert step.chosen == ("then" if verdict.holds else "else")


def test_near_misses_are_gathered(panel: Panel) -> None:
    """Only those on the way that was taken."""
    tree = "if: price(UP) > 125.1\nthen: {if: price(FLAT) > 49.9, then: UP, else: UP}\nelse: DOWN"
    assert [verdict.text for verdict in explained(panel, tree).near] == ["price(UP) > 125.1"]


def test_joined_conditions_come_with_their_parts(panel: Panel) -> None:
    """Wholes first, parts one level deeper; a lasting one says for how long its part has held."""
    tree = "if: price(UP) > 120 for 8 sessions or not (price(UP) > 1 and price(UP) < 2)\nthen: UP\nelse: DOWN"
    found = [(v.level, v.text, v.holds, v.sessions) for v in only(explained(panel, tree), "if").verdicts]
    assert found == [
        (0, "any of", True, None),
        (1, "for 8 sessions", False, 5),
        (2, "price(UP) > 120", True, None),
        (1, "none of", True, None),
        (2, "all of", False, None),
        (3, "price(UP) > 1", True, None),
        (3, "price(UP) < 2", False, None),
    ]


def test_an_undefined_operand_is_none(panel: Panel) -> None:
    """A comparison with it is false and has no margin."""
    strategy = text.parse("tree: {if: 'sma(UP, 28) > 1', then: UP, else: DOWN}", SIGNATURES)
    found = trace(strategy, panel, 25, "skip")
    assert only(found, "if").verdicts == (
        Verdict(level=0, text="sma(UP, 28) > 1", holds=False, left=None, right=1.0),
    )


def test_a_filter_shows_every_candidate(panel: Panel) -> None:
    """Its score, and its share if it was kept."""
    tree = "filter: top 2 by cumulative_return(5)\nof: [UP, DOWN, {group: Flat, of: [FLAT, FLAT]}]"
    step = only(explained(panel, tree), "filter")
    assert [(c.name, c.share) for c in step.candidates] == [("UP", 0.5), ("DOWN", 0.0), ("Flat", 0.5)]
    scores = [c.score for c in step.candidates]
    assert scores == pytest.approx([125 / 120 - 1, 175 / 180 - 1, 0.0])


def test_weights_scales_and_switches(panel: Panel) -> None:
    """Shares add up from the root down; absent branches give theirs back."""
    tree = """
weighted:
  - 50%:
      scale: price(UP)
      between: [100, 200]
      from: DOWN
      to: FLAT
  - 25%: empty
  - 25%:
      switch: [price(UP) > 1, price(UP) > 1000]
      branches: [UP, null, DOWN]
"""
    found = explained(panel, tree)
    assert found.weights == pytest.approx({"DOWN": 5 / 6, "FLAT": 1 / 6})
    assert only(found, "scale").share == pytest.approx(2 / 3)
    assert [c.share for c in only(found, "scale").candidates] == pytest.approx([0.75, 0.25])
    assert only(found, "switch").chosen == "branch[3]"
    assert all(step.kind != "empty" for step in found.steps)


def test_a_state_says_where_it_is(panel: Panel) -> None:
    """Inside since the entry, although the entry no longer holds."""
    tree = "enter: price(UP) < 105\nexit: price(UP) > 200\nthen: UP\nelse: DOWN"
    step = only(explained(panel, tree), "enter/exit")
    assert step.chosen == "then"
    assert step.text.endswith("inside")
    assert [verdict.holds for verdict in step.verdicts] == [False, False]


@pytest.mark.parametrize(
    ("tree", "error"),
    [("[UP, NOPE]", MissingPrices), ("{if: 'sma(UP, 28) > 1', then: UP, else: DOWN}", WindowError)],
)
def test_what_is_missing_is_an_error(panel: Panel, tree: str, error: type[Exception]) -> None:
    """As for a run."""
    strategy = text.parse(f"tree: {tree}", SIGNATURES)
    with pytest.raises(error):
        trace(strategy, panel, 25)


def test_depth_is_no_limit(panel: Panel) -> None:
    """Fifty thousand levels."""
    depth = 50_000
    deep = '{"tree": ' + '{"group": "g", "of": ' * depth + '"UP"' + "}" * depth + "}"
    found = trace(text.parse(deep, SIGNATURES), panel, 25)
    assert len(found.steps) == depth + 1
    assert found.weights == {"UP": 1.0}


@pytest.mark.parametrize("seed", range(12))
def test_several_sessions_at_once(seed: int) -> None:
    """Traces that share a graph are those of each session alone, in the order asked for."""
    rng = np.random.default_rng(seed)
    prices = random_panel(rng, tickers=TICKERS, sessions=120)
    strategy = random_strategy(rng, tickers=TICKERS, nodes=14)
    sessions = [90, 61, 90, 75]
    alone = [trace(strategy, prices, session, "skip") for session in sessions]
    assert repr(traces(strategy, prices, sessions, "skip")) == repr(alone)  # NaN is NaN
