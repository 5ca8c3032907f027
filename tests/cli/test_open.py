"""``treefolio open``: a row of a sweep as a run, without writing its values again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from cli_samples import STRATEGY, Called, Program, done, write_prices, write_strategy
from treefolio.metrics import METRICS

BYTES = ("manifest.json", "metrics.json", "equity.parquet", "weights.parquet", "trades.parquet")
"""Of a run: the files whose bytes depend on nothing but the manifest."""
FUNDS = "{name: Funds, variables: {fund: [SPY, NOPE, TLT, QQQ]}, tree: [$fund, BIL]}"
SKIP = ("--missing", "skip", "--start", "2016-01-04")
"""One of its funds has no prices, so that row fails."""
COSTLY = ("--slippage-bps", "3", "--fill", "next_close", "--cash-rate", "0.02")
SWEEPS = {
    "plain": (),
    "handles": ("--vary", "c1.window=5:9:2", "--set", "hot=65", *COSTLY),
    "sample": ("--vary", "c1.window=2:20:1", "--sample", "9", "--seed", "4", "--benchmark", "TLT"),
    "space": ("--space", "combinations.csv", "--benchmark", "none"),
    "an end": ("--start", "2015-06-01", "--end", "2016-03-31"),
    "held out": ("--holdout", "6m"),
}


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with prices, strategies and combinations, and with a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    write_prices(tmp_path)
    write_strategy(tmp_path, STRATEGY, "strategy.yaml")
    write_strategy(tmp_path, FUNDS, "funds.yaml")
    (tmp_path / "combinations.csv").write_text("hot,c1.window\n65,5\n75,9\n60,12\n", encoding="utf-8")
    return tmp_path


def swept(program: Program, *flags: str, strategy: str = "strategy.yaml") -> None:
    """A sweep in the folder ``swept``."""
    done(program("sweep", strategy, "--prices", "prices.parquet", *flags, "--out", "swept"))


def refused(called: Called, *parts: str) -> None:
    """The call failed with one error that has these parts, and wrote nothing."""
    assert called.status in (1, 2)
    assert called.err.startswith("Error: ")
    for part in parts:
        assert part in called.err
    assert not Path("opened").exists()


@pytest.mark.parametrize("flags", SWEEPS.values(), ids=SWEEPS)
def test_its_metrics_are_those_of_the_row(program: Program, here: Path, flags: tuple[str, ...]) -> None:
    """To the last bit, however the rows were chosen; what it says of the row is what ``top`` shows."""
    swept(program, *flags)
    called = done(program("open", "swept", "--by", "calmar", "--rank", "2", "--out", "opened"))
    best = json.loads(done(program("top", "swept", "--by", "calmar", "-n", "2", "--json")).out)[1]
    found = json.loads((here / "opened" / "metrics.json").read_text())
    assert found == {key: best[key] for key in METRICS}
    manifest = json.loads((here / "swept" / "manifest.json").read_text())
    names = [each["name"] for each in manifest["space"]["variables"]]
    assert f"Rank 2 by calmar: {', '.join(f'{name} {best[name]}' for name in names)}\n" in called.out
    assert "was it another version" not in called.out
    assert {"report.html", "stats.json", *BYTES} == {path.name for path in (here / "opened").iterdir()}


def test_its_files_are_those_of_the_run_with_these_values(program: Program, here: Path) -> None:
    """As if ``run`` had been given every ``--set``, and the sweep's start."""
    swept(program, *SWEEPS["handles"])
    done(program("open", "swept", "--out", "opened"))
    manifest = json.loads((here / "opened" / "manifest.json").read_text())
    sets = [f"--set={name}={value}" for name, value in manifest["variables"].items()]
    assert len(sets) == 2
    run = ("--prices", "prices.parquet", "--start", manifest["start"], *COSTLY)
    done(program("run", "strategy.yaml", *run, *sets, "--out", "run"))
    for name in BYTES:
        assert (here / "opened" / name).read_bytes() == (here / "run" / name).read_bytes()


def test_a_condition_leaves_out_rows(program: Program, here: Path) -> None:
    """Ranks are those of ``top`` with the same words."""
    swept(program)
    done(program("open", "swept", "--where", "hot < 75", "--by", "-sharpe", "--out", "opened"))
    worst = pl.read_parquet(here / "swept" / "rows.parquet").filter(pl.col("hot") < 75).sort("sharpe")
    found = json.loads((here / "opened" / "manifest.json").read_text())
    assert found["variables"] == {"hot": worst["hot"][0]}


def test_an_unfinished_sweep_can_be_opened(program: Program, here: Path) -> None:
    """Its rows so far are what there is, and that is said."""
    swept(program)
    rows = pl.read_parquet(here / "swept" / "rows.parquet")
    shutil.rmtree(here / "swept" / "parts", ignore_errors=True)
    (here / "swept" / "parts").mkdir()
    rows.head(2).write_parquet(here / "swept" / "parts" / "rows-000000000000-000000000002.parquet")
    (here / "swept" / "rows.parquet").unlink()
    called = done(program("open", "swept", "--rank", "2", "--out", "opened"))
    assert "the sweep is not finished" in called.out
    found = json.loads((here / "opened" / "metrics.json").read_text())
    assert found["sharpe"] == rows.head(2)["sharpe"].min()


def test_a_damaged_snapshot_can_be_done_without(program: Program, here: Path) -> None:
    """The prices themselves take its place, and that is said."""
    swept(program)
    (kept,) = (here / "home" / "snapshots").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    refused(program("open", "swept", "--out", "opened"), "damaged", "Name the prices", "--prices FILE")
    done(program("open", "swept", "--prices", "prices.parquet", "--out", "opened"))


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (("--rank", "4"), ("no row of rank 4: 3 are ok", "1 failed or were skipped", "because NOPE")),
        (("--where", "status = 'failed'"), ("no row of rank 1: 0 are ok", "because NOPE")),
        (
            ("--where", "fund <> 'SPY' and sharpe > -99", "--rank", "3"),
            ("rank 3: 2 are ok and satisfy", "`treefolio top"),
        ),
        (("--by", "sharp"), ("unknown column 'sharp'", "Did you mean")),
        (("--where", "sharpe >"), ("cannot be read",)),
        (("--rank", "0"), ("--rank", "greater than or equal to 1")),
    ],
)
def test_a_row_that_is_not_there_is_refused(
    program: Program, flags: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """With what there is, and with the reason of those that failed."""
    swept(program, *SKIP, strategy="funds.yaml")
    refused(program("open", "swept", *flags, "--out", "opened"), *parts)


def test_a_folder_without_rows_is_refused(program: Program) -> None:
    """A run has none, and neither has what is no result."""
    done(program("run", "strategy.yaml", "--prices", "prices.parquet", "--out", "run"))
    refused(program("open", "run", "--out", "opened"), "run holds no rows of a sweep")
    refused(program("open", "home", "--out", "opened"), "home holds no result")


def test_prices_that_are_not_kept_can_be_named(program: Program, here: Path) -> None:
    """Without them the error says which they were; others are refused."""
    swept(program, *SWEEPS["an end"])
    shutil.rmtree(here / "home" / "snapshots")
    refused(program("open", "swept", "--out", "opened"), "are not here", "prices.parquet", "snapshot import")
    refused(program("open", "swept", "--synthetic", "--out", "opened"), "these are not the prices of swept")
    done(program("open", "swept", "--prices", "prices.parquet", "--out", "opened"))
    best = pl.read_parquet(here / "swept" / "rows.parquet")["sharpe"].max()
    assert json.loads((here / "opened" / "metrics.json").read_text())["sharpe"] == best


def test_a_benchmark_that_is_a_strategy_is_named_again(program: Program, here: Path) -> None:
    """The manifest knows it by name and hash alone."""
    write_strategy(here, "{name: Half, tree: [SPY, TLT]}", "half.yaml")
    swept(program, "--benchmark", "half.yaml")
    refused(program("open", "swept", "--out", "opened"), "benchmark is the strategy Half", "--benchmark FILE")
    done(program("open", "swept", "--benchmark", "half.yaml", "--out", "opened"))
    rows = pl.read_parquet(here / "swept" / "rows.parquet").sort("sharpe", descending=True)
    assert json.loads((here / "opened" / "metrics.json").read_text())["beta"] == rows["beta"][0]


@pytest.mark.parametrize("flags", [(), ("--end", "2016-03-31")], ids=["whole", "an end"])
def test_the_snapshot_that_a_manifest_names_is_kept(
    program: Program, here: Path, flags: tuple[str, ...]
) -> None:
    """Also of a result that ends before its prices: the same bytes come out again, offline."""
    run = ("run", "strategy.yaml", "--start", "2015-06-01", *flags)
    done(program(*run, "--prices", "prices.parquet", "--out", "first"))
    snapshot = json.loads((here / "first" / "manifest.json").read_text())["prices"]["snapshot"]
    (here / "prices.parquet").unlink()
    done(program(*run, "--snapshot", snapshot[:10], "--out", "again"))
    for name in BYTES:
        assert (here / "first" / name).read_bytes() == (here / "again" / name).read_bytes()
