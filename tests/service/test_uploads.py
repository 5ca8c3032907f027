"""Snapshots that come from elsewhere: what is one, and what could do harm."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from treefolio.market import snapshots
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.problems import Declined
from treefolio.service.uploads import checked

PANEL = synthetic_panel(seed=3, start=date(2020, 1, 2), end=date(2020, 3, 31), tickers=["SPY", "TLT"])
Entries = dict[str, bytes]


def entries(folder: Path, panel: Panel = PANEL) -> Entries:
    """The entries of a snapshot's file."""
    snapshots.keep(panel, folder)
    with zipfile.ZipFile(snapshots.find(panel.content_hash, folder)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def array(values: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)  # type: ignore[arg-type]  # also what is no array
    return stream.getvalue()


def with_facts(**changed: object) -> Callable[[Entries], Entries]:
    """A snapshot that says something else of itself."""

    def change(found: Entries) -> Entries:
        facts = json.loads(np.load(io.BytesIO(found["provenance.npy"])).tobytes()) | changed
        return found | {"provenance.npy": array(np.frombuffer(json.dumps(facts).encode(), np.uint8))}

    return change


def with_entry(name: str, content: bytes) -> Callable[[Entries], Entries]:
    return lambda found: found | {name: content}


def with_shape(shape: str) -> Callable[[Entries], Entries]:
    """Prices whose header claims another shape."""

    def change(found: Entries) -> Entries:
        close = found["field-close.npy"]
        length = struct.unpack("<H", close[8:10])[0]
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(length - 1) + "\n"
        return found | {"field-close.npy": close[:10] + header.encode() + close[10 + length :]}

    return change


def deep(found: Entries) -> Entries:
    """A million lists in each other where the facts should be."""
    return found | {"provenance.npy": array(np.frombuffer(b"[" * 1_000_000, np.uint8))}


BAD: dict[str, Callable[[Entries], Entries]] = {
    "other prices": with_entry("field-close.npy", array(np.ones((61, 2)))),
    "pickled": with_entry("field-close.npy", array(np.array([print], dtype=object))),
    "a bare pickle": with_entry("field-close.npy", pickle.dumps(print)),
    "another entry": with_entry("../../evil.npy", array(np.ones(2))),
    "an absolute name": with_entry("/etc/cron.d/evil", b"x"),
    "no arrays": lambda _: {},
    "no prices": lambda found: {name: each for name, each in found.items() if "close" not in name},
    "text prices": with_entry("field-close.npy", array(np.full((61, 2), "x"))),
    "terabytes": with_shape("(1000000000, 1000)"),
    "a negative shape": with_shape("(-61, -2)"),
    "a shape of code": with_shape("__import__('os').abort()"),
    "infinite": with_entry("field-close.npy", array(np.full((61, 2), np.inf))),
    "below zero": with_entry("field-close.npy", array(np.full((61, 2), -1.0))),
    "falling sessions": with_entry("sessions.npy", array(np.arange(61)[::-1].copy())),
    "deep": deep,
    "a ticker twice": with_facts(tickers=["SPY", "SPY"]),
    "tickers as numbers": with_facts(tickers=[1, 2]),
    "no basis": with_facts(basis=None),
    "a hash of another": with_facts(hash="0" * 64),
    "a NUL": with_facts(tickers=["SPY", "TLT\0"]),
}


def write(path: Path, found: Entries, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return path


def test_a_snapshot(tmp_path: Path) -> None:
    """Is taken as it is."""
    path = write(tmp_path / "it.npz", entries(tmp_path))
    assert checked(path, PANEL.content_hash).content_hash == PANEL.content_hash


@pytest.mark.parametrize("what", BAD)
def test_refused(what: str, tmp_path: Path) -> None:
    """With a reason; nothing is run, and no memory taken that is not there."""
    path = write(tmp_path / "it.npz", BAD[what](entries(tmp_path)))
    with pytest.raises(Declined) as caught:
        checked(path, PANEL.content_hash)
    assert (caught.value.status, caught.value.code) == (422, "damaged")
    assert caught.value.hint


def test_packed_entries_are_refused(tmp_path: Path) -> None:
    """They could unpack to anything: here to a thousand times their size."""
    bomb = entries(tmp_path) | {"field-close.npy": array(np.zeros((4_000_000, 2)))}
    path = write(tmp_path / "it.npz", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(Declined, match="is packed"):
        checked(path, PANEL.content_hash)


def test_an_entry_twice(tmp_path: Path) -> None:
    """One of them would be looked at, and the other one read."""
    path = write(tmp_path / "it.npz", entries(tmp_path))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("field-close.npy", array(np.ones((61, 2))))
    with pytest.raises(Declined, match="entries that a snapshot has not"):
        checked(path, PANEL.content_hash)


def test_another_name(tmp_path: Path) -> None:
    """The name must be the hash of the content."""
    path = write(tmp_path / "it.npz", entries(tmp_path))
    with pytest.raises(Declined) as caught:
        checked(path, "0" * 64)
    assert (caught.value.code, caught.value.path) == ("wrong_hash", "hash")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"\x89PNG", b"{}" * 1000])
def test_no_archive(content: bytes, tmp_path: Path) -> None:
    """Whatever else it is."""
    path = tmp_path / "it.npz"
    path.write_bytes(content)
    with pytest.raises(Declined) as caught:
        checked(path, PANEL.content_hash)
    assert caught.value.code == "damaged"


def test_cut_off_anywhere(tmp_path: Path) -> None:
    """A file that did not come whole is no snapshot."""
    content = write(tmp_path / "it.npz", entries(tmp_path)).read_bytes()
    for length in range(0, len(content), 397):
        path = tmp_path / "cut.npz"
        path.write_bytes(content[:length])
        with pytest.raises(Declined):
            checked(path, PANEL.content_hash)
