"""Processes that are kept alive: started again, ended in order, and gone when their parent is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service_samples import wait_for
from treefolio.cli.log import lines
from treefolio.service.supervisor import Command, Supervisor

WAITS = "import sys; sys.stdin.read()"
"""Ends when its parent does, or is asked to."""
STUBBORN = (
    "import pathlib, signal, sys, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "pathlib.Path(sys.argv[1]).touch(); threading.Event().wait()"
)
COUNTS = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(3)"
PARENT = """
import sys
from treefolio.service.supervisor import Command, Supervisor
supervisor = Supervisor()
code = "from treefolio.service.supervisor import end_with_parent; import threading;"
code += "end_with_parent(); print(1, flush=True); threading.Event().wait()"
supervisor.keep(Command(name="child", argv=[sys.executable, "-c", code]))
print(supervisor.alive("child").pid, flush=True)
supervisor.run()
"""


def command(name: str, code: str, *arguments: str | Path, grace: float = 20.0) -> Command:
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return Command(name=name, argv=argv, grace_seconds=grace)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """One at work; what it keeps alive is ended at the end."""
    made = Supervisor()
    working = threading.Thread(target=made.run)
    working.start()
    yield made
    made.stop()
    working.join()
    made.end(made.names(""))


def pid(supervisor: Supervisor, name: str) -> int | None:
    process = supervisor.alive(name)
    return None if process is None else process.pid


def test_what_is_killed_is_started_again(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as it takes; it stays in the group of its parent. Each time it is said what, and how."""
    monkeypatch.delenv("TREEFOLIO_LOG", raising=False)
    with lines():
        seen = killed(supervisor)
        wait_for(lambda: pid(supervisor, "it") not in (None, *seen), "the last start")
    said = ["Warning: it ended, killed by signal 9, and is started again"]
    assert capsys.readouterr().err.splitlines() == said * 3


def killed(supervisor: Supervisor) -> set[int]:
    """Kills a process three times; returns the numbers that it had."""
    supervisor.call(lambda: supervisor.keep(command("it", WAITS)))
    seen = set()
    for _ in range(3):
        number = wait_for(lambda: (found := pid(supervisor, "it")) not in seen and found, "the process")
        assert os.getpgid(number) == os.getpgid(0)
        seen.add(number)
        os.kill(number, 9)
    assert len(seen) == 3
    return seen


def test_what_ends_at_once_is_started_ever_more_slowly(supervisor: Supervisor, tmp_path: Path) -> None:
    """It does not take the machine; its neighbour is not touched."""
    marks = tmp_path / "marks"
    supervisor.call(lambda: supervisor.keep(command("good", WAITS)))
    supervisor.call(lambda: supervisor.keep(command("bad", COUNTS, marks)))
    good = wait_for(lambda: pid(supervisor, "good"), "the neighbour")
    wait_for(lambda: marks.exists() and len(marks.read_text()) >= 3, "three tries")
    kept = supervisor.kept["bad"]
    assert kept.failures >= 2
    assert pid(supervisor, "good") == good


def test_what_is_given_up_is_not_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    """Whoever wants it kept alive says so by the status with which it ended; it is forgotten."""
    seen: list[int] = []
    marks = tmp_path / "marks"
    argv = [sys.executable, "-c", COUNTS, str(marks)]
    given = Command(name="it", argv=argv, give_up=lambda status: bool(seen.append(status) or len(seen) == 2))
    supervisor.call(lambda: supervisor.keep(given))
    wait_for(lambda: len(seen) == 2 and "it" not in supervisor.kept, "the end")
    assert (seen, marks.read_text()) == ([3, 3], "xx")


def test_what_cannot_be_started_is_tried_again(
    supervisor: Supervisor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program that is being replaced, or no room for one more process: its neighbours live on."""
    monkeypatch.delenv("TREEFOLIO_LOG", raising=False)
    python = tmp_path / "python"
    supervisor.call(lambda: supervisor.keep(command("good", WAITS)))
    good = wait_for(lambda: pid(supervisor, "good"), "the neighbour")
    with lines():
        missing = Command(name="it", argv=[str(python), "-c", WAITS])
        supervisor.call(lambda: supervisor.keep(missing))
        wait_for(lambda: "it" in supervisor.kept and supervisor.kept["it"].failures >= 2, "two tries")
        python.symlink_to(sys.executable)
        wait_for(lambda: pid(supervisor, "it"), "the start")
    assert pid(supervisor, "good") == good
    said = capsys.readouterr().err.splitlines()
    assert set(said) == {"Warning: it could not be started: No such file or directory, and is started again"}


def test_what_is_released_is_not_started_again(supervisor: Supervisor) -> None:
    """It is forgotten."""
    supervisor.call(lambda: supervisor.keep(command("it", WAITS)))
    wait_for(lambda: pid(supervisor, "it"), "the process")
    supervisor.call(lambda: supervisor.release("it"))
    wait_for(lambda: "it" not in supervisor.kept, "the end")


def test_the_end(tmp_path: Path) -> None:
    """Who does not end when he is asked to is killed when his time is over; the others are not waited for."""
    mark = tmp_path / "deaf"
    supervisor = Supervisor()
    supervisor.keep(command("polite", WAITS))
    supervisor.keep(command("deaf", STUBBORN, mark, grace=0.2))
    supervisor.kept["polite"].command = command("polite", WAITS, grace=0.2)
    processes = [supervisor.alive(name) for name in ("polite", "deaf")]
    wait_for(mark.exists, "the deaf one")
    supervisor.end(supervisor.names(""))
    assert [each.returncode for each in processes if each is not None] == [-15, -9]


def test_children_end_with_their_parent() -> None:
    """However that ended: here by ``kill -9``."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child's end")
