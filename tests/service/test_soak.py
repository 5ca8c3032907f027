"""`make soak`, but for a moment, so that it does not rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_for_a_moment() -> None:
    """All three parts hold, and say so in a table."""
    short = ("--kills", "2", "--seconds", "1", "--rows", "5000", "--seed", "1")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "soak.py"), *short], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 1" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [
        words for words in ("kills", "readers", "`worker`") if not any(words in row for row in rows)
    ] == []
    assert "broken" not in done.stdout


def test_what_does_not_hold_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the status is 1."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import soak  # type: ignore[import-not-found]  # noqa: PLC0415 - no package
    from soak_parts import Broken  # type: ignore[import-not-found]  # noqa: PLC0415

    def lost(_: Path, count: int, seed: int) -> list[tuple[str, str]]:
        raise Broken(f"{count} rows are lost, seed {seed}")

    monkeypatch.setattr(soak.soak_kills, "kills", lost)
    monkeypatch.setattr(soak.soak_traffic, "traffic", lambda *_: [("traffic", "1")])
    monkeypatch.setattr(soak.soak_memory, "memory", lambda *_: [("memory", "2")])
    assert soak.main(["--kills", "7", "--seed", "3"]) == 1
    said = capsys.readouterr().out
    assert "| **broken** | 7 rows are lost, seed 3 |" in said
    assert "| memory | 2 |" in said
