"""A Redis server that is killed, paused, filled, or is no Redis at all: prices are the same without it."""

from __future__ import annotations

import logging
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cache_cases import PLENTY, Store, client, content, key

from treefolio.errors import UsageError
from treefolio.market.bars import Shelf
from treefolio.market.cache import redis as backend
from treefolio.market.cache.base import Cache
from treefolio.market.cache.choice import QUIET, REST, Guarded, open_cache
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.redis import Redis, Unreachable
from treefolio.market.settings import MarketSettings
from treefolio.testing.clock import FakeClock
from treefolio.testing.redis import RedisServer

MORNING = "2024-01-02T09:00-05:00"
LOCK = "treefolio:v1:lock:one"


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """A server that this test may harm."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MORNING)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait for two seconds."""
    monkeypatch.setattr(backend, "READ_SECONDS", 0.25)
    monkeypatch.setattr(backend, "CONNECT_SECONDS", 0.25)


def guarded(url: str, folder: Path, clock: FakeClock) -> Guarded:
    return Guarded(Redis(url, PLENTY, clock), Directory(folder / "cache", PLENTY, clock), clock)


def works(cache: Cache, seed: int) -> None:
    """Whatever is behind it, a cache keeps, finds, counts, locks and drops."""
    with cache.lock("one"):
        cache.save({key("X"): content(seed)})
    assert cache.load([key("X"), key("Y")]) == {key("X"): content(seed)}
    cache.note(hits=1, misses=0)
    assert cache.counters().hits >= 1
    assert key("X") in {entry.key for entry in cache.entries()}
    assert cache.drop([key("X")]) == 1


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The actions that were logged."""
    return [record.action for record in caplog.records]  # type: ignore[attr-defined]


def test_survives_kill_and_restart(own: RedisServer) -> None:
    """Blocks, last use and counters are those of before; one client serves over the restart."""
    cache = Redis(own.url, PLENTY, FakeClock(MORNING))
    blocks = {key(f"T{k}"): content(k) for k in range(10)}
    cache.save(blocks)
    cache.note(hits=3, misses=4)
    entries, counters = sorted(cache.entries(), key=str), cache.counters()
    own.restart()
    assert cache.load(list(blocks)) == blocks
    assert sorted(cache.entries(), key=str) == entries
    assert cache.counters() == counters
    own.restart()
    cache.save({key("T0"): content(5)})
    assert cache.load([key("T0")]) == {key("T0"): content(5)}


def test_killed_then_back(
    own: RedisServer, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning; the folder serves meanwhile; after the rest the server does, with what it had."""
    caplog.set_level(logging.INFO)
    cache = guarded(own.url, tmp_path, clock)
    cache.save({key(): content(1)})
    own.kill()
    assert cache.load([key()]) == {}
    assert cache.name == "directory"
    works(cache, 2)
    clock.advance(REST)
    works(cache, 3)
    own.start()
    assert cache.load([key()]) == {}
    clock.advance(REST)
    assert cache.load([key()]) == {key(): content(1)}
    assert cache.name == "redis"
    works(cache, 4)
    assert said(caplog) == ["cache_lost", "cache_regained"]


def test_never_there(tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens: as if no server were named, and one warning, however long it lasts."""
    with RedisServer() as server:
        url = server.url
    cache = guarded(url, tmp_path, clock)
    for k in range(4):
        works(cache, k)
        clock.advance(REST)
    assert said(caplog) == ["cache_lost"]
    clock.advance(QUIET)
    works(cache, 5)
    assert said(caplog) == ["cache_lost", "cache_lost"]


def test_silence_is_waited_for_once(tmp_path: Path, clock: FakeClock) -> None:
    """A server that never answers is not asked a second time, and a caller waits for it once."""
    connections = []

    class Mute(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connections.append(1)
            while self.request.recv(65_536):
                pass

    with served(Mute) as url:
        cache = guarded(url, tmp_path, clock)
        for k in range(3):
            works(cache, k)
    assert connections == [1]


@pytest.mark.parametrize("connected", [True, False])
def test_paused(
    own: RedisServer, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, connected: bool
) -> None:
    """A server that says nothing is waited for once; what it says later is taken for nobody's answer."""
    cache = guarded(own.url, tmp_path, clock)
    if connected:
        cache.save({key("SPY"): content(1), key("QQQ"): content(2)})
    own.pause()
    assert cache.load([key("SPY")]) == {}
    works(cache, 3)
    assert said(caplog) == ["cache_lost"]
    own.resume()
    clock.advance(REST)
    expected = {key("QQQ"): content(2)} if connected else {}
    assert cache.load([key("QQQ")]) == expected
    works(cache, 4)


def test_only_one_tries_again(own: RedisServer, tmp_path: Path, clock: FakeClock) -> None:
    """After the rest one caller waits for the paused server; the others go on with the folder."""
    cache = guarded(own.url, tmp_path, clock)
    works(cache, 0)
    own.pause()
    assert cache.load([key()]) == {}
    clock.advance(REST)
    asked = threading.Semaphore(0)
    waits = []

    class Watched(Redis):
        def load(self, keys):  # type: ignore[no-untyped-def]
            waits.append(1)
            asked.release()
            return super().load(keys)

    cache._server = Watched(own.url, PLENTY, clock)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(cache.load, [key()])
        asked.acquire()
        assert list(pool.map(lambda _: cache.load([key()]), range(20))) == [{}] * 20
        assert first.result() == {}
    assert waits == [1]
    own.resume()


def test_filled(own: RedisServer, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A server without memory still gives what it has; what it cannot take goes to the folder."""
    cache = guarded(own.url, tmp_path, clock)
    cache.save({key(): content(1)})
    own.fill()
    clock.advance(timedelta(days=1))
    assert cache.load([key()]) == {key(): content(1)}
    assert said(caplog) == []
    cache.save({key("QQQ"): content(2)})
    assert said(caplog) == ["cache_lost"]
    assert cache.load([key("QQQ")]) == {key("QQQ"): content(2)}
    works(cache, 3)
    clock.advance(REST)
    assert cache.load([key(), key("QQQ")]) == {key(): content(1)}
    assert cache.drop([key()]) == 1
    own.relieve()
    works(cache, 4)
    assert said(caplog) == ["cache_lost"]


def test_wrong_password(tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Said once, without the password; the folder serves. With the right one the server does."""
    with RedisServer(password="right-one") as server:
        works(Redis(server.url, PLENTY, clock), 1)
        for url in (server.url.replace("right", "wrong"), server.url.replace(":right-one@", "")):
            caplog.clear()
            works(guarded(url, tmp_path, clock), 1)
            assert said(caplog) == ["cache_lost"]
            assert "-one" not in caplog.text


@contextmanager
def served(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    """A TCP server that handles connections like this. Yields its address, as if it were Redis."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """The client hung up, as it should."""

    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


@pytest.mark.parametrize(
    "rubbish",
    [
        b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff\r\n" * 50, b"$-5\r\n", b"$99999999999\r\n",
        b"+OK\r\n", b":1\r\n", b"*1\r\n:7\r\n", b"*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n", b"*-1\r\n",
        b"%1\r\n+a\r\n+b\r\n", b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-MOVED 1 1.2.3.4:6\r\n", b"*9\r\n", b"_\r\n", b"*1\r\n$4\r\nTFB1\r\n", b"$x\r\n", b"\r\n",
    ],
)  # fmt: skip
def test_no_redis_at_all(
    rubbish: bytes, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a server answers, no answer is taken for a block, and the folder serves."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while rubbish and self.request.recv(65_536):
                self.request.sendall(rubbish)

    with served(Answer) as url:
        cache = guarded(url, tmp_path, clock)
        for k in range(2):
            assert cache.load([key("X"), key("Y")]) == {}
            works(cache, k)
            clock.advance(REST)
    assert "cache_lost" in said(caplog)
    assert set(said(caplog)) <= {"cache_lost", "cache_damaged"}


def test_slow(server: RedisServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers, but too slowly over many slices, is given up."""
    cache = Redis(server.url, PLENTY, clock)
    cache.save({key(): content()})
    monkeypatch.setattr(backend, "READ_SECONDS", 0.0)
    monkeypatch.setattr(backend, "SLICE_SECONDS", 0.0)
    with pytest.raises(Unreachable, match="for 1 answers"):
        cache.load([key()])


def test_slices(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the slices, all is saved, found and dropped."""
    monkeypatch.setattr(backend, "SLICE_BYTES", 10_000)
    monkeypatch.setattr(backend, "PAGE", 7)
    cache = Redis(server.url, PLENTY)
    minutes = Shelf(source="alpaca", interval="1m")
    blocks = {key(f"T{k}", shelf=minutes if k % 2 else key().shelf): content(k) for k in range(40)}
    cache.save(blocks)
    assert cache.load(list(blocks)) == blocks
    assert {entry.key for entry in cache.entries()} == set(blocks)
    assert cache.drop(list(blocks)) == 40


def test_lost_tables_lose_nothing_else(server: RedisServer) -> None:
    """Blocks that the server evicted by its own rules are absent; what is left behind goes with time."""
    cache = Redis(server.url, 20_000)
    cache.save({key("A"): content(), key("B"): content()})
    with server.client() as direct:
        direct.delete("treefolio:v1:block:" + backend.name_of(key("A")))
    assert cache.load([key("A"), key("B")]) == {key("B"): content()}
    cache.save({key(f"T{k}"): content(k) for k in range(40)})
    assert cache.counters().bytes <= 20_000
    with server.client() as direct:
        direct.flushall()
    assert cache.load([key("B")]) == {}
    cache.save({key("B"): content()})
    assert cache.counters().blocks == 1


def test_a_lock_is_renewed(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is held its lease is made longer again and again; then it is gone."""
    monkeypatch.setattr(backend, "LEASE_SECONDS", 0.6)
    cache = Redis(server.url, PLENTY)
    with client(server.url) as direct, cache.lock("one"):
        before = direct.pttl(LOCK)
        while 0 < (left := direct.pttl(LOCK)) <= before:
            before = left
        assert left > before > 0
    with client(server.url) as direct:
        assert not direct.exists(LOCK)


def test_a_lock_of_the_dead_is_free_after_its_lease(server: RedisServer) -> None:
    """Whoever died with it blocks nobody for longer."""
    with client(server.url) as direct:
        direct.set(LOCK, "of the dead", px=200)
    with Redis(server.url, PLENTY).lock("one"), client(server.url) as direct:
        assert direct.get(LOCK) != b"of the dead"


def test_a_lock_is_not_waited_for_forever(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waited too long goes on, and says so; the holder's lock stays."""
    monkeypatch.setattr(backend, "LOCK_SECONDS", 0.05)
    one, other = Redis(server.url, PLENTY), Redis(server.url, PLENTY)
    with client(server.url) as direct, one.lock("one"):
        with other.lock("one"):
            assert direct.exists(LOCK)
        assert direct.exists(LOCK)
    assert said(caplog) == ["cache_lock"]


def test_a_server_lost_while_a_lock_is_held(own: RedisServer, tmp_path: Path, clock: FakeClock) -> None:
    """The holder goes on, and what it raises is what comes out."""
    cache = guarded(own.url, tmp_path, clock)
    with cache.lock("one"):
        own.kill()
    own.start()
    clock.advance(REST)

    def lose_and_fail() -> None:
        own.kill()
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"), cache.lock("two"):
        lose_and_fail()


@pytest.mark.parametrize("url", ["localhost", "http://:secret@host/0", "redis://:secret@host:port/0", ""])
def test_malformed_address(url: str, tmp_path: Path) -> None:
    """It is refused, with how to write it, and without the password that may be in it."""
    settings = MarketSettings(home=tmp_path, redis_url=url)
    with pytest.raises(UsageError) as error:
        open_cache(settings)
    assert "redis://" in (error.value.hint or "")
    assert "secret" not in str(error.value)


def test_choice(server: RedisServer, tmp_path: Path) -> None:
    """A folder in the home folder; Redis when it is named; both bounded as the settings say."""
    folder = open_cache(MarketSettings(home=tmp_path, redis_url=None, cache_megabytes=7))
    assert isinstance(folder, Directory)
    assert (folder.path, folder.limit_bytes) == (tmp_path / "cache", 7_000_000)
    works(folder, 1)
    cache = open_cache(MarketSettings(home=tmp_path / "b", redis_url=server.url, cache_megabytes=7))
    works(cache, 1)
    cache.save({key(): content()})
    assert Store(kind="redis", folder=tmp_path, url=server.url).get(key()) is not None
    assert cache.name == "redis"


def test_dropped_in_both(own: RedisServer, tmp_path: Path, clock: FakeClock) -> None:
    """What was dropped while the server served does not come back from the folder when it does not."""
    cache = guarded(own.url, tmp_path, clock)
    own.kill()
    cache.save({key(): content(1)})
    own.start()
    clock.advance(REST)
    cache.save({key(): content(2)})
    assert cache.drop([key()]) == 1
    own.kill()
    assert cache.load([key()]) == {}
