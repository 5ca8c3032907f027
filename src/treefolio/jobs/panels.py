"""Prices for a worker: a snapshot from the workers' own folder, or from the database when it is not there.

Workers with the same home folder share it. It is apart from what the command line keeps, which is the
user's and stays. Of this one, what was not used longest goes first: it comes from the database again.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from treefolio.errors import PriceError
from treefolio.jobs.folders import FOLDER, passing
from treefolio.jobs.ledger.bench import Bench
from treefolio.jobs.settings import JobSettings
from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.sweep.files import explained

MEGABYTE = 1_000_000


def panel_of(name: str, bench: Bench, settings: JobSettings) -> Panel:
    """The panel whose content has this hash.

    Raises:
        NoSuchJob: it is nowhere. PriceError: what is there is damaged. OutputError: the disk is full.
    """
    path = _path(name, settings)
    with contextlib.suppress(PriceError):
        panel = snapshots.read(path)
        with contextlib.suppress(FileNotFoundError):  # it has made room for others
            os.utime(path)
        return panel
    with passing(settings.home) as folder, explained(path):
        fetched = folder / path.name
        fetched.write_bytes(bench.snapshot(name))
        panel = snapshots.read(fetched)
        _put(fetched, path, settings)
    return panel


def kept(panel: Panel, settings: JobSettings) -> bytes:
    """Keeps the panel; returns its snapshot's content. Raises OutputError."""
    path = _path(panel.content_hash, settings)
    with passing(settings.home) as folder, explained(path):
        made = snapshots.find(snapshots.keep(panel, folder), folder)
        content = made.read_bytes()
        _put(made, path, settings)
    return content


def _path(name: str, settings: JobSettings) -> Path:
    return settings.home / FOLDER / snapshots.FOLDER / f"{name}{snapshots.SUFFIX}"


def _put(made: Path, path: Path, settings: JobSettings) -> None:
    """Puts a whole file in its place. Others make room for it, the one that was not used longest first."""
    path.parent.mkdir(exist_ok=True)
    made.replace(path)
    found = []
    for each in path.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # other workers make room, too
            seen = each.stat()
            found.append((seen.st_mtime_ns, each, seen.st_size))
    left = sum(size for _, _, size in found)
    for _, each, size in sorted(found):
        if left <= settings.snapshots_megabytes * MEGABYTE:
            return
        if each != path:
            each.unlink(missing_ok=True)
            left -= size
