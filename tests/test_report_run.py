"""The page of one run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from test_report_pages import HOSTILE, Page, check_inert
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.metrics import METRICS
from treefolio.report import curves, facts, holdings, months, run_page
from treefolio.report.numerals import shown
from treefolio.strategy.tree import (
    Asset,
    Cash,
    Equal,
    Filter,
    If,
    Reading,
    Specified,
    Strategy,
)
from treefolio.sweep.single import Result, run

WANTED = ("TQQQ", "SOXL", "UPRO", "QQQ", "SPY", "TLT", "GLD", "BIL", "XLU", "XLK", "XLE", "XLF", "XLV", "IWM")


def rsi(ticker: str | None) -> Reading:
    return Reading("rsi", (10,), ticker)


def a_strategy() -> Strategy:
    calm = Filter(tuple(Asset(ticker) for ticker in WANTED), rsi(None), "bottom", 3)
    root = If(rsi("TQQQ") > 70, Cash(), Specified((calm, Equal((Asset("TLT"), Asset("GLD")))), (70, 30)))
    return Strategy(name=f"Dip {HOSTILE}", root=root, description=f"Buys dips. {HOSTILE}")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(start="2017-01-03", end="2021-06-30", tickers=WANTED)


@pytest.fixture(scope="module")
def result(panel: Panel) -> Result:
    execution = Execution(fill="next_open", costs=Costs(slippage_bps=2.0, us_fees=True))
    return run(a_strategy(), Question(panel=panel, execution=execution))


@pytest.fixture(scope="module")
def text(result: Result) -> str:
    return run_page(result)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return check_inert(text)


def test_the_same_result_gives_the_same_page(result: Result, text: str):
    assert run_page(result) == text


def test_names_from_strangers_are_text(page: Page):
    assert HOSTILE in "".join(page.words)
    assert [given for tag, given in page.tags if tag == "h1"]


def test_the_browser_is_told_to_run_and_fetch_nothing(page: Page):
    policy = [given["content"] for tag, given in page.tags if given.get("http-equiv")]
    assert policy == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]


def test_the_headline_says_what_the_metrics_say(result: Result, page: Page):
    for key in ("annualized_return", "volatility", "sharpe", "max_drawdown"):
        assert f"{METRICS[key].label} {shown(METRICS[key], result.metrics[key])} SPY " in page.text


def test_every_metric_is_there_with_its_convention(result: Result, page: Page):
    conventions = {given.get("title") for tag, given in page.tags if tag == "th"}
    numbers = {row[0]: row[1] for row in page.rows if len(row) >= 2}
    for key, metric in METRICS.items():
        assert metric.convention in conventions
        assert numbers[metric.label] == shown(metric, result.metrics[key])


def test_the_facts_of_the_run_are_there(result: Result, page: Page):
    prepared = result.prepared
    for fact in (
        "traded at the next session's open",
        "2 bps a side",
        "SEC and TAF on sells",
        prepared.panel.basis,
        prepared.panel.source,
        prepared.panel.content_hash,
        f"{result.run.sessions[0]}, because {prepared.window.cause}",
        str(result.run.sessions[-1]),
        "numba",
        str(facts.part(result.manifest, "strategy")["hash"]),
    ):
        assert fact in page.text


def test_made_up_prices_are_said_and_others_are_not(page: Page, panel: Panel):
    assert "SYNTHETIC PRICES." in page.text
    real = run(a_strategy(), Question(panel=replace(panel, synthetic=False)))
    assert "SYNTHETIC" not in check_inert(run_page(real)).text


def test_without_a_benchmark_nothing_is_compared(panel: Panel):
    alone = run(Strategy(name="", root=Asset("QQQ")), Question(panel=panel, benchmark=None))
    page = check_inert(run_page(alone))
    assert "There is no benchmark to compare with." in page.text
    assert "bought and held" not in page.text
    assert METRICS["beta"].label not in [row[0] for row in page.rows]
    assert "(without a name)" in page.text


def test_a_benchmark_that_stands_still_is_said_and_not_drawn(panel: Panel):
    close = panel.fields["close"].copy()
    close[:, panel.position("SPY")] = 100.0
    flat = replace(panel, fields={"close": close})
    page = check_inert(run_page(run(Strategy(name="x", root=Asset("QQQ")), Question(panel=flat))))
    assert "SPY does not move over these sessions (no variance)" in page.text
    assert "bought and held" not in page.text


def test_a_run_that_never_trades_has_a_page(panel: Panel):
    never = Strategy(name="x", root=If(rsi("QQQ") > 101, Asset("QQQ"), Cash()))
    page = check_inert(run_page(run(never, Question(panel=panel))))
    assert "There was no order." in page.text
    assert "Nothing was ever held." in page.text
    assert "There was none." in page.text


def test_a_run_of_two_sessions_has_a_page():
    short = synthetic_panel(start="2020-01-02", end="2020-01-03", tickers=["SPY"])
    page = check_inert(run_page(run(Strategy(name="x", root=Asset("SPY")), Question(panel=short))))
    assert "2020-01-02 to 2020-01-03, 2 sessions" in page.text


def test_notes_are_shown_as_text_and_a_long_list_says_that_it_goes_on(result: Result):
    page = check_inert(run_page(replace(result, notes=tuple(f"note {k} {HOSTILE}" for k in range(40)))))
    assert f"Note 0 {HOSTILE}." in page.text
    assert "And 16 more notes." in page.text


def test_a_long_strategy_is_named_by_its_hash_only():
    strategy = {"hash": "ab12", "text": "x" * (facts.LONGEST_TEXT + 1)}
    section = facts.facts_section({"strategy": strategy})
    assert "xxx" not in section
    assert "60,001 characters" in section
    assert "xxx" in facts.facts_section({"strategy": strategy | {"text": "xxx"}})


def test_months_and_years_compound_to_the_metrics(result: Result):
    found = months.by_month(result.run.sessions, result.run.returns)
    assert np.nanmax(found.months) == pytest.approx(result.metrics["best_month"])
    assert np.nanmin(found.months) == pytest.approx(result.metrics["worst_month"])
    assert found.totals.max() == pytest.approx(result.metrics["best_year"])
    assert found.totals.min() == pytest.approx(result.metrics["worst_year"])
    whole = np.prod(1 + found.totals) - 1
    assert whole == pytest.approx(result.metrics["cumulative_return"])


def test_the_table_of_months_shows_each_where_it_belongs():
    sessions = np.array(["2019-12-30", "2019-12-31", "2020-01-02", "2020-03-02"], dtype="datetime64[D]")
    found = months.by_month(sessions, np.array([0.1, -0.5, 0.2]))
    assert found.years.tolist() == [2019, 2020]
    assert found.months[0, 11] == pytest.approx(0.1)
    assert found.months[1, [0, 2]] == pytest.approx([-0.5, 0.2])
    assert np.isnan(found.months).sum() == 21
    assert found.totals == pytest.approx([0.1, -0.4])


def test_drawdowns_agree_with_the_metrics(result: Result):
    values = curves.growth(result.run.returns)
    found = curves.drawdowns(values)
    below = [(len(values) if each.end is None else each.end) - each.peak - 1 for each in found]
    assert found[0].depth == pytest.approx(result.metrics["max_drawdown"])
    assert len(found) == result.metrics["drawdowns"]
    assert max(below) == result.metrics["longest_drawdown"]


def test_a_drawdown_that_lasts_has_no_end():
    found = curves.drawdowns(np.array([1.0, 2.0, 1.0, 2.0, 3.0, 1.2]))
    assert [(each.peak, each.trough, each.end, each.depth) for each in found] == [
        (4, 5, None, pytest.approx(0.6)),
        (1, 2, 3, pytest.approx(0.5)),
    ]


def test_holdings_and_cash_add_up(result: Result):
    order = holdings.held(result.run)
    stack = holdings.layers(result.run, order)
    assert stack.shares.sum(axis=1) == pytest.approx(1.0, abs=2e-3)
    assert stack.names[-2:] == (f"{len(order) - 10} others", "Cash")
    assert stack.colours[-2:] == ("other", "cash")
    assert [each.average for each in order] == sorted((each.average for each in order), reverse=True)
    assert sum(each.orders for each in order) == len(result.run.trades.session)
    for each in order:
        weight = result.run.weights[:, result.run.tickers.index(each.ticker)]
        assert each.sessions == np.count_nonzero(weight)
        assert each.largest == weight.max()
