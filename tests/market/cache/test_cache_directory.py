"""What a folder alone can do: be read-only, be full, be walked, be left behind by a process that died."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cache_cases import PLENTY, Store, content, hold_and_die, in_child, key

from treefolio.market.cache import directory
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.names import name_of
from treefolio.testing.clock import FakeClock

NOBODY = 65_534
MORNING = "2024-01-02T09:00-05:00"
READ_ONLY = """
cache.lock("x").__enter__()
cache.save({key("QQQ"): content(2)})
cache.save({key("IWM"): content(3)})
cache.note(hits=1, misses=1)
assert cache.drop([key()]) == 0
assert cache.load([key(), key("QQQ")]) == {key(): content(1)}
assert cache.counters().blocks == 1
"""
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
cache.save({key("QQQ"): content(2, count=200)})
cache.save({key("IWM"): content(3, count=200)})
with cache.lock("x"):
    assert cache.load([key(), key("QQQ"), key("IWM")]) == {key(): content(1)}
cache.note(hits=1, misses=2)
assert (cache.counters().hits, cache.counters().misses) == (1, 2)
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "cache"


def in_trouble(folder: Path, steps: str, *, user: int | None = None) -> list[str]:
    """Runs steps on a cache in another process, as another user; returns the actions that it logged."""
    program = f"""
import logging, os, sys
from pathlib import Path
sys.path.insert(0, {os.fspath(Path(__file__).parent)!r})
from cache_cases import PLENTY, content, key
from treefolio.market.cache.directory import Directory
class Actions(logging.Handler):
    def emit(self, record):
        print(record.action)
logging.getLogger("treefolio").addHandler(Actions())
cache = Directory(Path({os.fspath(folder)!r}), PLENTY)
if {user!r} is not None:
    os.setuid({user!r})
{steps}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_read_only(public_folder: Path) -> None:
    """What is there is read; what cannot be kept is said once; nothing fails."""
    cache = Directory(public_folder, PLENTY)
    cache.save({key(): content(1)})
    for path in [*public_folder.rglob("*"), public_folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    user = NOBODY if os.getuid() == 0 else None
    try:
        said = in_trouble(public_folder, READ_ONLY, user=user)
    finally:
        for path in [public_folder, *public_folder.rglob("*")]:
            path.chmod(0o755)
    assert sorted(said) == ["cache_lock", "cache_unwritable"]


def test_full_disk(public_folder: Path) -> None:
    """A block that does not fit is not there, no part of it is left, and that is said once."""
    Directory(public_folder, PLENTY).save({key(): content(1)})
    before = files(public_folder)
    assert in_trouble(public_folder, FULL) == ["cache_unwritable"]
    assert files(public_folder) == before


def test_something_in_the_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file where the folder should be: as if there were no cache."""
    (tmp_path / "cache").write_text("in the way")
    cache = Directory(tmp_path / "cache", PLENTY)
    for _ in range(3):
        cache.save({key(): content()})
        cache.note(hits=1, misses=0)
        with cache.lock("x"):
            assert cache.load([key()]) == {}
    assert cache.counters().blocks == cache.counters().hits == cache.drop([key()]) == 0
    assert list(cache.entries()) == []
    actions = sorted(record.action for record in caplog.records)  # type: ignore[attr-defined]
    assert actions == ["cache_lock", "cache_unwritable"]


def test_names_too_long_for_the_file_system(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A ticker of 300 letters is not kept, whatever it is; a lock of that name holds."""
    cache = Directory(tmp_path, PLENTY)
    cache.save({key("T" * 300): content()})
    assert cache.load([key("T" * 300)]) == {}
    caplog.clear()
    with cache.lock("t" * 300):
        pass
    assert caplog.records == []


def test_reading_writes_once_a_day(tmp_path: Path) -> None:
    """The time of last use moves when a day has passed, and not before."""
    clock = FakeClock(MORNING)
    cache = Directory(tmp_path, PLENTY, clock)
    cache.save({key(): content()})
    path = tmp_path / name_of(key())
    first = clock.now().timestamp()
    assert path.stat().st_mtime == first
    clock.advance(timedelta(hours=23))
    cache.load([key()])
    assert path.stat().st_mtime == first
    clock.advance(timedelta(hours=1))
    cache.load([key()])
    assert path.stat().st_mtime == clock.now().timestamp() == first + 86_400


@pytest.mark.parametrize("tally", [None, b"", b"rubbish", b"[]", b'{"bytes": "x"}', b'{"other": 1}'])
def test_lost_tally_is_made_anew(tmp_path: Path, tally: bytes | None) -> None:
    """Without it, or when it is damaged, the blocks are counted and the bound holds."""
    size = len(content()) + len(name_of(key("T00"))) + 1
    cache = Directory(tmp_path, 10 * size)
    cache.save({key(f"T{k:02}"): content() for k in range(10)})
    if tally is None:
        (tmp_path / directory.TALLY).unlink()
    else:
        (tmp_path / directory.TALLY).write_bytes(tally)
    assert cache.counters().bytes == 10 * size
    cache.save({key("T10"): content()})
    assert cache.counters().blocks == 9


def test_stranded_parts_are_cleared_away(tmp_path: Path) -> None:
    """What a killed writer left is no block, counts for nothing, and goes with the next eviction."""
    clock = FakeClock(MORNING)
    cache = Directory(tmp_path, 1, clock)
    cache.save({key(): content()})
    part = (tmp_path / name_of(key())).with_name(".2024.0123456789abcdef")
    part.write_bytes(content())
    os.utime(part, (clock.now().timestamp(), clock.now().timestamp()))
    assert list(cache.entries()) == []
    cache.save({key(): content()})
    assert part.exists()
    clock.advance(timedelta(hours=2))
    cache.save({key(): content()})
    assert not part.exists()


def test_blocks_of_another_schema(tmp_path: Path) -> None:
    """They are never read, count towards the bound, and are evicted like others."""
    clock = FakeClock(MORNING)
    old = tmp_path / "v0" / "alpaca" / "SPY"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(5_000))
    os.utime(old, (0, 0))
    cache = Directory(tmp_path, 6_000, clock)
    cache.save({key(): content()})
    assert [entry.key for entry in cache.entries()] == [key()]
    cache.save({key("QQQ"): content(1, count=40)})
    assert not old.exists()
    assert cache.counters().blocks == 2


def test_a_lock_of_the_dead_is_free(tmp_path: Path) -> None:
    """A process that was killed with a lock in its hands blocks nobody."""
    store = Store(kind="directory", folder=tmp_path / "cache")
    ready = tmp_path / "ready"
    assert in_child(hold_and_die, store, ready) < 0
    assert ready.exists()
    with store.opened().lock("of the dead"):
        pass


def test_a_lock_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waited too long goes on, and says so."""
    monkeypatch.setattr(directory, "LOCK_SECONDS", 0.05)
    store = Store(kind="directory", folder=tmp_path)
    store.opened().save({key(): content()})
    cache = store.opened()
    with store.opened().lock("one"), cache.lock("one"):
        assert cache.load([key()]) == {key(): content()}
    assert [record.action for record in caplog.records] == ["cache_lock"]  # type: ignore[attr-defined]


def files(folder: Path) -> set[Path]:
    """All files but locks."""
    return {path for path in folder.rglob("*") if path.is_file() and path.parent.name != directory.LOCKS}
