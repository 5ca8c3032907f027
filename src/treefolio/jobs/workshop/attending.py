"""Work that goes on while somebody looks whether it shall: long steps, and waiting for a vendor.

A thread cannot be stopped. What does not end by itself soon after it was told to is left behind, and the
worker that left it begins anew as a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

GoOn = Callable[[], bool]
Found = TypeVar("Found")
LOOK_SECONDS = 0.05
END_SECONDS = 1.0
"""What was told to stop has as long to do so."""


class Halted(Exception):  # noqa: N818 - it is an answer, not a fault
    """The chunk is not to be gone on with."""


class LeftBehind(Halted):
    """As above, and what was begun goes on nevertheless, until the process ends."""


def attended(work: Callable[[threading.Event], Found], go_on: GoOn) -> Found:
    """What the work gives. It runs on a thread of its own, and is given an event that tells it to stop.

    Raises:
        Halted: ``go_on`` said no. Whatever the work raises.
    """
    stop = threading.Event()
    outcome: Future[Found] = Future()

    def run() -> None:
        try:
            outcome.set_result(work(stop))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="chunk", daemon=True).start()
    while not _ended(outcome, LOOK_SECONDS):
        if not go_on():
            stop.set()
            raise Halted if _ended(outcome, END_SECONDS) else LeftBehind
    return outcome.result()


def _ended(outcome: Future[Found], seconds: float) -> bool:
    """Whether it has ended, or does so within as long."""
    try:
        outcome.exception(seconds)
    except TimeoutError:
        return False
    return True
