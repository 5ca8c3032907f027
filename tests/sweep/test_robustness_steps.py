"""How far each kind of number is moved, and where it cannot go."""

from __future__ import annotations

import pytest

from sweep_cases import parsed
from treefolio.sweep.robustness.ladder import ladders_of

TREE = """
variables: {hot: [70, 75], name: [A, B]}
rebalance: threshold(0.05)
tree:
  if: __CONDITION__
  then: $name
  else: {weighted: [0.35: A, 0.65: B]}
"""


def moves(condition: str, handle: str, most: int = 2) -> list[float]:
    found = ladders_of(parsed(TREE.replace("__CONDITION__", condition)), {"hot": 75, "name": "A"}, most)
    return next(list(each.moves.values()) for each in found.ladders if each.id == handle)


@pytest.mark.parametrize(
    ("condition", "handle", "values"),
    [
        ("rsi(A, 10) > 79", "c1.threshold", [77, 78, 80, 81]),
        ("rsi(A, 10) > 79.5", "c1.threshold", [77.5, 78.5, 80.5, 81.5]),
        ("rsi(A, 10) > 79", "c1.window", [8, 9, 11, 12]),
        ("rsi(A, 2) > 79", "c1.window", [1, 3, 4]),
        ("cumulative_return(A, 5) > -0.02", "c1.threshold", [-0.022, -0.021, -0.019, -0.018]),
        ("cumulative_return(A, 5) > 0.4", "c1.threshold", [0.36, 0.38, 0.42, 0.44]),
        ("cumulative_return(A, 5) > 0", "c1.threshold", [-0.002, -0.001, 0.001, 0.002]),
        ("price(A) > 200", "c1.threshold", [180, 190, 210, 220]),
        ("price(A) > 0.35", "c1.threshold", [0.31, 0.33, 0.37, 0.39]),
        ("price(A) > 1.05 * sma(A, 20)", "c1.right_scale", [1.03, 1.04, 1.06, 1.07]),
        ("rsi(A, 10) > 79", "w1.weight1", [0.31, 0.33, 0.37, 0.39]),
        ("rsi(A, 10) > 79", "rebalance.corridor", [0.046, 0.048, 0.052, 0.054]),
        ("rsi(A, 10) > $hot", "hot", [73, 74, 76, 77]),
    ],
)
def test_a_step_is_of_its_unit(condition: str, handle: str, values: list[float]):
    """Sessions and points by 1, all else by a twentieth that reads well; added in decimals."""
    assert moves(condition, handle) == values


def test_whole_numbers_stay_whole():
    """So that a window is one, and a manifest says 78 and not 78.0."""
    assert all(isinstance(value, int) for value in moves("rsi(A, 10) > 79", "c1.threshold"))


def test_what_has_no_next_value_is_named():
    """A 0 that is a price has no size, a kind of average no neighbour, and words are no numbers."""
    source = TREE.replace("__CONDITION__", "price(A) > 0 and bbands_upper(A, 20, 2, 2, 0) > price(A)")
    found = ladders_of(parsed(source), {"hot": 70, "name": "A"}, 3)
    assert set(found.left_out) == {"c1.threshold", "c2.matype"}
    assert "size" in found.left_out["c1.threshold"]
    assert "average" in found.left_out["c2.matype"]
    assert not {"name", "hot", "c1.comparator", "a1.ticker"} & {each.id for each in found.ladders}


def test_a_variable_moves_by_the_bounds_of_all_its_places():
    """It stands for a window and for a bound: 0 sessions are none."""
    found = ladders_of(
        parsed("variables: {n: [2]}\ntree: {if: 'rsi(A, $n) > $n', then: A, else: B}"), {"n": 2}, 3
    )
    assert [list(each.moves) for each in found.ladders] == [[-1, 1, 2, 3]]
    assert found.ladders[0].text == "rsi(A, $n) > $n"
