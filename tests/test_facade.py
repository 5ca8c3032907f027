"""The library's face: lazy, complete, and the same numbers as the command line."""

from __future__ import annotations

import importlib
import inspect
import multiprocessing
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import treefolio as tf
from cli_samples import STRATEGY, write_prices, write_strategy
from treefolio import errors
from treefolio.indicators import INDICATORS, SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy import build
from treefolio.strategy.tree import Reading

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def panel() -> Panel:
    tickers = ["BIL", "QQQ", "SPY", "TLT", "TQQQ"]
    return tf.synthetic_panel(seed=3, start="2015-01-02", end="2016-12-30", tickers=tickers)


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    return write_strategy(tmp_path)


def test_names_are_sorted_and_there() -> None:
    """Each can be had, and `dir` lists it."""
    assert tf.__all__ == sorted(set(tf.__all__))
    for name in tf.__all__:
        assert getattr(tf, name) is not None
    assert set(tf.__all__) <= set(dir(tf))


def test_every_indicator_is_a_function() -> None:
    """Of its name; none is shadowed by another name of the face."""
    assert set(SIGNATURES) <= set(tf.__all__)
    for name in SIGNATURES:
        made = getattr(tf, name)
        assert (made.__name__, made.__module__) == (name, "treefolio.face")
        assert INDICATORS[name].label in made.__doc__


def test_every_builder_is_a_name_of_the_face() -> None:
    """But for `node`, `reading` (indicators stand for it) and `strategy`, which is called `define`."""
    own = {
        name
        for name, value in vars(build).items()
        if inspect.isfunction(value) and value.__module__ == build.__name__ and not name.startswith("_")
    }
    assert own - {"node", "reading", "strategy"} <= set(tf.__all__)
    assert tf.define is build.strategy


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="'treefolio' has no attribute 'rssi'"):
        _ = tf.rssi


def test_importing_it_imports_nothing() -> None:
    """Neither NumPy nor any package of its own."""
    code = "import sys; before = set(sys.modules); import treefolio; print(sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)
    if found.returncode:  # without site packages an editable installation is not found
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not re.search(r"'(numpy|polars|numba|treefolio\.)", found.stdout)


def test_the_package_sweep_is_the_function_sweep() -> None:
    """Whoever imports the package, and in whatever way."""
    many = importlib.import_module("treefolio.sweep.many")
    assert callable(tf.sweep)
    assert tf.sweep is sys.modules["treefolio.sweep"]
    assert tf.sweep.many is many


def test_readings_of_tickers_and_branches() -> None:
    """With their usual parameters filled in."""
    assert tf.rsi("TQQQ", 10) == Reading("rsi", (10,), "TQQQ")
    assert tf.rsi("TQQQ").params == (14,)
    assert tf.rsi(10).ticker is None


def test_run_takes_strategies_imports_and_files(panel: Panel, strategy: Path, tmp_path: Path) -> None:
    """And panels and files; all of them are the same run."""
    imported = tf.read(strategy)
    prices = write_prices(tmp_path)
    one = tf.run(imported.strategy, panel)
    for given in (imported, strategy, str(strategy)):
        assert tf.run(given, panel).metrics == one.metrics
    for files in (prices, str(prices), [prices]):
        assert tf.run(imported, files).metrics == one.metrics


def test_dates_are_dates_or_iso(panel: Panel, strategy: Path) -> None:
    """Both ends included."""
    iso = tf.run(strategy, panel, start="2016-01-04", end="2016-06-30")
    assert iso.metrics == tf.run(strategy, panel, start=date(2016, 1, 4), end=date(2016, 6, 30)).metrics
    assert iso.equity["session"].to_list()[0] == date(2016, 1, 4)
    assert iso.equity["session"].to_list()[-1] == date(2016, 6, 30)
    with pytest.raises(errors.UsageError, match="start is 'soon'"):
        tf.run(strategy, panel, start="soon")


def test_a_row_is_the_run_of_its_combination(panel: Panel, strategy: Path) -> None:
    """In memory as in files."""
    execution = tf.Execution(costs=tf.Costs(slippage_bps=2))
    swept = tf.sweep(strategy, panel, {"c1.window": [5, 8]}, set={"hot": 65}, execution=execution, threads=2)
    rows = swept.rows.collect()
    assert rows["c1.window"].to_list() == [5, 8]
    for row in rows.iter_rows(named=True):
        values = {"hot": 65, "c1.window": row["c1.window"]}
        result = tf.run(strategy, panel, start=row["start"], execution=execution, set=values)
        assert result.metrics == {key: row[key] for key in result.metrics}


def test_a_sweep_can_be_kept_in_a_folder(panel: Panel, strategy: Path, tmp_path: Path) -> None:
    """Progress is told on the way; the folder has the rows."""
    told = []
    out = tmp_path / "swept"
    swept = tf.sweep(strategy, panel, vary={"c1.window": "5:9:1"}, out=out, progress=told.append)
    assert pl.read_parquet(out / "rows.parquet").equals(swept.rows.collect())
    assert told[-1].done == told[-1].total == 15


def test_a_sweep_of_a_sample_or_of_a_file(panel: Panel, strategy: Path, tmp_path: Path) -> None:
    """Some combinations instead of all, in row order or the file's."""
    sample = tf.Sample(count=5, seed=1, method="latin")
    drawn = tf.sweep(strategy, panel, {"c1.window": "5:24:1"}, sample=sample).rows.collect()
    assert len(drawn.unique(["hot", "c1.window"])) == 5
    assert drawn.select("hot", "c1.window").rows() == sorted(drawn.select("hot", "c1.window").rows())
    drawn.select("c1.window", "hot").reverse().write_csv(tmp_path / "space.csv")
    listed = tf.sweep(strategy, panel, space=tmp_path / "space.csv").rows.collect()
    assert listed["sharpe"].to_list() == drawn["sharpe"].reverse().to_list()
    with pytest.raises(errors.UsageError) as caught:
        tf.sweep(strategy, panel, space=tmp_path / "space.csv", sample=sample)
    assert caught.value.hint == "Give one of them."


def test_a_sweep_in_processes(panel: Panel, strategy: Path) -> None:
    """Any executor computes the same rows."""
    vary = {"c1.window": "5:9:1"}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = tf.sweep(strategy, panel, vary, threads=2, executor=pool)
    assert there.rows.collect().equals(tf.sweep(strategy, panel, vary).rows.collect())


def test_a_benchmark_that_nobody_wished_for_is_left_out(strategy: Path) -> None:
    """With a note; a wished one is an error."""
    made = tf.define("Bonds", tf.equal("TLT", "BIL"))
    prices = tf.synthetic_panel(tickers=["TLT", "BIL"], start="2016-01-04", end="2016-12-30")
    result = tf.run(made, prices)
    assert result.benchmark is None
    assert result.notes[-1] == "there is no benchmark: SPY is not among the prices"
    assert "SPY" in tf.sweep(made, prices, {"a1.ticker": ["TLT", "BIL"]}).notes[-1]
    with pytest.raises(errors.MissingPrices):
        tf.run(made, prices, benchmark="QQQ")
    del strategy


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda s, p: tf.run(s, p, set={"hott": 1}), errors.SpaceError),
        (lambda s, p: tf.run(s, p, set={"c1.window": 0}), errors.SpaceError),
        (lambda s, p: tf.run(s, p, missing="ignore"), errors.UsageError),
        (lambda s, p: tf.run(s, p, engine="fast"), errors.UsageError),
        (lambda s, p: tf.sweep(s, p, {"c1.window": "5:1:1"}), errors.SpaceError),
        (lambda s, _: tf.run(s, "nowhere.parquet"), errors.PriceError),
        (lambda _, p: tf.run("nowhere.yaml", p), errors.FormatError),
    ],
)
def test_errors_are_treefolios_own(
    call: object, error: type[Exception], panel: Panel, strategy: Path
) -> None:
    """With a hint or a place."""
    with pytest.raises(error):
        call(strategy, panel)  # type: ignore[operator]  # a lambda


def test_the_page_on_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every snippet of docs/python.md, one after the other, in a folder with the files that it names."""
    monkeypatch.chdir(tmp_path)
    write_strategy(tmp_path, STRATEGY, "strategy.yaml")
    write_prices(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "python.md", "exec"), names)
