"""The sessions of the New York Stock Exchange, as ``exchange_calendars`` knows them.

Importing that library and building its calendar takes a quarter of a second and more, the sessions themselves
are 45 KB. So they are derived once for each version of the library and kept in the user's cache folder. The
file carries a checksum: whatever is wrong with it, it is derived and written anew. Without a writable
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
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

Dates = NDArray[np.datetime64]

FIRST = date(1970, 1, 1)
LAST = date(2050, 12, 31)
"""Sessions are known from FIRST to LAST."""
DIGEST_BYTES = hashlib.sha256().digest_size


def sessions(first: date, last: date) -> Dates:
    """NYSE sessions from `first` to `last`, both included: datetime64[D], ascending, read-only.

    Only those from FIRST to LAST are known. Empty when `first` is after `last`.
    """
    known = _kept()
    ends = np.array([first, last], dtype="datetime64[D]")
    return known[np.searchsorted(known, ends[0]) : np.searchsorted(known, ends[1], side="right")]


@lru_cache(maxsize=1)
def _kept() -> Dates:
    """All known sessions, from the user's cache when it has them."""
    name = f"XNYS-{FIRST}-{LAST}-{version('exchange_calendars')}.sessions"
    return load(user_cache_path("treefolio") / "calendar" / name)


def load(path: Path) -> Dates:
    """All known sessions, from the file at `path`: made anew unless it is sound."""
    known = _read(path)
    if known is None:
        known = _derived()
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
            _write(path, known)
    return known


def _derived() -> Dates:
    """The sessions as the library derives them."""
    from exchange_calendars import get_calendar  # noqa: PLC0415 - takes 0.3 s

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # between that library and pandas, not for our users
        calendar = get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())
    known: Dates = calendar.sessions.to_numpy().astype("datetime64[D]")
    known.flags.writeable = False
    return known


def _read(path: Path) -> Dates | None:
    """The sessions in a file that `_write` wrote; None when there is none, or it was damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, body = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        return None
    known: Dates = np.frombuffer(body, dtype="<i4").astype("datetime64[D]")
    known.flags.writeable = False
    return known


def _write(path: Path, known: Dates) -> None:
    """Write days since 1970 as int32 behind their SHA-256; a reader sees the whole file or none."""
    body = known.astype(np.int64).astype("<i4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
        Path(part).replace(path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise
