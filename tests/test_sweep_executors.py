"""Rows computed in other processes are the rows computed here, byte for byte."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_cases import planned
from treefolio.errors import OutputError
from treefolio.sweep import many, remote
from treefolio.sweep.remote import Ticket, measure_range

STABLE = ("manifest.json", "rows.parquet", "selection.json", "summary.json")


def test_processes_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two spawned processes, in small ranges, write what one thread writes."""
    sweep = planned()
    sweep.run(tmp_path / "threads")
    monkeypatch.setattr(many, "FIRST_RANGE", 100)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        sweep.run(tmp_path / "processes", threads=2, executor=pool)
    for name in STABLE:
        one, other = tmp_path / "threads" / name, tmp_path / "processes" / name
        assert one.read_bytes() == other.read_bytes(), name
    assert not (tmp_path / "processes" / "parts").exists()


def test_a_job_is_read_once_and_checked(tmp_path: Path) -> None:
    """A worker keeps what it prepared; a missing or foreign job is refused with a hint."""
    sweep = planned()
    prepared = sweep.prepared
    ticket = remote.leave(tmp_path, prepared, sweep.space, None)
    first, codes = measure_range(ticket, 0, 5)
    assert first.shape[0] == len(codes) == 5
    known = remote._known[ticket.digest]
    measure_range(ticket, 5, 7)
    assert remote._known[ticket.digest] is known
    remote._known.clear()
    with pytest.raises(OutputError) as error:
        measure_range(replace(ticket, digest="0" * 64), 0, 1)
    assert "--resume" in str(error.value.hint)
    with pytest.raises(OutputError) as error:
        measure_range(Ticket(path=str(tmp_path / "none"), digest="0" * 64), 0, 1)
    assert "see the --out folder" in str(error.value.hint)
