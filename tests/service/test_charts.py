"""Charts against plain loops over the rows: heat maps, marginals, histograms, fronts, summaries."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from statistics import fmean, median
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import UsageError
from treefolio.service.charts import histogram as histograms
from treefolio.service.charts.heatmap import HOW, MOST_CELLS, heat_map
from treefolio.service.charts.histogram import histogram
from treefolio.service.charts.marginals import MOST_VALUES, marginals
from treefolio.service.charts.pareto import MOST_ROWS, pareto
from treefolio.service.charts.summary import summary
from treefolio.service.problems import Declined
from treefolio.service.shelf import Table
from treefolio.sweep import front as fronts
from treefolio.sweep.front import front
from treefolio.sweep.ranking import LATER

NOTHING = Table(rows=pl.DataFrame(), numbers=pl.Series(dtype=pl.Int64), total=None, complete=False)
WORDS = ("SPY", "BIL", "TQQQ")
number = st.none() | st.integers(-4, 4).map(lambda k: k / 2) | st.floats(-1e6, 1e6)
row = st.tuples(
    st.sampled_from(WORDS),
    st.integers(0, 3),
    number,
    number,
    st.sampled_from(("ok", "ok", "ok", "failed", "skipped")),
)


def table_of(rows: list[tuple[Any, ...]]) -> Table:
    """Rows of ticker, hot, sharpe, max_drawdown, status; every second number of the sweep is not there."""
    names = ("ticker", "hot", "sharpe", "max_drawdown", "status")
    kinds = (pl.String, pl.Int64, pl.Float64, pl.Float64, pl.String)
    frame = pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    frame = frame.select(
        "ticker",
        "hot",
        pl.lit(date(2020, 1, 2)).alias("start"),
        "sharpe",
        "max_drawdown",
        "status",
        pl.lit(None, dtype=pl.String).alias("reason"),
    )
    numbers = pl.int_range(0, 2 * len(rows), 2, eager=True)
    return Table(rows=frame, numbers=numbers, total=2 * len(rows) + 1, complete=False)


tables = st.lists(row, min_size=1, max_size=40)


def axis(values: list[Any]) -> list[Any]:
    found = list(dict.fromkeys(values))
    return found if isinstance(found[0], str) else sorted(found)


def short(value: float) -> float:
    """As charts show it."""
    return float(f"{value:.9g}")


def best_of(pairs: list[tuple[float, int]], metric: str) -> tuple[float, int]:
    """Value and number of the best row; of equals the first."""
    sign = 1 if metric == "max_drawdown" else -1
    return min(pairs, key=lambda pair: (sign * pair[0], pair[1]))


def shown(pairs: list[tuple[float, int]], metric: str, how: str) -> float:
    values = [value for value, _ in pairs]
    lowest, highest = (min, max) if metric == "max_drawdown" else (max, min)
    return {
        "best": lowest(values),
        "worst": highest(values),
        "mean": fmean(values),
        "median": median(values),
        "count": float(len(values)),
    }[how]


@given(tables, st.sampled_from(("sharpe", "max_drawdown")), st.sampled_from(sorted(HOW)))
def test_heat_map(rows: list[tuple[Any, ...]], metric: str, how: Any) -> None:
    """Each cell is what a loop over its rows gives; the number is that of its best row; others are null."""
    place = 2 if metric == "sharpe" else 3
    cells: defaultdict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)
    for k, each in enumerate(rows):
        if each[4] == "ok" and each[place] is not None:
            cells[each[0], each[1]].append((each[place], 2 * k))
    found = heat_map(table_of(rows), x="ticker", y="hot", metric=metric, how=how)
    assert found.x.values == axis([each[0] for each in rows])
    assert found.y.values == axis([each[1] for each in rows])
    assert found.matching == found.rows_done == len(rows)
    for d, hot in enumerate(found.y.values):
        for a, ticker in enumerate(found.x.values):
            pairs = cells.get((str(ticker), int(hot)))
            value, number = found.values[d][a], found.numbers[d][a]
            if pairs is None:
                assert value is number is None
            else:
                assert value == pytest.approx(shown(pairs, metric, how), rel=1e-8, abs=1e-9)
                assert number == best_of(pairs, metric)[1]


@given(tables, st.sampled_from(("sharpe", "max_drawdown")))
def test_marginals(rows: list[tuple[Any, ...]], metric: str) -> None:
    """Count, mean, quartiles and the best row of each value, as loops give them."""
    place = 2 if metric == "sharpe" else 3
    found = marginals(table_of(rows), metric=metric)
    assert [each.variable for each in found.variables] == ["ticker", "hot"]
    for v, each in enumerate(found.variables):
        assert each.values == axis([one[v] for one in rows])
        for k, value in enumerate(each.values):
            pairs = [
                (one[place], 2 * j)
                for j, one in enumerate(rows)
                if one[v] == value and one[4] == "ok" and one[place] is not None
            ]
            assert each.count[k] == len(pairs)
            if not pairs:
                assert each.mean[k] is each.best[k] is each.numbers[k] is None
                assert each.quartiles[k] == [None] * 3
                continue
            numbers = [number for number, _ in pairs]
            best, number = best_of(pairs, metric)
            assert each.mean[k] == pytest.approx(fmean(numbers), rel=1e-8, abs=1e-9)
            assert each.quartiles[k] == pytest.approx(
                np.quantile(numbers, (0.25, 0.5, 0.75)), rel=1e-8, abs=1e-9
            )
            assert (each.best[k], each.numbers[k]) == (short(best), number)


@given(
    st.lists(st.none() | st.floats(allow_nan=False), min_size=0, max_size=60),
    st.none() | st.integers(1, histograms.MOST_BINS),
)
def test_histogram(values: list[float | None], bins: int | None) -> None:
    """Whatever the values: edges are finite and ascend, and every row is counted once."""
    rows = [("SPY", 1, value, None, "ok") for value in values]
    found = histogram(table_of(rows), metric="sharpe", bins=bins)
    assert found.undefined == values.count(None)
    assert sum(found.counts) + found.below + found.above + found.undefined == len(values)
    assert all(map(math.isfinite, found.edges))
    assert all(low < high for low, high in zip(found.edges, found.edges[1:], strict=False))
    assert len(found.counts) <= histograms.MOST_BINS
    drawn = [value for value in values if value is not None and abs(value) < 1e300]
    if drawn:
        assert found.edges[0] <= min(drawn) <= max(drawn) <= found.edges[-1]
    for k, count in enumerate(found.counts[:-1]):
        low, high = found.edges[k : k + 2]
        assert count == sum(low <= value < high for value in drawn)


def test_bins_of_freedman_and_diaconis() -> None:
    """As many as numpy takes; Sturges' number where half of the values are the same; not too many."""
    values = np.random.default_rng(3).normal(size=1_000)
    for given_, wanted in (
        (values, len(np.histogram_bin_edges(values, "fd")) - 1),
        (np.where(np.arange(1_000) < 900, 0.0, values), 11),
        (np.append(values, 1e9), histograms.MOST_BINS),
    ):
        rows = [("SPY", 1, float(value), None, "ok") for value in given_]
        assert len(histogram(table_of(rows), metric="sharpe").counts) == wanted


numbers_of = st.lists(
    st.lists(st.integers(-3, 3) | st.just(-math.inf), min_size=3, max_size=3), min_size=0, max_size=30
)


@given(numbers_of, st.integers(2, 3), st.booleans())
def test_fronts(rows: list[list[float]], width: int, quickly: bool) -> None:
    """Those that none beats, of equals all, as each against each says; strong rows first changes nothing."""
    numbers = np.array(rows, dtype=float).reshape(-1, 3)[:, :width]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fronts, "_ROUNDS", 2 if quickly else 0)
        found = front(numbers).tolist()
    assert found == [
        k
        for k, one in enumerate(numbers)
        if not any((other >= one).all() and (other > one).any() for other in numbers)
    ]


@given(tables)
def test_pareto(rows: list[tuple[Any, ...]]) -> None:
    """Each against each, with the metrics' better ends: a high Sharpe ratio, a low drawdown."""
    there = {
        2 * k: (one[2], one[3])
        for k, one in enumerate(rows)
        if one[4] == "ok" and one[2] is not None and one[3] is not None
    }
    unbeaten = [
        number
        for number, (sharpe, pain) in there.items()
        if not any(s >= sharpe and p <= pain and (s, p) != (sharpe, pain) for s, p in there.values())
    ]
    found = pareto(table_of(rows), metrics=("sharpe", "max_drawdown"))
    assert [aim.better for aim in found.metrics] == ["high", "low"]
    assert found.numbers == sorted(unbeaten, key=lambda k: (-there[k][0], there[k][1], k))
    assert [tuple(point) for point in found.points] == [there[k] for k in found.numbers]
    assert [tuple(value) for value in found.values] == [rows[k // 2][:2] for k in found.numbers]
    assert found.size == len(unbeaten)


def test_a_front_that_is_too_long() -> None:
    """Its size is said, and its first rows are there."""
    rows = [("SPY", 1, float(k), float(k), "ok") for k in range(MOST_ROWS + 5)]
    found = pareto(table_of(rows), metrics=("sharpe", "max_drawdown"))
    assert (found.size, len(found.numbers)) == (MOST_ROWS + 5, MOST_ROWS)
    assert found.points[0] == [MOST_ROWS + 4.0, MOST_ROWS + 4.0]


@given(tables)
def test_summary(rows: list[tuple[Any, ...]]) -> None:
    """Counts by status, quartiles and ends."""
    found = summary(table_of(rows), metrics=("max_drawdown",))
    assert found.status == {name: sum(one[4] == name for one in rows) for name in ("ok", "failed", "skipped")}
    spread = found.metrics["max_drawdown"]
    values = [one[3] for one in rows if one[4] == "ok" and one[3] is not None]
    assert spread.defined == len(values)
    assert (spread.best, spread.worst) == ((min(values), max(values)) if values else (None, None))
    if values:
        assert spread.quartiles == pytest.approx(np.quantile(values, (0.25, 0.5, 0.75)), rel=1e-9, abs=1e-9)


def test_conditions() -> None:
    """Of all charts the rows are those that satisfy it, and so are the axes."""
    rows = [(WORDS[k % 3], k % 4, float(k), float(-k), "ok") for k in range(12)]
    where = "hot > 1 and sharpe < 8"
    kept = [one for one in rows if one[1] > 1 and one[2] < 8]
    there = table_of(rows)
    found = heat_map(there, x="ticker", y="hot", metric="sharpe", where=where)
    assert (found.matching, found.rows_done, found.y.values) == (len(kept), 12, [2, 3])
    assert marginals(there, metric="sharpe", variables=["hot"], where=where).variables[0].values == [2, 3]
    assert sum(histogram(there, metric="sharpe", where=where).counts) == len(kept)
    assert pareto(there, metrics=("sharpe", "max_drawdown"), where=where).matching == len(kept)
    assert summary(there, where=where).status["ok"] == len(kept)
    nothing = heat_map(there, x="ticker", y="hot", metric="sharpe", where="hot > 99")
    assert (nothing.x.values, nothing.values, nothing.matching) == ([], [], 0)


def test_before_there_are_rows() -> None:
    """Charts are empty, and say so."""
    made = (
        heat_map(NOTHING, x="hot", y="window", metric="sharpe"),
        marginals(NOTHING, metric="sharpe", variables=["hot"]),
        histogram(NOTHING, metric="sharpe"),
        pareto(NOTHING, metrics=("sharpe", "max_drawdown")),
        summary(NOTHING, metrics=("sharpe",)),
    )
    assert {each.label for each in made} == {"partial 0/?"}
    assert {each.matching for each in made} == {0}


def test_too_many_to_be_drawn() -> None:
    """Is refused with the bound, and what to do; a part of it is drawn."""
    edge = math.isqrt(MOST_CELLS) + 1
    rows = [("SPY", k, float(k), 0.0, "ok") for k in range(edge)]
    there = table_of(rows)
    wide = Table(
        rows=there.rows.with_columns(pl.int_range(edge).alias("ticker")),
        numbers=there.numbers,
        total=edge,
        complete=True,
    )
    with pytest.raises(Declined, match=f"at most {MOST_CELLS:,}") as caught:
        heat_map(wide, x="ticker", y="hot", metric="sharpe")
    assert (caught.value.status, "where" in (caught.value.hint or "")) == (422, True)
    part = heat_map(wide, x="ticker", y="hot", metric="sharpe", where="hot > 0")
    assert len(part.x.values) == len(part.y.values) == edge - 1
    many = table_of([("SPY", k, 0.0, 0.0, "ok") for k in range(MOST_VALUES)])
    with pytest.raises(Declined, match=f"at most {MOST_VALUES:,}"):
        marginals(many, metric="sharpe")
    assert len(marginals(many, metric="sharpe", variables=["hot"]).variables[0].values) == MOST_VALUES


@pytest.mark.parametrize(
    ("asked", "path", "hint"),
    [
        ({"x": "hott", "y": "ticker", "metric": "sharpe"}, "x", "Did you mean hot?"),
        ({"x": "hot", "y": "start", "metric": "sharpe"}, "y", "There are: ticker, hot."),
        ({"x": "hot", "y": "ticker", "metric": "sharp"}, "metric", "Did you mean sharpe?"),
        ({"x": "hot", "y": "ticker", "metric": "dsr"}, "metric", LATER),
    ],
)
def test_names_that_are_not_there(asked: dict[str, str], path: str, hint: str) -> None:
    """Are refused, with those that are."""
    with pytest.raises(UsageError) as caught:
        heat_map(table_of([("SPY", 1, 0.0, 0.0, "ok")]), **asked)
    assert (caught.value.path, caught.value.hint) == (path, hint)
