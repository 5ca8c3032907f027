"""What a strategy needs and the panel lacks."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import MissingPrices
from treefolio.market.calendar import sessions
from treefolio.market.missing import Gap, check_tickers, gaps
from treefolio.market.panel import Panel

NAN = float("nan")


def panel_of(**columns: list[float]) -> Panel:
    count = len(next(iter(columns.values())))
    return Panel(
        sessions=sessions(date(2024, 1, 1), date(2024, 12, 31))[:count].copy(),
        tickers=tuple(sorted(columns)),
        fields={"close": np.array([columns[name] for name in sorted(columns)]).T.copy()},
        basis="close",
        source="test",
    )


def test_nothing_is_missing() -> None:
    """One price is enough here; gaps are another question."""
    check_tickers(panel_of(SPY=[NAN, 1.0], TLT=[1.0, 1.0]), {"SPY": ["root"]})


def test_all_that_is_missing_is_listed_with_its_places() -> None:
    """Tickers in order, up to three places each; the fields are those of the first."""
    panel = panel_of(SPY=[1.0], TQQQ=[2.0], GONE=[NAN])
    needed = {
        "TQQQX": ["root > then"],
        "SPY": ["root"],
        "CXH": ["a", "b", "c", "d", "e"],
        "GONE": ["a", "b", "c", "d"],
    }
    with pytest.raises(MissingPrices) as caught:
        check_tickers(panel, needed)
    error = caught.value
    assert error.message.splitlines() == [
        "no prices for 3 tickers that the strategy needs:",
        "  CXH: used at a, b, c and 2 more places",
        "  GONE: used at a, b, c, d",
        "  TQQQX: used at root > then. Did you mean TQQQ?",
    ]
    assert (error.ticker, error.path) == ("CXH", "a")
    assert "--missing skip" in str(error.hint)


@pytest.mark.parametrize(
    ("places", "skipped"),
    [
        (["root > condition", "root > else > condition > any[2]"], True),
        (["root > condition", "root > then"], False),
        (["root > child[1]"], False),
    ],
)
def test_a_run_without_them_is_offered_where_it_can_be(places: list[str], skipped: bool) -> None:
    """What is held must have a price; what is compared need not."""
    with pytest.raises(MissingPrices) as caught:
        check_tickers(panel_of(SPY=[1.0]), {"GONE": places})
    assert ("or run with --missing skip" in str(caught.value.hint)) == skipped
    assert ("not what is held" in str(caught.value.hint)) != skipped


@pytest.mark.parametrize(("held", "skipped"), [((), True), (("SPY",), True), (("GONE",), False)])
def test_what_only_filters_choose_can_be_skipped(held: tuple[str, ...], skipped: bool) -> None:
    """A filter chooses others then; the place does not say so, so it is said beside it."""
    with pytest.raises(MissingPrices) as caught:
        check_tickers(panel_of(SPY=[1.0]), {"GONE": ["root > child[2]"]}, held=held)
    assert ("or run with --missing skip" in str(caught.value.hint)) == skipped


def test_a_flag_is_named_before_the_places_to_which_it_brings_a_ticker() -> None:
    """What came by a flag stands first, and its places are not where the fault is."""
    needed = {"AAA": ["root > then"], "QQQQ": ["root > else"], "ZZZ": ["root > then", "root > else"]}
    flags = {"ZZZ": "--vary a1.ticker=…", "SPY": "--set a2.ticker"}
    with pytest.raises(MissingPrices) as caught:
        check_tickers(panel_of(SPY=[1.0]), needed, given=flags)
    assert caught.value.message.splitlines()[1:] == [
        "  ZZZ: given in --vary a1.ticker=…; used at root > then, root > else",
        "  AAA: used at root > then",
        "  QQQQ: used at root > else",
    ]
    assert (caught.value.ticker, caught.value.path) == ("ZZZ", None)
    assert str(caught.value.hint).startswith("Change --vary a1.ticker=…, add their prices, or use")


def test_known_tickers_are_offered_too() -> None:
    """A panel of the wanted tickers alone does not know what else the file has."""
    with pytest.raises(MissingPrices) as caught:
        check_tickers(panel_of(SPY=[1.0]), {"TQQQQ": []}, known=["TQQQ", "TQQQQ"])
    assert caught.value.message.endswith("TQQQQ: used. Did you mean TQQQ?")
    assert caught.value.path is None


def test_gaps_of_known_columns() -> None:
    """Before, between and after prices; an absent ticker is one gap."""
    panel = panel_of(A=[NAN, 1.0, NAN, NAN, 1.0, NAN], B=[1.0] * 6)
    d = panel.sessions.tolist()
    assert gaps(panel, ["B", "A", "Z"], 0, 5) == [
        Gap("A", d[0], d[0]),
        Gap("A", d[2], d[3]),
        Gap("A", d[5], d[5]),
        Gap("Z", d[0], d[5]),
    ]
    assert gaps(panel, ["A"], 3, 4) == [("A", d[3], d[3])]
    assert gaps(panel, ["A"], 1, 1) == []


@given(
    absent=st.lists(st.booleans(), min_size=1, max_size=30),
    ends=st.tuples(st.integers(0, 29), st.integers(0, 29)),
)
def test_gaps_are_exactly_the_sessions_without_a_price(absent: list[bool], ends: tuple[int, int]) -> None:
    """Their sessions, taken together, are those that are NaN in the window; no two gaps touch."""
    panel = panel_of(A=[NAN if each else 1.0 for each in absent])
    first, last = sorted(min(end, len(absent) - 1) for end in ends)
    days = panel.sessions.tolist()
    found = gaps(panel, ["A"], first, last)
    covered = [day for gap in found for day in days if gap.first <= day <= gap.last]
    assert covered == [days[t] for t in range(first, last + 1) if absent[t]]
    for before, after in pairwise(found):
        assert days.index(after.first) > days.index(before.last) + 1
