"""Long work in the terminal: a bar with rate and time left, and a stop that does not tear anything apart."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from treefolio.cli import show

if TYPE_CHECKING:
    from treefolio.sweep.many import Progress


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """An event that Ctrl-C (or SIGTERM) sets; what is being computed is then brought to its end."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        stop.set()
        for number in before:
            signal.signal(number, signal.default_int_handler)  # the second one does not wait

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def bar(total: int) -> Iterator[Callable[[Progress], None] | None]:
    """Progress on standard error with rate and time left; nothing when that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Display  # noqa: PLC0415

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"))
    with Display(*columns, console=show.err(), transient=True) as display:
        task = display.add_task("", total=total, said="")

        def update(at: Progress) -> None:
            said = f"{at.rate:,.0f} a second, {show.duration(at.seconds_left)} left"
            display.update(task, completed=at.done, said=said)

        yield update
