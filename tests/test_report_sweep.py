"""The page of a sweep."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

import numpy as np
import polars as pl
import pytest

from test_report_pages import HOSTILE, Page, check_inert
from treefolio.metrics import METRICS
from treefolio.report import SweepSummary, heat, luck, spread, summary, sweep_page
from treefolio.report.numerals import shown

VARIABLES: dict[str, tuple[summary.Value, ...]] = {
    "high": tuple(range(70, 82)),
    "^s.*$": tuple(k / 4 for k in range(50)),
    HOSTILE: ("TQQQ", "<b>SOXL</b>", "UPRO"),
}
MANIFEST: dict[str, object] = {
    "strategy": {"name": f"Sweep {HOSTILE}", "hash": "ab" * 32, "text": f"name: {HOSTILE}"},
    "prices": {"basis": "made up", "source": "a file", "snapshot": "cd" * 32, "first_session": "2010-01-04"},
    "start": "2015-01-02",
    "end": "2019-12-31",
    "sessions": 1258,
    "start_set_by": "rsi(TQQQ, 10) is first defined then",
    "missing": "error",
    "benchmark": "SPY",
    "execution": {"fill": "close", "capital": 100_000.0, "costs": {"slippage_bps": 5.0}},
    "engine": "compiled",
    "versions": {"treefolio": "0.1.0"},
}


def some_rows() -> pl.DataFrame:
    """Rows as in ``rows.parquet``, every 50th failed, with some undefined ratios."""
    grid = list(itertools.product(*VARIABLES.values()))
    dice = np.random.default_rng(5)
    columns: dict[str, object] = {name: [row[v] for row in grid] for v, name in enumerate(VARIABLES)}
    failed = np.arange(len(grid)) % 50 == 7
    columns |= {"start": dt.date(2015, 1, 2), "end": dt.date(2019, 12, 31), "sessions": 1258}
    for key in METRICS:
        values = dice.normal(0.6, 0.3, len(grid)).round(3)
        columns[key] = [None if bad else float(value) for bad, value in zip(failed, values, strict=True)]
    columns["status"] = np.where(failed, "failed", "ok")
    columns["reason"] = [f"UVXY has no price {HOSTILE}" if bad else None for bad in failed]
    return pl.DataFrame(columns).with_columns(
        calmar=pl.when(pl.col("high") == 70).then(float("nan")).otherwise(pl.col("calmar"))
    )


@pytest.fixture(scope="module")
def sweep() -> SweepSummary:
    rows = some_rows()
    counts = {"ok": int((rows["status"] == "ok").sum()), "failed": int((rows["status"] == "failed").sum())}
    return SweepSummary(rows=rows, variables=VARIABLES, manifest=MANIFEST, counts=counts, synthetic=True)


@pytest.fixture(scope="module")
def rows(sweep: SweepSummary) -> list[dict[str, object]]:
    return [row for row in sweep.rows.lazy().collect().to_dicts() if row["status"] == "ok"]


@pytest.fixture(scope="module")
def text(sweep: SweepSummary) -> str:
    return sweep_page(sweep)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return check_inert(text)


def test_names_from_strangers_are_text(page: Page):
    words = "".join(page.words)
    assert f"Sweep {HOSTILE}" in words
    assert "<b>SOXL</b>" in words


def test_it_says_how_many_there_were_and_why_some_failed(page: Page, sweep: SweepSummary):
    assert "Combinations 1,800 3 variables" in page.text
    assert f"Done {sweep.counts['ok']:,} {sweep.counts['failed']} failed" in page.text
    assert ["failed", f"UVXY has no price {HOSTILE}", "36"] in page.rows


def test_it_says_that_the_best_of_many_is_lucky(page: Page, rows: list[dict[str, object]]):
    expected = luck.expected_best_sharpe(len(rows), 1258)
    assert "The best of many trials is lucky." in page.text
    assert f"made {len(rows):,} trials over 1,258 sessions (5.0 years)" in page.text
    assert f"is expected to show {expected:.2f}" in page.text


@pytest.mark.parametrize(("best", "words"), [(0.3, "Luck alone would"), (9.0, "more than luck alone")])
def test_the_verdict_depends_on_the_best(sweep: SweepSummary, best: float, words: str):
    ratios = pl.when(pl.int_range(pl.len()) == 0).then(best).otherwise(0.1)
    few = replace(sweep, rows=sweep.rows.with_columns(sharpe=ratios))
    assert words in check_inert(sweep_page(few)).text


def test_the_best_are_listed_with_their_own_numbers(page: Page, rows: list[dict[str, object]]):
    ranked = sorted(rows, key=lambda row: -float(str(row["sharpe"])))[:20]
    keys = ("sharpe", "annualized_return", "volatility", "max_drawdown", "calmar")
    listed = [row for row in page.rows if len(row) == 1 + len(VARIABLES) + len(keys)][1:]
    assert len(listed) == 20
    for place, (row, cells) in enumerate(zip(ranked, listed, strict=True), start=1):
        numbers = [shown(METRICS[key], row[key]) for key in keys]  # type: ignore[arg-type]
        assert cells[:2] == [str(place), str(row["high"])]
        assert cells[1 + len(VARIABLES) :] == numbers


def test_of_equals_the_earlier_row_is_better(sweep: SweepSummary):
    equal = replace(sweep, rows=sweep.rows.with_columns(sharpe=pl.lit(1.0)))
    found = summary.best(equal, list(VARIABLES), 5)
    assert found.get_column("high").to_list() == [70] * 5
    assert found.get_column("^s.*$").to_list() == [0.0, 0.0, 0.0, 0.25, 0.25]
    assert found.get_column(HOSTILE).to_list() == ["TQQQ", "<b>SOXL</b>", "UPRO", "TQQQ", "<b>SOXL</b>"]


def test_rows_that_were_ranked_before_are_taken_as_they_are(sweep: SweepSummary):
    ranked = sweep.rows.lazy().collect().head(3)
    assert summary.best(replace(sweep, top=ranked), ["high"], 20).equals(ranked)


@pytest.mark.parametrize("name", VARIABLES)
def test_marginals_are_the_mean_and_the_median(sweep: SweepSummary, rows: list[dict[str, object]], name: str):
    found = summary.by_value(sweep, name)
    assert found["value"].to_list() == list(VARIABLES[name])
    for value, count, mean, middle in found.iter_rows():
        ratios = [float(str(row["sharpe"])) for row in rows if row[name] == value]
        assert (count, mean, middle) == (
            len(ratios),
            pytest.approx(fmean(ratios)),
            pytest.approx(median(ratios)),
        )


def test_the_map_is_of_the_two_longest_variables_and_means_over_the_rest(
    sweep: SweepSummary, rows: list[dict[str, object]]
):
    down, across = heat.bins(VARIABLES["^s.*$"]), heat.bins(VARIABLES["high"])
    means = summary.grid(sweep, "^s.*$", "high", (down.place, across.place))
    assert means.shape == (heat.MOST, 12)
    for d, a in ((0, 0), (3, 11), (39, 5)):
        ratios = [
            float(str(row["sharpe"]))
            for row in rows
            if down.place[row["^s.*$"]] == d and across.place[row["high"]] == a  # type: ignore[index]
        ]
        assert means[d, a] == pytest.approx(fmean(ratios))
    section = heat.heat_section(sweep)
    assert section is not None
    assert "Neighbouring values share a cell" in section


@pytest.mark.parametrize("count", [1, 5, 40, 41, 1000])
def test_bins_hold_every_value_in_order(count: int):
    found = heat.bins(tuple(reversed(range(count))))
    assert list(found.place) == list(range(count))
    assert list(found.place.values()) == sorted(found.place.values())
    assert set(found.place.values()) == set(range(min(count, heat.MOST))) == set(range(len(found.labels)))


def test_words_keep_their_listed_order_in_a_map():
    assert list(heat.bins(("UPRO", "BIL", "TQQQ")).place) == ["UPRO", "BIL", "TQQQ"]


def test_one_variable_needs_no_map(sweep: SweepSummary):
    assert heat.heat_section(replace(sweep, variables={"high": VARIABLES["high"], "one": (1,)})) is None


def test_undefined_numbers_do_not_count(sweep: SweepSummary, rows: list[dict[str, object]]):
    calmar = [float(str(row["calmar"])) for row in rows if row["high"] != 70]
    assert summary.column(sweep, "calmar").tolist() == calmar


@pytest.mark.parametrize(
    ("values", "below", "above"),
    [
        (np.linspace(0, 1, 1000), 0, 0),
        (np.full(10, 2.0), 0, 0),
        (np.append(np.linspace(0, 1, 999), 1e6), 5, 5),
    ],
    ids=["even", "all equal", "one far out"],
)
def test_histograms_count_every_value(values: np.ndarray, below: int, above: int):
    found = spread.histogram(values)
    assert (found.below, found.above) == (below, above)
    assert found.counts.sum() + below + above == len(values)


def test_a_scan_of_parquet_gives_the_same_page(sweep: SweepSummary, text: str, tmp_path: Path):
    sweep.rows.lazy().collect().write_parquet(tmp_path / "rows.parquet")
    scanned = replace(sweep, rows=pl.scan_parquet(tmp_path / "rows.parquet"))
    assert sweep_page(scanned) == text


def test_only_the_columns_that_are_shown_are_read(sweep: SweepSummary, text: str):
    def poison(_: pl.Series) -> pl.Series:
        raise AssertionError("a column was read that the page does not show")

    poisoned = [
        pl.col(key).map_batches(poison, return_dtype=pl.Float64)
        for key in METRICS
        if key not in {"sharpe", "annualized_return", "volatility", "max_drawdown", "calmar"}
    ]
    assert sweep_page(replace(sweep, rows=sweep.rows.lazy().with_columns(poisoned))) == text


def test_a_sweep_in_which_nothing_was_done_has_a_page(sweep: SweepSummary):
    none = pl.lit(None, dtype=pl.Float64)
    failed = sweep.rows.lazy().with_columns(
        *(none.alias(key) for key in METRICS), status=pl.lit("skipped"), reason=pl.lit("fast < slow")
    )
    empty = replace(sweep, rows=failed, counts={"ok": 0, "skipped": 1800}, synthetic=False)
    page = check_inert(sweep_page(empty))
    assert "SYNTHETIC" not in page.text
    assert "It is undefined in every combination." in page.text
    assert ["skipped", "fast < slow", "1,800"] in page.rows


def test_a_sampled_space_says_how_much_of_it_was_asked_for(sweep: SweepSummary):
    page = check_inert(sweep_page(replace(sweep, counts={"ok": 900})))
    assert "The grid has 1,800 combinations, of which 900 (50.0%) were asked for." in page.text
