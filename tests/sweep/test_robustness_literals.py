"""Every number moved: the planted cliff is found, the dead are named, and each row is its own run."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest
from robustness_cases import PLANTED, planted, ran

from sweep_cases import QUESTION, market, parsed
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.report.robustness_literals import literals_section
from treefolio.sweep.ask import opened
from treefolio.sweep.robustness import literals
from treefolio.sweep.robustness.fragility import Literals, Moved, judged, table
from treefolio.sweep.robustness.ladder import Ladder
from treefolio.sweep.robustness.literals import perturb
from treefolio.sweep.robustness.spread import NUMBERS
from treefolio.sweep.single import run

TREE = """
name: Moved
variables: {window: [4, 5, 6], hot: [55]}
constraints: ["$window < 6"]
tree:
  if: rsi(C, $window) > $hot
  then: A
  else: {filter: top 1 by rsi(10), of: [D, {weighted: [0.3: A, 0.7: C]}]}
"""
CHOSEN = {"window": 4, "hot": 55}


@pytest.fixture(scope="module")
def cliff() -> Literals:
    strategy, result = ran(PLANTED, Question(panel=planted()))
    return perturb(strategy, result.prepared.question, {}, steps=3)


def test_a_planted_cliff_is_found(cliff: Literals):
    """One step above 100 the signal is never heard."""
    [steep] = cliff.cliffs
    assert steep.ladder.id == "c1.threshold"
    assert steep.edge is not None
    assert (steep.edge[0].value, steep.edge[1].value) == (100, 105)
    assert steep.fall > 3
    assert cliff.found[0] is steep
    assert steep.drop == pytest.approx(cliff.base["sharpe"] - steep.lowest.sharpe)  # type: ignore[operator, union-attr]


def test_a_number_without_effect_is_dead(cliff: Literals):
    """The signal is never near 20; its bound comes last, and has no drop."""
    assert [each.ladder.id for each in cliff.dead] == ["c2.threshold"]
    assert cliff.found[-1].dead
    assert cliff.found[-1].drop == cliff.found[-1].cliff == 0.0


def test_one_is_not_many_on_the_page(cliff: Literals):
    """Of cliffs and of the dead."""
    one, two = literals_section(cliff), literals_section(replace(cliff, found=cliff.found * 2))
    assert "1 cliff<" in one
    assert "2 cliffs, the steepest first" in two
    assert "1 dead number: moving it changes nothing" in one
    assert "2 dead numbers: moving them changes nothing" in two


def test_the_files_have_a_row_for_each_step(cliff: Literals):
    """Steps of a number stand together, by rank, the literal itself left out."""
    frame = table(cliff)
    assert frame.height == cliff.rows == 12
    assert frame["handle"].to_list() == ["c1.threshold"] * 6 + ["c2.threshold"] * 6
    assert frame["steps"].to_list() == [-3, -2, -1, 1, 2, 3] * 2
    assert frame.filter(pl.col("dead"))["sharpe_change"].to_list() == [0.0] * 6
    assert frame["status"].to_list() == ["ok"] * 12


@pytest.mark.parametrize(
    "execution",
    [Execution(), Execution(fill="next_close", costs=Costs(slippage_bps=5))],
    ids=["free", "costs"],
)
def test_a_row_is_the_run_of_its_values(execution: Execution):
    """Bit for bit, for handles and variables, with and without costs."""
    strategy = parsed(TREE)
    question = replace(QUESTION, execution=execution)
    found = perturb(strategy, question, CHOSEN, steps=2)
    common = replace(question, start=found_start(found))
    assert len(found.found) == 6
    for each in found.found:
        for point in each.moved:
            if point.metrics is None:
                continue
            own, chosen = opened(strategy, {**CHOSEN, each.ladder.id: point.value})
            metrics = run(own, common, chosen).metrics
            assert point.metrics == {key: metrics[key] for key in NUMBERS}, (each.ladder.id, point.value)


def found_start(found: Literals) -> dt.date:
    return dt.date.fromisoformat(found.start)


def test_a_constraint_is_kept():
    """What the strategy forbids is not run, and says so."""
    found = perturb(parsed(TREE), QUESTION, CHOSEN, steps=3)
    [window] = [each for each in found.found if each.ladder.id == "window"]
    reasons = {point.value: point.reason for point in window.moved}
    assert [value for value, reason in reasons.items() if reason] == [6, 7]
    assert found.failed == 2


def test_threads_change_nothing():
    """Neither do they the order."""
    one, two = (perturb(parsed(TREE), QUESTION, CHOSEN, steps=2, threads=n) for n in (1, 2))
    assert table(one).equals(table(two))


def test_a_longer_window_moves_the_common_start():
    """Three more sessions of look-back need three more of history; row 0 begins there as well."""
    source = "tree: {if: 'sma(C, 150) > price(C)', then: A, else: B}"
    question = Question(panel=market(sessions=320), benchmark=None)
    strategy, result = ran(source, question)
    found = perturb(strategy, question, {}, steps=3)
    assert found.start == str(result.run.sessions[3])
    own = run(strategy, replace(question, start=found_start(found)))
    assert found.base == {key: own.metrics[key] for key in NUMBERS}


@pytest.mark.parametrize("size", [1, 2])
def test_groups_change_nothing(size: int, monkeypatch: pytest.MonkeyPatch):
    """Nor when a later one needs a later start: then all of them begin there."""
    inner = "{if: 'rsi(C, 5) > 60', then: A, else: B}"
    source = f"tree: {{if: 'price(C) > 900 and sma(C, 150) > price(C)', then: A, else: {inner}}}"
    question = Question(panel=market(sessions=320), benchmark=None)
    whole = perturb(parsed(source), question, {}, steps=2)
    monkeypatch.setattr(literals, "GROUP", size)
    assert len(whole.found) == 4
    assert perturb(parsed(source), question, {}, steps=2) == whole


def ladder(name: str, *steps: int) -> Ladder:
    return Ladder(
        id=name,
        kind="threshold",
        text=name,
        uses=1,
        value=10,
        step=1,
        rule="1",
        moves={k: 10 + k for k in steps},
    )


def moved(steps: int, sharpe: float | None, *, same: bool = False) -> Moved:
    metrics = None if sharpe is None else dict.fromkeys(NUMBERS, 0.0) | {"sharpe": sharpe}
    return Moved(steps=steps, value=10 + steps, metrics=metrics, same=same)


def test_drop_fall_and_score_by_hand():
    """The drop is from the literal, the fall from step to step, the score the fall less the usual step."""
    rows = [
        moved(0, 1.0, same=True),
        *(moved(-2, 0.4), moved(-1, 0.9), moved(1, 1.1), moved(2, 1.0)),
        *(moved(-1, None), moved(1, 1.0, same=True)),
        *(moved(-1, 1.05), moved(1, 1.02)),
    ]
    ladders = [ladder("steep", -2, -1, 1, 2), ladder("broken", -1, 1), ladder("flat", -1, 1)]
    found = judged(ladders, rows, left_out={}, start="2020-01-02", steps=2)
    steep, *others = found.found
    # steps of steep: 0.5, 0.1, 0.1, 0.1; of broken: 0; of flat: 0.05, 0.02
    assert found.usual == pytest.approx(0.1)
    assert steep.ladder.id == "steep"
    assert steep.drop == pytest.approx(0.6)
    assert steep.fall == pytest.approx(0.5)
    assert steep.cliff == pytest.approx(0.4)
    assert steep.edge is not None
    assert [point.steps for point in steep.edge] == [-1, -2]
    assert [each.drop for each in others] == [0.0, 0.0]
    assert not found.dead
    assert found.failed == 1
    assert found.worse == pytest.approx(2 / 6)


def test_a_strategy_without_numbers_has_nothing_to_move():
    """Only the strategy as it is is run."""
    strategy, result = ran("tree: {equal: [A, B]}", QUESTION)
    found = perturb(strategy, QUESTION, {}, steps=3)
    assert found.found == ()
    assert found.worse is None
    assert found.base["sharpe"] == result.metrics["sharpe"]
