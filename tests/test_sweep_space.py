"""The space: which combinations there are, in which order, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_cases import STRATEGY, parsed
from treefolio.errors import SpaceError
from treefolio.indicators import SIGNATURES
from treefolio.strategy.tree import COMPARATORS, Constraint, Term, Var
from treefolio.strategy.variables import constraints_hold
from treefolio.sweep import space as spaces
from treefolio.sweep.space import MOST_ROWS, Space, Value, open_strategy

NAMES = ("a", "b", "c")
numbers = st.integers(-6, 6) | st.sampled_from([0.5, 2.5, -1.25])
axes = st.dictionaries(
    st.sampled_from(NAMES), st.lists(numbers, min_size=1, max_size=5, unique=True).map(tuple)
)
terms = st.builds(
    Term, st.sampled_from([Var(name) for name in NAMES]) | numbers, st.sampled_from([1, 2, 0.5]), numbers
)
constraints = st.lists(st.builds(Constraint, terms, st.sampled_from(COMPARATORS), terms), max_size=3).map(
    tuple
)
FIXED = dict.fromkeys(NAMES, 1)


def by_definition(
    values: Mapping[str, Sequence[Value]], wanted: tuple[Constraint, ...]
) -> list[dict[str, Value]]:
    every = [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]
    return [row for row in every if constraints_hold(wanted, {**FIXED, **row})]


@given(axes, constraints, st.integers(1, 7))
def test_rows_are_the_product_in_order_without_what_the_constraints_forbid(
    values: dict[str, tuple[Value, ...]], wanted: tuple[Constraint, ...], block: int
) -> None:
    """The last variable is the fastest; blocks and single rows say the same."""
    expected = by_definition(values, wanted)
    space = Space(axes=values, fixed=FIXED, constraints=wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spaces, "_BLOCK", block)
        if not expected:
            with pytest.raises(SpaceError, match="leave none"):
                _ = space.size
            return
        assert space.size == len(expected)
        together = np.concatenate(list(space.blocks()))
    assert [space.assignment(row) for row in range(space.size)] == expected
    named = [{n: v[k] for (n, v), k in zip(values.items(), row, strict=True)} for row in together]
    assert named == expected
    np.testing.assert_array_equal(space.choices(1, space.size), together[1:])


@given(axes, constraints, st.sets(st.sampled_from(NAMES)), st.integers(1, 7))
def test_corners_have_every_combination_of_the_named_variables_that_occurs(
    values: dict[str, tuple[Value, ...]], wanted: tuple[Constraint, ...], names: set[str], block: int
) -> None:
    """Each of them, and no other."""
    rows = by_definition(values, wanted)
    if not rows:
        return
    space = Space(axes=values, fixed=FIXED, constraints=wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spaces, "_BLOCK", block)
        corners = space.corners(names)
    own = [name for name in values if name in names]
    found = [{n: v[k] for (n, v), k in zip(values.items(), row, strict=True)} for row in corners]
    assert {tuple(row[n] for n in own) for row in found} == {tuple(row[n] for n in own) for row in rows}
    assert corners.shape[1] == len(values)


def test_no_variable_is_one_combination() -> None:
    """The empty product has one row."""
    space = Space(axes={})
    assert (space.size, space.choices(0, 1).shape, space.assignment(0)) == (1, (1, 0), {})


def test_a_space_of_a_trillion_is_refused_at_once() -> None:
    """With the sizes, and with what to do."""
    with pytest.raises(SpaceError) as caught:
        Space(axes={name: tuple(range(10_000)) for name in NAMES})
    assert caught.value.message.startswith(
        "the space has 1,000,000,000,000 combinations (a 10,000 × b 10,000"
    )
    assert f"{MOST_ROWS:,}" in caught.value.message
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("values", "message"),
    [((), "variable a has no values"), ((1, 2, 1), "a has a value twice"), ((1, 1.0), "a has a value twice")],
)
def test_no_values_or_the_same_twice_are_refused(values: tuple[Value, ...], message: str) -> None:
    """1 and 1.0 are the same."""
    with pytest.raises(SpaceError, match=message):
        Space(axes={"a": values})


# ---- from names and specifications


def opened(
    vary: Mapping[str, str | Sequence[Value]], fix: Mapping[str, Value] | None = None
) -> tuple[tuple[str, ...], Space]:
    strategy, space = open_strategy(STRATEGY, vary, fix or {}, SIGNATURES)
    return tuple(variable.name for variable in strategy.variables), space


def test_declared_variables_come_first_in_their_order() -> None:
    """Then those of ``vary``, in its order, handles included."""
    _, space = opened({"c1.comparator": [">", "<"], "hot": "50,60", "f1.window": "5:9:2"}, {"fund": "B"})
    assert dict(space.axes) == {
        "window": tuple(range(3, 13)),
        "c1.comparator": (">", "<"),
        "hot": (50, 60),
        "f1.window": (5, 7, 9),
    }
    assert space.fixed == {"fund": "B"}
    assert space.size == 10 * 2 * 2 * 3


def test_values_take_the_type_of_their_place() -> None:
    """10.0 is 10 for a window; a threshold may be a fraction."""
    _, space = opened({"window": [10.0, 5], "hot": [50.5]}, {"fund": "A"})
    assert list(map(repr, (*space.axes["window"], *space.axes["hot"]))) == ["10", "5", "50.5"]


def test_constraints_of_the_strategy_hold_with_what_is_set() -> None:
    """A constraint may name a variable that has one value."""
    strategy = parsed(
        """
        name: X
        variables: {fast: 2:6:1, slow: 2:6:1}
        constraints: [$fast < $slow]
        tree: {if: "sma(A, $fast) > sma(A, $slow)", then: A, else: B}
        """
    )
    _, space = open_strategy(strategy, {}, {}, SIGNATURES)
    assert space.size == 10
    _, space = open_strategy(strategy, {}, {"slow": 4}, SIGNATURES)
    assert [space.assignment(k)["fast"] for k in range(space.size)] == [2, 3]
    described = space.describe()
    assert (described["constraints"], described["combinations"]) == (["$fast < $slow"], 2)
    with pytest.raises(SpaceError, match="leave none of 5 combinations"):
        _ = open_strategy(strategy, {}, {"slow": 2}, SIGNATURES)[1].size


@pytest.mark.parametrize(
    ("vary", "fix", "message", "hint"),
    [
        ({"widow": [1]}, {}, "no variable 'widow'", "Did you mean window?"),
        ({"zzzzzz": [1]}, {}, "no variable 'zzzzzz'", "inspect"),
        ({}, {"fond": "A"}, "no variable 'fond'", "Did you mean fund?"),
        ({"c1.comparater": [">"]}, {}, "c1.comparater", "Did you mean c1.comparator"),
        ({"c1.ticker": ["A"], "c77.ticker": ["A"]}, {}, "c77.ticker", "c1.ticker"),
        ({"hot": [50]}, {"hot": 50}, "hot is both varied and set", "--vary or --set"),
        ({"hot": []}, {}, "hot has no values", None),
        ({"hot": ""}, {}, "no value is listed", None),
        ({"hot": "50:40:1"}, {}, "leads away from its end", "-1"),
        ({"hot": "40:50:0"}, {}, "step 0", None),
        ({"hot": [50, 50.0]}, {}, "hot has a value twice", None),
        ({"window": [5, 5.0]}, {}, "window has a value twice", None),
        ({"hot": ["TQQQ"]}, {}, "$hot = 'TQQQ'", None),
        ({"c1.comparator": ["=>"]}, {}, "unknown comparator '=>'", None),
        ({"hot": [float("nan")]}, {}, "$hot = nan", None),
        ({}, {"hot": float("inf")}, "$hot = inf", None),
    ],
)
def test_what_has_no_meaning_is_refused(
    vary: dict[str, str | list[Value]], fix: dict[str, Value], message: str, hint: str | None
) -> None:
    """By name, with what could have been meant."""
    with pytest.raises(SpaceError) as caught:
        opened(vary, fix)
    assert message in str(caught.value)
    if hint is not None:
        assert hint in str(caught.value.hint)
