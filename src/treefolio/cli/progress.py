"""Long work in the terminal: a bar with rate and time left, and a stop that does not tear anything apart."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from treefolio.cli import fail, show

if TYPE_CHECKING:
    from treefolio.sweep.many import Progress

Told = Callable[["Progress"], None]
Handler = Callable[[int, FrameType | None], object]


@contextmanager
def stoppable(total: int) -> Iterator[tuple[Told, threading.Event]]:
    """A bar of so many rows to tell the progress to, and an event that Ctrl-C (or SIGTERM) sets.

    What is being computed is then brought to its end. It is so from the first progress until all rows are
    there; before and after, and the second time, nobody looks at the event, and the signal is
    KeyboardInterrupt at once.
    """
    stop = threading.Event()

    def ask(*_: object) -> None:
        stop.set()
        heed(signal.default_int_handler)

    def heed(handler: Handler) -> None:
        for number in before:
            signal.signal(number, handler)

    def told(at: Progress) -> None:
        if at.done == at.total:
            heed(signal.default_int_handler)
        elif not stop.is_set():
            heed(ask)
        update(at)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with bar(total) as update:
        heed(signal.default_int_handler)
        try:
            yield told, stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Where a stop, at whatever moment, is said with what became of the folder of the sweep.

    Raises:
        Halted: instead of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        begun = (out / "manifest.json").exists()
        raise fail.Halted(
            "stopped" if begun else "stopped before the first combination",
            hint=f"What is done is kept in {out}; continue with --resume."
            if begun
            else "Nothing was written; run it again when you like.",
        ) from None


@contextmanager
def bar(total: int) -> Iterator[Told]:
    """Progress on standard error with rate and time left; nothing when that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Display  # noqa: PLC0415

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"))
    with Display(*columns, console=show.err(), transient=True) as display:
        task = display.add_task("", total=total, said="")

        def update(at: Progress) -> None:
            said = f"{at.rate:,.0f} a second, {show.duration(at.seconds_left)} left" if at.rate else ""
            display.update(task, completed=at.done, said=said)

        yield update
