"""Snapshots that come from elsewhere: taken in piece by piece, and looked at before they are believed.

The file is NumPy's, a ZIP archive of arrays. One made to do harm could unpack to more than it is, claim an
array larger than memory, or carry pickled objects. So its entries must be stored as they are, as `savez`
does; each array's header must fit its entry; and nothing is ever unpickled. Its name must be the hash of
its content.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import numpy as np

from treefolio.errors import PriceError
from treefolio.market import snapshots
from treefolio.market.panel import FIELDS, Panel
from treefolio.service.problems import Declined
from treefolio.sweep.files import explained

_ENTRIES = frozenset(
    f"{name}.npy"
    for name in (snapshots.PROVENANCE, snapshots.SESSIONS, *(snapshots.FIELD + each for each in FIELDS))
)
_ENCRYPTED = 0x1
_STRANGE = (AttributeError, KeyError, MemoryError, RecursionError, TypeError, ValueError)
"""What facts of another shape than a snapshot's lead to."""


async def receive(pieces: AsyncIterator[bytes], path: Path) -> None:
    """Writes what comes to a file. The door sees to it that it is not too much. Raises OutputError."""
    with explained(path), path.open("wb") as file:
        async for piece in pieces:
            file.write(piece)


def checked(path: Path, name: str) -> Panel:
    """The panel in an uploaded file.

    Raises:
        Declined: it is no snapshot, it could do harm, or its content has another hash than ``name``.
    """
    try:
        _require_plain(path)
        panel = snapshots.read(path)
        _require_sound(panel)
        found = panel.content_hash
    except (PriceError, *_STRANGE) as error:
        what = error.message if isinstance(error, PriceError) else type(error).__name__
        raise Declined(
            f"this is no snapshot: {what}",
            code="damaged",
            status=422,
            hint="Upload the file that `treefolio data snapshot export` writes.",
        ) from None
    if found != name:
        raise Declined(
            f"the content's hash is {found[:12]}…, not {name[:12]}…",
            code="wrong_hash",
            status=422,
            path="hash",
            hint="Name the snapshot by the hash of its content.",
        )
    return panel


def _require_plain(path: Path) -> None:
    """Nothing, when each entry is one of a snapshot's, stored as it is, and its array's size is true."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if len(set(names)) < len(names) or not _ENTRIES.issuperset(names):
                raise PriceError("it has entries that a snapshot has not")
            for entry in entries:
                if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
                    raise PriceError(f"its entry {entry.filename} is packed")
                if entry.file_size != entry.compress_size or entry.file_size > path.stat().st_size:
                    raise PriceError(f"its entry {entry.filename} claims another size than it has")
                with archive.open(entry) as file:
                    _require_true_size(file, entry)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise PriceError(f"it cannot be read ({type(error).__name__})") from None


def _require_true_size(file: IO[bytes], entry: zipfile.ZipInfo) -> None:
    """Nothing, when the array's header says what the entry holds. Raises PriceError, ValueError."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise PriceError(f"its entry {entry.filename} is of another version of NumPy's format")
    shape, fortran, kind = np.lib.format.read_array_header_1_0(file)
    expected = {snapshots.PROVENANCE: np.uint8, snapshots.SESSIONS: np.int64}
    wanted = expected.get(entry.filename.removesuffix(".npy"), np.float64)
    if kind != np.dtype(wanted) or fortran:
        raise PriceError(f"its entry {entry.filename} holds {kind}, not {np.dtype(wanted)}")
    if math.prod(shape) * kind.itemsize != entry.file_size - file.tell():
        raise PriceError(f"its entry {entry.filename} claims another size than it has")


def _require_sound(panel: Panel) -> None:
    """Nothing, when sessions and tickers are in order and prices are prices. Raises PriceError."""
    if not len(panel.sessions) or not (np.diff(panel.sessions.astype(np.int64)) > 0).all():
        raise PriceError("its sessions are not in order")
    if not panel.tickers or list(panel.tickers) != sorted(set(panel.tickers)):
        raise PriceError("its tickers are not in order")
    if not all(isinstance(ticker, str) and 0 < len(ticker) <= 40 for ticker in panel.tickers):
        raise PriceError("one of its tickers is none")
    for name, values in panel.fields.items():
        if np.isinf(values).any() or (values < 0).any():
            raise PriceError(f"its {name} holds what is no price")
