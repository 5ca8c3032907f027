"""Snapshots: panels kept under the hash of their content, so that a run can be repeated offline.

A snapshot is one file, ``snapshots/HASH.npz`` in the home folder: the fields as NumPy arrays, and what is
known of them as JSON. The name is the hash of the content, so whatever is read is what was written, or an
error. The same file is what `exported` writes for others.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from treefolio.errors import OutputError, PriceError, did_you_mean
from treefolio.market.panel import Panel

FOLDER = "snapshots"
SUFFIX = ".npz"
PROVENANCE, SESSIONS, FIELD = "provenance", "sessions", "field-"
SHORTEST = 6
"""A hash may be cut to as many digits as make it the only one, and no fewer than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known of a snapshot without reading its prices."""

    hash: str
    source: str
    basis: str
    synthetic: bool
    tickers: tuple[str, ...]
    first: str
    last: str
    sessions: int
    kept_at: str
    bytes: int


def keep(panel: Panel, home: Path) -> str:
    """Keeps the panel, unless it is there already; returns its hash. Raises OutputError."""
    path = home / FOLDER / f"{panel.content_hash}{SUFFIX}"
    if path.exists():
        return panel.content_hash
    facts = {
        "hash": panel.content_hash,
        "source": panel.source,
        "basis": panel.basis,
        "synthetic": panel.synthetic,
        "tickers": panel.tickers,
        "first": str(panel.sessions[0]),
        "last": str(panel.sessions[-1]),
        "sessions": len(panel.sessions),
        "kept_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "treefolio": version("treefolio"),
    }
    arrays = {
        PROVENANCE: np.frombuffer(json.dumps(facts).encode(), np.uint8),
        SESSIONS: panel.sessions.astype("datetime64[D]").astype(np.int64),
    } | {FIELD + name: values for name, values in panel.fields.items()}
    with _whole(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stubs take the names for keywords
    return panel.content_hash


def load(name: str, home: Path) -> Panel:
    """The panel of a snapshot: `name` is its hash or the beginning of it. Raises PriceError."""
    return read(find(name, home))


def read(path: Path) -> Panel:
    """The panel in a snapshot's file. Raises PriceError when it is damaged: its hash is not its name's."""
    facts = _facts(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            panel = Panel(
                sessions=arrays[SESSIONS].astype("datetime64[D]"),
                tickers=facts.tickers,
                fields={
                    key.removeprefix(FIELD): arrays[key] for key in arrays.files if key.startswith(FIELD)
                },
                basis=facts.basis,
                source=facts.source,
                synthetic=facts.synthetic,
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error
    if panel.content_hash != facts.hash:
        raise _damaged(path)
    return panel


def find(name: str, home: Path) -> Path:
    """The file of the snapshot whose hash begins with `name`. Raises PriceError."""
    known = sorted(path.stem for path in (home / FOLDER).glob(f"*{SUFFIX}"))
    fitting = [each for each in known if each.startswith(name.casefold())]
    if len(name) < SHORTEST or len(fitting) != 1:
        what = "is too short" if len(name) < SHORTEST else "is not here" if not fitting else "fits several"
        hint = did_you_mean(name, known) or "`treefolio data snapshot list` shows those that are here."
        raise PriceError(f"snapshot {name} {what}", hint=hint)
    return home / FOLDER / f"{fitting[0]}{SUFFIX}"


def listed(home: Path) -> tuple[list[Snapshot], list[PriceError]]:
    """All snapshots, the latest first; and what is wrong with files that are none."""
    found, wrong = [], []
    for path in sorted((home / FOLDER).glob(f"*{SUFFIX}")):
        try:
            found.append(_facts(path))
        except PriceError as error:
            wrong.append(error)
    return sorted(found, key=lambda each: (each.kept_at, each.hash), reverse=True), wrong


def exported(name: str, target: Path, home: Path) -> Path:
    """Writes the snapshot to one file, for somebody else. Raises PriceError, OutputError."""
    source = find(name, home)
    path = target / source.name if target.is_dir() else target
    if path.exists():
        raise OutputError(f"{path} is there already", hint="Name another file, or remove that one.")
    with _whole(path) as part:
        shutil.copyfile(source, part)
    return path


def imported(path: Path, home: Path) -> str:
    """Takes a snapshot's file in, after checking it; returns its hash. Raises PriceError, OutputError."""
    return keep(read(path), home)


def removed(name: str, home: Path) -> str:
    """Removes a snapshot; returns its hash. Raises PriceError."""
    path = find(name, home)
    path.unlink()
    return path.stem


def _facts(path: Path) -> Snapshot:
    """What a snapshot's file says of itself."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            facts = json.loads(arrays[PROVENANCE].tobytes())
        return Snapshot(
            hash=facts["hash"],
            source=facts["source"],
            basis=facts["basis"],
            synthetic=facts["synthetic"],
            tickers=tuple(facts["tickers"]),
            first=facts["first"],
            last=facts["last"],
            sessions=facts["sessions"],
            kept_at=facts["kept_at"],
            bytes=path.stat().st_size,
        )
    except FileNotFoundError:
        raise PriceError("there is no such file", source=str(path), hint="Name a snapshot's file.") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> PriceError:
    return PriceError(
        "is no snapshot, or it is damaged: its content is not what its name says",
        source=str(path),
        hint="Remove it; export it anew where it came from.",
    )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when it is whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        part = Path(name)
        try:
            yield part
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
