"""Bad input: one clear error on standard error, whose last line says what to do, and nothing half-written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import polars as pl
import pytest

from cli_samples import PLAIN, Called, Program, write_prices, write_strategy
from treefolio.cli import fail
from treefolio.cli.sweep import work
from treefolio.errors import TreefolioError
from treefolio.sweep import many, single


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    return write_strategy(tmp_path, PLAIN)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path)


def refused(called: Called, status: int, *parts: str) -> None:
    """The call failed with one error that has these parts, and a last line that says what to do."""
    lines = called.err.replace("Compiling kernels, once: about 20 s.\n", "").splitlines()
    assert called.status == status, called.err
    assert lines[0].startswith("Error: ")
    assert sum(line.startswith("Error: ") for line in lines) == 1
    assert "Traceback" not in called.err
    assert len(lines) > 1
    assert lines[-1].rstrip("?.")
    assert lines[-1][-1] in "?."
    for part in parts:
        assert part in called.err


DEEP = 120_000
FILES = {
    "empty file": ("", "empty"),
    "binary": ("\0\1\2", "binary"),
    "some text": ("hello world", "format is not known"),
    "other JSON": ('{"a": 1}', "format is not known"),
    "cut off": ('{"step": "root", "children": [', "line 1, column 31"),
    "unknown step": ('{"step": "root", "children": [{"step": "frob"}]}', 'the step "frob" is not known'),
    "unknown indicator": ("tree: {if: 'rssi(SPY, 10) > 70', then: BIL}", "Did you mean rsi?"),
    "wrong type": ("tree: {if: 'rsi(10, SPY) > 70', then: BIL}", "rsi needs a ticker"),
    "window 0": ("tree: {if: 'rsi(SPY, 0) > 70', then: BIL}", "window must be from 1"),
    "negative window": ("tree: {if: 'rsi(SPY, -5) > 70', then: BIL}", "window must be from 1"),
    "NaN": ("tree: {if: 'rsi(SPY, 10) > nan', then: BIL}", "Numbers are finite"),
    "infinity": ("tree: {if: 'rsi(SPY, 10) > 1e999', then: BIL}", "1e999"),
    "weights sum to 0": ("tree: {weighted: [{0: SPY}, {0: BIL}]}", "weight"),
    "no children": ("tree: []", "at least one child"),
    "nothing to hold": ("tree: cash", "never holds anything"),
    "cyclic alias": ("tree: &a\n  equal:\n    - SPY\n    - *a\n", "stands inside what it names"),
    "aliases of aliases": (
        "tree:\n  equal:\n    - &a0 [SPY, BIL, SPY, BIL, SPY, BIL, SPY, BIL, SPY, BIL]\n"
        + "".join(f"    - &a{k + 1} {{equal: [{', '.join([f'*a{k}'] * 10)}]}}\n" for k in range(9)),
        "more than 1,000,000 nodes",
    ),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("verb", ["run", "inspect", "convert"])
def test_bad_strategies(program: Program, prices: Path, tmp_path: Path, case: str, verb: str) -> None:
    """Each is refused by every verb, with the file's name, before anything is written."""
    text, part = FILES[case]
    path = write_strategy(tmp_path, text, "bad.txt")
    out = tmp_path / "out.yaml"
    rest = {"run": ["--prices", prices, "--out", out], "inspect": [], "convert": ["-o", out]}[verb]
    refused(program(verb, path, *rest), 1, "bad.txt", part)
    assert not out.exists()


@pytest.mark.parametrize(
    "text",
    ['{"tree": ' + '{"equal": [' * DEEP + '"SPY"' + "]}" * DEEP + "}", "(" * DEEP],
    ids=["JSON", "EDN"],
)
def test_depth_bombs(program: Program, tmp_path: Path, text: str) -> None:
    """No recursion, no crash."""
    refused(program("inspect", write_strategy(tmp_path, text, "bad.txt")), 1, "bad.txt, line 1, column")


@pytest.mark.parametrize(
    ("tree", "skipped"),
    [
        ("{filter: top 1 by rsi(10), of: [SPY, NOPE]}", True),
        ("{group: G, of: {filter: top 1 by rsi(10), of: [SPY, NOPE]}}", True),
        ("{if: 'rsi(NOPE, 10) > 50', then: BIL, else: {filter: top 1 by rsi(10), of: [SPY, NOPE]}}", True),
        ("{scale: 'rsi(NOPE, 10)', between: [30, 70], from: SPY, to: BIL}", True),
        ("[{filter: top 1 by rsi(10), of: [SPY, NOPE]}, NOPE]", False),
        ("{filter: top 2 by rsi(10), of: [TLT, {if: 'rsi(SPY, 10) > 50', then: SPY, else: NOPE}]}", False),
    ],
)
def test_what_can_be_skipped_is_offered(
    program: Program, prices: Path, tmp_path: Path, tree: str, skipped: bool
) -> None:
    """Where it helps, and only there; `explain`, which has no --start, does not speak of one."""
    path = write_strategy(tmp_path, f"tree: {tree}\n")
    asked = ("run", path, "--prices", prices, "--out", tmp_path / "run")
    offer = "or run with --missing skip and a --start"
    assert (offer in program(*asked).err) == skipped
    found = program(*asked, "--missing", "skip", "--start", "2015-06-01")
    assert found.status == (0 if skipped else 1)
    explained = ("explain", path, "--on", "2016-03-01", "--prices", prices)
    refused(program(*explained), 1, "--missing skip")
    assert "--start" not in program(*explained).err


PRICES = {
    "a date twice": ("2020-01-02,SPY,1\n2020-01-02,SPY,1\n", "line 3: SPY has two rows for 2020-01-02"),
    "not in order": ("2020-01-03,SPY,1\n2020-01-02,SPY,1\n", "not in order of date"),
    "negative": ("2020-01-02,SPY,1\n2020-01-03,SPY,-1\n", "is -1"),
    "infinite": ("2020-01-02,SPY,inf\n", "SPY"),
    "no number": ("2020-01-02,SPY,one\n", "line 2"),
    "no date": ("tomorrow,SPY,1\n", "line 2"),
    "a holiday": ("2020-07-04,SPY,1\n", "no session on 2020-07-04"),
    "other tickers": ("2020-01-02,SPZ,1\n", "The files have SPZ"),
}


@pytest.mark.parametrize("case", PRICES)
def test_bad_prices(program: Program, strategy: Path, tmp_path: Path, case: str) -> None:
    """The file, and where known the line, the ticker and the session."""
    rows, part = PRICES[case]
    path = tmp_path / "bad.csv"
    path.write_text(f"date,ticker,close\n{rows}")
    refused(program("run", strategy, "--prices", path, "--out", tmp_path / "run"), 1, part)
    assert not (tmp_path / "run").exists()


def test_missing_tickers_are_listed_with_their_places(program: Program, prices: Path, tmp_path: Path) -> None:
    """All of them, and what of the file could have been meant, though it is not needed otherwise."""
    strategy = write_strategy(tmp_path, "tree: [SPY, QQQQ, NOPE]\n")
    called = program("run", strategy, "--prices", prices, "--out", tmp_path / "run")
    refused(called, 1, "2 tickers", "QQQQ: used at root > child[2]. Did you mean QQQ", "NOPE: used at")


MISUSES = {
    "no prices": ([], "no prices are named"),
    "prices and synthetic": (["--synthetic", "--prices", "x.csv"], "exclude each other"),
    "no date": (["--synthetic", "--start", "yesterday"], "YYYY-MM-DD"),
    "start after end": (["--synthetic", "--start", "2020-01-02", "--end", "2019-01-02"], "is after"),
    "negative slippage": (["--synthetic", "--slippage-bps", "-1"], "slippage_bps"),
    "slippage NaN": (["--synthetic", "--slippage-bps", "nan"], "slippage_bps"),
    "slippage no number": (["--synthetic", "--slippage-bps", "much"], "--slippage-bps"),
    "no capital": (["--synthetic", "--capital", "0"], "capital"),
    "infinite capital": (["--synthetic", "--capital", "inf"], "capital"),
    "unknown fill": (["--synthetic", "--fill", "vwap"], "next_open"),
    "unknown policy": (["--synthetic", "--missing", "ignore"], "error, skip"),
    "skip without start": (["--synthetic", "--missing", "skip"], "Add --start"),
    "unknown empty": (["--synthetic", "--empty", "x"], "redistribute"),
    "unknown engine": (["--synthetic", "--engine", "fast"], "compiled, reference"),
    "negative seed": (["--synthetic", "--market-seed", "-1"], "seed"),
    "unknown handle": (["--synthetic", "--set", "c1.treshold=5"], "Did you mean c1.threshold?"),
    "unknown variable": (["--synthetic", "--set", "hot=5"], "no variable 'hot'"),
    "set without value": (["--synthetic", "--set", "c1.window"], "NAME=VALUE"),
    "set twice": (["--synthetic", "--set", "c1.window=5", "--set", "c1.window=6"], "twice"),
    "set out of range": (
        ["--synthetic", "--set", "c1.window=0"],
        "c1.window = 0: rsi: window must be from 1",
    ),
    "set to a word": (["--synthetic", "--set", "c1.window=long"], "'long'"),
    "column without name": (["--synthetic", "--column", "date"], "NAME=VALUE"),
    "unknown flag": (["--synthetic", "--sttart", "2020-01-02"], "Did you mean --start"),
}


@pytest.mark.parametrize("case", MISUSES)
def test_misuse_of_run(program: Program, strategy: Path, tmp_path: Path, case: str) -> None:
    """Status 2, and the output folder is not made."""
    flags, part = MISUSES[case]
    refused(program("run", strategy, *flags, "--out", tmp_path / "run"), 2, part)
    assert not (tmp_path / "run").exists()


FAILURES = {
    "unknown benchmark": (["--benchmark", "QQQQ"], "the benchmark QQQQ is not among the prices"),
    "after the prices": (["--start", "2030-01-02"], "Choose an earlier --start"),
    "before the prices": (["--end", "1999-01-04"], "Choose a later --end"),
    "no session between": (["--start", "2016-01-02", "--end", "2016-01-03"], "--start"),
    "one session": (["--start", "2016-01-04", "--end", "2016-01-04"], "at least two sessions"),
    "too little history": (["--set", "c1.window=5000"], "does not have all its values"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_of_run(program: Program, strategy: Path, prices: Path, tmp_path: Path, case: str) -> None:
    """Status 1, and the output folder is not made."""
    flags, part = FAILURES[case]
    refused(program("run", strategy, "--prices", prices, *flags, "--out", tmp_path / "run"), 1, part)
    assert not (tmp_path / "run").exists()


SPACES = {
    "nothing varies": ([], 2, "nothing varies"),
    "varied and set": (["--vary", "c1.window=5,6", "--set", "c1.window=5"], 2, "both varied and set"),
    "no range": (["--vary", "c1.window=5:10"], 2, "not a range"),
    "no step": (["--vary", "c1.window=5:10:0"], 2, "step 0"),
    "no values": (["--vary", "c1.window=,"], 2, "no value"),
    "10^12 values": (["--vary", "c1.threshold=1:1000000000000:1"], 2, "1,000,000,000,000 values"),
    "10^12 combinations": (
        [
            "--vary",
            "c1.threshold=1:1000000:1",
            "--vary",
            "a1.ticker=" + ",".join(f"A{k}" for k in range(200)),
        ],
        2,
        "more than 100,000,000",
    ),
    "the reference engine": (["--vary", "c1.window=5,6", "--engine", "reference"], 2, "--engine"),
    "negative threads": (["--vary", "c1.window=5,6", "--threads", "-1"], 2, "--threads"),
    "a space and a sample": (["--space", "x.csv", "--sample", "3"], 2, "exclude each other"),
    "a seed of no sample": (["--vary", "c1.window=5,6", "--seed", "3"], 2, "--market-seed"),
    "a method of no sample": (["--vary", "c1.window=5,6", "--sample-method", "latin"], 2, "Add --sample"),
    "an empty sample": (["--vary", "c1.window=5,6", "--sample", "0"], 2, "at least 1"),
    "a negative seed": (["--vary", "c1.window=5,6", "--sample", "1", "--seed", "-1"], 2, "from 0 on"),
    "an unknown method": (
        ["--vary", "c1.window=5,6", "--sample", "1", "--sample-method", "grid"],
        2,
        "random, latin",
    ),
    "too large a sample": (["--vary", "c1.window=5,6", "--sample", "3"], 2, "only 2 of the 3"),
    "a sample of nothing": (["--sample", "3"], 2, "nothing varies"),
    "no such file": (["--space", "nowhere.csv"], 2, "nowhere.csv: there is no such file"),
    "varied twice": (["--vary", "c1.window=5,6", "--vary", "c1.window=7"], 2, "twice"),
    "a handle that is not there": (["--vary", "c7.window=5,6"], 2, "c1.window"),
    "a window of 0": (["--vary", "c1.window=0,6"], 2, "c1.window = 0: rsi: window must be from 1"),
    "where a window of 0 came from": (["--vary", "c1.window=0,6"], 2, "Leave it out of --vary c1.window=…."),
    "a window beside others": (
        ["--vary", "c1.threshold=1:3:1", "--vary", "c1.window=6,2.5"],
        2,
        "c1.window = 2.5: rsi: window must be a whole number",
    ),
    "a window as long as the history": (["--vary", "c1.window=5,6,5000"], 1, "(c1.window = 5000)"),
    "an unknown ticker": (
        ["--vary", "a1.ticker=TLT,NOPE"],
        1,
        "NOPE: given in --vary a1.ticker=…; used at root > then\nChange --vary a1.ticker=…, add their prices",
    ),
    "one ticker that is set": (
        ["--vary", "c1.window=5,6", "--set", "a1.ticker=NOPE"],
        1,
        "NOPE: given in --set a1.ticker; used at root > then\nChange --set a1.ticker, add their prices",
    ),
}


@pytest.mark.parametrize("case", SPACES)
def test_bad_spaces(program: Program, strategy: Path, prices: Path, tmp_path: Path, case: str) -> None:
    """Before the folder is made."""
    flags, status, part = SPACES[case]
    refused(program("sweep", strategy, "--prices", prices, *flags, "--out", tmp_path / "out"), status, part)
    assert not (tmp_path / "out").exists()


def test_a_file_of_combinations_leaves_nothing_to_vary(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Nor has it columns that the strategy does not know: status 2, before the folder is made."""
    (tmp_path / "space.csv").write_text("c1.window,colour\n5,7\n")
    flags = ["--prices", prices, "--space", tmp_path / "space.csv", "--out", tmp_path / "out"]
    refused(program("sweep", strategy, *flags), 2, "space.csv", "'colour'")
    refused(program("sweep", strategy, *flags, "--vary", "c1.window=5,6"), 2, "--vary or --space")
    assert not (tmp_path / "out").exists()


def test_a_lost_process_is_said(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the system killed: no traceback, but what is kept and how to go on."""
    monkeypatch.setattr(many._Work, "run", _raising(BrokenProcessPool("from the test")))
    flags = ["--prices", prices, "--vary", "c1.window=5,6", "--out", tmp_path / "out"]
    refused(program("sweep", strategy, *flags), 1, "a process of the sweep ended", "--resume")


@pytest.mark.parametrize("verb", ["run", "sweep", "demo"])
@pytest.mark.parametrize("case", ["full", "file", "below a file"])
def test_folders_that_cannot_be_used(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, verb: str, case: str
) -> None:
    """What is there stays as it is."""
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    out = {"full": folder, "file": folder / "mine.txt", "below a file": folder / "mine.txt" / "x"}[case]
    rest = [] if verb == "demo" else [strategy, "--prices", prices]
    vary = ["--vary", "c1.window=5,6"] if verb == "sweep" else []
    refused(program(verb, *rest, *vary, "--out", out), 1, "--out")
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("number", "part"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission")]
)
def test_a_run_that_cannot_be_written_leaves_nothing(
    program: Program,
    strategy: Path,
    prices: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    part: str,
) -> None:
    """Neither the folder nor what was staged for it, although some files were written already."""
    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", _raising(OSError(number, "from the test")))
    out = tmp_path / "deep" / "run"
    refused(program("run", strategy, "--prices", prices, "--out", out), 1, part)
    assert list((tmp_path / "deep").iterdir()) == []


def _raising(error: Exception) -> object:
    def fails(*_: object, **__: object) -> None:
        raise error

    return fails


OTHERS = {
    "no price file": (
        ["run", "hot.yaml", "--prices", "nofile.parquet", "--out", "x"],
        1,
        "made-up prices with --synthetic.",
    ),
    "a price file by another name": (
        ["run", "hot.yaml", "--prices", "price.csv", "--out", "x"],
        1,
        "Did you mean prices.parquet?",
    ),
    "nothing like a strategy": (["inspect", "bnr.yaml"], 1, "has nothing like it: name the strategy's file."),
    "unknown verb": (["rum"], 2, "Did you mean run?"),
    "no strategy file": (["inspect", "hot.yam"], 1, "there is no such file"),
    "a strategy that a service keeps": (
        ["run", "@Hot or not", "--synthetic", "--out", "x"],
        1,
        "`treefolio strategies get 'Hot or not' -o FILE`",
    ),
    "a list that a service keeps": (
        ["sweep", "hot.yaml", "--synthetic", "--vary", "hot=@levels", "--out", "x"],
        2,
        "`treefolio lists show levels` prints",
    ),
    "a folder as strategy": (["inspect", "."], 1, "is a folder"),
    "no extension": (["convert", "hot.yaml", "-o", "x.txt"], 2, ".yaml, .yml, .json"),
    "its own file": (["convert", "hot.yaml", "-o", "hot.yaml"], 2, "own file"),
    "no such folder": (["convert", "hot.yaml", "-o", "nowhere/x.yaml"], 2, "does not exist"),
    "no sweep": (["top", "."], 1, "holds no rows"),
    "nothing there": (["top", "nowhere"], 1, "holds no rows"),
    "no session": (
        ["explain", "hot.yaml", "--prices", "prices.parquet", "--on", "2016-07-04"],
        1,
        "Try --on 2016-07-01 or 2016-07-05",
    ),
    "too early": (
        ["explain", "hot.yaml", "--prices", "prices.parquet", "--on", "2015-01-05"],
        1,
        "has not all its values on 2015-01-05",
    ),
    "no day": (["explain", "hot.yaml", "--prices", "prices.parquet", "--on", "x"], 2, "YYYY-MM-DD"),
    "unknown engines": (["check", "hot.yaml", "--synthetic", "--engine", "x"], 2, "both"),
}


@pytest.mark.parametrize("case", OTHERS)
@pytest.mark.usefixtures("strategy", "prices")
def test_other_verbs(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Each with its own words."""
    monkeypatch.chdir(tmp_path)
    arguments, status, part = OTHERS[case]
    refused(program(*arguments), status, part)
    assert not (tmp_path / "x.txt").exists()


TOPS = {
    "unknown metric": (["--by", "sharp"], "Did you mean sharpe"),
    "no number": (["--by", "status"], "no number"),
    "unreadable": (["--where", "sharpe >"], "cannot be read"),
    "unknown column": (["--where", "sharp > 1"], "Did you mean sharpe"),
    "no condition": (["--where", "sharpe"], "cannot be read"),
    "no function": (["--where", "system('ls')"], "cannot be read"),
    "no rows asked": (["-n", "0"], "-n 0"),
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    rows = {"x": [1], "start": ["2020-01-02"], "sharpe": [1.0], "status": ["ok"]}
    pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
    return folder


@pytest.mark.parametrize("case", TOPS)
def test_misuse_of_top(program: Program, swept: Path, case: str) -> None:
    """Status 2."""
    flags, part = TOPS[case]
    refused(program("top", swept, *flags), 2, part)


def test_a_fault_is_said_in_two_lines(
    program: Program, strategy: Path, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is reported as one, with where it came from; a traceback on request."""
    monkeypatch.setattr(single, "prepare", _raising(KeyError("surprise")))
    arguments = ("run", strategy, "--prices", prices, "--out", tmp_path / "run")
    refused(program(*arguments), 1, "a fault of Treefolio itself: KeyError: 'surprise'")
    monkeypatch.setenv("TREEFOLIO_TRACEBACK", "1")
    assert "Traceback" in program(*arguments).err


WRONG = {
    "a word for a number": ("TREEFOLIO_LEASE_S", "abc"),
    "no finite number": ("TREEFOLIO_LEASE_S", "inf"),
    "of the service": ("TREEFOLIO_UPLOAD_MEGABYTES", "x"),
    "of prices": ("TREEFOLIO_TRIES", "x"),
    "no JSON": ("TREEFOLIO_TIERS", "free"),
    "other JSON": ("TREEFOLIO_TIERS", "[1]"),
    "a weight below nothing": ("TREEFOLIO_TIERS", '{"free": -1}'),
    "no tier": ("TREEFOLIO_TIERS", "{}"),
    "a limit below nothing": ("TREEFOLIO_LIMIT_MEGABYTES", '{"free": -1}'),
    "a pause below nothing": ("TREEFOLIO_CHUNK_PAUSES_S", "[-1]"),
    "no network": ("TREEFOLIO_TRUSTED_PROXIES", "nowhere"),
    "no level": ("TREEFOLIO_LOG", "loud"),
}
READERS = {
    "serve": ("serve", "--port", "0", "--workers", "x"),
    "worker": ("worker",),
    "doctor": ("doctor",),
    "backup": ("backup", "all.dump"),
    "restore": ("restore", "all.dump"),
    "users": ("users", "list"),
    "secrets": ("secrets", "check"),
}
"""Verbs that read settings of jobs. Without a wrong one `serve` would refuse its flag."""


@pytest.mark.parametrize("verb", ["serve", "worker", "doctor"])
@pytest.mark.parametrize(("variable", "value"), WRONG.values(), ids=WRONG)
def test_wrong_settings(
    program: Program, monkeypatch: pytest.MonkeyPatch, verb: str, variable: str, value: str
) -> None:
    """Are refused before anything begins, wherever they are read later."""
    monkeypatch.setenv(variable, value)
    refused(program(*READERS[verb]), 2, f"the setting {variable} cannot be used: ")


def test_wrong_values_of_a_list_are_counted(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 1."""
    monkeypatch.setenv("TREEFOLIO_CHUNK_PAUSES_S", '[1,"x"]')
    refused(program("doctor"), 2, "cannot be used: its value 2: input should be")


@pytest.mark.parametrize("verb", READERS)
def test_wrong_settings_are_misuse(program: Program, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """By every verb that reads them."""
    monkeypatch.setenv("TREEFOLIO_LEASE_S", "0")
    said = "the setting TREEFOLIO_LEASE_S cannot be used: input should be greater than 0"
    refused(program(*READERS[verb]), 2, said, "loses its chunk")


@pytest.mark.parametrize(("verb", "status"), [("serve", 2), ("worker", 1)])
def test_settings_that_are_none(
    program: Program, monkeypatch: pytest.MonkeyPatch, verb: str, status: int
) -> None:
    """A misspelt one is warned of, once; those that a table does not have are known."""
    for name in ("LEASE", "URL", "TOKEN", "WORKERS", "SHARED"):
        monkeypatch.setenv(f"TREEFOLIO_{name}", "5")
    called = program(*READERS[verb])
    assert called.status == status
    warnings = [line for line in called.err.splitlines() if not line.startswith("Error: ")][:-1]
    assert warnings == ["Warning: TREEFOLIO_LEASE is no setting. Did you mean TREEFOLIO_LEASE_S?"]


INTERRUPTING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.{signal})

sys.meta_path.insert(0, Interrupting())
"""
FORMS = {
    "module": ("-m", "treefolio"),
    "script": ("-c", "from treefolio.cli import main; raise SystemExit(main())"),
}


@pytest.mark.parametrize(
    ("form", "name", "number"),
    [
        ("module", "treefolio.cli.app", "SIGINT"),
        ("script", "typer", "SIGINT"),
        ("script", "typer", "SIGTERM"),
        ("module", "treefolio.service.models", "SIGINT"),
    ],
)
def test_stopped_while_it_begins(tmp_path: Path, form: str, name: str, number: str) -> None:
    """While its modules are imported, before and within a verb: without a traceback."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING.format(name=name, signal=number))
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    called = subprocess.run(
        [sys.executable, *FORMS[form], "jobs", "list", "--url", "http://127.0.0.1:1"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert called.returncode == 130
    assert "Traceback" not in called.stderr


def test_control_characters_do_not_reach_the_terminal(program: Program, tmp_path: Path) -> None:
    """A strategy's name cannot move the cursor or change its colours."""
    path = write_strategy(tmp_path, '{"tree": "SPY", "name": "a\\u001b[31mb"}', "odd.json")
    assert "\x1b" not in program("inspect", path).out


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (MemoryError(), 1),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1),
        (TreefolioError("no hint"), 1),
    ],
)
def test_every_error_ends_with_what_to_do(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int
) -> None:
    """Also those that have no hint of their own."""
    found = fail.tell(error)
    refused(Called(found, "", capsys.readouterr().err), status)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(
    program: Program, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 130; the resumed sweep has the bytes of one that was never stopped."""
    strategy = write_strategy(tmp_path, PLAIN)
    arguments = ["sweep", strategy, "--prices", prices, "--vary", "c1.threshold=1:600:1", "--threads", "1"]
    compute, sent = many._Work.compute, threading.Event()

    def interrupted(self: many._Work, first: int, last: int) -> int:
        if first > 0 and not sent.is_set():
            sent.set()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return compute(self, first, last)

    with monkeypatch.context() as patch:
        patch.setattr(many, "PART_SECONDS", 0.0)
        patch.setattr(many._Work, "compute", interrupted)
        called = program(*arguments, "--out", tmp_path / "stopped")
    refused(called, 130, "of 600 combinations", "--resume")
    assert not (tmp_path / "stopped" / "rows.parquet").exists()
    assert program("top", tmp_path / "stopped", "--by", "sharpe").out.startswith(
        "Note: the sweep is not finished"
    )
    assert program(*arguments, "--resume", "--out", tmp_path / "stopped").status == 0
    assert program(*arguments, "--out", tmp_path / "whole").status == 0
    for name in ("rows.parquet", "manifest.json", "summary.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("where", "moment", "said"),
    [
        ("treefolio.sweep.many", "plan_sweep", "Nothing was written; run it again when you like."),
        ("treefolio.sweep.selection", "conclude", "continue with --resume."),
        ("treefolio.report", "sweep_page", "continue with --resume."),
    ],
)
def test_ctrl_c_where_no_rows_are_computed_says_what_became_of_the_folder(
    where: str,
    moment: str,
    said: str,
    strategy: Path,
    program: Program,
    prices: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not wait for the end of the plan, of the last files or of the report; what is said works."""
    arguments = ["sweep", strategy, "--prices", prices, "--vary", "c1.threshold=60:70:1"]
    with monkeypatch.context() as patch:
        patch.setattr(f"{where}.{moment}", lambda *_, **__: signal.raise_signal(signal.SIGINT))
        called = program(*arguments, "--out", tmp_path / "out")
    refused(called, 130, "stopped")
    assert called.err.splitlines()[-1].endswith(said)
    again = ["--resume"] if "--resume" in said else []
    assert program(*arguments, *again, "--out", tmp_path / "out").status == 0
    assert (tmp_path / "out" / "report.html").exists()


def test_the_programs_own_status() -> None:
    """A misuse of the installed program: status 2, standard output empty, the error on standard error."""
    command = [sys.executable, "-c", "from treefolio.cli import main; raise SystemExit(main())", "rum"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    refused(Called(found.returncode, found.stdout, found.stderr), 2, "rum")
    assert found.stdout == ""


def test_work_gives_back_the_signal_handlers() -> None:
    """Ctrl-C means what it meant before."""
    before = signal.getsignal(signal.SIGINT)

    class Planned:
        space = type("Space", (), {"size": 1})()

        def run(self, *_: object, progress: Callable[[many.Progress], None], **__: object) -> str:
            progress(many.Progress(done=0, total=1, rate=0.0))
            assert signal.getsignal(signal.SIGINT) is not before
            return "swept"

    assert work(Planned(), Path("x"), threads=1, resume=False) == "swept"  # type: ignore[arg-type, comparison-overlap]
    assert signal.getsignal(signal.SIGINT) is before
