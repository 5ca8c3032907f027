"""The rate limit: never more than so many within a minute, first come first served, over processes too."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_cases import START, Time, limit_of

from treefolio.market.sources import limits
from treefolio.market.sources.limits import WINDOW_SECONDS, RateLimit, log_file

GREEDY = """
import sys
from pathlib import Path
from treefolio.market.sources.limits import RateLimit

class Full(Exception):
    pass

def refuse(seconds):
    raise Full

limit = RateLimit(vendor="vendor", per_minute=int(sys.argv[2]), file=Path(sys.argv[1]), sleep=refuse)
taken = 0
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        limit.acquire()
        taken += 1
except Full:
    print(taken)
"""
"""Takes places until it would have to wait, and prints how many it got."""


@given(
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=60),
    per_minute=st.integers(1, 8),
)
def test_no_minute_has_more_than_its_share(gaps: list[float], per_minute: int) -> None:
    """Whenever requests come, at most `per_minute` of them are let through within any 60 seconds."""
    time = Time()
    limit = limit_of(time, per_minute)
    passed = []
    for gap in gaps:
        time.now += gap
        limit.acquire()
        passed.append(time.now)
    for earlier, later in zip(passed, passed[per_minute:], strict=False):
        assert later - earlier >= WINDOW_SECONDS - 0.002  # its log counts milliseconds


def test_it_waits_no_longer_than_it_must() -> None:
    """The fourth request of three a minute passes as soon as the first is a minute old: after one wait."""
    time = Time()
    limit = limit_of(time, 3)
    for _ in range(4):
        limit.acquire()
    assert len(time.waited) == 1
    assert time.now - START == pytest.approx(WINDOW_SECONDS, abs=0.01)


def test_who_comes_first_goes_first() -> None:
    """Threads pass in the order in which they came, and those behind the first one only sleep."""
    time, first_waits, go_on = Time(), threading.Event(), threading.Event()
    order: list[str] = []

    def sleep(seconds: float) -> None:
        first_waits.set()
        assert go_on.wait(30)
        order.append(threading.current_thread().name)
        time.sleep(seconds)

    limit = RateLimit(vendor="vendor", per_minute=1, clock=time.clock, sleep=sleep)
    limit.acquire()

    threads = [threading.Thread(target=limit.acquire, name=str(number)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        while len(limit._queue) <= number:
            thread.join(0.001)
        assert first_waits.wait(30)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert order == ["0", "1", "2", "3", "4"]  # one wait each: nobody looks twice


def test_a_pause_holds_everybody() -> None:
    """After `hold` nobody passes for so long, however much room there is."""
    time = Time()
    limit = limit_of(time)
    limit.hold(30)
    limit.hold(10)
    limit.acquire()
    limit.acquire()
    assert time.waited == [30]


def test_sources_with_the_same_key_share_a_log(tmp_path: Path) -> None:
    """Two limits on the same file count together."""
    time, file = Time(), log_file(tmp_path, "vendor", "key")
    one, two = (
        RateLimit(vendor="vendor", per_minute=3, file=file, clock=time.clock, sleep=time.sleep)
        for _ in range(2)
    )
    for limit in (one, two, one):
        limit.acquire()
    assert time.waited == []
    two.acquire()
    assert time.now - START == pytest.approx(WINDOW_SECONDS, abs=0.01)
    assert one.is_shared
    one.close()
    two.close()


def test_processes_with_the_same_key_share_a_log(tmp_path: Path) -> None:
    """Two processes that take as much as they can get 40 together, not each."""
    file = log_file(tmp_path, "vendor", "key")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", GREEDY, str(file), "40"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(taken) == 40


def test_the_key_stands_nowhere(tmp_path: Path) -> None:
    """The file is named for vendor and key without giving the key away, and another key has another file."""
    file = log_file(tmp_path, "alpaca", "AK123456")
    assert "AK123456" not in str(file)
    assert len({file, log_file(tmp_path, "alpaca", "AK1"), log_file(tmp_path, "massive", "AK123456")}) == 3
    limit = RateLimit(vendor="alpaca", per_minute=3, file=file)
    limit.acquire()
    limit.close()
    for part in file.parent.iterdir():
        assert b"AK123456" not in part.read_bytes()


def test_without_a_writable_folder_it_holds_for_the_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where no file can be made, the limit works in memory, and that is said once."""
    (tmp_path / "limits").write_text("a file where a folder should be")
    time = Time()
    with caplog.at_level(logging.WARNING):
        file = log_file(tmp_path / "limits", "vendor", "key")
        limit = RateLimit(vendor="vendor", per_minute=2, file=file, clock=time.clock, sleep=time.sleep)
        for _ in range(3):
            limit.acquire()
    assert not limit.is_shared
    assert [record.action for record in caplog.records] == ["rate_limit_in_memory"]
    assert time.now - START == pytest.approx(WINDOW_SECONDS, abs=0.01)


def test_a_damaged_log_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is no database does not stop anybody."""
    file = log_file(tmp_path, "vendor", "key")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a database, " * 1000)
    limit = RateLimit(vendor="vendor", per_minute=2, file=file)
    limit.acquire()
    assert not limit.is_shared
    assert [record.action for record in caplog.records] == ["rate_limit_in_memory"]


def test_a_log_that_is_lost_on_the_way_does_not_matter(tmp_path: Path) -> None:
    """When the file fails between two requests, the limit goes on in memory."""
    limit = RateLimit(vendor="vendor", per_minute=2, file=log_file(tmp_path, "vendor", "key"))
    limit.acquire()
    limit._bucket.conn.execute("DROP TABLE requests")
    limit.acquire()
    assert not limit.is_shared


def test_a_clock_that_is_set_back_stops_nobody(tmp_path: Path) -> None:
    """Requests logged an hour ahead of the present are forgotten: nobody waits for that hour."""
    time, file = Time(), log_file(tmp_path, "vendor", "key")
    limit = RateLimit(vendor="vendor", per_minute=2, file=file, clock=time.clock, sleep=time.sleep)
    limit.acquire()
    limit.acquire()
    time.now -= 3600
    limit.acquire()
    assert time.waited == []
    limit.close()


def test_one_limit_for_a_process(tmp_path: Path) -> None:
    """All sources of a process with the same vendor, file and pace have the same limit."""
    file = log_file(tmp_path, "vendor", "key")
    limit = limits.shared("vendor", file, 180)
    assert limits.shared("vendor", file, 180) is limit
    assert limits.shared("vendor", file, 90) is not limit
