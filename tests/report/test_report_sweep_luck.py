"""What luck gives, as pages of sweeps draw and say it."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from treefolio.report import heat, null, overfitting, parallel, pareto, spread, summary, trials, verdict
from treefolio.report.luck import Luck, read_luck
from treefolio.selection import expected_best_sharpe

YEARS_5 = 5 * 252 + 1


def said(**other: object) -> Luck:
    """Ten thousand trials of which nothing is wrong, but for what is given."""
    best = {"row": 7, "sharpe": 2.4, "psr": 0.999, "dsr": 0.97, "plateau": 0.95, "variables": {"n": 3}}
    found: dict[str, object] = {
        "trials": 10_000,
        "left_out": {"failed": 0, "skipped": 0, "no_sharpe": 0},
        "effective_trials": 9_800.0,
        "effective_trials_sample": 500,
        "expected_max_sharpe": expected_best_sharpe(10_000, YEARS_5 - 1),
        "expected_max_sharpe_effective": 1.7,
        "sharpe_threshold": 1.3,
        "best": best | other.pop("best", {}),  # type: ignore[operator]
        "min_backtest_years": 2.6,
        "pbo": 0.02,
        "pbo_error": 0.001,
        "pbo_splits": 2_000,
        "pbo_splits_total": 12_870,
        "probability_of_loss": 0.01,
    }
    return read_luck(found | other)


def told(luck: Luck) -> dict[str, str]:
    return {each.title: each.grade for each in verdict.findings(luck, YEARS_5)}


def test_what_the_deflated_ratio_is_measured_against():
    """Stands beside it: it is not the best of independent trials."""
    assert "that it is above 1.30" in verdict.headline(said(), 10_000, 10_000, 2)
    assert "that it is above luck" in verdict.headline(said(sharpe_threshold=None), 10_000, 10_000, 2)


def test_a_winner_without_a_fault_passes():
    found = verdict.findings(said(), YEARS_5)
    assert {each.grade for each in found} == {"good"}
    assert "passes what a sweep can test" in verdict.verdict_alert(found)


@pytest.mark.parametrize(
    ("title", "other", "grade"),
    [
        ("Luck", {"best": {"sharpe": 1.5}}, "bad"),
        ("Deflated Sharpe ratio", {"best": {"dsr": 0.94}}, "bad"),
        ("Deflated Sharpe ratio", {"best": {"dsr": None}}, "open"),
        ("Overfitting", {"pbo": 0.5}, "bad"),
        ("Overfitting", {"pbo": 0.2}, "open"),
        ("Overfitting", {"pbo": None}, "open"),
        ("Neighbours", {"best": {"plateau": 0.3}}, "bad"),
        ("Neighbours", {"best": {"plateau": 0.7}}, "open"),
        ("Neighbours", {"best": {"plateau": None}}, "open"),
        ("History", {"min_backtest_years": 9.0}, "bad"),
        ("History", {"min_backtest_years": None}, "bad"),
        (
            "Earlier trials",
            {"lineage_trials": 10**9, "lineage_sweeps": 9, "lineage_expected_max_sharpe": 2.7},
            "bad",
        ),
        (
            "Earlier trials",
            {"lineage_trials": 20_000, "lineage_sweeps": 2, "lineage_expected_max_sharpe": 1.8},
            "good",
        ),
        ("Earlier trials", {"lineage_trials": 10_000, "lineage_sweeps": 1}, "good"),
    ],
)
def test_each_question_has_its_own_answer(title: str, other: dict[str, object], grade: str):
    """One number is changed, and one grade with it; the sentence on top names what is against it."""
    luck = said(**other)
    grades = told(luck)
    assert grades.pop(title) == grade
    assert set(grades.values()) == {"good"}
    alert = verdict.verdict_alert(verdict.findings(luck, YEARS_5))
    words = {
        "bad": "Do not take the best row for skill",
        "open": "may be more than luck. Not settled: ",
        "good": "passes",
    }
    assert words[grade] in alert
    assert (title[:1].lower() + title[1:] in alert) == (grade != "good")


def test_alike_rows_are_said_to_be_fewer_trials():
    text = verdict.findings(said(effective_trials=12.34), YEARS_5)[0].text
    assert "they amount to about 12.3 independent trials" in text
    assert "amount to" not in verdict.findings(said(), YEARS_5)[0].text


def test_a_single_row_is_no_choice():
    found = verdict.findings(said(trials=1, pbo=None), YEARS_5)
    assert found[0].text.startswith("Only one row has a Sharpe ratio, so nothing was chosen here")
    assert [each.title for each in found] == ["Trials", "History"]


def test_without_any_row_there_is_no_best():
    found = verdict.findings(read_luck({"trials": 0, "best": None}), YEARS_5)
    assert [each.text for each in found] == ["No row has a Sharpe ratio: there is no best."]


@pytest.mark.parametrize("content", [{}, {"best": None, "logit": None}, {"pbo": "x", "left_out": []}])
def test_content_that_lacks_something_is_read(content: dict[str, object]):
    luck = read_luck(content)
    assert luck.best is None
    assert luck.overfit.pbo is None
    assert "It cannot be told" in overfitting.overfitting_section(luck)
    assert trials.reality_section(luck) is None
    assert "Trials" in trials.trials_section(luck)


def test_rows_that_are_no_trials_are_counted():
    page = trials.trials_section(said(left_out={"failed": 3, "skipped": 0, "no_sharpe": 12}))
    assert "rows with a Sharpe ratio; 3 failed, 12 have no Sharpe ratio" in page


def test_a_reality_check_shows_its_p_values():
    tested = {
        "against": "<b>SPY",
        "models": 50,
        "draws": 1_000,
        "reason": None,
        "white": 0.0,
        "spa_lower": 0.01,
        "spa_consistent": 0.021,
        "spa_upper": 0.03,
    }
    page = trials.reality_section(said(reality=tested))
    assert page is not None
    for words in ("&lt; 0.001", "0.021", "none of the 50 best rows is better than &lt;b&gt;SPY"):
        assert words in page
    failed = trials.reality_section(said(reality=tested | {"reason": "10 sessions are too few"}))
    assert failed is not None
    assert "Not tested: 10 sessions are too few." in failed


# What rows without skill show.


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """(4000, 1260) returns of rows that know nothing: normal, 1 % a day."""
    return np.random.default_rng(3).normal(0.0, 0.01, (4_000, 1_260))


def measured(noise: np.ndarray, key: str) -> np.ndarray:
    """The metric of each row of logarithmic or simple returns, as the null says it is distributed."""
    mean, deviation = noise.mean(axis=1), noise.std(axis=1, ddof=1)
    if key == "sharpe":
        return mean / deviation * math.sqrt(252)
    if key == "sortino":
        return mean / np.sqrt((np.minimum(noise, 0) ** 2).mean(axis=1)) * math.sqrt(252)
    grown = np.cumsum(noise, axis=1)
    if key == "annualized_return":
        return np.expm1(grown[:, -1] / 5)
    return 1 - np.exp((grown - np.maximum(np.maximum.accumulate(grown, axis=1), 0)).min(axis=1))


@pytest.mark.parametrize("key", ["sharpe", "sortino", "annualized_return", "max_drawdown"])
def test_the_line_is_where_rows_without_skill_are(noise: np.ndarray, key: str):
    """Simulated quantiles have the probabilities that the null gives them, within 2.5 %."""
    found = null.null_of(key, said(), 1_261, 0.01 * math.sqrt(252))
    assert found is not None
    quantiles = np.quantile(measured(noise, key), (0.1, 0.25, 0.5, 0.75, 0.9))
    # between daily closes a drawdown is a little shallower than that of a Brownian motion
    assert found.cdf(quantiles) == pytest.approx(
        (0.1, 0.25, 0.5, 0.75, 0.9), abs=0.025 if key != "max_drawdown" else 0.04
    )


@pytest.mark.parametrize("key", ["volatility", "calmar"])
def test_some_metrics_have_no_line_and_say_so(key: str):
    assert null.null_of(key, said(), YEARS_5, 0.2) is None
    assert spread.WITHOUT[key].startswith("No line:")


@pytest.mark.parametrize(
    ("key", "sessions", "volatility"),
    [("sharpe", 2, 0.2), ("annualized_return", YEARS_5, float("nan")), ("max_drawdown", YEARS_5, 0.0)],
)
def test_without_sessions_or_volatility_there_is_no_line(key: str, sessions: int, volatility: float):
    assert null.null_of(key, said(), sessions, volatility) is None


def test_the_band_holds_nine_of_ten_bests():
    """The largest of N standard normal numbers is below x with probability Φ(x) to the power N."""
    found = null.null_of("sharpe", said(), YEARS_5, 0.2)
    assert found is not None
    assert found.band is not None
    scatter = math.sqrt(252 / (YEARS_5 - 1))
    below = [NormalDist().cdf(edge / scatter) ** 10_000 for edge in found.band]
    assert below == pytest.approx([0.05, 0.95], abs=1e-6)
    assert found.band[0] < expected_best_sharpe(10_000, YEARS_5 - 1) < found.band[1]


def test_expected_counts_add_up():
    values = np.random.default_rng(1).normal(0, math.sqrt(1 / 5), 5_000)
    found = null.null_of("sharpe", said(), YEARS_5, 0.2)
    assert found is not None
    drawn = spread.histogram(values, found)
    middles = 0.5 * (drawn.edges[:-1] + drawn.edges[1:])
    line = spread.expected_counts(found, drawn, middles)
    assert line.sum() == pytest.approx(5_000, rel=0.02)
    assert np.abs(line - drawn.counts).max() < 5 * math.sqrt(line.max())


def test_bars_never_become_slivers():
    """A narrow histogram beside a wide line has few, visible bars."""
    found = null.null_of("max_drawdown", said(), YEARS_5, 0.6)
    drawn = spread.histogram(np.linspace(0.138, 0.139, 1_000), found)
    assert found is not None
    assert drawn.counts.sum() == 1_000
    assert np.diff(drawn.edges)[0] >= (found.high - found.low) / 200


# Charts of rows.


def test_the_front_is_what_no_row_beats():
    dice = np.random.default_rng(2)
    gains, pains = dice.normal(0, 1, 400).round(1), dice.random(400).round(2)
    found = pareto.front(gains, pains).tolist()
    for row in range(400):
        better = (gains >= gains[row]) & (pains <= pains[row]) & ((gains > gains[row]) | (pains < pains[row]))
        same = np.flatnonzero((gains == gains[row]) & (pains == pains[row]))
        assert (row in found) == (not better.any() and row == same[0])
    assert np.all(np.diff(pains[found]) > 0)
    assert np.all(np.diff(gains[found]) > 0)


def test_heights_are_places_among_the_values():
    values = summary.pl.Series([30, 10, 20])
    assert parallel.heights_of(values, (30, 20, 10)).tolist() == [1.0, 0.0, 0.5]
    words = summary.pl.Series(["TLT", "BIL"])
    assert parallel.heights_of(words, ("TLT", "SPY", "BIL")).tolist() == [0.0, 1.0]


def test_told_is_no_more_than_chance_where_nothing_is_told():
    """Cells of noise account for nothing, although their means differ."""
    dice = np.random.default_rng(4)
    ratios = dice.normal(0, 1, (20, 20, 25))
    squares = float(((ratios - ratios.mean()) ** 2).sum())
    cells = summary.Cells(means=ratios.mean(axis=2), counts=np.full((20, 20), 25), squares=squares)
    assert cells.told < 0.01
    single = summary.Cells(means=ratios[:, :, 0], counts=np.ones((20, 20), np.int64), squares=1.0)
    assert single.told == 0.0


@pytest.mark.parametrize(("columns", "heads"), [(3, 4), (16, 17), (25, 8)])
def test_maps_have_a_heading_for_every_column(columns: int, heads: int):
    """Where there is no room, four columns share one."""
    made = heat._heads([str(k) for k in range(columns)], columns <= heat.ROOM)
    spans = [int(head.split('colspan="')[1].split('"')[0]) if "colspan" in head else 1 for head in made[1:]]
    assert (len(made), sum(spans)) == (heads, columns)
