"""What the flags of ``treefolio run`` add to its report."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli_samples import PLAIN, STRATEGY, Program, write_prices, write_strategy
from test_report_pages import check_inert
from treefolio.sweep.imports import FILE


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_prices(tmp_path)
    write_strategy(tmp_path)
    return Program(capsys)


def run(program: Program, out: str, *flags: str) -> str:
    called = program("run", "hot.yaml", "--prices", "prices.parquet", *flags, "--out", out)
    assert called.status == 0, called.err
    return check_inert(Path(out, "report.html").read_text(encoding="utf-8")).text


def test_the_day_of_the_first_run_is_kept(program: Program, tmp_path: Path):
    """A value that is set is an edit, as one in the file is; setting the default is none, nor a new name."""
    today = dt.datetime.now(dt.UTC).astimezone().date()
    text = run(program, "one")
    assert re.search(
        rf"lies before ({today}|{today + dt.timedelta(days=1)}), the first day out of sample", text
    )
    known = []
    for out, text, flags in (
        ("two", STRATEGY, ("--set", "hot=70")),
        ("three", STRATEGY.replace("Hot or not", "Hotter"), ()),
        ("four", STRATEGY, ("--set", "hot=80")),
        ("five", STRATEGY.replace("20", "21"), ()),
        ("six", STRATEGY, ()),
    ):
        write_strategy(tmp_path, text)
        run(program, out, *flags)
        known.append(len((tmp_path / "home" / FILE).read_text(encoding="utf-8").splitlines()))
    assert known == [1, 1, 2, 3, 3]


def test_a_day_that_was_kept_divides_the_run(program: Program, tmp_path: Path):
    run(program, "one")
    path = tmp_path / "home" / FILE
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | {"day": "2016-02-01"}) + "\n", encoding="utf-8")
    assert "Out of sample since 2016-02-01" in run(program, "two")
    assert "Out of sample since 2016-05-02" in run(program, "three", "--out-of-sample-from", "2016-05-02")


def test_a_home_that_cannot_be_written_harms_no_run(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is said, and the run goes on."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "file" / "home"))
    called = program("run", "hot.yaml", "--prices", "prices.parquet", "--out", "one")
    assert called.status == 0, called.err
    assert "first seen is not kept" in called.err


def test_a_wrong_day_is_misuse(program: Program):
    called = program(
        "run", "hot.yaml", "--prices", "prices.parquet", "--out-of-sample-from", "May", "--out", "x"
    )
    assert (called.status, "--out-of-sample-from" in called.err) == (2, True)


def test_quantstats_writes_its_own_sheet(program: Program, tmp_path: Path):
    """Without a warning, without a request, and with the name as text."""
    write_strategy(tmp_path, f"name: '<script>alert(1)</script>'\n{PLAIN}", "hot.yaml")
    run(program, "one", "--quantstats", "--benchmark", "TLT")
    sheet = Path("one", "quantstats.html").read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in sheet
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in sheet
    assert "TLT" in sheet
    assert not re.findall(r"(?:src|<link[^>]*href)=[\"']https?:", sheet)


def test_what_quantstats_cannot_draw_is_said_after_our_own_report(program: Program):
    """Returns that never vary."""
    Path("hot.yaml").write_text("tree: {if: 'rsi(SPY, 10) > 200', then: SPY, else: cash}\n", encoding="utf-8")
    called = program("run", "hot.yaml", "--prices", "prices.parquet", "--quantstats", "--out", "one")
    assert called.status == 1
    assert "QuantStats cannot make its tear sheet of this run" in called.err
    assert Path("one", "report.html").exists()


def test_without_quantstats_the_error_says_how_to_get_it(program: Program, monkeypatch: pytest.MonkeyPatch):
    """Before anything is computed."""
    known = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "quantstats" else known(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    called = program("run", "hot.yaml", "--prices", "none.parquet", "--quantstats", "--out", "x")
    assert called.status == 2
    assert "pip install 'treefolio[quantstats]'" in called.err
    assert called.out == ""
