"""The folder of a sweep: made its own, found to hold what an interrupted one left, or given back."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from treefolio.errors import OutputError
from treefolio.sweep import files, rows, selection

_WORDS: Mapping[str, str] = {
    "holdout": "--holdout",
    "metrics": "metrics",
    "prices": "prices",
    "sessions": "sessions",
    "space": "--vary, --space or --sample",
    "start_set_by": "--start",
    "strategy": "strategy",
    "variables": "--set",
    "versions": "versions",
}
"""What has no flag of its name, or too long a value to be shown."""
_FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "end": ("holdout",),
    "prices": ("benchmark", "end", "holdout", "missing", "space", "strategy"),
    "sessions": ("end", "prices", "start", "strategy"),
    "start": ("latest_start", "space", "strategy", "variables"),
    "start_set_by": ("latest_start", "missing", "prices", "space", "start", "strategy", "variables"),
}
"""What of these may have changed a key of the manifest."""


@contextmanager
def folder_of(out: Path | None) -> Iterator[Path]:
    """The folder of the sweep, or a temporary one that is removed at the end."""
    if out is not None:
        yield out
        return
    folder = Path(tempfile.mkdtemp(prefix="treefolio-sweep-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def claim(
    folder: Path, identity: str, size: int, asked: selection.Asked, *, resume: bool
) -> list[tuple[int, int]]:
    """Makes the folder the own one of this sweep of ``size`` rows; returns the ranges that are done already.

    Raises:
        OutputError: it holds something else, or another sweep.
    """
    path = folder / "manifest.json"
    if not (resume and path.exists()):
        for unfinished in folder.glob(".manifest.json.*") if resume else ():
            unfinished.unlink()  # it was killed before its first file was whole
        if resume and folder.is_dir() and any(folder.iterdir()):
            raise OutputError(
                f"{folder} holds something, and no sweep that can be continued: no {path.name}",
                hint="Choose another --out folder, or remove this one.",
            )
        files.require_free(folder, resumable=True)
        with files.explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        files.write_text(path, identity)
        with files.explained(folder):
            (folder / rows.PARTS).mkdir()
        return []
    differing = _differences(_read_manifest(path), json.loads(identity))
    if differing:
        raise OutputError(
            f"{folder} holds another sweep, with other {', '.join(differing)}",
            hint="Resume with what the sweep began with, or choose another --out folder.",
        )
    if (folder / rows.WHOLE).exists():
        if asked.answered_by(selection.stored(folder)):
            return [(0, size)]
        (folder / rows.WHOLE).unlink()  # it is made again with what is said beside it
    with files.explained(folder):
        (folder / rows.PARTS).mkdir(exist_ok=True)
    names = sorted(part.stem.split("-") for part in (folder / rows.PARTS).glob("rows-*.parquet"))
    return [(int(first), int(last)) for _, first, last in names]


def release(folder: Path) -> bool:
    """Takes back what `claim` did to a folder without any rows; is it free again?"""
    if (folder / rows.WHOLE).exists() or any((folder / rows.PARTS).glob("rows-*.parquet")):
        return False
    with files.explained(folder):
        shutil.rmtree(folder / rows.PARTS, ignore_errors=True)
        (folder / "manifest.json").unlink(missing_ok=True)
    return not any(folder.iterdir())


def _read_manifest(path: Path) -> Mapping[str, object]:
    with files.explained(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise OutputError(
            f"{path} is damaged, so the sweep in this folder cannot be continued",
            hint="Choose another --out folder, or remove this one.",
        )
    return found


def _differences(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """What differs, as the flags that say it; without what is but a consequence."""
    keys = _differing(before, now)
    own = [key for key in keys if keys.isdisjoint(_FOLLOWS.get(key, ()))]
    return [word for key in sorted(own) for word in _words(key, before.get(key), now.get(key))]


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> set[str]:
    return {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}


def _words(key: str, before: object, now: object) -> Iterator[str]:
    """The flags that say what a key of the manifest has, with its values there and here."""
    if key in _WORDS:
        yield _WORDS[key]
    elif isinstance(before, Mapping) and isinstance(now, Mapping):
        for part in sorted(_differing(before, now)):
            yield from _words(part, before.get(part), now.get(part))
    else:
        there, here = ("none" if each is None else each for each in (before, now))
        yield f"--{key.replace('_', '-')} ({there} there, {here} here)"
