"""Writing: whole files or none, the same bytes for the same rows, errors that say what to do."""

from __future__ import annotations

import errno
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from treefolio.errors import OutputError
from treefolio.sweep import files
from treefolio.sweep.files import explained, require_free, whole_folder, write_parquet, write_text

FRAME = pl.DataFrame({"k": range(150_000), "x": np.random.default_rng(1).normal(size=150_000)})


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def room(size: int) -> Iterator[None]:
    """Files may have this many bytes: writing beyond fails half-way, as on a full disk."""
    resource = pytest.importorskip("resource", reason="a limit on the size of files needs Unix")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_bytes_depend_on_the_rows_alone(tmp_path: Path) -> None:
    """Not on a frame's chunks, nor on whether it is lazy or comes from files."""
    pieces = pl.concat([FRAME[:7], FRAME[7:70_000], FRAME[70_000:]], rechunk=False)
    assert pieces.n_chunks() == 3
    for k, part in enumerate((FRAME[:65_000], FRAME[65_000:])):
        part.write_parquet(tmp_path / f"part-{k}.parquet")
    frames: list[pl.DataFrame | pl.LazyFrame] = [
        FRAME,
        pieces,
        FRAME.lazy(),
        pl.scan_parquet(tmp_path / "part-*.parquet"),
    ]
    found = set()
    for k, frame in enumerate(frames):
        write_parquet(frame, tmp_path / f"out-{k}.parquet")
        found.add((tmp_path / f"out-{k}.parquet").read_bytes())
    assert len(found) == 1
    assert pl.read_parquet(tmp_path / "out-0.parquet").equals(FRAME)


def test_who_waits_for_a_parquet_file_hears_ctrl_c_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polars itself, which writes it, hears of it at the end. There is no file then, and none comes later."""
    released, written = threading.Event(), threading.Event()

    def sink(frame: pl.DataFrame, path: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        released.wait()
        frame.write_parquet(path)
        written.set()

    monkeypatch.setattr(files, "_sink", sink)
    with pytest.raises(KeyboardInterrupt):
        write_parquet(FRAME[:10], tmp_path / "rows.parquet")
    assert left(tmp_path) == []
    released.set()
    written.wait()
    assert not (tmp_path / "rows.parquet").exists()


def test_a_parquet_file_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    """Its first half is removed; what stood there stays."""
    write_parquet(FRAME[:10], tmp_path / "rows.parquet")
    before = (tmp_path / "rows.parquet").read_bytes()
    with room(20_000), pytest.raises(OutputError) as caught:
        write_parquet(FRAME, tmp_path / "rows.parquet")
    assert "rows.parquet" in caught.value.message
    assert left(tmp_path) == ["rows.parquet"]
    assert (tmp_path / "rows.parquet").read_bytes() == before


def test_a_text_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    """Likewise."""
    write_text(tmp_path / "a.json", "{}\n")
    with room(1_000), pytest.raises(OutputError) as caught:
        write_text(tmp_path / "a.json", "x" * 50_000)
    assert "a.json" in caught.value.message
    assert left(tmp_path) == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "{}\n"


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    """UTF-8, line feeds, readable by others."""
    write_text(tmp_path / "a.json", "→\n")
    assert (tmp_path / "a.json").read_bytes() == b"\xe2\x86\x92\n"
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; {} is incomplete"),
        (errno.EDQUOT, "the system allows no more to be written; {} is incomplete"),
        (errno.EFBIG, "the system allows no more to be written; {} is incomplete"),
        (errno.EACCES, "no permission to write {}"),
        (errno.EPERM, "no permission to write {}"),
        (errno.EROFS, "no permission to write {}"),
        (errno.EIO, "cannot write {}: "),
    ],
)
def test_errors_of_the_system_say_what_to_do(number: int, message: str, tmp_path: Path) -> None:
    """Whatever the system calls them; the cause stays with them."""
    with pytest.raises(OutputError) as caught, explained(tmp_path):
        raise OSError(number, "said otherwise")
    assert caught.value.message.startswith(message.format(tmp_path))
    assert caught.value.hint is not None
    assert isinstance(caught.value.__cause__, OSError)


def test_errors_of_polars_are_said_likewise(tmp_path: Path) -> None:
    """It gives them a number of the system only sometimes."""
    with pytest.raises(OutputError, match="the disk is full"), explained(tmp_path):
        raise pl.exceptions.ComputeError("No space left on device (os error 28)")


def test_other_errors_pass(tmp_path: Path) -> None:
    """They are faults of ours."""
    with pytest.raises(ZeroDivisionError), explained(tmp_path):
        raise ZeroDivisionError


def test_a_free_folder_is_absent_or_empty(tmp_path: Path) -> None:
    """Nothing is made, nothing is touched."""
    require_free(tmp_path / "absent" / "below")
    (tmp_path / "empty").mkdir()
    require_free(tmp_path / "empty")
    assert left(tmp_path) == ["empty"]


@pytest.mark.parametrize(("place", "message"), [("file", "is a file"), ("", "is not empty")])
def test_a_folder_that_is_not_free_is_refused(place: str, message: str, tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=message) as caught:
        require_free(tmp_path / place)
    assert "--out" in str(caught.value.hint)


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_whole(exists: bool, tmp_path: Path) -> None:
    """At the end, in the place of an empty one if need be; until then it is elsewhere."""
    out = tmp_path / "below" / "out"
    if exists:
        out.mkdir(parents=True)
    with whole_folder(out) as folder:
        write_text(folder / "a.txt", "a")
        assert not (out / "a.txt").exists()
    assert left(out) == ["a.txt"]
    assert left(out.parent) == ["out"]
    assert stat.S_IMODE(out.stat().st_mode) == 0o755


@pytest.mark.parametrize("error", [OutputError("full"), KeyboardInterrupt(), ValueError("ours")])
def test_a_folder_that_fails_is_not_there(error: BaseException, tmp_path: Path) -> None:
    """Neither under its name nor under another."""

    def fail() -> None:
        with whole_folder(tmp_path / "out") as folder:
            write_text(folder / "a.txt", "a")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert left(tmp_path) == []


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    """It cannot be made."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot write") as caught, whole_folder(tmp_path / "file" / "out"):
        raise AssertionError("unreachable")
    assert caught.value.hint is not None
