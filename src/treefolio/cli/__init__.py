"""The command line: one file for each verb.

`main` is the program. `app` lists the verbs; `flags` says what several of them take, `asked` makes of it
what the engine is asked; `show` prints, `fail` says what went wrong. Heavy imports stand inside the verbs,
so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Sequence

RETURN_MEMORY = "dirty_decay_ms:0,muzzy_decay_ms:0"
"""polars' allocator gives memory back at once, so that a sweep's does not grow with its rows."""
COLLECT_EVERY = 1_000_000
"""Allocations between two searches for garbage: importing makes much and leaves none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status: 0 done, 1 failed, 2 misuse, 130 stopped."""
    if arguments is not None:
        return _start()(arguments)
    heard = signal.getsignal(signal.SIGINT)
    for number in (signal.SIGTERM, *([] if heard is signal.SIG_IGN else [signal.SIGINT])):
        signal.signal(number, _leave)
    gc.set_threshold(COLLECT_EVERY)
    os.environ.setdefault("_RJEM_MALLOC_CONF", RETURN_MEMORY)
    start = _start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was begun is put away then, too
    signal.signal(signal.SIGINT, heard)
    status = start(None)
    gc.freeze()  # what is left goes with the process: looking through it takes 0.4 s
    return status


def _start() -> Callable[[Sequence[str] | None], int]:
    from treefolio.cli.app import start  # noqa: PLC0415 - importing the library's face stays quick

    return start


def _leave(*_: object) -> None:
    """Ends the program while it has begun nothing: imports that are interrupted would say where."""
    os._exit(130)
