"""Parts of the compiled engine on their own: interned portfolios, sessions of rebalancing, corridors."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from treefolio.engine.execution import Costs, Execution
from treefolio.engine.portfolios import (
    ABSENT_PORTFOLIO,
    CASH,
    FIRST_ASSET,
    FULL,
    Numbers,
    Store,
    cut_back,
    enlarged,
    intern,
    make_store,
    spread,
)
from treefolio.engine.program import Floats
from treefolio.engine.simulate import Rules, make_rules, rebalancing_sessions, with_corridor
from treefolio.kernels import kernel
from treefolio.market import calendar

TICKERS = 6
Parts = tuple[tuple[int, float], ...]


@kernel
def number_of(store: Store, parts: Numbers, shares: Floats) -> int:
    return intern(store, parts, shares, parts.shape[0])


@kernel
def write_weights(store: Store, number: int, out: Floats) -> None:
    spread(store, number, out)


@kernel
def other_corridor(rules: Rules, corridor: float) -> Rules:
    return with_corridor(rules, corridor)


def put(store: Store, parts: Parts) -> int:
    """The number of a portfolio given as (portfolio, share) pairs."""
    numbers = np.array([number for number, _ in parts], np.int32)
    return number_of(store, numbers, np.array([share for _, share in parts], np.float64))


def weights(store: Store, number: int) -> Floats:
    out = np.full(TICKERS, np.nan)
    write_weights(store, number, out)
    return out


def test_a_new_store_knows_cash_nothing_and_each_asset() -> None:
    """By their fixed numbers."""
    store = make_store(TICKERS)
    assert store.used[0] == FIRST_ASSET + TICKERS
    np.testing.assert_array_equal(weights(store, CASH), np.zeros(TICKERS))
    np.testing.assert_array_equal(weights(store, ABSENT_PORTFOLIO), np.zeros(TICKERS))
    for a in range(TICKERS):
        np.testing.assert_array_equal(weights(store, FIRST_ASSET + a), np.eye(TICKERS)[a])


def test_no_parts_are_nothing_and_one_whole_part_is_itself() -> None:
    """Neither takes a place in the store."""
    store = make_store(TICKERS)
    before = store.used.copy()
    assert put(store, ()) == ABSENT_PORTFOLIO
    assert put(store, ((FIRST_ASSET + 3, 1.0),)) == FIRST_ASSET + 3
    np.testing.assert_array_equal(store.used, before)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (((2, 0.5), (3, 0.5)), ((3, 0.5), (2, 0.5))),
        (((2, 0.5), (3, 0.5)), ((2, 0.5), (3, 0.5 + 2**-53))),
        (((2, 0.5), (3, 0.5)), ((2, 0.5), (4, 0.5))),
        (((2, 0.5), (3, 0.5)), ((2, 0.5), (3, 0.5), (0, 0.5))),
        (((2, 0.5),), ((0, 0.5),)),
    ],
)
def test_other_parts_are_another_portfolio(one: Parts, other: Parts) -> None:
    """Their order, a share's last bit, cash among them: all of it counts."""
    store = make_store(TICKERS)
    numbers = [put(store, parts) for parts in (one, other, one, other)]
    assert numbers[0] != numbers[1]
    assert numbers[:2] == numbers[2:]


class Model:
    """A store as a dictionary: parts → number, and each number's weights by definition."""

    def __init__(self) -> None:
        self.numbers: dict[Parts, int] = {}
        self.weights = [np.zeros(TICKERS), np.zeros(TICKERS), *np.eye(TICKERS)]

    def put(self, parts: Parts) -> int:
        if not parts:
            return ABSENT_PORTFOLIO
        if len(parts) == 1 and parts[0][1] == 1.0:
            return parts[0][0]
        if parts not in self.numbers:
            self.numbers[parts] = len(self.weights)
            total = np.zeros(TICKERS)
            for number, share in parts:
                total += share * self.weights[number]
            self.weights.append(total)
        return self.numbers[parts]


def random_parts(rng: np.random.Generator, known: int) -> Parts:
    """Of portfolios that exist; few distinct shares, so that the same parts come again."""
    count = int(rng.integers(0, 4))
    return tuple(
        (int(rng.integers(0, known)), float(rng.choice([0.25, 0.5, 1.0, 1 / 3]))) for _ in range(count)
    )


def assert_equal(store: Store, model: Model) -> None:
    """Weights and their sums, to the last bit."""
    assert store.used[0] == len(model.weights)
    for number, expected in enumerate(model.weights):
        np.testing.assert_array_equal(weights(store, number), expected)
        squares, size = 0.0, 0.0
        for w in expected[expected != 0]:
            squares += w * w
            size += abs(w)
        assert store.sums[number].tolist() == [squares, size, np.count_nonzero(expected)]
    assert not store.dense.any()


@pytest.mark.parametrize("seed", range(4))
def test_a_store_is_a_dictionary_of_parts(seed: int) -> None:
    """Over 3,000 random portfolios of portfolios, growing when it is full, in any order."""
    rng = np.random.default_rng(seed)
    store, model = make_store(TICKERS, capacity=40), Model()
    grown = 0
    for _ in range(3_000):
        parts = random_parts(rng, min(len(model.weights), 60))
        number = put(store, parts)
        if number == FULL:
            store, grown = enlarged(store, 2), grown + 1
            number = put(store, parts)
        assert number == model.put(parts)
    assert grown >= 3
    assert_equal(store, model)
    for parts, number in model.numbers.items():
        assert put(store, parts) == number


def test_a_full_store_changes_nothing_until_it_grows() -> None:
    """What is there is found, what is not there does not fit, and nothing is half-written."""
    store, model = make_store(TICKERS, capacity=1), Model()
    parts: Parts = ()
    share = 0.0
    while True:
        share += 2**-10
        parts = ((FIRST_ASSET, share), (FIRST_ASSET + 1, 1 - share))
        if put(store, parts) == FULL:
            break
        model.put(parts)
    assert len(model.numbers) > 10
    assert put(store, parts) == FULL
    assert_equal(store, model)
    larger = enlarged(store, 2)
    assert [put(larger, known) for known in model.numbers] == list(model.numbers.values())
    assert put(larger, parts) == model.put(parts)
    assert_equal(larger, model)
    assert len(store.key) * 2 == len(larger.key)


def test_a_store_that_is_cut_back_keeps_its_base() -> None:
    """The base is found by its numbers; what came later gets new ones, with the same weights."""
    rng = np.random.default_rng(7)
    store, model = make_store(TICKERS, capacity=4_000), Model()
    for _ in range(200):
        parts = random_parts(rng, len(model.weights))
        assert put(store, parts) == model.put(parts)
    base = dict(model.numbers)
    store.base[:] = store.used
    later = [random_parts(rng, len(model.weights)) for _ in range(300)]
    for parts in later:
        assert put(store, parts) == model.put(parts)
    assert store.used[0] > store.base[0]
    cut_back(store)
    np.testing.assert_array_equal(store.used, store.base)
    assert {parts: put(store, parts) for parts in base} == base
    again = Model()
    again.numbers, again.weights = dict(base), model.weights[: int(store.used[0])]
    for parts in later[::-1]:
        assert put(store, parts) == again.put(parts)
    assert_equal(store, again)


# ---- sessions of rebalancing

SESSIONS = calendar.sessions(dt.date(2012, 1, 3), dt.date(2021, 3, 31))
PERIODS = {
    "weekly": lambda day: day.isocalendar()[:2],
    "monthly": lambda day: (day.year, day.month),
    "quarterly": lambda day: (day.year, (day.month - 1) // 3),
    "yearly": lambda day: day.year,
}


@pytest.mark.parametrize("rule", PERIODS)
@pytest.mark.parametrize("first", [0, 1, 2, 5, 60, 249, 250, 251, 700])
def test_a_period_rule_looks_on_the_first_session_of_each_period(rule: str, first: int) -> None:
    """By the calendar: ISO weeks (over New Year as well), months, quarters, years; and when the run starts.

    A period that the panel entered before the run began is not new on the run's second session.
    """
    period = PERIODS[rule]
    days = SESSIONS.tolist()
    last = len(days) - 1
    expected = [
        k == first or period(days[k]) != period(days[k - 1])  # type: ignore[no-untyped-call]
        for k in range(first, last + 1)
    ]
    found = rebalancing_sessions(rule, SESSIONS, first, last)
    assert found.tolist() == expected
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("rule", "looked"),
    [("daily", [1, 1, 1, 1]), ("threshold", [1, 1, 1, 1]), ("never", [1, 0, 0, 0])],
)
def test_rules_without_a_period(rule: str, looked: list[int]) -> None:
    """Threshold looks every day and decides afterwards; never trades once."""
    assert rebalancing_sessions(rule, SESSIONS, 10, 13).tolist() == looked


def test_known_firsts_of_periods() -> None:
    """Said by hand: after holidays on Mondays, on first days, around New Year."""

    def firsts(rule: str) -> set[dt.date]:
        looks = rebalancing_sessions(rule, SESSIONS, 0, len(SESSIONS) - 1)
        found: set[dt.date] = set(SESSIONS[looks == 1].tolist())
        return found

    weekly = firsts("weekly")
    assert dt.date(2013, 1, 22) in weekly  # Monday was Martin Luther King Day
    assert dt.date(2012, 10, 31) in weekly  # Hurricane Sandy closed Monday and Tuesday
    assert dt.date(2015, 1, 2) not in weekly  # a Friday of the year's first week
    assert dt.date(2014, 12, 29) in weekly
    assert dt.date(2013, 1, 2) in firsts("monthly") & firsts("quarterly") & firsts("yearly")
    assert dt.date(2013, 4, 1) in firsts("quarterly")
    assert dt.date(2013, 5, 1) not in firsts("quarterly")


# ---- rules


def test_another_corridor_changes_nothing_else() -> None:
    """All other rules stay as they are."""
    execution = Execution(
        fill="next_open",
        capital=12_345.0,
        whole_shares=True,
        cash_rate=0.0252,
        costs=Costs(slippage_bps=3, commission_bps=2, commission_minimum=1.5, us_fees=True),
    )
    rules = make_rules(execution, None)
    assert rules.corridor < 0
    other = other_corridor(rules, 0.07)
    assert other == make_rules(execution, 0.07) == rules._replace(corridor=0.07)
    assert other._asdict() == {
        "capital": 12_345.0,
        "delay": 1,
        "corridor": 0.07,
        "whole_shares": True,
        "cash": pytest.approx(0.0001, rel=1e-12),
        "slippage": pytest.approx(3e-4),
        "commission": pytest.approx(2e-4),
        "commission_minimum": 1.5,
        "us_fees": True,
    }
