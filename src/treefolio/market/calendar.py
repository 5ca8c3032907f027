"""The sessions of the New York Stock Exchange and when they close, as ``exchange_calendars`` knows them.

Importing that library and building its calendar takes a quarter of a second and more, the sessions themselves
are 45 KB. So they are derived once for each version of the library and kept in the user's cache folder; the
few hundred closes that are not at 16:00 stand in a second file, which only those read who ask for a close.
Each file carries a checksum: whatever is wrong with it, it is derived and written anew. Without a writable
folder everything works, only slower.

The calendar is built between stated days: the library's defaults move with today's date. It knows no
holidays before 1970, so neither do we know sessions then. What lies in the future is its projection.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

Dates = NDArray[np.datetime64]
Numbers = NDArray[np.int64]

FIRST = date(1970, 1, 1)
LAST = date(2050, 12, 31)
"""Sessions are known from FIRST to LAST."""
REGULAR_CLOSE = 16 * 60
"""Minutes since midnight in New York."""
DIGEST_BYTES = hashlib.sha256().digest_size


def sessions(first: date, last: date) -> Dates:
    """NYSE sessions from `first` to `last`, both included: datetime64[D], ascending, read-only.

    Only those from FIRST to LAST are known. Empty when `first` is after `last`.
    """
    known = _kept()
    ends = np.array([first, last], dtype="datetime64[D]")
    return known[np.searchsorted(known, ends[0]) : np.searchsorted(known, ends[1], side="right")]


def closes(first: date, last: date) -> Numbers:
    """When the sessions from `first` to `last` close, in minutes since midnight in New York: 960, or less
    on half days. One for each of ``sessions(first, last)``."""
    days = sessions(first, last)
    minutes = np.full(len(days), REGULAR_CLOSE, dtype=np.int64)
    special = _kept_closes()
    _, here, there = np.intersect1d(
        days.astype(np.int64), special[:, 0], assume_unique=True, return_indices=True
    )
    minutes[here] = special[there, 1]
    return minutes


@lru_cache(maxsize=1)
def _kept() -> Dates:
    """All known sessions, from the user's cache when it has them."""
    return load(_path("sessions"))


@lru_cache(maxsize=1)
def _kept_closes() -> Numbers:
    """All known closes that are not at 16:00, from the user's cache when it has them."""
    return load_closes(_path("closes"))


def _path(what: str) -> Path:
    """Where a file of the calendar is kept: its name says what it was derived from."""
    name = f"XNYS-{FIRST}-{LAST}-{version('exchange_calendars')}.{what}"
    return user_cache_path("treefolio") / "calendar" / name


def load(path: Path) -> Dates:
    """All known sessions, from the file at `path`: made anew unless it is sound."""
    known: Dates = _load(path, lambda: _derived().astype(np.int64)).astype("datetime64[D]")
    known.flags.writeable = False
    return known


def load_closes(path: Path) -> Numbers:
    """All known closes that are not at 16:00, from the file at `path`: made anew unless it is sound.

    Returns: (K, 2) days since 1970 and minutes since midnight, ascending.
    """
    return _load(path, _derived_closes).reshape(-1, 2)


def _load(path: Path, derive: Callable[[], Numbers]) -> Numbers:
    """The numbers in the file at `path`, else as derived, and then written."""
    known = _read(path)
    if known is None:
        known = derive()
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
            _write(path, known)
    return known


def _derived() -> Dates:
    """The sessions as the library derives them."""
    known: Dates = _library().sessions.to_numpy().astype("datetime64[D]")
    return known


def _derived_closes() -> Numbers:
    """Days and minutes, one after the other, of those closes of the library that are not at 16:00."""
    local = _library().closes.dt.tz_convert("America/New_York")
    days = local.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    minutes = (local.dt.hour * 60 + local.dt.minute).to_numpy().astype(np.int64)
    return np.column_stack((days, minutes))[minutes != REGULAR_CLOSE].ravel()


def _library() -> Any:
    """The library's calendar, which it keeps itself."""
    from exchange_calendars import get_calendar  # noqa: PLC0415 - takes 0.3 s

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # between that library and pandas, not for our users
        return get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())


def _read(path: Path) -> Numbers | None:
    """The numbers in a file that `_write` wrote; None when there is none, or it was damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, body = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        return None
    return np.frombuffer(body, dtype="<i4").astype(np.int64)


def _write(path: Path, known: Numbers) -> None:
    """Write the numbers as int32 behind their SHA-256; a reader sees the whole file or none."""
    body = known.astype("<i4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
        Path(part).replace(path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
