"""What holds for every cache: in a folder, in Redis, and in Redis with the folder behind it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cache_cases import SHELF, Store, content, count_up, in_processes, key, write_same

from treefolio.market.bars import SPLIT, Shelf
from treefolio.market.cache.base import Counters, Key
from treefolio.testing.clock import FakeClock

DAY = timedelta(days=1)
MORNING = "2024-01-02T09:00-05:00"


def test_what_was_saved_is_there(store: Store) -> None:
    """The bytes come back, in another cache at the same place too; what was not saved is not there."""
    blocks = {key("SPY"): content(1), key("BRK/B"): content(2), key("SPY", "actions"): content(3)}
    cache = store.opened()
    assert cache.load(list(blocks)) == {}
    cache.save(blocks)
    asked = [*blocks, key("QQQ"), key("SPY", "2023")]
    assert cache.load(asked) == blocks
    assert store.opened().load(asked) == blocks
    assert cache.load([]) == {}


def test_the_last_one_saved_counts(store: Store) -> None:
    """A block is replaced, never mixed."""
    cache = store.opened()
    cache.save({key(): content(1)})
    cache.save({key(): content(2, count=90)})
    assert cache.load([key()]) == {key(): content(2, count=90)}
    assert cache.counters().blocks == 1


@pytest.mark.parametrize(
    "other",
    [
        key("spy"), key("SPY", "2023"), key(shelf=Shelf(source="alpaca", feed="iex")),
        key(shelf=Shelf(source="alpaca", feed="sip", delivered=SPLIT)),
        key(shelf=Shelf(source="alpaca", feed="sip", entitlement="plus")),
        key(shelf=Shelf(source="alpaca", feed="sip", interval="1m")),
        key(shelf=Shelf(source="Alpaca", feed="sip")),
    ],
)  # fmt: skip
def test_shelves_are_apart(store: Store, other: Key) -> None:
    """Whatever part of a key differs, it is another block."""
    cache = store.opened()
    cache.save({key(): content(1)})
    assert cache.load([other]) == {}
    cache.save({other: content(2)})
    assert cache.load([key(), other]) == {key(): content(1), other: content(2)}


def test_dropped_is_gone(store: Store) -> None:
    """Dropping says how many there were; the others stay."""
    cache = store.opened()
    cache.save({key(ticker): content() for ticker in ("A", "B", "C")})
    assert cache.drop([key("A"), key("B"), key("D")]) == 2
    assert set(cache.load([key(ticker) for ticker in "ABCD"])) == {key("C")}
    assert cache.drop([key("A")]) == 0
    assert cache.drop([]) == 0


def test_entries_are_what_is_there(store: Store) -> None:
    """Each block with its bytes and its last use."""
    clock = FakeClock(MORNING)
    cache = store.opened(clock=clock)
    assert list(cache.entries()) == []
    blocks = {key(f"T{k}", str(year)): content(k, k) for k in range(30) for year in (2023, 2024)}
    cache.save(blocks)
    entries = list(cache.entries())
    assert {entry.key for entry in entries} == set(blocks)
    assert len(entries) == len(blocks)
    assert all(entry.bytes >= len(blocks[entry.key]) for entry in entries)
    assert {entry.used for entry in entries} == {clock.now().timestamp()}
    assert cache.counters().bytes == sum(entry.bytes for entry in entries)


def test_counters_add_up(store: Store) -> None:
    """They outlive the cache that counted, and no count of a thread is lost."""
    assert store.opened().counters() == Counters(blocks=0, bytes=0, hits=0, misses=0, evictions=0)
    with ThreadPoolExecutor(8) as pool:
        caches = [store.opened() for _ in range(8)]
        list(pool.map(lambda k: caches[k % 8].note(hits=k, misses=1), range(80)))
    counters = store.opened().counters()
    assert (counters.hits, counters.misses) == (sum(range(80)), 80)


@pytest.mark.parametrize("place", [0, 10, 60, 80, 100, 200, 500, -1])
def test_damaged_is_not_there(store: Store, place: int, caplog: pytest.LogCaptureFixture) -> None:
    """One wrong bit, in whatever part: the block is absent, is removed, and that is said once."""
    cache = store.opened()
    keys = [key("SPY"), key("QQQ")]
    cache.save({each: content() for each in keys})
    for each in keys:
        stored = bytearray(store.get(each) or b"")
        stored[place] ^= 1
        store.put(each, bytes(stored))
    assert cache.load(keys) == {}
    assert [store.get(each) for each in keys] == [None, None]
    assert [record.action for record in caplog.records] == ["cache_damaged"]  # type: ignore[attr-defined]
    cache.save({keys[0]: content(5)})
    assert cache.load(keys) == {keys[0]: content(5)}


@pytest.mark.parametrize("stored", [b"", b"\n", b"rubbish", b"\0" * 5_000])
def test_foreign_bytes_are_not_there(store: Store, stored: bytes) -> None:
    """Bytes that are no block at all."""
    cache = store.opened()
    cache.save({key(): content()})
    store.put(key(), stored)
    assert cache.load([key()]) == {}


def test_misplaced_is_not_there(store: Store) -> None:
    """A sound block in the place of another is never taken for it."""
    cache = store.opened()
    cache.save({key("SPY"): content(1), key("QQQ"): content(2)})
    store.put(key("SPY"), store.get(key("QQQ")) or b"")
    assert cache.load([key("SPY"), key("QQQ")]) == {key("QQQ"): content(2)}


def test_unused_goes_first(store: Store) -> None:
    """Beyond the bound the longest unused go, down to nine tenths of it; what was read is used."""
    clock = FakeClock(MORNING)
    size = _stored_size(store)
    cache = store.opened(limit_bytes=20 * size, clock=clock)
    keys = [key(f"T{k:02}") for k in range(21)]
    for each in keys[:20]:
        cache.save({each: content()})
        clock.advance(timedelta(minutes=1))
    assert cache.counters().evictions == 0
    clock.advance(2 * DAY)
    assert len(cache.load(keys[:2])) == 2
    cache.save({keys[20]: content()})
    assert set(cache.load(keys)) == {*keys[:2], *keys[5:]}
    counters = cache.counters()
    assert (counters.blocks, counters.evictions) == (18, 3)
    assert counters.bytes <= 18 * size


def test_the_bound_holds(store: Store) -> None:
    """Whatever is saved, by one or by many, replaced or dropped between, it is never exceeded."""
    size = _stored_size(store)
    caches = [store.opened(limit_bytes=10 * size) for _ in range(4)]

    def work(k: int) -> None:
        cache = caches[k % 4]
        cache.save({key(f"T{10 * k + j:03}"): content(j) for j in range(3)})
        cache.save({key("TALL"): content(k)})
        cache.drop([key(f"T{10 * k:03}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    counters = caches[0].counters()
    held = list(caches[0].entries())
    assert counters.bytes == sum(entry.bytes for entry in held) <= 10 * size
    assert 0 < counters.blocks == len(held) <= 10
    assert counters.evictions > 0


def test_larger_than_the_bound(store: Store) -> None:
    """One save that exceeds the bound leaves what fits."""
    size = _stored_size(store)
    cache = store.opened(limit_bytes=5 * size)
    cache.save({key(f"T{k:02}"): content(k) for k in range(30)})
    counters = cache.counters()
    assert (counters.blocks, counters.evictions) == (4, 26)
    assert counters.bytes <= 5 * size


def test_many_processes_write_one_block(store: Store) -> None:
    """Each reads a whole block at any time, and every count is counted."""
    in_processes(4, write_same, store, 25)
    cache = store.opened()
    counters = cache.counters()
    assert (counters.blocks, counters.hits, counters.misses) == (1, 100, 200)
    assert cache.load([key()])[key()] in {content(seed) for seed in range(4)}


def test_many_threads_write_one_block(store: Store) -> None:
    """As between processes, with one cache for all threads."""
    cache = store.opened()
    versions = {content(seed) for seed in range(4)}
    cache.save({key(): content(0)})

    def work(k: int) -> bool:
        cache.save({key(): content(k % 4)})
        return cache.load([key()])[key()] in versions

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(80)))
    assert cache.counters().blocks == 1


def test_a_lock_has_one_holder(store: Store, tmp_path: Path) -> None:
    """Between processes: without it counts would be lost."""
    path = tmp_path / "number"
    path.write_text("0")
    in_processes(4, count_up, store, path, 10)
    assert path.read_text() == "40"


def test_a_lock_has_one_holder_among_threads(store: Store) -> None:
    """Within a process, for caches and for threads; other names do not wait."""
    cache = store.opened()
    inside = threading.Lock()

    def work(k: int) -> bool:
        with (cache if k % 2 else store.opened()).lock("one"):
            alone = inside.acquire(blocking=False)
            with cache.lock(f"other {k}"):
                pass
            inside.release()
        return alone

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(18)))


def test_a_lock_ends_with_an_error(store: Store) -> None:
    """What is raised inside goes out as it is, and the lock is free."""
    cache = store.opened()
    with pytest.raises(KeyError, match="inside"), cache.lock("one"):
        raise KeyError("inside")
    with store.opened().lock("one"):
        assert cache.load([key()]) == {}


def test_threads_log_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Many readers of damaged blocks say it once, and none of them gets a wrong one."""
    cache = store.opened()
    keys = [key(f"T{k}") for k in range(40)]
    cache.save({each: content() for each in keys})
    for each in keys:
        store.put(each, b"rubbish")
    caplog.set_level(logging.INFO)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == {} for found in pool.map(lambda each: cache.load([each]), keys))
    assert len(caplog.records) == 1


def _stored_size(store: Store) -> int:
    """What one of these blocks counts."""
    cache = store.opened()
    probe = Key(SHELF, "T00", "2024")
    cache.save({probe: content()})
    size = cache.counters().bytes
    cache.drop([probe])
    return size
