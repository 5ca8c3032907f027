"""The workers' folder below the home folder: where files are made before they are kept in the database."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from treefolio.sweep import files

FOLDER = "work"
LEFT_SECONDS = 86_400
"""What another machine has not touched for as long belongs to nobody: no chunk takes a day."""
_MADE = re.compile(r"(?P<host>.+)\.(?P<process>\d+)-[^.-]+")


@contextmanager
def passing(home: Path) -> Iterator[Path]:
    """A folder that is gone at the end; its name says which process of which machine has it.

    Raises:
        OutputError: the disk is full.
    """
    work = home / FOLDER
    with files.explained(work):
        work.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=work, prefix=f"{socket.gethostname()}.{os.getpid()}-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep_up(home: Path) -> None:
    """Removes what processes left that are gone. It is called before this process makes any.

    What runs on another machine, such as a container that was replaced, cannot be seen from here: its
    folders go when they are old, by the clock of the file system.
    """
    work = home / FOLDER
    with contextlib.suppress(OSError):
        os.utime(work)
        now = work.stat().st_mtime
        for folder in work.iterdir():
            made = _MADE.fullmatch(folder.name)
            if made is not None and _is_left(folder, made["host"], int(made["process"]), now):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path, host: str, process: int, now: float) -> bool:
    """Whoever made it is gone."""
    if host == socket.gethostname():
        return process == os.getpid() or not psutil.pid_exists(process)
    with contextlib.suppress(FileNotFoundError):  # another worker sweeps, too
        return now - folder.stat().st_mtime > LEFT_SECONDS
    return False
