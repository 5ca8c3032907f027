"""The table of rows: its columns and types as docs/cli.md states them, and what is said of it."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sweep_cases import QUESTION, parsed, planned
from treefolio.errors import OutputError
from treefolio.metrics import METRICS
from treefolio.sweep.manifest import to_json
from treefolio.sweep.rows import STATUSES, scan, schema, summarise, value_type
from treefolio.sweep.space import Space


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of words, whole numbers and fractions, with one variable set by hand."""
    out = tmp_path_factory.mktemp("rows") / "out"
    vary = {"hot": [50, 52.5], "c1.comparator": [">", "<"], "f1.window": "5:7:1"}
    planned(vary=vary, fix={"window": 9}).run(out)
    return out


@pytest.fixture(scope="module")
def rows(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "rows.parquet")


def test_columns_and_types(rows: pl.DataFrame) -> None:
    """Variables as they are named, start, end, sessions, metrics, then psr, dsr, plateau, status, reason."""
    assert list(rows.schema.items()) == [
        ("fund", pl.String),
        ("hot", pl.Float64),
        ("c1.comparator", pl.String),
        ("f1.window", pl.Int64),
        ("window", pl.Int64),
        ("start", pl.Date),
        ("end", pl.Date),
        ("sessions", pl.Int64),
        *((key, pl.Float64) for key in METRICS if key != "psr"),
        ("psr", pl.Float64),
        ("dsr", pl.Float64),
        ("plateau", pl.Float64),
        ("status", pl.String),
        ("reason", pl.String),
    ]


def test_row_order_is_that_of_the_listed_variables(rows: pl.DataFrame) -> None:
    """The last one is the fastest."""
    expected = [
        (fund, hot, comparator, window)
        for fund in ("A", "B")
        for hot in (50.0, 52.5)
        for comparator in (">", "<")
        for window in (5, 6, 7)
    ]
    assert rows.select("fund", "hot", "c1.comparator", "f1.window").rows() == expected
    assert set(rows["window"]) == {9}


def test_every_row_has_the_sweeps_sessions(rows: pl.DataFrame, folder: Path) -> None:
    """As dates, and as the manifest says them."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    days = {name: dt.date.fromisoformat(manifest[name]) for name in ("start", "end")}
    assert set(rows.select("start", "end", "sessions").rows()) == {
        (days["start"], days["end"], manifest["sessions"])
    }
    assert days["end"] == QUESTION.panel.sessions[-1].item()


def test_the_schema_is_known_beforehand(rows: pl.DataFrame) -> None:
    """From the space alone."""
    vary = {"hot": [50, 52.5], "c1.comparator": [">", "<"], "f1.window": "5:7:1"}
    assert dict(rows.schema) == schema(planned(vary=vary, fix={"window": 9}).space)


def test_undefined_numbers_are_null(rows: pl.DataFrame) -> None:
    """Never NaN, never infinite; some metrics of 190 sessions are undefined."""
    metrics = rows.select(METRICS.keys())
    assert metrics.select(pl.all().is_nan().any()).row(0).count(True) == 0
    assert metrics.select(pl.all().is_infinite().any()).row(0).count(True) == 0
    assert metrics.null_count().transpose().to_series().gt(0).any()
    assert rows["status"].to_list() == ["ok"] * len(rows)
    assert rows["reason"].null_count() == len(rows)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1, 2), pl.Int64),
        ((1, 2.5), pl.Float64),
        (("A",), pl.String),
        ((1, "A"), pl.String),
        ((1, -(10**30)), pl.Float64),
    ],
)
def test_a_column_takes_the_type_of_all_its_values(
    values: tuple[int | float | str, ...], kind: type[pl.DataType]
) -> None:
    """A word among numbers makes words of all, a number too large for integers makes fractions of all."""
    assert value_type(values) is kind


def test_a_huge_value_is_no_null() -> None:
    """It is as near as a float comes."""
    rows = planned(vary={"hot": [50, 10**20]}, fix={"window": 5, "fund": "A"}).run().rows.collect()
    assert rows["hot"].to_list() == [50.0, 1e20]


def test_metrics_are_the_same_keys_everywhere(folder: Path, rows: pl.DataFrame) -> None:
    """In the rows and in the summary."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    others = {"start", "end", "sessions", "dsr", "plateau", "status", "reason"}
    assert set(schema(Space(axes={}))) == others | METRICS.keys()
    assert summary["metrics"].keys() == METRICS.keys() <= set(rows.columns)


# ---- the summary


def test_summary_by_definition(tmp_path: Path) -> None:
    """Counts by status; best, worst, mean and quartiles over rows that are ok, by NumPy."""
    strategy = parsed(
        """
        name: W
        variables: {n: 2:20:1, a: [0, 0.3, 1], b: [0, 0.7]}
        tree: {weighted: [$a: {if: "rsi(A, $n) > 50", then: B, else: C}, $b: D]}
        """
    )
    planned(strategy).run(tmp_path / "out")
    rows = pl.read_parquet(tmp_path / "out" / "rows.parquet")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["rows"] == len(rows) == 19 * 3 * 2
    assert summary["status"] == {"ok": 95, "failed": 19, "skipped": 0}
    assert tuple(summary["status"]) == tuple(sorted(STATUSES)) == ("failed", "ok", "skipped")
    ok = rows.filter(pl.col("status") == "ok")
    for key, metric in METRICS.items():
        found, values = summary["metrics"][key], ok[key].drop_nulls().to_numpy()
        assert found["defined"] == len(values)
        if not len(values):
            assert found["mean"] is None
            assert found["quartiles"] == [None, None, None]
            continue
        low, high = float(values.min()), float(values.max())
        best = {"high": (high, low), "low": (low, high)}.get(str(metric.better), (None, None))
        assert (found["min"], found["max"], found["best"], found["worst"]) == (low, high, *best), key
        assert found["mean"] == pytest.approx(math.fsum(values) / len(values), rel=1e-12, abs=1e-15), key
        np.testing.assert_allclose(found["quartiles"], np.quantile(values, [0.25, 0.5, 0.75]), rtol=1e-12)


def test_a_summary_without_any_sound_row_has_no_numbers() -> None:
    """All null, as JSON can say it."""
    empty = pl.LazyFrame(schema=schema(Space(axes={"a": (1, 2)})))
    summary = json.loads(to_json(summarise(empty)))
    assert summary["status"] == {"ok": 0, "failed": 0, "skipped": 0}
    assert set(map(str, summary["metrics"]["sharpe"].values())) == {"None", "0", "[None, None, None]"}


def test_better_is_higher_lower_or_neither() -> None:
    """So best and worst above are what they say."""
    assert {metric.better for metric in METRICS.values()} <= {"high", "low", None}


# ---- reading


def test_rows_are_found_whole_or_in_parts(folder: Path, tmp_path: Path) -> None:
    """The file when it is there, else the parts in their order."""
    rows, complete = scan(folder)
    assert complete
    whole = rows.collect()
    (tmp_path / "parts").mkdir()
    whole[10:].write_parquet(tmp_path / "parts" / "rows-000000000010-000000000024.parquet")
    whole[:10].write_parquet(tmp_path / "parts" / "rows-000000000000-000000000010.parquet")
    parts, complete = scan(tmp_path)
    assert not complete
    assert parts.collect().equals(whole)


def test_a_folder_without_rows_is_said(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(OutputError, match="holds no rows of a sweep") as caught:
        scan(tmp_path)
    assert caught.value.hint is not None


def test_json_has_sorted_keys_and_no_nan() -> None:
    """So the bytes depend on the content alone."""
    assert to_json({"b": 1, "a": "→"}) == '{\n  "a": "→",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"x": float("nan")})
