"""Writing results: whole files or none, one way of writing Parquet, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from treefolio.errors import NoRoom, OutputError

ROW_GROUP = 65_536
_LEVEL = 3
_LISTEN_SECONDS = 0.1
"""A signal that the system gave to another thread is heard as late as this."""
_LIMITS = (errno.EDQUOT, errno.EFBIG)
_LIMIT_WORDS = ("uota exceeded", "File too large")
"""A quota, or a limit of the size of files, as the system numbers them and as polars passes them on."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the system's errors of writing below ``path`` into an OutputError that says what to do."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        number = getattr(error, "errno", None)
        text = str(error)
        full = number == errno.ENOSPC or "No space left" in text
        if full or number in _LIMITS or any(words in text for words in _LIMIT_WORDS):
            what = "the disk is full" if full else "the system allows no more to be written"
            raise NoRoom(
                f"{what}; {path} is incomplete",
                hint="Make room (a row of a sweep takes about 1 KB), then run again; sweeps take --resume.",
            ) from error
        if number in (errno.EACCES, errno.EPERM, errno.EROFS) or "ermission denied" in text:
            raise OutputError(
                f"no permission to write {path}", hint="Choose another --out folder."
            ) from error
        raise OutputError(f"cannot write {path}: {text}", hint="Choose another --out folder.") from error


def write_text(path: Path, text: str) -> None:
    """Writes a whole file, or leaves what was there."""
    with explained(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_parquet(frame: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """The one writer: the bytes depend on the rows alone, not on how a frame came about."""
    with explained(path):
        partial = path.with_name(f".{path.name}.partial")
        try:
            _waiting(lambda: _sink(frame, partial))
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _sink(frame: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    frame.lazy().sink_parquet(
        path,
        row_group_size=ROW_GROUP,
        compression="zstd",
        compression_level=_LEVEL,
        maintain_order=True,
    )


def _waiting(work: Callable[[], None]) -> None:
    """Does the work on a thread of its own: Polars hears of Ctrl-C at its end, who waits hears of it at once.

    Then the work is left behind, until it ends or the process does.
    """
    failed: list[BaseException] = []

    def whole() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=whole, name="write", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LISTEN_SECONDS)
    if failed:
        raise failed[0]


def require_free(folder: Path, *, resumable: bool = False) -> None:
    """Nothing, when ``folder`` is absent or empty and can be made.

    Args:
        resumable: what is asked for can go on in a folder that it began.

    Raises:
        OutputError: it is a file, or holds something.
    """
    with explained(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file", hint="Choose a folder with --out.")
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(
                f"{folder} is not empty",
                hint="Choose another --out folder, or remove this one"
                + ("; a sweep is continued with --resume." if resumable else "."),
            )


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write to that becomes ``folder`` at the end, and is removed if anything fails.

    Raises:
        OutputError: ``folder`` holds something already, or cannot be written.
    """
    require_free(folder)
    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield staged
        with explained(folder):
            staged.chmod(0o755)
            staged.replace(folder)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
