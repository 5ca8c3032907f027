"""What a user is told: what was skipped, when prices begin, why nothing ran, which combination it is."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from treefolio.cli import main
from treefolio.engine.compiled import record
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.errors import OutputError, RunError
from treefolio.indicators import SIGNATURES
from treefolio.market.synthetic import synthetic_panel
from treefolio.strategy.text import parse
from treefolio.sweep.constants import constants_note
from treefolio.sweep.rows import scan
from treefolio.sweep.single import run
from treefolio.testing.panels import panel_of

START = dt.date(2011, 3, 1)


def test_what_is_skipped_is_named() -> None:
    """Under missing="skip" a note names every ticker without a price in the run."""
    strategy = parse("name: S\ntree:\n  if: rsi(CXH, 10) > 50\n  then: SPY\n  else: TLT\n", SIGNATURES)
    panel = synthetic_panel(tickers=["SPY", "TLT"], end="2012-12-31")
    result = run(strategy, Question(panel=panel, missing="skip", start=START))
    assert any(note.endswith("skipped wherever they are used: CXH") for note in result.notes)


def test_a_holding_without_price_says_when_prices_begin() -> None:
    """The error names the first price of what is listed after the start."""
    strategy = parse("name: S\ntree:\n  equal: [SPY, UVXY]\n", SIGNATURES)
    panel = synthetic_panel(tickers=["SPY", "UVXY"], end="2012-12-31")
    with pytest.raises(RunError) as error:
        run(strategy, Question(panel=panel, missing="skip", start=START))
    assert error.value.ticker == "UVXY"
    assert "UVXY 2011-10-04" in str(error.value.hint)


@pytest.mark.parametrize(
    ("condition", "values", "said"),
    [
        (
            "rsi(A, 10) > 100",
            {},
            "rsi(A, 10) > 100 comes out the same on every session: rsi is from 0 to 100",
        ),
        ("101 > rsi(A, 10)", {}, "101 > rsi(A, 10) comes out the same on every session: rsi is"),
        ("rsi(A, 10) < 0", {}, "comes out the same"),
        ("willr(A, 5) > 3", {}, "willr is from -100 to 0"),
        ("rsi(A, 10) > $x", {"x": (70, 100, 110)}, "every session with 2 of 3 values of $x: rsi is"),
        ("rsi(A, 10) > 1 and rsi(A, 5) > 200", {}, "at root > condition > condition[2]"),
        ("rsi(A, 10) > 100 or rsi(A, 5) > 200", {}, "condition[1]; as do 1 more"),
        ("rsi(A, 10) >= 100", {}, None),
        ("rsi(A, 10) > 0", {}, None),
        ("rsi(A, 10) > $x", {"x": (1, 99)}, None),
        ("2 * rsi(A, 10) > 150", {}, None),
        ("cci(A, 10) > 300", {}, None),
        ("rsi(A, 10) > rsi(B, 10)", {}, None),
    ],
)
def test_comparisons_that_come_out_the_same(
    condition: str, values: dict[str, tuple[int, ...]], said: str | None
) -> None:
    """Are said, in a line: of an indicator that cannot come to what it is compared with."""
    variables = "".join(f"variables: {{{name}: {list(every)}}}\n" for name, every in values.items())
    text = f"{variables}tree: {{if: '{condition}', then: A, else: B}}"
    found = constants_note(parse(text, SIGNATURES), values)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_costs_that_take_all_are_an_error() -> None:
    """Costs above what there is end the run; they never leave a negative value behind."""
    panel = panel_of({"A": [10.0, 11.0, 12.0], "B": [10.0, 10.0, 10.0]})
    strategy = parse("name: S\ntree:\n  equal: [A, B]\n", SIGNATURES)
    poor = Execution(capital=100, costs=Costs(commission_minimum=60))
    prepared = prepare(strategy, Question(panel=panel, benchmark=None, execution=poor))
    with pytest.raises(RunError, match="take all") as error:
        record(prepared)
    assert error.value.session == str(panel.sessions[0])


def test_thresholds_compare_what_is_wanted() -> None:
    """A target that whole shares round down to none does not trade anew on every session."""
    panel = panel_of({"A": np.full(30, 10.0).tolist(), "B": np.full(30, 5_000.0).tolist()})
    strategy = parse(
        "name: S\nrebalance: threshold(20%)\ntree:\n  weighted:\n    - 90%: A\n    - 10%: B\n", SIGNATURES
    )
    whole = Execution(capital=10_000, whole_shares=True)
    made = record(prepare(strategy, Question(panel=panel, benchmark=None, execution=whole)))
    assert made.trades.session.tolist() == [0]


def test_a_sweep_in_which_nothing_runs_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with status 1 and prints the commonest reason."""
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "s.yaml"
    path.write_text("name: S\ntree:\n  if: rsi(SPY, 5) > 30\n  then: UVXY\n  else: UVXY\n", encoding="utf-8")
    flags = ["--synthetic", "--missing", "skip", "--start", str(START), "--end", "2012-06-29"]
    status = main(
        ["sweep", str(path), *flags, "--vary", "c1.threshold=20:22:1", "--out", str(tmp_path / "o")]
    )
    printed = capsys.readouterr()
    assert status == 1
    assert "3 × UVXY is held and has no price" in printed.out
    assert "no combination could be run" in printed.err


def test_variables_come_before_metrics_in_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 columns metrics give way; each variable stands whole. The manifest says what a handle is of."""
    monkeypatch.setenv("COLUMNS", "60")
    path = tmp_path / "s.yaml"
    path.write_text("name: S\ntree:\n  if: rsi(SPY, 5) > 30\n  then: SPY\n  else: TLT\n", encoding="utf-8")
    flags = ["--synthetic", "--end", "2012-06-29", "--out", str(tmp_path / "o")]
    vary = ["--vary", "c1.threshold=20:24:2", "--vary", "c1.window=5,10"]
    assert main(["sweep", str(path), *flags, *vary]) == 0
    head = next(
        line for line in capsys.readouterr().out.splitlines() if "c1.threshold" in line and "#" in line
    )
    assert head.split()[:4] == ["#", "c1.threshold", "c1.window", "sharpe"]
    assert len(head) <= 60
    manifest = json.loads((tmp_path / "o" / "manifest.json").read_text(encoding="utf-8"))
    assert {each["of"] for each in manifest["space"]["variables"]} == {"rsi(SPY, 5) > 30"}
    assert "rsi(SPY, 5) &gt; 30" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


def test_damaged_rows_are_said_to_be_damaged(tmp_path: Path) -> None:
    """A file of rows that was cut is an error that names it."""
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(OutputError, match="damaged"):
        scan(tmp_path)
