"""The verbs of the command line: what they print, and what they write."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from cli_samples import PLAIN, Called, Program, done, write_prices, write_strategy
from treefolio import formats
from treefolio.cli.app import VERBS
from treefolio.metrics import METRICS

DATA = pl.Float64
RUN_FILES = {
    "manifest.json",
    "stats.json",
    "metrics.json",
    "equity.parquet",
    "weights.parquet",
    "trades.parquet",
    "report.html",
}
SWEEP_FILES = {
    "manifest.json",
    "stats.json",
    "summary.json",
    "selection.json",
    "rows.parquet",
    "report.html",
}


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    return write_strategy(tmp_path)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path)


def test_help_lists_every_verb(program: Program) -> None:
    """Each module of a verb is a verb, and has a page of its own."""
    text = done(program("--help")).out
    for module in VERBS:
        name = module.__name__.rpartition(".")[2].rstrip("_")
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
        assert done(program(name, "--help")).out.startswith(f"Usage: treefolio {name} ")


def test_without_arguments_it_shows_help_as_a_misuse(program: Program) -> None:
    """Nothing was asked for: the page of help, status 2."""
    called = program()
    assert called.status == 2
    assert "Commands:" in called.out


HEAVY = ("polars", "numba", "talib", "exchange_calendars", "matplotlib", "sqlalchemy", "fastapi")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("from treefolio.cli import main; main(['run', '--help'])", ("numpy", *HEAVY)),
        ("import treefolio.client", HEAVY),
    ],
    ids=["the page of help", "a client"],
)
def test_imports_nothing_heavy(code: str, heavy: tuple[str, ...]) -> None:
    """Neither needs what computes, draws, keeps or serves."""
    code += f"; import sys; print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == "[]\n"


def test_run_writes_the_files_of_the_contract(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Their names, columns and types; the summary says the window, its cause, and where the files are."""
    out = tmp_path / "run"
    said = done(program("run", strategy, "--prices", prices, "--out", out)).out
    assert "Turnover a year, × mean value" in said
    assert "Costs in all, of the capital" in said
    assert {path.name for path in out.iterdir()} == RUN_FILES
    assert pl.read_parquet_schema(out / "equity.parquet") == {
        "session": pl.Date,
        "value": DATA,
        "benchmark": DATA,
    }
    assert pl.read_parquet_schema(out / "weights.parquet") == {
        "session": pl.Date,
        "ticker": pl.String,
        "weight": DATA,
    }
    assert list(pl.read_parquet_schema(out / "trades.parquet")) == [
        "session",
        "ticker",
        "shares",
        "price",
        "notional",
        "cost",
    ]
    manifest = json.loads((out / "manifest.json").read_text())
    assert list(json.loads((out / "metrics.json").read_text())) == sorted(METRICS)
    assert (manifest["variables"], manifest["engine"]) == ({"hot": 70}, "compiled")
    assert manifest["start_set_by"] in said
    assert "Sharpe ratio" in said
    assert str(out / "report.html") in said
    weights = pl.read_parquet(out / "weights.parquet")
    assert (weights["weight"] != 0).all()
    assert weights["session"].min() == pl.read_parquet(out / "equity.parquet")["session"].min()


@pytest.mark.parametrize(
    ("flags", "free"), [([], " No costs were assumed; --slippage-bps adds them."), (["--us-fees"], "")]
)
def test_a_run_says_what_later_fills_would_have_given(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, flags: list[str], free: str
) -> None:
    """The figures are those of the run at the next close; no file speaks of them, and no later run does."""
    asked = ["run", strategy, "--prices", prices, *flags]
    said = done(program(*asked, "--out", tmp_path / "now")).out
    later = done(program(*asked, "--fill", "next_close", "--out", tmp_path / "later")).out
    found = json.loads((tmp_path / "later" / "metrics.json").read_text())
    ratio, yearly = f"{found['sharpe']:.3f}", f"{100 * found['annualized_return']:.2f}%"
    line = f"Filled at the next close instead: Sharpe ratio {ratio}, {yearly} a year.{free}\n"
    assert line in said
    assert "instead" not in later
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "now").glob("*.[jh][st]*")]
    assert len(texts) == 4
    assert not [text for text in texts if "next close instead" in text]


def test_a_run_that_cannot_fill_later_says_nothing_of_it(program: Program, tmp_path: Path) -> None:
    """TLT is held on one session, and has no price on the next."""
    days = ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"]
    rows = [f"{day},SPY,{price}" for day, price in zip(days, (1, 3, 2, 3), strict=True)]
    rows += [f"{day},TLT,1" for day in days[:2]]
    (tmp_path / "p.csv").write_text("date,ticker,close\n" + "\n".join(rows))
    strategy = write_strategy(tmp_path, "tree: {if: 'price(SPY) == 1', then: TLT, else: SPY}")
    flags = ["--prices", tmp_path / "p.csv", "--missing", "skip", "--start", days[0]]
    assert "instead" not in done(program("run", strategy, *flags, "--out", tmp_path / "run")).out
    later = program("run", strategy, *flags, "--fill", "next_close", "--out", tmp_path / "later")
    assert "TLT is held and has no price on 2020-01-06" in later.err


def test_a_run_is_byte_stable(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """All files but stats.json are the same bytes the second time."""
    for name in ("a", "b"):
        done(program("run", strategy, "--prices", prices, "--out", tmp_path / name))
    for name in RUN_FILES - {"stats.json"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("flags", "path", "value"),
    [
        (["--fill", "next_close"], ("execution", "fill"), "next_close"),
        (["--slippage-bps", "5"], ("execution", "costs", "slippage_bps"), 5.0),
        (["--commission-bps", "1"], ("execution", "costs", "commission_bps"), 1.0),
        (["--commission-minimum", "2"], ("execution", "costs", "commission_minimum"), 2.0),
        (["--us-fees"], ("execution", "costs", "us_fees"), True),
        (["--capital", "5000"], ("execution", "capital"), 5000.0),
        (["--whole-shares"], ("execution", "whole_shares"), True),
        (["--cash-rate", "0.03"], ("execution", "cash_rate"), 0.03),
        (["--benchmark", "none"], ("benchmark",), None),
        (["--benchmark", "QQQ"], ("benchmark",), "QQQ"),
        (["--missing", "skip", "--start", "2016-01-04"], ("missing",), "skip"),
        (["--start", "2016-01-04"], ("start",), "2016-01-04"),
        (["--end", "2016-01-04"], ("end",), "2016-01-04"),
        (["--engine", "reference"], ("engine",), "reference"),
        (["--set", "hot=75"], ("variables", "hot"), 75),
        (["--set", "c1.window=7"], ("variables", "c1.window"), 7),
        (["--set", "c1.window=7.0"], ("variables", "c1.window"), 7),
        (["--set", "f1.direction=bottom"], ("variables", "f1.direction"), "bottom"),
    ],
)
def test_every_flag_of_run_reaches_the_manifest(
    program: Program,
    strategy: Path,
    prices: Path,
    tmp_path: Path,
    flags: list[str],
    path: tuple[str, ...],
    value: object,
) -> None:
    """What was asked stands in the manifest, in the type that the place has."""
    done(program("run", strategy, "--prices", prices, *flags, "--out", tmp_path / "run"))
    found = json.loads((tmp_path / "run" / "manifest.json").read_text())
    for key in path:
        found = found[key]
    assert found == value
    assert type(found) is type(value)


def test_the_policy_for_empty_branches_is_the_strategys_unless_given(
    program: Program, prices: Path, tmp_path: Path
) -> None:
    """``--empty cash`` changes the strategy that runs."""
    strategy = write_strategy(tmp_path, "tree: [SPY, {if: 'rsi(SPY, 5) > 1', then: empty, else: TLT}]\n")
    for name, flags in (("redistribute", []), ("cash", ["--empty", "cash"])):
        done(program("run", strategy, "--prices", prices, *flags, "--out", tmp_path / name))
    weights = {
        name: pl.read_parquet(tmp_path / name / "weights.parquet")["weight"].unique().to_list()
        for name in ("redistribute", "cash")
    }
    assert weights == {"redistribute": [1.0], "cash": [0.5]}


def test_columns_of_price_files_can_be_mapped(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """``--column date=Tag`` and ``--price-column`` name what a file calls otherwise."""
    frame = pl.read_parquet(prices).rename({"date": "Tag", "close": "Kurs"})
    frame.write_parquet(tmp_path / "other.parquet")
    flags = ["--column", "date=Tag", "--price-column", "Kurs"]
    done(program("run", strategy, "--prices", tmp_path / "other.parquet", *flags, "--out", tmp_path / "run"))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert "Kurs" in manifest["prices"]["basis"]


def test_a_default_benchmark_that_is_not_there_is_a_note(program: Program, tmp_path: Path) -> None:
    """Nobody asked for SPY, so the run goes on without it and says so."""
    strategy = write_strategy(tmp_path, "tree: TLT\n")
    prices = write_prices(tmp_path, tickers=("TLT", "BIL"))
    said = done(program("run", strategy, "--prices", prices, "--out", tmp_path / "run")).out
    assert "Note: there is no benchmark: SPY is not among the prices" in said
    assert pl.read_parquet(tmp_path / "run" / "equity.parquet")["benchmark"].null_count() > 0
    asked = program("run", strategy, "--prices", prices, "--benchmark", "SPY", "--out", tmp_path / "again")
    assert asked.status == 1
    assert asked.err.splitlines()[-1] == "Choose another with --benchmark, or --benchmark none."
    assert not (tmp_path / "again").exists()


def test_made_up_prices_are_labelled(program: Program, strategy: Path, tmp_path: Path) -> None:
    """On the screen, in the manifest and in the report."""
    flags = ["--synthetic", "--market-seed", "5", "--start", "2023-01-03"]
    said = done(program("run", strategy, *flags, "--out", tmp_path / "run")).out
    assert "SYNTHETIC" in said
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["prices"]["synthetic"] is True
    assert "SYNTHETIC" in (tmp_path / "run" / "report.html").read_text()


def sweep(program: Program, strategy: Path, prices: Path, out: Path, *flags: str) -> Called:
    return done(program("sweep", strategy, "--prices", prices, *flags, "--threads", "2", "--out", out))


def test_sweep_writes_the_files_of_the_contract(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Rows in the listed order, the last variable fastest; the estimate comes before the work."""
    out = tmp_path / "sweep"
    flags = ["--vary", "c1.window=5,8", "--vary", "a2.ticker=TQQQ,QQQ", "--set", "hot=65"]
    called = sweep(program, strategy, prices, out, *flags)
    assert {path.name for path in out.iterdir()} == SWEEP_FILES
    rows = pl.read_parquet(out / "rows.parquet")
    assert rows.columns == [
        "c1.window",
        "a2.ticker",
        "hot",
        "start",
        "end",
        "sessions",
        *(key for key in METRICS if key != "psr"),
        "psr",
        "dsr",
        "plateau",
        "status",
        "reason",
    ]
    assert rows.select("c1.window", "a2.ticker").rows() == [
        (5, "TQQQ"),
        (5, "QQQ"),
        (8, "TQQQ"),
        (8, "QQQ"),
    ]
    assert rows["status"].to_list() == ["ok"] * 4
    assert "4 combinations: c1.window 2 × a2.ticker 2" in called.out
    assert called.out.index("Estimate") < called.out.index("Done")
    assert called.err.replace("Compiling kernels, once: about 20 s.\n", "") == ""


def test_declared_variables_with_several_values_vary_unless_set(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """The strategy's own lists are a space."""
    sweep(program, strategy, prices, tmp_path / "own")
    assert pl.read_parquet(tmp_path / "own" / "rows.parquet")["hot"].to_list() == [60, 70, 80]


@pytest.mark.parametrize(("method", "word"), [("random", "random"), ("latin", "Latin-hypercube")])
def test_a_sample_says_of_how_many(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, method: str, word: str
) -> None:
    """On the screen and in the report; the manifest has the seed, and the same seed the same rows."""
    flags = ["--vary", "c1.window=5:24:1", "--sample", "8", "--seed", "3", "--sample-method", method]
    for name in ("a", "b"):
        called = sweep(program, strategy, prices, tmp_path / name, *flags)
        assert f"8 of 60 combinations, a {word} sample with seed 3: hot 3 × c1.window 20" in called.out
        assert "Estimate" in called.out
    page = (tmp_path / "a" / "report.html").read_text()
    assert "The grid has 60 combinations, of which 8 (13" in page
    assert f"They are a {word} sample with seed 3." in page
    space = json.loads((tmp_path / "a" / "manifest.json").read_text())["space"]
    assert space["listed"] == {"sample": method, "count": 8, "seed": 3}
    rows = [(tmp_path / name / "rows.parquet").read_bytes() for name in ("a", "b")]
    assert rows[0] == rows[1]
    assert pl.read_parquet(tmp_path / "a" / "rows.parquet").height == 8


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_says_which_combinations(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, suffix: str
) -> None:
    """In the file's order, its columns being variables and handles."""
    wanted = pl.DataFrame({"c1.window": [8, 5, 8], "hot": [61, 75, 79]})
    path = tmp_path / f"wanted{suffix}"
    wanted.write_csv(path) if suffix == ".csv" else wanted.write_parquet(path)
    called = sweep(program, strategy, prices, tmp_path / "sweep", "--space", str(path))
    assert f"3 of 6 combinations, listed in wanted{suffix}: " in called.out
    rows = pl.read_parquet(tmp_path / "sweep" / "rows.parquet")
    assert rows.select(wanted.columns).equals(wanted)
    assert f"They are listed in wanted{suffix}." in (tmp_path / "sweep" / "report.html").read_text()


def test_processes_write_what_threads_write(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """``--processes``: as many as ``--threads`` says."""
    flags = ["--vary", "c1.window=5:24:1"]
    sweep(program, strategy, prices, tmp_path / "threads", *flags)
    called = sweep(program, strategy, prices, tmp_path / "processes", *flags, "--processes")
    assert " on 2 processes, " in called.out
    for name in ("manifest.json", "rows.parquet", "summary.json"):
        assert (tmp_path / "threads" / name).read_bytes() == (tmp_path / "processes" / name).read_bytes()


def test_every_row_is_the_run_of_its_combination(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """metrics.json of the run has the numbers of the row, to the bit."""
    flags = ["--slippage-bps", "3"]
    sweep(program, strategy, prices, tmp_path / "sweep", "--vary", "c1.window=5:9:2", *flags)
    rows = pl.read_parquet(tmp_path / "sweep" / "rows.parquet")
    for k in (0, 4, 8):
        row = rows.row(k, named=True)
        sets = ["--set", f"hot={row['hot']}", "--set", f"c1.window={row['c1.window']}"]
        out = tmp_path / f"run{k}"
        start = ["--start", str(row["start"])]
        done(program("run", strategy, "--prices", prices, *flags, *sets, *start, "--out", out))
        metrics = json.loads((out / "metrics.json").read_text())
        assert metrics == {key: row[key] for key in METRICS}


def test_a_sweep_resumes_only_as_what_it_was(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """The folder of another sweep is refused; nothing in it changes."""
    out = tmp_path / "sweep"
    sweep(program, strategy, prices, out)
    before = (out / "rows.parquet").read_bytes()
    same = program("sweep", strategy, "--prices", prices, "--resume", "--out", out)
    other = program("sweep", strategy, "--prices", prices, "--set", "hot=60", "--resume", "--out", out)
    full = program("sweep", strategy, "--prices", prices, "--out", out)
    assert (same.status, other.status, full.status) == (0, 2, 1)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    none = program("sweep", strategy, "--prices", prices, "--resume", "--out", tmp_path)
    assert (none.status, "no sweep that can be continued" in none.err) == (1, True)
    assert "--resume" not in none.err
    other = program("sweep", strategy, "--prices", prices, "--vary", "hot=60,61", "--resume", "--out", out)
    assert other.status == 1
    assert "another sweep" in other.err
    assert (out / "rows.parquet").read_bytes() == before


def test_combinations_that_would_start_late_are_skipped(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """``--latest-start`` keeps the common start early, and says which rows that costs."""
    flags = ["--vary", "c2.right_window=20,100", "--set", "hot=70", "--latest-start", "2015-03-02"]
    said = sweep(program, strategy, prices, tmp_path / "sweep", *flags).out
    rows = pl.read_parquet(tmp_path / "sweep" / "rows.parquet")
    assert rows["status"].to_list() == ["ok", "skipped"]
    assert "1 skipped" in said


def test_top_lists_filters_and_writes(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """By a metric's better end; JSON is one document and nothing else."""
    sweep(program, strategy, prices, tmp_path / "sweep", "--vary", "c1.window=5:9:1")
    rows = pl.read_parquet(tmp_path / "sweep" / "rows.parquet")
    flags = ["--by", "max_drawdown", "--where", "hot > 60", "-n", "4", "--csv", tmp_path / "top.csv"]
    found = json.loads(done(program("top", tmp_path / "sweep", *flags, "--json")).out)
    wanted = rows.filter(pl.col("hot") > 60).sort("max_drawdown", maintain_order=True).head(4)
    assert [row["max_drawdown"] for row in found] == wanted["max_drawdown"].to_list()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found[0]["start"])
    written = pl.read_csv(tmp_path / "top.csv")
    assert written.columns == rows.columns
    assert written["c1.window"].to_list() == wanted["c1.window"].to_list()
    table = done(program("top", tmp_path / "sweep", "--by", "sharpe", "-n", "3")).out
    assert len(re.findall(r"^ [123] ", table, re.MULTILINE)) == 3


def test_notes_on_an_import_stand_beside_a_document(program: Program, tmp_path: Path) -> None:
    """With --json standard output is one document, also where a strategy has been approximated."""
    root = json.loads((Path(__file__).parent / "data" / "my_strategy.json").read_text(encoding="utf-8"))
    del root["rebalance"]
    path = tmp_path / "when.json"
    path.write_text(json.dumps(root), encoding="utf-8")
    flags = ["--synthetic", "--on", "2020-03-03"]
    said = done(program("explain", path, *flags, "--json"))
    json.loads(said.out)
    assert "Note: the import" in said.err
    assert "Note: the import" in done(program("explain", path, *flags)).out
    listed = done(program("inspect", path, "--json"))
    assert json.loads(listed.out)["report"]["approximated"]
    assert not listed.err


def test_csv_cells_are_no_formulas(program: Program, tmp_path: Path, prices: Path) -> None:
    """Text that begins with = + - @ gets an apostrophe; numbers stay numbers."""
    frame = pl.read_parquet(prices)
    odd = frame.filter(pl.col("ticker") == "TLT").with_columns(ticker=pl.lit("=HYPERLINK(1)"))
    pl.concat([frame, odd]).write_parquet(tmp_path / "odd.parquet")
    strategy = write_strategy(tmp_path, "variables: {fund: ['=HYPERLINK(1)', TLT]}\ntree: [SPY, $fund]\n")
    sweep(program, strategy, tmp_path / "odd.parquet", tmp_path / "sweep")
    done(program("top", tmp_path / "sweep", "--csv", tmp_path / "top.csv"))
    written = pl.read_csv(tmp_path / "top.csv")
    assert sorted(written["fund"].to_list()) == ["'=HYPERLINK(1)", "TLT"]
    assert written["worst_day"].dtype == pl.Float64
    assert written["worst_day"].max() < 0  # type: ignore[operator]  # a number


def test_inspect_as_json_has_exactly_the_keys_of_the_contract(program: Program, strategy: Path) -> None:
    """Size, tickers, indicators, look-back, variables, handles, report."""
    found = json.loads(done(program("inspect", strategy, "--json")).out)
    handles, report = found.pop("handles"), found.pop("report")
    assert found == {
        "name": "Hot or not",
        "format": "native",
        "nodes": 5,
        "depth": 3,
        "graph_nodes": found["graph_nodes"],
        "tickers": ["BIL", "SPY", "TLT", "TQQQ"],
        "indicators": ["cumulative_return", "price", "rsi", "sma"],
        "lookback": 19,
        "variables": [{"name": "hot", "values": [60, 70, 80], "default": 70}],
    }
    assert handles[0] == {
        "id": "c1.comparator",
        "value": ">",
        "kind": "comparator",
        "text": "rsi(TQQQ, 10) > $hot",
        "uses": 1,
    }
    assert report == {"ignored": [], "approximated": [], "unsupported": []}


@pytest.mark.parametrize(("text", "some"), [("C1.", True), ("tlt", True), ("20", True), ("xyz", False)])
def test_inspect_lists_the_handles_with_a_text(
    program: Program, strategy: Path, text: str, some: bool
) -> None:
    """In name, value or what it is of, whatever the case; how many there are is said."""
    everything = json.loads(done(program("inspect", strategy, "--json")).out)["handles"]
    kept = json.loads(done(program("inspect", strategy, "--json", "--grep", text)).out)["handles"]
    fold = text.casefold()
    assert bool(kept) == some
    assert len(kept) < len(everything)
    assert kept == [
        each for each in everything if fold in f"{each['id']}\n{each['value']}\n{each['text']}".casefold()
    ]
    called = done(program("inspect", strategy, "--grep", text))
    assert f"{len(kept)} of {len(everything)} handles have {text!r} in them." in called.out
    assert [each["id"] for each in everything if f" {each['id']} " in called.out] == [
        each["id"] for each in kept
    ]


def test_inspect_of_many_handles_offers_to_list_fewer(program: Program, tmp_path: Path) -> None:
    """Of a few it does not."""
    many = "tree:\n" + "".join(
        f"  - {{if: 'rsi(SPY, {k}) > 70', then: BIL, else: SPY}}\n" for k in range(2, 60)
    )
    assert "--grep TEXT lists" in done(program("inspect", write_strategy(tmp_path, many))).out
    assert "--grep" not in done(program("inspect", write_strategy(tmp_path, PLAIN))).out


def test_inspect_prints_handles_and_graph(program: Program, strategy: Path) -> None:
    """For people: each handle in a line, and with --graph each node."""
    said = done(program("inspect", strategy, "--graph")).out
    assert "c1.window" in said
    assert re.search(r"^root: #\d+$", said, re.MULTILINE)
    dumped = json.loads(done(program("inspect", strategy, "--graph", "--json")).out)["graph"]
    assert dumped[-1].startswith("root: #")


@pytest.mark.parametrize("name", ["out.yaml", "out.yml", "out.json"])
def test_convert_writes_what_reads_back(program: Program, strategy: Path, tmp_path: Path, name: str) -> None:
    """Native → text → native is the identity, in both notations."""
    done(program("convert", strategy, "-o", tmp_path / name))
    again = formats.read(tmp_path / name)
    assert again.strategy == formats.read(strategy).strategy
    assert (tmp_path / name).read_text().startswith("{") is (name == "out.json")


def test_explain_shows_the_way_and_the_weights(program: Program, strategy: Path, prices: Path) -> None:
    """Its weights are those that the run holds after that session's trade."""
    flags = ["--prices", prices, "--on", "2016-05-04"]
    said = done(program("explain", strategy, *flags)).out
    found = json.loads(done(program("explain", strategy, *flags, "--json")).out)
    assert found["session"] == "2016-05-04"
    assert "rsi(TQQQ, 10) > 70" in said
    for ticker, weight in found["weights"].items():
        assert f"  {ticker}  {100 * weight:.2f}%" in said


def test_explain_agrees_with_the_run(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """On any session."""
    done(program("run", strategy, "--prices", prices, "--out", tmp_path / "run"))
    weights = pl.read_parquet(tmp_path / "run" / "weights.parquet")
    for day in ("2015-02-03", "2015-08-24", "2016-12-30"):
        flags = ["--prices", prices, "--on", day, "--json"]
        found = json.loads(done(program("explain", strategy, *flags)).out)["weights"]
        held = weights.filter(pl.col("session") == pl.lit(day).str.to_date())
        assert found == dict(held.select("ticker", "weight").rows())


def test_check_compares_the_engines(program: Program, strategy: Path, prices: Path) -> None:
    """Start with its cause, three comparisons, causality."""
    flags = ["--prices", prices, "--set", "hot=65", "--slippage-bps", "2"]
    found = json.loads(done(program("check", strategy, *flags, "--json")).out)
    assert found["passed"] is True
    assert [finding["name"] for finding in found["findings"]] == [
        "decisions of both engines",
        "curves of both engines",
        "metrics of both engines",
        "no look at the future",
    ]
    said = done(program("check", strategy, *flags, "--engine", "compiled")).out
    assert f"start: {found['start']}, {found['start_set_by']}" in said
    assert "engines" not in said
    assert "comes out the same" not in said
    flags = ["--prices", prices, "--set", "hot=100", "--engine", "compiled", "--json"]
    notes = json.loads(done(program("check", strategy, *flags)).out)["notes"]
    assert any("comes out the same" in note for note in notes)


def test_thresholds_that_no_value_comes_to(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Are said before the sweep: their rows are alike, and count as trials."""
    flags = ["--prices", prices, "--vary", "hot=90:110:5", "--out", tmp_path / "out"]
    assert "with 3 of 5 values of $hot" in done(program("sweep", strategy, *flags)).out


def test_demo_sweeps_the_made_up_market(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice: the second one takes another folder."""
    monkeypatch.chdir(tmp_path)
    said = done(program("demo", "--threads", "2")).out
    assert "SYNTHETIC" in said
    assert str(Path("treefolio-demo", "report.html")) in said
    assert {path.name for path in (tmp_path / "treefolio-demo").iterdir()} == SWEEP_FILES
    done(program("demo", "--threads", "2"))
    assert (tmp_path / "treefolio-demo-2" / "rows.parquet").exists()


def test_a_reader_that_goes_away_is_no_fault(strategy: Path) -> None:
    """``treefolio inspect … | head -1`` leaves no traceback."""
    command = [sys.executable, "-c", "from treefolio.cli import main; raise SystemExit(main())"]
    with subprocess.Popen(
        [*command, "inspect", str(strategy)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() in (0, 1)
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_version(program: Program) -> None:
    """Name and number."""
    assert re.fullmatch(r"treefolio \d+\.\d+\.\d+\n", done(program("--version")).out)


def test_plain_strategies_have_handles_to_sweep(program: Program, tmp_path: Path, prices: Path) -> None:
    """Literals need not be declared."""
    strategy = write_strategy(tmp_path, PLAIN, "plain.yaml")
    sweep(program, strategy, prices, tmp_path / "sweep", "--vary", "c1.threshold=60:80:10")
    assert pl.read_parquet(tmp_path / "sweep" / "rows.parquet")["c1.threshold"].to_list() == [60, 70, 80]


def test_one_failing_combination_is_a_row_with_a_reason(
    program: Program, tmp_path: Path, prices: Path
) -> None:
    """The others go on; the summary counts it."""
    strategy = write_strategy(tmp_path, PLAIN, "plain.yaml")
    flags = ["--vary", "a1.ticker=TLT,NOPE,QQQ", "--missing", "skip", "--start", "2016-01-04"]
    said = sweep(program, strategy, prices, tmp_path / "sweep", *flags).out
    rows = pl.read_parquet(tmp_path / "sweep" / "rows.parquet")
    assert rows["status"].to_list() == ["ok", "failed", "ok"]
    assert "NOPE" in rows["reason"][1]
    assert "1 failed" in said
    assert [row["a1.ticker"] for row in json.loads(program("top", tmp_path / "sweep", "--json").out)] != []


def test_every_table_as_csv(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """With --csv, beside the Parquet files and with their rows."""
    done(program("run", strategy, "--prices", prices, "--csv", "--out", tmp_path / "run"))
    done(program("sweep", strategy, "--prices", prices, "--csv", "--out", tmp_path / "sweep"))
    for folder, names in (("run", ("equity", "weights", "trades")), ("sweep", ("rows",))):
        for name in names:
            path = tmp_path / folder / name
            assert len(pl.read_csv(f"{path}.csv")) == len(pl.read_parquet(f"{path}.parquet")) > 0


def test_the_day_of_the_first_import_is_kept(
    program: Program, strategy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever verb sees the strategy first."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    for _ in range(2):
        done(program("inspect", strategy))
    lines = (tmp_path / "home" / "imports.jsonl").read_text().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"strategy", "day"}]
