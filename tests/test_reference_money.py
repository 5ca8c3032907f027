"""What the reference engine does with money: every rule of time, fills and costs, worked out by hand."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from treefolio.engine import reference
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.reference_money import decision_sessions, order_cost
from treefolio.engine.run import Run, Window
from treefolio.errors import MissingPrices, PriceError, RunError, WindowError
from treefolio.strategy.tree import Asset, Cash, Equal, If, Node, Reading, Rebalance, Specified, Strategy
from treefolio.testing.panels import panel_of

NAN = math.nan
A, B = Asset("A"), Asset("B")
HALVES = Equal((A, B))
X_UP = Reading("price", (), "X") > 1

# returns  A: +10 %, −10 %, 0      B: 0, +20 %, −50 %
PRICES = {"A": [100, 110, 99, 99], "B": [50, 50, 60, 30]}
TWO = panel_of(PRICES)


def backtest(
    root: Node, panel=TWO, *, rule="daily", corridor=None, missing="error", first=0, last=None, **how
):
    strategy = Strategy(name="case", root=root, rebalance=Rebalance(rule, corridor))
    window = Window(first=first, last=len(panel.sessions) - 1 if last is None else last)
    return reference.run(strategy, panel, window, Execution(**how), missing=missing)


def orders(run: Run) -> list[tuple[int, str, float]]:
    """(session, ticker, shares) of every trade."""
    trades = run.trades
    return [
        (int(k), run.tickers[n], pytest.approx(float(shares), rel=1e-12))
        for k, n, shares in zip(trades.session, trades.ticker, trades.shares, strict=True)
    ]


def close_to(*numbers: float):
    return pytest.approx(list(numbers), rel=1e-12, nan_ok=True)


def test_without_costs_a_day_returns_the_weighted_sum_of_returns():
    """Halves of A and B earn +5 %, +5 %, −25 %; decided and traded at the close, earned to the next one."""
    run = backtest(HALVES)
    assert run.values.tolist() == close_to(1e5, 1.05e5, 1.1025e5, 0.826875e5)
    assert run.tickers == ("A", "B")
    assert run.targets.tolist() == [[0.5, 0.5]] * 4
    assert run.weights.ravel().tolist() == close_to(*[0.5] * 8)
    assert run.sessions.tolist() == TWO.sessions.tolist()


def test_each_trade_is_a_row():
    """At first 500 A and 1,000 B; then A is 55,000 and B 50,000 of 105,000: 2,500 go from A to B."""
    trades = backtest(HALVES, last=1).trades
    assert trades.session.tolist() == [0, 0, 1, 1]
    assert trades.ticker.tolist() == [0, 1, 0, 1]
    assert trades.shares.tolist() == close_to(500, 1000, -2500 / 110, 50)
    assert trades.price.tolist() == [100, 50, 110, 50]
    assert trades.notional.tolist() == close_to(50_000, 50_000, -2500, 2500)
    assert trades.cost.tolist() == [0, 0, 0, 0]


def test_returns_count_from_the_capital_and_activity_is_summed_up():
    """Slippage of 1 % on buying A: 1e5/1.01 at first, then +10 %; the first return has the cost in it.

    Activity: Σw² is 1; one buy of 1e5/1.01, half of it over a mean of 1.05e5/1.01, by 252/2; one order;
    exposure 1; one holding; costs of 0.01/1.01.
    """
    run = backtest(A, last=1, costs=Costs(slippage_bps=100))
    assert run.returns.tolist() == close_to(1.1 / 1.01 - 1)
    assert run.activity.tolist() == close_to(1, 0.5 / 1.05 * 126, 1, 1, 1, 0.01 / 1.01)
    assert backtest(A, last=0).returns.shape == (0,)
    assert backtest(Cash()).activity.tolist() == [0] * 6


def test_weights_below_one_leave_the_rest_in_cash_which_earns_its_rate():
    """Half in A, half in cash at 25.2 % a year, 0.1 % a session: +5.05 %, −4.95 %, +0.05 %."""
    run = backtest(Equal((A, Cash())), cash_rate=0.252)
    assert run.values.tolist() == close_to(1e5, 1.0505e5, 1.0505e5 * 0.9505, 1.0505e5 * 0.9505 * 1.0005)


def test_all_cash_is_no_trade():
    """A strategy that holds no ticker still has a value on each session."""
    run = backtest(Cash(), cash_rate=0.252)
    assert run.values.tolist() == close_to(*(1e5 * 1.001**k for k in range(4)))
    assert run.weights.shape == run.targets.shape == (4, 0)
    assert len(run.trades.session) == 0


@pytest.mark.parametrize("slippage_bps", [1, 50, 100, 4000])
def test_the_first_value_is_capital_over_one_plus_slippage(slippage_bps):
    """Fully invested: V + s·V = capital."""
    run = backtest(HALVES, costs=Costs(slippage_bps=slippage_bps))
    assert run.values[0] == pytest.approx(1e5 / (1 + slippage_bps * 1e-4), rel=1e-12)
    assert run.weights[0].tolist() == close_to(0.5, 0.5)


def test_changing_everything_pays_on_both_sides():
    """From all A to all B: V + s·(E + V) = E, so V = E·(1 − s)/(1 + s)."""
    panel = panel_of({"A": [100, 100], "B": [50, 50], "X": [1, 2]})
    run = backtest(If(X_UP, B, A), panel, costs=Costs(slippage_bps=100))
    assert run.values.tolist() == close_to(1e5 / 1.01, 1e5 / 1.01 * 0.99 / 1.01)
    assert run.trades.notional.tolist() == close_to(1e5 / 1.01, -1e5 / 1.01, 1e5 / 1.01 * 0.99 / 1.01)
    assert run.trades.cost.tolist() == pytest.approx((0.01 * abs(run.trades.notional)).tolist(), rel=1e-12)


def test_commission_has_a_minimum_for_each_order():
    """10 bps of 900 and 100 USD are 0.90 and 0.10; with a minimum of 0.50, V·1.0009 + 0.5 = 1000."""
    root = Specified((A, B), (9, 1))
    run = backtest(root, capital=1000.0, last=0, costs=Costs(commission_bps=10, commission_minimum=0.5))
    after = 999.5 / 1.0009
    assert run.values.tolist() == close_to(after)
    assert run.trades.cost.tolist() == close_to(0.0009 * after, 0.5)


def test_commission_and_slippage_add_up():
    """0.5 % and 0.5 % of the notional."""
    run = backtest(A, last=0, costs=Costs(commission_bps=50, slippage_bps=50))
    assert run.values[0] == pytest.approx(1e5 / 1.01, rel=1e-12)


def test_costs_that_take_everything_are_an_error():
    """A minimum of 600 USD for each of two orders out of 1,000 USD."""
    with pytest.raises(RunError, match="would take all"):
        backtest(HALVES, capital=1000.0, costs=Costs(commission_minimum=600))


@pytest.mark.parametrize(
    ("notional", "shares", "fees"),
    [
        (50_000, 1_000, 0),  # a buy pays none
        (-50_000, -1_000, 1.39 + 0.17),  # 1.39 exactly, and 0.166 rounded up
        (-1, -1, 0.01 + 0.01),
        (-1_000_000, -50_000, 27.80 + 8.30),  # exactly at the limit
        (-1_000_000, -100_000, 27.80 + 8.30),  # 16.60 is over it
        (-36_000, -100, 1.01 + 0.02),  # 1.0008 and 0.0166
    ],
)
def test_us_fees_are_paid_on_sales_and_rounded_up_to_the_cent(notional, shares, fees):
    """SEC 27.80 per million sold, TAF 0.000166 a share, at most 8.30, each rounded up for itself."""
    assert order_cost(Costs(us_fees=True), notional, shares) == pytest.approx(fees, abs=1e-12)


def test_us_fees_reach_the_run():
    """Selling 1,000 A at 100: SEC 2.78, TAF 0.17; the buy of B is free."""
    panel = panel_of({"A": [100, 100], "B": [50, 50], "X": [1, 2]})
    run = backtest(If(X_UP, B, A), panel, costs=Costs(us_fees=True))
    assert run.trades.cost.tolist() == close_to(0, 2.78 + 0.17, 0)
    assert run.values[1] == pytest.approx(1e5 - 2.95, rel=1e-12)


def test_whole_shares_are_rounded_down_and_the_rest_is_cash():
    """1,000 USD buy 3 shares at 300, 100 stay; at 400 there are 1,300: still 3, and 100."""
    panel = panel_of({"A": [300, 400, 100]})
    run = backtest(A, panel, capital=1000.0, whole_shares=True)
    # At 100: 3 shares and 100 USD make 400, which is 4 shares.
    assert orders(run) == [(0, "A", 3), (2, "A", 1)]
    assert run.values.tolist() == [1000, 1300, 400]
    assert run.weights.ravel().tolist() == close_to(0.9, 1200 / 1300, 1.0)


def test_a_whole_number_of_shares_is_not_lost_to_rounding():
    """A tenth of 100,000 at 0.1 is 100,000 shares, though 0.1·1e5/0.1 may fall just below."""
    panel = panel_of({"A": [0.1]})
    assert orders(backtest(Specified((A, Cash()), (1, 9)), panel, whole_shares=True)) == [(0, "A", 100_000)]


def test_dust_is_not_traded():
    """A drift of 1e-10 of the portfolio costs nothing and leaves the holding as it is; 1e-8 is traded."""
    panel = panel_of({"A": [100, 100 * (1 + 4e-10), 100 * (1 + 1e-7)], "B": [50, 50, 50]})
    run = backtest(HALVES, panel, costs=Costs(commission_minimum=0.01))
    assert sorted(set(run.trades.session.tolist())) == [0, 2]


def test_where_trading_is_free_dust_is_moved_and_still_no_order():
    """The weights are the targets to the last bits, and the rows of the trades are the first two."""
    panel = panel_of({"A": [100, 100 * (1 + 4e-10)], "B": [50, 50]})
    run = backtest(HALVES, panel)
    assert len(run.trades.session) == 2
    assert run.weights[1].tolist() == pytest.approx([0.5, 0.5], abs=1e-15)
    assert backtest(HALVES, panel, rule="weekly").weights[1, 0] > 0.5 + 5e-11


def test_next_close_trades_the_decision_one_close_later():
    """Decided at 0, bought at 110 and 50; the decision of the last session is not traded."""
    run = backtest(HALVES, fill="next_close")
    # session 2: halves earn (−10 % + 20 %)/2 = 5 %; session 3: rebalanced at 2, (0 − 50 %)/2 = −25 %
    assert run.values.tolist() == close_to(1e5, 1e5, 1.05e5, 0.7875e5)
    assert run.weights[0].tolist() == [0, 0]
    assert run.targets.tolist() == [[0.5, 0.5]] * 4
    assert sorted(set(run.trades.session.tolist())) == [1, 2, 3]


def test_next_open_trades_at_the_open_and_values_at_the_close():
    """Decided at 0, bought at the open of 1 for 105: the close of 110 is 10/210 more on that half."""
    panel = panel_of(PRICES, opens={"A": [100, 105, 110, 99], "B": [50, 50, 50, 60]})
    run = backtest(HALVES, panel, fill="next_open", last=2)
    first = 50_000 / 105 * 110 + 50_000
    # open of 2: the shares are worth (50,000/105)·110 and 1,000·50, the same as at the close before
    second = first / 2 / 110 * 99 + first / 2 / 50 * 60
    assert run.values.tolist() == close_to(1e5, first, second)
    assert run.trades.price.tolist() == [105, 50, 110, 50]


def test_next_open_needs_opens():
    """A panel of closes alone has no opens to trade at."""
    with pytest.raises(PriceError, match="no open"):
        backtest(A, fill="next_open")


def test_cash_earns_before_an_order_fills():
    """The capital earns 0.1 % until the next close, at which it buys A at 110."""
    run = backtest(A, fill="next_close", cash_rate=0.252, last=1)
    assert run.values.tolist() == close_to(1e5, 1.001e5)
    assert run.trades.shares.tolist() == close_to(1.001e5 / 110)


@pytest.mark.parametrize(
    ("rule", "first", "expected"),
    [
        (
            "daily",
            0,
            {f"2012-12-{d:02}" for d in (24, 26, 27, 28, 31)} | {f"2013-01-{d:02}" for d in (2, 3, 4, 7)},
        ),
        ("never", 0, {"2012-12-24"}),
        ("never", 3, {"2012-12-28"}),
        # 2012-12-31 is a Monday and begins ISO week 1 of 2013; the turn of the year is inside that week
        ("weekly", 0, {"2012-12-24", "2012-12-31", "2013-01-07"}),
        ("weekly", 2, {"2012-12-27", "2012-12-31", "2013-01-07"}),
        ("monthly", 1, {"2012-12-26", "2013-01-02"}),
        ("quarterly", 1, {"2012-12-26", "2013-01-02"}),
        ("yearly", 5, {"2013-01-02"}),
        ("yearly", 6, {"2013-01-03"}),
    ],
)
def test_a_period_begins_on_its_first_session(rule, first, expected):
    """The first session of the run always decides, too."""
    sessions = list(panel_of({"A": [1] * 9}, first_day=date(2012, 12, 24)).sessions)
    chosen = decision_sessions(rule, sessions, Window(first=first, last=8))
    assert {str(sessions[t]) for t in chosen} == expected


@pytest.mark.parametrize(
    ("rule", "months"), [("monthly", range(1, 13)), ("quarterly", (1, 4, 7, 10)), ("yearly", (1,))]
)
def test_months_quarters_and_years(rule, months):
    """Over two years each period has one session, the first of its month."""
    sessions = list(panel_of({"A": [1] * 502}, first_day=date(2012, 1, 3)).sessions)
    chosen = sorted(decision_sessions(rule, sessions, Window(first=0, last=501)))
    expected = [(year, month) for year in (2012, 2013) for month in months]
    if rule == "monthly" and len(chosen) == 25:  # 502 sessions may reach into January 2014
        expected.append((2014, 1))
    days = [sessions[t].item() for t in chosen]
    assert [(day.year, day.month) for day in days][: len(expected)] == expected
    assert all(day.day <= 4 for day in days)


def test_between_the_sessions_of_its_period_a_run_neither_decides_nor_trades():
    """Weekly, the second session inside the week: targets are NaN, weights drift."""
    panel = panel_of({"A": [100, 200, 200], "B": [50, 50, 50]}, first_day=date(2013, 1, 3))  # Thu Fri Mon
    run = backtest(HALVES, panel, rule="weekly")
    assert np.isnan(run.targets).all(axis=1).tolist() == [False, True, False]
    assert run.weights[1].tolist() == close_to(2 / 3, 1 / 3)
    assert run.weights[2].tolist() == close_to(0.5, 0.5)
    assert sorted(set(run.trades.session.tolist())) == [0, 2]


def test_never_buys_and_holds():
    """50,000 in each: 500 A and 1,000 B."""
    run = backtest(HALVES, rule="never")
    assert run.values.tolist() == close_to(1e5, 105_000, 109_500, 79_500)
    assert len(run.trades.session) == 2


def test_threshold_trades_when_a_weight_drifts_further_than_the_corridor():
    """A is 55 of 105 at session 1, 2.38 points over half, and 49.5 of 109.5 at 2, 4.8 points under.

    Having traded at 1, it is 45 of 105 at 2; having traded at 2, it is 1 of 1.5 at 3.
    """
    assert sorted(set(backtest(HALVES, rule="threshold", corridor=0.024).trades.session.tolist())) == [
        0,
        2,
        3,
    ]
    assert sorted(set(backtest(HALVES, rule="threshold", corridor=0.023).trades.session.tolist())) == [
        0,
        1,
        2,
        3,
    ]
    wide = backtest(HALVES, rule="threshold", corridor=0.2)
    assert wide.values.tolist() == close_to(1e5, 105_000, 109_500, 79_500)
    assert wide.targets.tolist() == [[0.5, 0.5]] * 4  # evaluated each day all the same


def test_a_drift_of_exactly_the_corridor_is_not_over_it():
    """From 1/2 to 3/4: 0.25 is not more than 0.25."""
    panel = panel_of({"A": [1, 3], "B": [1, 1]})
    assert len(backtest(HALVES, panel, rule="threshold", corridor=0.25).trades.session) == 2
    assert len(backtest(HALVES, panel, rule="threshold", corridor=0.2499).trades.session) == 4


def test_the_drift_of_cash_does_not_count():
    """A and B fall from 1/4 to 1/6 of the portfolio, 8.3 points each; cash rises by 16.7."""
    panel = panel_of({"A": [2, 1], "B": [2, 1]})
    root = Specified((A, B, Cash()), (1, 1, 2))
    assert len(backtest(root, panel, rule="threshold", corridor=0.084).trades.session) == 2
    assert len(backtest(root, panel, rule="threshold", corridor=0.083).trades.session) == 4


def test_under_threshold_a_change_of_the_held_tickers_rebalances_fully():
    """From A alone to 99 % A and 1 % B: less than the corridor, but B is new."""
    panel = panel_of({"A": [1, 1, 1], "B": [1, 1, 1], "X": [1, 2, 2]})
    root = If(X_UP, Specified((A, B), (99, 1)), A)
    run = backtest(root, panel, rule="threshold", corridor=0.05)
    assert orders(run) == [(0, "A", 1e5), (1, "A", -1000), (1, "B", 1000)]


def test_threshold_with_a_delayed_fill_compares_after_the_fill():
    """Decided at 0, filled at 1; at the close of 1 the holdings are the targets, so nothing is ordered."""
    run = backtest(HALVES, rule="threshold", corridor=0.2, fill="next_close")
    assert sorted(set(run.trades.session.tolist())) == [1]


def test_a_run_begins_where_its_window_does():
    """Session 1 to 2 of the panel: bought at 110 and 50."""
    run = backtest(HALVES, first=1, last=2)
    assert run.values.tolist() == close_to(1e5, 1.05e5)
    assert run.sessions.tolist() == TWO.sessions[1:3].tolist()
    assert run.trades.session.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("first", "last"), [(-1, 2), (2, 1), (0, 4)])
def test_a_window_outside_the_panel_is_an_error(first, last):
    """Four sessions, 0 to 3."""
    with pytest.raises(WindowError):
        backtest(HALVES, first=first, last=last)


GAPS = panel_of({"A": [1, 1, 1, 1], "N": [1, 1, NAN, 1], "X": [1, 2, 1, 1]})
N = Asset("N")


@pytest.mark.parametrize(
    ("root", "day"),
    [
        (N, 2),  # held from 1 to 2: cannot be valued
        (If(X_UP, A, N), 2),  # sold at 1 and wanted again at 2
        (If(X_UP, N, A), 2),  # held from 1 to 2
        (Specified((A, N), (999, 1)), 2),
    ],
)
def test_with_skip_a_holding_without_a_price_is_an_error_that_names_it(root, day):
    """N has no price on session 2."""
    with pytest.raises(RunError) as caught:
        backtest(root, GAPS, missing="skip")
    assert (caught.value.ticker, caught.value.session) == ("N", str(GAPS.sessions[day]))


@pytest.mark.parametrize(
    "root",
    [
        If(Reading("price", (), "A") > 5, N, A),
        Specified((A, N), (1, 0)),
        Specified((A, Asset("ABSENT")), (1, 0)),
    ],
)
def test_with_skip_what_has_no_weight_needs_no_price(root):
    """A branch that is never chosen, a share of 0, a ticker that the panel lacks."""
    assert backtest(root, GAPS, missing="skip").values.tolist() == close_to(*[1e5] * 4)


def test_a_missing_price_after_the_window_does_no_harm():
    """The run ends before the gap."""
    assert len(backtest(N, GAPS, last=1).values) == 2


def test_a_missing_open_is_an_error_that_names_it():
    """There is a close on session 1, but nothing to trade at."""
    panel = panel_of({"A": [1, 1]}, opens={"A": [1, NAN]})
    with pytest.raises(RunError) as caught:
        backtest(A, panel, fill="next_open")
    assert (caught.value.ticker, caught.value.session) == ("A", str(panel.sessions[1]))
    assert "no open" in caught.value.message
    assert "--fill close" in str(caught.value.hint)


def test_missing_prices_are_listed_with_where_they_are_used():
    """By default a gap in the window is an error, of tickers that are only read, too."""
    root = Equal((If(Reading("price", (), "GONE") > 1, A, A), N))
    with pytest.raises(MissingPrices) as caught:
        backtest(root, GAPS)
    assert caught.value.ticker == "GONE"
    assert caught.value.path == "root > child[1] > condition"
    assert "GONE (no price at all" in caught.value.message
    assert f"N (no price on {GAPS.sessions[2]}, used at root > child[2])" in caught.value.message
    assert len(backtest(N, GAPS, first=3).values) == 1
