"""Sweeps of the installed program that end before their time, and go on to the bytes of one that did not.

Each is a process of its own. It is interrupted when its first part is there, which is seen in the folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from treefolio.sweep.rows import scan
from treefolio.sweep.warm import warm

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of Unix")

STRATEGY = """\
name: Interrupted
variables:
  window: 5:24:1
  hot: 50:79:1
  slow: 16:100:12
constraints:
  - $window < $slow
rebalance: threshold(5%)
tree:
  if: rsi(TQQQ, $window) > $hot
  then: [TLT, BIL]
  else: {if: 'price(SPY) > sma(SPY, $slow)', then: {weighted: [{60: TQQQ}, {40: QQQ}]}, else: [SPY, TLT]}
"""
ROWS = 4_530
"""20 · 30 · 8 without those that the constraint forbids: some seconds of work, with slippage."""
STABLE = ("manifest.json", "rows.parquet", "summary.json")
MARKET = ("--synthetic", "--slippage-bps", "3", "--whole-shares", "--start", "2012-01-03")
MAIN = "from treefolio.cli import main; raise SystemExit(main())"
SMALL_PARTS = "from treefolio.sweep import many; many.PART_SECONDS = 0.0; "
"""A stop lets the parts under way end; so that one is never the last, all parts are small."""
SMALL_DISK = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (150_000, r.RLIM_INFINITY)); "
"""No file may be larger: the first parts fit, a later one or the file of all rows does not."""
POLL_SECONDS, POLLS = 0.005, 24_000
TWO_THREADS, PROCESSES = ("--threads", "2"), ("--threads", "2", "--processes")


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file; kernels are compiled."""
    warm()
    path = tmp_path_factory.mktemp("strategy") / "interrupted.yaml"
    path.write_text(STRATEGY, encoding="utf-8")
    return path


def begin(strategy: Path, out: Path, flags: Sequence[str], before: str = "") -> subprocess.Popen[str]:
    """The program under way, in a process group of its own, as a terminal has it."""
    command = [
        sys.executable,
        "-c",
        before + MAIN,
        "sweep",
        str(strategy),
        *MARKET,
        *flags,
        "--out",
        str(out),
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def swept(strategy: Path, out: Path, *flags: str, before: str = "") -> dict[str, bytes]:
    """The bytes of a sweep that came to its end."""
    with begin(strategy, out, flags, before) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err
    assert not (out / "parts").exists()
    return {name: (out / name).read_bytes() for name in STABLE}


@pytest.fixture(scope="module")
def expected(strategy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one thread writes that nothing disturbs."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    found = swept(strategy, out, "--threads", "1")
    rows, complete = scan(out)
    assert complete
    assert rows.collect().height == ROWS
    return found


def at_first_part(process: subprocess.Popen[str], out: Path) -> None:
    """Returns when a part is there, and fails when the process ends before."""
    for _ in range(POLLS):
        if any((out / "parts").glob("rows-*.parquet")):
            return
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        break
    process.kill()
    pytest.fail(f"no part appeared; status {process.returncode}: {process.communicate()[1]}")


def interrupted(
    strategy: Path, out: Path, number: int, flags: Sequence[str], before: str = ""
) -> tuple[int, str]:
    """Status and standard error of a sweep whose process group gets a signal after its first part.

    Standard error is at its end when nobody can write to it any more, so no process is left.
    """
    with begin(strategy, out, flags, before) as process:
        at_first_part(process, out)
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)
        _, err = process.communicate()
    rows, complete = scan(out)
    assert not complete
    assert 0 < rows.collect().height < ROWS
    return process.returncode, err


@pytest.mark.parametrize("flags", [("--threads", "1"), TWO_THREADS, PROCESSES], ids=" ".join)
def test_a_killed_sweep_goes_on(
    strategy: Path, expected: dict[str, bytes], tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """``kill -9`` of the program, without warning; processes that it started end with it."""
    status, _ = interrupted(strategy, tmp_path / "out", signal.SIGKILL, flags)
    assert status == -signal.SIGKILL
    assert swept(strategy, tmp_path / "out", *TWO_THREADS, "--resume") == expected


@pytest.mark.parametrize("left", [0, 100, -100], ids=["nothing", "its beginning", "no end"])
def test_a_part_that_is_damaged_is_made_again(
    strategy: Path, expected: dict[str, bytes], tmp_path: Path, left: int
) -> None:
    """The machine lost its power while it was written, say: its rows are computed again, and it is said."""
    out = tmp_path / "out"
    interrupted(strategy, out, signal.SIGKILL, ("--threads", "1"))
    part = min((out / "parts").glob("rows-*.parquet"))
    part.write_bytes(part.read_bytes()[:left])
    with begin(strategy, out, ("--threads", "1", "--resume")) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err
    assert f"{part.name} is damaged; its rows are computed again" in err
    assert {name: (out / name).read_bytes() for name in STABLE} == expected


@pytest.mark.parametrize("flags", [("--threads", "1"), PROCESSES], ids=" ".join)
def test_ctrl_c_says_how_to_go_on(
    strategy: Path, expected: dict[str, bytes], tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """SIGINT to the whole group, as a terminal sends it: status 130, one message, the rest on resuming."""
    status, err = interrupted(strategy, tmp_path / "out", signal.SIGINT, flags, SMALL_PARTS)
    assert status == 130
    first, last = err.splitlines()
    assert first.startswith("Error: stopped after ")
    assert f"of {ROWS:,} combinations" in first
    assert last == f"They are kept in {tmp_path / 'out'}; continue with --resume."
    assert swept(strategy, tmp_path / "out", *flags, "--resume") == expected


def test_a_full_disk_is_said_and_the_sweep_goes_on(
    strategy: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """What was written whole is kept; nothing half-written stays."""
    out = tmp_path / "out"
    with begin(strategy, out, ("--threads", "1"), SMALL_DISK) as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert err.startswith("Error: the system allows no more to be written; ")
    assert "--resume" in err.splitlines()[-1]
    rows, complete = scan(out)
    assert not complete
    assert 0 < rows.collect().height < ROWS
    assert not list(out.rglob("*.partial"))
    assert swept(strategy, out, "--threads", "1", "--resume") == expected


@pytest.mark.parametrize(
    ("flags", "before"),
    [(TWO_THREADS, ""), (TWO_THREADS, SMALL_PARTS), (PROCESSES, "")],
    ids=["threads", "small parts", "processes"],
)
def test_who_computes_and_in_what_parts_changes_no_byte(
    strategy: Path, expected: dict[str, bytes], tmp_path: Path, flags: tuple[str, ...], before: str
) -> None:
    """Two threads, parts of 64 rows, or two processes: manifest, rows and summary are those of one thread."""
    assert swept(strategy, tmp_path / "out", *flags, before=before) == expected
