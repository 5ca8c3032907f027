"""Keeps processes alive: starts them, starts again what ends, and brings all to an end.

A process that ends is started again at once; one that ends soon after each start, ever more slowly. Each
has a pipe to here as its standard input: when this process is gone, however it ended, the pipe closes, and
`end_with_parent` on the other side lets go. They stay in this process's group.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger(__name__)

SUPERVISED = "TREEFOLIO_SUPERVISED"
"""Set for processes that were started from here."""
SETTLED_SECONDS = 5.0
"""A process that lived as long is started again at once when it ends."""
SLOWEST_SECONDS = 10.0
_FIRST_PAUSE = 0.25
_TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to keep alive.

    Attributes:
        name: for the log.
        env: beside this process's own.
        descriptors: open files that it gets.
        grace_seconds: what it may take to end.
        give_up: is told the status with which it ended, and says whether it shall not be started again.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    grace_seconds: float = 10.0
    give_up: Callable[[int], bool] = lambda _: False


@dataclass(slots=True, kw_only=True)
class _Kept:
    """A process under way, or one that waits to be started again."""

    command: Command
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    failures: int = 0
    due: float = 0.0
    wanted: bool = True


class Supervisor:
    """See the module. `run` works on the calling thread until it is told to stop.

    Everything else is called on that thread too, but `call` and `stop`.
    """

    def __init__(self, tick: Callable[[], None] | None = None) -> None:
        self.kept: dict[str, _Kept] = {}
        self.events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.tick = tick

    def keep(self, command: Command) -> None:
        """Starts a process, and again whenever it ends."""
        self.kept[command.name] = kept = _Kept(command=command)
        self._start(kept)

    def release(self, name: str) -> None:
        """Asks a process to end, and does not start it again."""
        kept = self.kept[name]
        kept.wanted = False
        _ask_to_end(kept.process)

    def names(self, prefix: str) -> list[str]:
        """Of those that are kept alive and begin so."""
        return [name for name, kept in self.kept.items() if kept.wanted and name.startswith(prefix)]

    def stop(self) -> None:
        """Has `run` return; what it kept alive is still there."""
        self.stopping.set()
        self.events.put(lambda: None)

    def call(self, act: Callable[[], None]) -> None:
        """Has `run` do something on its thread."""
        self.events.put(act)

    def alive(self, name: str) -> subprocess.Popen[bytes] | None:
        """The process under way; None while it waits to be started again."""
        return self.kept[name].process if name in self.kept else None

    def run(self) -> None:
        """Starts again what ends, until `stop`."""
        while not self.stopping.is_set():
            now = time.monotonic()
            for kept in [each for each in self.kept.values() if each.process is None and each.wanted]:
                if kept.due <= now:
                    self._start(kept)
            with contextlib.suppress(queue.Empty):
                act = self.events.get(timeout=self._patience())
                if not self.stopping.is_set():
                    act()
            if self.tick is not None and not self.stopping.is_set():
                self.tick()

    def end(self, names: Sequence[str]) -> None:
        """Asks processes to end, all at once, and kills those that take longer than they may."""
        ending = [self.kept[name] for name in list(names) if name in self.kept]
        for kept in ending:
            kept.wanted = False
            _ask_to_end(kept.process)
        deadline = time.monotonic() + max((kept.command.grace_seconds for kept in ending), default=0)
        for kept in ending:
            if kept.process is None:
                continue
            try:
                kept.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                name = kept.command.name
                log.warning(
                    "%s did not end, and was killed", name, extra={"action": "process.killed", "of": name}
                )
                kept.process.kill()
                kept.process.wait()
            _close(kept.process)

    def _patience(self) -> float:
        """Seconds until there is something to do, even if nothing happens."""
        waiting = [kept.due for kept in self.kept.values() if kept.process is None and kept.wanted]
        soonest = min(waiting, default=float("inf")) - time.monotonic()
        return max(0.01, min(_TICK_SECONDS, soonest))

    def _start(self, kept: _Kept) -> None:
        command = kept.command
        kept.began = time.monotonic()
        try:
            kept.process = process = subprocess.Popen(
                list(command.argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **command.env, SUPERVISED: "1"},
                pass_fds=command.descriptors,
            )
        except OSError as error:  # no memory, no room for a process, or a program that is being replaced
            self._again(kept, f"could not be started: {error.strerror}", None)
            return
        log.info("started", extra={"action": "process.started", "of": command.name, "pid": process.pid})

        def attend() -> None:
            process.wait()
            self.events.put(lambda: self._ended(kept))

        threading.Thread(target=attend, name=f"attend-{command.name}", daemon=True).start()

    def _ended(self, kept: _Kept) -> None:
        """Takes note of an end, and of when to start it again."""
        if kept.process is None or kept.process.poll() is None:
            return
        status = kept.process.returncode
        _close(kept.process)
        kept.process = None
        if not kept.wanted or kept.command.give_up(status):
            del self.kept[kept.command.name]
            return
        self._again(kept, f"ended, {_how(status)}", status)

    def _again(self, kept: _Kept, what: str, status: int | None) -> None:
        """Takes note of when to start it, or to try so, again."""
        settled = time.monotonic() - kept.began >= SETTLED_SECONDS
        kept.failures = 0 if settled else kept.failures + 1
        pause = 0.0 if kept.failures <= 1 else min(SLOWEST_SECONDS, _FIRST_PAUSE * 2 ** (kept.failures - 1))
        kept.due = time.monotonic() + pause
        log.warning(
            "%s %s, and is started again",
            kept.command.name,
            what,
            extra={"action": "process.ended", "of": kept.command.name, "status": status, "after": pause},
        )


def _how(status: int) -> str:
    """How a process ended, in words."""
    return f"with status {status}" if status >= 0 else f"killed by signal {-status}"


def _ask_to_end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        process.terminate()


def _close(process: subprocess.Popen[bytes]) -> None:
    """Gives the pipe to a process back."""
    if process.stdin is not None:
        process.stdin.close()


def end_with_parent() -> bool:
    """Sends this process SIGTERM when the one that supervises it is gone; False when there is none.

    Ctrl-C, which reaches the whole group, is left to that one.
    """
    if not os.environ.get(SUPERVISED):
        return False
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def attend() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=attend, name="parent", daemon=True).start()
    return True


@contextlib.contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Within, SIGTERM and Ctrl-C call ``act`` instead of ending the process."""

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        act()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
