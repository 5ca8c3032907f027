"""The folder of a walk-forward: its files, the same bytes however it is cut; nothing when it is stopped."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import polars as pl
import pytest

from sweep_cases import STRATEGY, parsed, planned
from treefolio.errors import OutputError
from treefolio.strategy.tree import Strategy
from treefolio.sweep.assignments import Sample
from treefolio.sweep.lengths import Length
from treefolio.sweep.many import Progress, Stopped
from treefolio.sweep.walkforward import search
from treefolio.sweep.walkforward.files import fold_table, write_walk
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme
from treefolio.sweep.walkforward.plan import plan_walk
from treefolio.sweep.walkforward.result import HEADLINE

ROLLING = Rolling(train=Length(sessions=60), test=Length(sessions=25), step=Length(sessions=25))
COMBINED = Combinatorial(groups=5, test_groups=2, purge=1, embargo=2)
TABLES = ("folds", "oos")
STABLE = ("manifest.json", "walkforward.json", *(f"{t}.{k}" for t in TABLES for k in ("csv", "parquet")))
CONSTANT = parsed(
    "{name: N, variables: {hot: [101, 102]}, tree: {if: 'rsi(A, 5) > $hot', then: A, else: cash}}"
)


def written(
    folder: Path, scheme: Scheme = ROLLING, strategy: Strategy = STRATEGY, threads: int = 1, **asked: object
) -> dict[str, bytes]:
    """The files whose bytes may depend on nothing but the manifest."""
    write_walk(plan_walk(planned(strategy, **asked), scheme, "calmar").run(threads=threads), folder)
    return {name: (folder / name).read_bytes() for name in STABLE}


@pytest.fixture(scope="module", params=[ROLLING, COMBINED], ids=["rolling", "cpcv"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    found: Scheme = request.param
    return found


def test_the_folder_of_a_walk_forward(scheme: Scheme, tmp_path: Path) -> None:
    """Seven files; their columns, types and keys."""
    files = written(tmp_path / "new" / "out", scheme)
    folder = tmp_path / "new" / "out"
    assert sorted(path.name for path in folder.iterdir()) == sorted([*STABLE, "stats.json"])
    said = json.loads(files["walkforward.json"], parse_constant=_refused)
    manifest = json.loads(files["manifest.json"])
    assert manifest["walkforward"] == said["scheme"] | {"by": "calmar", "lowest": False}
    assert manifest["space"]["combinations"] == said["rows"] == 400
    assert "holdout" not in manifest
    folds = pl.read_parquet(folder / "folds.parquet")
    assert folds["fold"].to_list() == [fold["fold"] for fold in said["folds"]]
    assert folds["row"].to_list() == [fold["winner"]["row"] for fold in said["folds"]]
    assert folds["in_sample_calmar"].to_list() == [fold["winner"]["value"] for fold in said["folds"]]
    assert folds["test_last"].to_list() == [_date(fold["test"][-1]["last"]) for fold in said["folds"]]
    schema = folds.schema
    assert [schema[name] for name in ("window", "hot", "fund")] == [pl.Int64, pl.Int64, pl.String]
    assert {f"{part}_{key}" for part in ("in_sample", "out_of_sample") for key in HEADLINE} <= set(schema)
    assert pl.read_parquet_schema(folder / "oos.parquet") == {
        "session": pl.Date,
        "path": pl.Int64,
        "fold": pl.Int64,
        "return": pl.Float64,
        "value": pl.Float64,
        "benchmark": pl.Float64,
    }
    for name in TABLES:
        table = pl.read_parquet(folder / f"{name}.parquet")
        assert pl.read_csv(folder / f"{name}.csv", schema=table.schema).equals(table)
    stats = json.loads((folder / "stats.json").read_text())
    assert set(stats) == {"seconds", "rows_per_second", "parallelism", "peak_memory_bytes"}


def _refused(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _date(text: str) -> object:
    return pl.Series([text]).str.to_date().item()


@pytest.mark.parametrize(("threads", "rows"), [(2, 64), (1, 1), (3, 7), (2, 1_000)])
def test_threads_and_ranges_change_no_byte(
    threads: int, rows: int, scheme: Scheme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all files but stats.json: the first of equal rows is the best, whoever meets it first."""
    expected = written(tmp_path / "once", scheme)
    monkeypatch.setattr(search, "FIRST_RANGE", rows)
    monkeypatch.setattr(search, "LARGEST_RANGE", rows)
    assert written(tmp_path / "again", scheme, threads=threads) == expected


def test_a_sample_is_walked_like_a_space(tmp_path: Path) -> None:
    """Rows count in the order of the sample, and the manifest says how it was drawn."""
    files = written(tmp_path / "out", select=Sample(count=30, seed=4))
    said = json.loads(files["walkforward.json"])
    assert said["rows"] == 30
    assert all(fold["winner"]["row"] < 30 for fold in said["folds"])
    assert json.loads(files["manifest.json"])["space"]["listed"]["seed"] == 4


def test_folds_without_a_winner_are_nulls(tmp_path: Path) -> None:
    """Not NaN, and not left out; the curve has its columns all the same."""
    files = written(tmp_path / "out", strategy=CONSTANT)
    said = json.loads(files["walkforward.json"], parse_constant=_refused)
    assert [fold["winner"] for fold in said["folds"]] == [None] * len(said["folds"])
    assert said["efficiency"] == {"in_sample": None, "out_of_sample": None, "ratio": None}
    folds = pl.read_parquet(tmp_path / "out" / "folds.parquet")
    assert folds["row"].null_count() == folds.height == len(said["folds"])
    assert pl.read_parquet(tmp_path / "out" / "oos.parquet").is_empty()


def test_a_stopped_walk_forward_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how far it was; ranges under way are brought to their end."""
    monkeypatch.setattr(search, "FIRST_RANGE", 30)
    monkeypatch.setattr(search, "LARGEST_RANGE", 30)
    stop, seen = threading.Event(), list[Progress]()

    def report(at: Progress) -> None:
        seen.append(at)
        if at.done == 60:
            stop.set()

    walk = plan_walk(planned(), ROLLING)
    with pytest.raises(Stopped, match=r"stopped after (60|90) of 400 combinations"):
        walk.run(threads=1, progress=report, stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_ends_at_all_rows() -> None:
    """And never goes back."""
    seen: list[Progress] = []
    plan_walk(planned(), ROLLING).run(threads=2, progress=seen.append)
    done = [at.done for at in seen]
    assert done == sorted(done)
    assert (seen[-1].done, seen[-1].total) == (400, 400)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """What is there stays as it is."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_table_of_folds_keeps_the_types_of_variables() -> None:
    """A whole number that varies with fractions is a fraction, as in rows.parquet."""
    strategy = parsed(
        "{name: T, variables: {hot: [40, 50.5]}, tree: {if: 'rsi(A, 5) > $hot', then: A, else: B}}"
    )
    table = fold_table(plan_walk(planned(strategy), ROLLING).run())
    assert table.schema["hot"] == pl.Float64
    assert set(table["hot"]) <= {40.0, 50.5}
