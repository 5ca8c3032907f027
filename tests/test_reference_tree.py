"""What the reference engine decides: every rule of the tree on panels small enough for mental arithmetic."""

from __future__ import annotations

import math

import pytest

from treefolio.engine import reference
from treefolio.engine.reference_tree import Tree, value_series
from treefolio.errors import StrategyError
from treefolio.strategy.tree import (
    COMPARATORS,
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Condition,
    Constant,
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
    Scale,
    Specified,
    Strategy,
    Switch,
)
from treefolio.testing.panels import panel_of

NAN = math.nan
A, B, C, D = Asset("A"), Asset("B"), Asset("C"), Asset("D")
YES, NO = AllOf(()), AnyOf(())
FLAT = panel_of({name: [10.0] * 4 for name in "ABCD"})


def price(ticker: str | None = None, **place: float) -> Reading:
    return Reading("price", (), ticker, **place)


def decisions(root: Node, panel=FLAT, empty="redistribute", cash_rate=0.0) -> list[dict[str, float]]:
    """Target weights on every session of the panel."""
    strategy = Strategy(name="case", root=root, empty=empty)
    tree = Tree(strategy, panel, range(len(panel.sessions)), cash_rate)
    return [tree.weights(session) for session in range(len(panel.sessions))]


def decision(root: Node, panel=FLAT, session: int = -1, **how) -> dict[str, float]:
    return decisions(root, panel, **how)[session]


def truth(condition: Condition, panel=FLAT) -> str:
    """The condition by session, as T and F."""
    return "".join("T" if "A" in held else "F" for held in decisions(If(condition, A, B), panel))


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (A, {"A": 1.0}),
        (Cash(), {}),
        (Empty(), {}),
        (Equal((A, B, C, D)), {"A": 0.25, "B": 0.25, "C": 0.25, "D": 0.25}),
        (Equal((A, A)), {"A": 1.0}),
        (Equal(()), {}),
        (Specified((A, B), (20, 60)), {"A": 0.25, "B": 0.75}),
        (Specified((A, B), (1, 0)), {"A": 1.0}),
        (Group("Bull", Equal((A, Group("Bear", B)))), {"A": 0.5, "B": 0.5}),
        (Equal((A, Cash())), {"A": 0.5}),
        (Specified((A, Equal((B, C))), (1, 3)), {"A": 0.25, "B": 0.375, "C": 0.375}),
    ],
)
def test_weights_flow_from_the_root_to_the_tickers(root, expected):
    """Each node hands its weight on; tickers that occur twice are added; cash is what is left."""
    assert decision(root) == expected


@pytest.mark.parametrize(
    ("root", "redistributed", "as_cash"),
    [
        (Equal((A, Empty())), {"A": 1.0}, {"A": 0.5}),
        (Equal((A, Empty(), B, Empty())), {"A": 0.5, "B": 0.5}, {"A": 0.25, "B": 0.25}),
        (Specified((A, B, Empty()), (1, 3, 4)), {"A": 0.25, "B": 0.75}, {"A": 0.125, "B": 0.375}),
        # An empty branch inside a branch: first the inner siblings grow, then the outer ones.
        (Equal((Equal((A, Empty())), B)), {"A": 0.5, "B": 0.5}, {"A": 0.25, "B": 0.5}),
        (Equal((Equal((Empty(), Empty())), B)), {"B": 1.0}, {"B": 0.5}),
        (Equal((If(NO, A, Empty()), B)), {"B": 1.0}, {"B": 0.5}),
        (Equal((Group("g", Empty()), B)), {"B": 1.0}, {"B": 0.5}),
        # What is left has no share to grow in proportion to: the node is absent itself.
        (Equal((Specified((Empty(), A), (1, 0)), B)), {"B": 1.0}, {"B": 0.5}),
        (Specified((Empty(), A), (1, 0)), {}, {}),
        # Cash is there: it keeps its share.
        (Equal((Cash(), Empty(), A)), {"A": 0.5}, {"A": 1 / 3}),
        (Equal((Empty(), Empty())), {}, {}),
    ],
)
def test_an_empty_branch_hands_back_its_weight_or_is_cash(root, redistributed, as_cash):
    """Under `redistribute` the siblings grow in proportion; under `cash` the share is held in cash."""
    assert decision(root) == pytest.approx(redistributed, abs=1e-15)
    assert decision(root, empty="cash") == pytest.approx(as_cash, abs=1e-15)


@pytest.mark.parametrize(
    ("comparator", "below", "equal", "above"),
    [
        (">", "T", "F", "F"),
        ("<", "F", "F", "T"),
        (">=", "T", "T", "F"),
        ("<=", "F", "T", "T"),
        ("==", "F", "T", "F"),
        ("!=", "T", "F", "T"),
    ],
)
def test_comparisons_are_exact_and_strict_as_written(comparator, below, equal, above):
    """A price of 10 against a number just below, equal to, and just above it."""
    for number, expected in ((10 - 1e-12, below), (10, equal), (10 + 1e-12, above)):
        assert truth(Compare(price("A"), comparator, Constant(number)))[0] == expected


@pytest.mark.parametrize("comparator", COMPARATORS)
def test_a_comparison_without_a_value_is_false(comparator):
    """False for every comparator, != too, whichever side lacks the value; none-of is then true."""
    panel = panel_of({"A": [10, 10], "B": [10, 10], "X": [NAN, 10]})
    for condition in (
        Compare(price("X"), comparator, price("A")),
        Compare(price("A"), comparator, price("X")),
        Compare(price("ABSENT"), comparator, Constant(1)),
    ):
        assert truth(condition, panel)[0] == "F"
        assert truth(NoneOf((condition,)), panel)[0] == "T"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (AllOf((YES, YES)), "T"),
        (AllOf((YES, NO)), "F"),
        (AllOf(()), "T"),
        (AnyOf((NO, YES)), "T"),
        (AnyOf((NO, NO)), "F"),
        (AnyOf(()), "F"),
        (NoneOf((NO, NO)), "T"),
        (NoneOf((NO, YES)), "F"),
        (NoneOf(()), "T"),
        (AllOf((AnyOf((NO, YES)), NoneOf((NO,)))), "T"),
    ],
)
def test_conditions_nest(condition, expected):
    """All of, any of and none of; an empty one says what its name says of nothing."""
    assert truth(condition)[0] == expected


@pytest.mark.parametrize(
    ("sessions", "expected"), [(1, "TTTFTTT"), (2, "FTTFFTT"), (3, "FFTFFFT"), (4, "FFFFFFF")]
)
def test_lasting_looks_at_the_last_sessions_and_before_history_nothing_held(sessions, expected):
    """The condition holds on the sessions 0, 1, 2, 4, 5, 6."""
    panel = panel_of({"A": [2, 2, 2, 1, 2, 2, 2], "B": [1] * 7})
    assert truth(Lasting(price("A") > 1, sessions), panel) == expected


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (price("X"), "FFFT"),  # 1 2 3 4 > 3.5
        (price("X", sessions_ago=1), "FFFF"),  # NaN 1 2 3
        (price("X", scale=2), "FTTT"),  # 2 4 6 8
        (price("X", offset=1), "FFTT"),  # 2 3 4 5
        (price("X", scale=2, offset=-3), "FFFT"),  # -1 1 3 5
        (price("X", sessions_ago=2, scale=4), "FFTT"),  # NaN NaN 4 8
        (price("X", sessions_ago=9), "FFFF"),
    ],
)
def test_a_reading_is_scaled_shifted_and_taken_some_sessions_ago(reading, expected):
    """scale · x[t − sessions_ago] + offset, compared with 3.5."""
    panel = panel_of({"A": [1] * 4, "B": [1] * 4, "X": [1, 2, 3, 4]})
    assert truth(reading > 3.5, panel) == expected


def test_a_reading_cannot_look_ahead():
    """A negative number of sessions ago is an error."""
    with pytest.raises(StrategyError, match="nothing may look ahead"):
        decision(If(price("A", sessions_ago=-1) > 0, A, B))


@pytest.mark.parametrize(
    ("branches", "by_count"),
    [
        # by_count: what is held when 0, 1, 2, 3 conditions hold
        ((A, B, C, D), "DCBA"),
        ((None, B, C, D), "DCBB"),
        ((A, None, None, D), "DDDA"),
        ((None, None, C, D), "DCCC"),
        ((None, None, None, D), "DDDD"),
    ],
)
def test_a_switch_goes_by_how_many_conditions_hold(branches, by_count):
    """The first slot is for all; an empty slot falls back to the next lower count; order does not matter."""
    for count, ticker in enumerate(by_count):
        for held in ([YES] * count + [NO] * (3 - count), [NO] * (3 - count) + [YES] * count):
            assert decision(Switch(tuple(held), branches)) == {ticker: 1.0}


def test_enter_exit_looks_at_one_condition_a_session():
    """Outside only `enter` counts, inside only `exit`; where both hold, the state flips every session.

    X:      enter (X ≥ 2): F T T F T T     exit (Y ≥ 2): T F T F T F
    state:  session 0 outside, stays; 1 enters; 2 exits; 3 stays out; 4 enters although exit holds; 5 stays.
    """
    panel = panel_of({"A": [1] * 6, "B": [1] * 6, "X": [1, 2, 2, 1, 2, 2], "Y": [2, 1, 2, 1, 2, 1]})
    node = EnterExit(price("X") >= 2, price("Y") >= 2, A, B)
    assert "".join(next(iter(held)) for held in decisions(node, panel)) == "BABBAA"


def test_enter_exit_remembers_history_before_the_session_asked_for():
    """A decision at one session alone knows that the entry was long before."""
    panel = panel_of({"A": [1] * 4, "B": [1] * 4, "X": [2, 1, 1, 1]})
    strategy = Strategy(name="case", root=EnterExit(price("X") >= 2, NO, A, B))
    assert reference.decide(strategy, panel, 3) == {"A": 1.0}


@pytest.mark.parametrize(
    ("low", "high", "to_end"),
    [
        (0, 40, 0.25),
        (10, 20, 0.0),
        (20, 30, 0.0),
        (0, 5, 1.0),
        (40, 0, 0.75),  # inverted
        (-10, 10, 1.0),
    ],
)
def test_scale_moves_from_start_to_end(low, high, to_end):
    """f = clamp((10 − low)/(high − low), 0, 1) to the end, the rest to the start."""
    expected = {"A": 1 - to_end, "B": to_end}
    assert decision(Scale(price("C"), low, high, A, B)) == {k: w for k, w in expected.items() if w}


def test_scale_without_a_value_is_all_start_and_without_a_width_an_error():
    """A ticker that the panel lacks has no value."""
    assert decision(Scale(price("ABSENT"), 0, 1, A, B)) == {"A": 1.0}
    with pytest.raises(StrategyError, match="has no width"):
        decision(Scale(price("A"), 3, 3, A, B))


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 20, {"A": 1.0}), (0, 10, {}), (20, 30, {"A": 1.0}), (0, 40, {"A": 1.0})]
)
def test_scale_to_an_empty_end_gives_all_to_the_start_unless_it_has_no_share(low, high, expected):
    """Where f = 1 and the end is empty, nothing is left to grow: the node is absent."""
    assert decision(Scale(price("C"), low, high, A, Empty())) == expected


RANKS = panel_of({"A": [3.0], "B": [1.0], "C": [3.0], "D": [2.0], "N": [NAN]})


def rank(*children: Node, direction="top", count=1, **how) -> Filter:
    return Filter(children or (A, B, C, D), price(), direction, count, **how)


@pytest.mark.parametrize(
    ("node", "kept"),
    [
        (rank(), "A"),  # A and C tie for the top: the earlier child
        (rank(C, B, A, D), "C"),
        (rank(count=2), "AC"),
        (rank(count=3), "ACD"),
        (rank(direction="bottom"), "B"),
        (rank(direction="bottom", count=3), "ABD"),  # A before C in the tie for the third place
        (rank(C, D, A, direction="bottom", count=2), "CD"),
        (rank(count=9), "ABCD"),
        (rank(Asset("N"), B, count=2), "B"),  # without data: left out
        (rank(Asset("N"), Asset("ABSENT")), ""),
        (rank(Empty(), B, direction="top", count=2), "B"),
        (rank(keep_ties=True), "AC"),
        (rank(keep_ties=True, count=2), "ACD"),
        (rank(keep_ties=True, direction="bottom", count=2), "BD"),
        (rank(keep_ties=True, direction="bottom", count=3), "ABCD"),
    ],
)
def test_a_filter_keeps_the_best_and_weights_them_equally(node, kept):
    """Prices A 3, B 1, C 3, D 2. Ties go to the earlier child, or all stay with `keep_ties`."""
    assert decision(node, RANKS) == {ticker: 1 / len(kept) for ticker in kept}


@pytest.mark.parametrize(
    ("scores", "count", "kept"),
    [
        ((1.0, 1.0 + 0.9e-9, 1.0 + 1.8e-9), 1, "AB"),  # bottom first: 1.8e-9 is too far from the first
        ((1.0, 1.0 + 0.9e-9, 1.0 + 1.8e-9), 2, "ABC"),
        ((1.0, 1.0 + 2e-9, 2.0), 1, "A"),
        ((1.0, 1.0 + 2e-9, 2.0), 2, "AB"),
    ],
)
def test_a_place_is_as_wide_as_1e9_from_its_first_score(scores, count, kept):
    """Nearness does not chain."""
    panel = panel_of({name: [score] for name, score in zip("ABC", scores, strict=True)})
    node = rank(A, B, C, direction="bottom", count=count, keep_ties=True)
    assert "".join(decision(node, panel)) == kept


@pytest.mark.parametrize(
    ("weights", "count", "expected"),
    [
        ((1, 5, 3, 9), 2, {"A": 0.25, "C": 0.75}),
        ((0, 5, 3, 9), 2, {"C": 1.0}),
        ((0, 5, 0, 9), 2, {"A": 0.5, "C": 0.5}),  # all of the kept have none: equally
        ((2, 5, 3, 5), 3, {"A": 0.2, "C": 0.3, "D": 0.5}),
    ],
)
def test_the_kept_are_weighted_by_their_own_weights(weights, count, expected):
    """Renormalised over the kept."""
    assert decision(rank(count=count, weights=weights), RANKS) == pytest.approx(expected, abs=1e-15)


def test_the_kept_are_mixed_in_the_order_of_the_children():
    """The worst of the three comes first in the split, as it does among the children."""
    panel = panel_of({"A": [1.0], "B": [3.0], "C": [2.0]})
    assert list(decision(rank(A, B, C, count=3), panel)) == ["A", "B", "C"]


def test_a_filter_of_nothing_is_absent_and_its_siblings_grow():
    """Before any candidate has a price."""
    node = Equal((rank(Asset("N")), Asset("A")))
    assert decision(node, RANKS) == {"A": 1.0}


def test_a_labelled_asset_is_ranked_on_its_prices():
    """A group changes nothing: with price 3 it beats the branch, whose value series is near 1."""
    panel = panel_of({"A": [3.0, 3.0], "B": [5.0, 6.0], "D": [2.0, 2.0]})
    assert decision(rank(Group("g", A), Equal((B, D)), D), panel) == {"A": 1.0}


BRANCHES = panel_of(
    {
        # returns  A: +10 %, −10 %, +20 %      B: 0, +50 %, −50 %     X chooses between them
        "A": [100, 110, 99, 118.8],
        "B": [100, 100, 150, 75],
        "X": [1, 2, 1, 1],
        "Y": [1.2, 1.4, 1.5, 1.9],
    }
)
CHOICE = If(price("X") > 1, B, A)
"""Holds A at 0, B at 1, A at 2: +10 %, +50 %, +20 %; so its value series is 1, 1.1, 1.65, 1.98."""


@pytest.mark.parametrize(("session", "best"), [(0, "Y"), (1, "Y"), (2, "A"), (3, "A")])
def test_a_branch_is_ranked_on_its_own_value_series(session, best):
    """1, 1.1, 1.65, 1.98 against the prices 1.2, 1.4, 1.5, 1.9; what it holds does not count."""
    node = rank(CHOICE, Asset("Y"))
    assert list(decision(node, BRANCHES, session)) == [
        best if best == "Y" else ("A" if session != 1 else "B")
    ]


def test_the_last_session_knows_the_value_of_a_branch_and_not_its_return():
    """At the panel's end the series is 1.98: above 1.97 and below 1.99."""
    for level, expected in ((1.97, {"A": 1.0}), (1.99, {"Z": 1.0})):
        panel = panel_of(
            {name: BRANCHES.column(name).tolist() for name in BRANCHES.tickers} | {"Z": [1, 1, 1, level]}
        )
        assert decision(rank(CHOICE, Asset("Z")), panel) == expected


def test_a_mixed_branch_earns_the_weighted_sum_of_its_children():
    """Equal A and B: +5 %, +20 %, −15 %, drift-free: 1, 1.05, 1.26, 1.071."""
    tree = Tree(
        Strategy(name="case", root=rank(Equal((A, B)), Asset("Y"))), BRANCHES, range(4), cash_rate=0.0
    )
    branch = tree.root.children[0]
    assert tree.values[id(branch)] == pytest.approx([1, 1.05, 1.26, 1.071], abs=1e-12)


def test_a_child_without_a_share_does_not_need_a_price():
    """A weight of 0 is skipped, not multiplied: the branch's series has no gap."""
    panel = panel_of({"A": [1, 2, 4], "N": [NAN] * 3, "B": [1] * 3})
    branch = Specified((A, Asset("N")), (1, 0))
    tree = Tree(Strategy(name="case", root=rank(branch, B)), panel, range(3))
    assert tree.values[id(tree.root.children[0])] == [1.0, 2.0, 4.0]


def test_cash_and_absent_branches_earn_the_cash_rate_in_their_series():
    """25.2 % a year is 0.1 % a session; the absent one is left out of the ranking all the same."""
    absent = If(NO, A, Empty())
    tree = Tree(Strategy(name="case", root=rank(Cash(), absent, B)), FLAT, range(4), cash_rate=0.252)
    expected = pytest.approx([1.0, 1.001, 1.001**2, 1.001**3], rel=1e-15)
    assert tree.values[id(tree.root.children[0])] == expected
    assert tree.values[id(tree.root.children[1])] == expected
    assert [tree.weights(session) for session in range(4)] == [{"B": 1.0}] * 4


@pytest.mark.parametrize(
    ("earns", "values"),
    [
        ([0.5, 0.5, NAN], [1, 1.5, 2.25]),  # the last return is not known, the last value is
        ([NAN, NAN, 0.5, 0.5, NAN], [NAN, NAN, 1, 1.5, 2.25]),  # a late start
        ([1.0, NAN, NAN, 1.0, NAN], [1, 2, NAN, 1, 2]),  # a gap of one price: two returns lack
        ([1.0, NAN, 1.0, 1.0, NAN], [1, 2, NAN, 1, 2]),  # one NaN stands between two stretches
        ([NAN], [NAN]),
        ([], []),
    ],
)
def test_a_value_series_starts_at_one_and_ends_where_a_return_is_missing(earns, values):
    """v[t+1] = v[t]·(1 + r[t]); a new stretch starts at 1.0 and never touches the old one."""
    assert value_series(earns) == pytest.approx(values, nan_ok=True)


def test_a_branch_has_no_indicators_of_highs_and_lows():
    """Asking for one is an error that names it."""
    node = Filter((Equal((A, B)), C), Reading("atr", (5,)), "top", 1)
    with pytest.raises(StrategyError, match="a branch has no atr"):
        decision(node)


CALM = panel_of(
    {
        # standard deviations of the last two returns, ddof 1: |r1 − r2|/√2
        "A": [100, 110, 110 * 0.9],  # 0.2/√2
        "B": [100, 105, 105 * 0.95],  # 0.1/√2
        "C": [100, 102.5, 102.5 * 0.975],  # 0.05/√2
        "F": [7, 7, 7],  # 0
        "G": [9, 9, 9],  # 0
        "N": [NAN, 1, 1],  # one return only
    }
)


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ((A, B), {"A": 1 / 3, "B": 2 / 3}),
        ((A, B, C), {"A": 1 / 7, "B": 2 / 7, "C": 4 / 7}),
        ((A, Asset("N"), B), {"A": 1 / 3, "B": 2 / 3}),
        ((A, Empty(), B), {"A": 1 / 3, "B": 2 / 3}),
        ((Group("g", A), B), {"A": 1 / 3, "B": 2 / 3}),
        ((A, Asset("F"), B), {"F": 1.0}),
        ((A, Asset("F"), B, Asset("G")), {"F": 0.5, "G": 0.5}),
        ((Asset("N"),), {}),
        # a branch has the volatility of its own value series: A and B in halves move by 7.5 %, −7.5 %
        ((Equal((A, B)), A), {"A": 0.4 / 0.7 * 0.5 + 0.3 / 0.7, "B": 0.4 / 0.7 * 0.5}),
    ],
)
def test_inverse_volatility(children, expected):
    """In proportion to 1/σ; without σ left out; what does not move at all shares everything equally."""
    assert decision(InverseVolatility(children, 2), CALM) == pytest.approx(expected, rel=1e-12)


def test_the_kept_may_be_weighted_by_inverse_volatility():
    """The dearest two of A (99), B (99.75) and C (99.9375) are B and C; their σ are as 2 to 1."""
    node = rank(A, B, C, count=2, volatility_window=2)
    assert decision(node, CALM) == pytest.approx({"B": 1 / 3, "C": 2 / 3}, rel=1e-12)


def test_a_kept_child_without_volatility_is_left_out():
    """N has a price and so a score, but only one return; alone, the filter is absent."""
    assert decision(rank(Asset("N"), B, direction="bottom", volatility_window=2), CALM) == {}
    node = Equal((rank(Asset("N"), direction="bottom", volatility_window=2), B))
    assert decision(node, CALM) == {"B": 1.0}


def test_equal_branches_written_twice_are_one():
    """3,000 copies of one branch are worked out once."""
    branch = If(price("A") > 5, Equal((A, B)), C)
    tree = Tree(Strategy(name="case", root=Equal((branch,) * 3_000)), FLAT, range(4))
    copies = Equal(tuple(If(price("A") > 5, Equal((A, B)), C) for _ in range(3_000)))
    again = Tree(Strategy(name="case", root=copies), FLAT, range(4))
    assert len(tree.items) == len(again.items) == 7
    assert tree.weights(0) == again.weights(0) == pytest.approx({"A": 0.5, "B": 0.5}, rel=1e-10)


def test_a_tree_may_be_30000_levels_deep():
    """Nothing recurses on the tree."""
    root: Node = A
    for level in range(10_000):
        root = If(price("A") > 5, Equal((Group(f"level {level}", root),)), B)
    assert decision(root, session=0) == {"A": 1.0}


def test_decide_gives_the_weights_of_one_session():
    """The same as the run would."""
    strategy = Strategy(name="case", root=rank(CHOICE, Asset("Y")))
    assert [reference.decide(strategy, BRANCHES, session) for session in range(4)] == decisions(
        strategy.root, BRANCHES
    )
