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
from treefolio.report import SweepSummary, heat, spread, summary, sweep_page
from treefolio.report.numerals import share, shown
from treefolio.selection import expected_best_sharpe, overfitting, per_block

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
    for key in ("dsr", "plateau"):
        values = dice.random(len(grid)).round(3)
        columns[key] = [None if bad else float(value) for bad, value in zip(failed, values, strict=True)]
    columns["status"] = np.where(failed, "failed", "ok")
    columns["reason"] = [f"UVXY has no price {HOSTILE}" if bad else None for bad in failed]
    return pl.DataFrame(columns).with_columns(
        calmar=pl.when(pl.col("high") == 70).then(float("nan")).otherwise(pl.col("calmar"))
    )


def said_of(rows: pl.DataFrame) -> dict[str, object]:
    """What ``selection.json`` would say: the statistics are real ones, of returns that are not the rows'."""
    ratios = rows["sharpe"].drop_nulls()
    dice = np.random.default_rng(6)
    over = overfitting(*per_block(dice.normal(0, 0.01, (60, 320))))
    best = int(np.argmax(rows["sharpe"].fill_null(-np.inf).to_numpy()))
    return {
        "trials": len(ratios),
        "left_out": {"failed": len(rows) - len(ratios), "skipped": 0, "no_sharpe": 0},
        "effective_trials": 12.5,
        "effective_trials_sample": 500,
        "expected_max_sharpe": expected_best_sharpe(len(ratios), 1257),
        "expected_max_sharpe_effective": expected_best_sharpe(12.5, 1257),
        "sharpe_threshold": 1.1,
        "best": {
            "row": best,
            "variables": {"high": rows["high"][best]},
            "sharpe": rows["sharpe"][best],
            "psr": 0.99,
            "dsr": 0.4,
            "dsr_effective": 0.7,
            "plateau": 0.5,
        },
        "min_backtest_years": 4.2,
        "pbo": over.pbo,
        "pbo_error": 0.01,
        "pbo_rows": over.rows,
        "pbo_blocks": over.blocks,
        "pbo_splits": over.splits,
        "pbo_splits_total": over.splits_total,
        "degradation_slope": over.degradation_slope,
        "probability_of_loss": over.probability_of_loss,
        "logit": {"edges": over.logit_edges, "counts": over.logit_counts, "quantiles": {"0.5": 0.1}},
        "in_sample": over.in_sample,
        "out_of_sample": over.out_of_sample,
        "lineage_trials": 5_000,
        "lineage_sweeps": 3,
        "lineage_expected_max_sharpe": 1.7,
        "lineage_note": None,
        "note": None,
    }


@pytest.fixture(scope="module")
def sweep() -> SweepSummary:
    rows = some_rows()
    counts = {"ok": int((rows["status"] == "ok").sum()), "failed": int((rows["status"] == "failed").sum())}
    return SweepSummary(
        rows=rows,
        variables=VARIABLES,
        manifest=MANIFEST,
        counts=counts,
        selection=said_of(rows),
        synthetic=True,
    )


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
    assert f"Trials {sweep.counts['ok']:,} 3 variables, {sweep.counts['ok']:,} of 1,800 done" in page.text
    assert ["failed", f"UVXY has no price {HOSTILE}", "36"] in page.rows


def test_it_says_that_the_best_of_many_is_lucky(page: Page, rows: list[dict[str, object]]):
    expected = expected_best_sharpe(len(rows), 1257)
    assert "The best of many trials is lucky." in page.text
    assert f"{len(rows):,} trials over 5.0 years" in page.text
    assert f"expected to show a Sharpe ratio of {expected:.2f}" in page.text


def test_the_best_are_listed_with_their_own_numbers(page: Page, rows: list[dict[str, object]]):
    ranked = sorted(rows, key=lambda row: -float(str(row["sharpe"])))[:20]
    keys = ("sharpe", "annualized_return", "volatility", "max_drawdown", "calmar")
    width = 2 + len(VARIABLES) + len(keys) + 2
    head = next(k for k, row in enumerate(page.rows) if row[:2] == ["", "Row"])
    listed = page.rows[head + 1 : head + 21]
    for place, (row, cells) in enumerate(zip(ranked, listed, strict=True), start=1):
        numbers = [shown(METRICS[key], row[key]) for key in keys]  # type: ignore[arg-type]
        judged = [share(float(str(row[key]))) for key in ("dsr", "plateau")]
        assert len(cells) == width
        assert cells[0] == str(place)
        assert cells[2] == str(row["high"])
        assert cells[2 + len(VARIABLES) :] == numbers + judged


def test_a_row_is_named_by_its_number(page: Page, sweep: SweepSummary):
    found = summary.best(sweep, ["high"], 1)
    number = found[summary.ROW][0]
    assert sweep.rows.lazy().collect()["sharpe"][number] == found["sharpe"][0]
    head = next(k for k, row in enumerate(page.rows) if row[:2] == ["", "Row"])
    assert page.rows[head + 1][1] == f"{number:,}"


def test_of_equals_the_earlier_row_is_better(sweep: SweepSummary):
    equal = replace(sweep, rows=sweep.rows.with_columns(sharpe=pl.lit(1.0)))
    found = summary.best(equal, list(VARIABLES), 5)
    assert found.get_column("high").to_list() == [70] * 5
    assert found.get_column("^s.*$").to_list() == [0.0, 0.0, 0.0, 0.25, 0.25]
    assert found.get_column(HOSTILE).to_list() == ["TQQQ", "<b>SOXL</b>", "UPRO", "TQQQ", "<b>SOXL</b>"]


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


def test_a_map_means_over_the_rest(sweep: SweepSummary, rows: list[dict[str, object]]):
    down, across = heat.bins(VARIABLES["^s.*$"]), heat.bins(VARIABLES["high"])
    cells = summary.grid(sweep, "^s.*$", "high", (down.place, across.place))
    assert cells.means.shape == (heat.MOST, 12)
    for d, a in ((0, 0), (3, 11), (39, 5)):
        ratios = [
            float(str(row["sharpe"]))
            for row in rows
            if down.place[row["^s.*$"]] == d and across.place[row["high"]] == a  # type: ignore[index]
        ]
        assert cells.means[d, a] == pytest.approx(fmean(ratios))
        assert cells.counts[d, a] == len(ratios)
    every = np.array([float(str(row["sharpe"])) for row in rows])
    assert cells.squares == pytest.approx(((every - every.mean()) ** 2).sum())
    section = heat.heat_section(sweep)
    assert section is not None
    assert "Neighbouring values may share a cell" in section


def test_the_pair_that_moves_the_metric_comes_first(sweep: SweepSummary):
    """Of three variables those two that make the ratio, whatever the order in which they are listed."""
    made = (pl.col("high") - 75) * pl.col(HOSTILE).replace_strict(
        {"TQQQ": -1.0, "<b>SOXL</b>": 0.0, "UPRO": 1.0}
    )
    moved = replace(sweep, rows=sweep.rows.lazy().with_columns(sharpe=made + 0.01 * pl.col("sharpe")))
    first, *others = heat.telling(moved, list(VARIABLES))
    assert {first.down, first.across} == {"high", HOSTILE}
    assert first.cells.told == pytest.approx(1.0, abs=0.01)
    assert all(each.cells.told < 0.2 for each in others)


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
        if key not in {"sharpe", "sortino", "annualized_return", "volatility", "max_drawdown", "calmar"}
    ]
    assert sweep_page(replace(sweep, rows=sweep.rows.lazy().with_columns(poisoned))) == text


def test_a_sweep_in_which_nothing_was_done_has_a_page(sweep: SweepSummary):
    none = pl.lit(None, dtype=pl.Float64)
    failed = sweep.rows.lazy().with_columns(
        *(none.alias(key) for key in (*METRICS, "dsr", "plateau")),
        status=pl.lit("skipped"),
        reason=pl.lit("fast < slow"),
    )
    said = {"trials": 0, "left_out": {"skipped": 1800}, "note": "no row has a Sharpe ratio", "best": None}
    empty = replace(sweep, rows=failed, counts={"ok": 0, "skipped": 1800}, selection=said, synthetic=False)
    page = check_inert(sweep_page(empty))
    assert "SYNTHETIC" not in page.text
    assert "It is undefined in every combination." in page.text
    assert "No row has a Sharpe ratio: there is no best." in page.text
    assert "It cannot be told: no row has a Sharpe ratio." in page.text
    assert ["skipped", "fast < slow", "1,800"] in page.rows


def test_a_sampled_space_says_how_much_of_it_was_asked_for(sweep: SweepSummary):
    page = check_inert(sweep_page(replace(sweep, counts={"ok": 900})))
    assert "The grid has 1,800 combinations, of which 900 (50.0%) were asked for." in page.text


def test_many_variables_with_long_names_make_no_large_page(sweep: SweepSummary):
    """30 variables of 60 values each, whose names are long and full of what must be escaped."""
    dice, size = np.random.default_rng(8), 2_000
    names = [f'{k}<>&"{"x" * 300}' for k in range(30)]
    variables = {name: tuple(float(f"{v}.123456") for v in range(60)) for name in names}
    columns = {name: dice.choice(np.array(variables[name]), size) for name in names}
    table = sweep.rows.lazy().collect()
    rows = table[[name for name in table.columns if name not in VARIABLES]].sample(
        size, with_replacement=True, seed=1
    )
    wide = rows.with_columns(**{name: pl.Series(values) for name, values in columns.items()})
    counts = dict(rows.group_by("status").len().iter_rows())
    page = check_inert(sweep_page(replace(sweep, rows=wide, variables=variables, counts=counts)))
    assert page.text.count("more variables") >= 3
