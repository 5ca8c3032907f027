"""The command line: one file for each verb.

`main` is the program. `app` lists the verbs; `flags` says what several of them take, `asked` makes of it
what the engine is asked; `show` prints, `fail` says what went wrong. Heavy imports stand inside the verbs,
so that ``--help`` is quick.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Sequence

RETURN_MEMORY = "dirty_decay_ms:0,muzzy_decay_ms:0"
"""polars' allocator gives memory back at once, so that a sweep's does not grow with its rows."""
COLLECT_EVERY = 1_000_000
"""Allocations between two searches for garbage: importing makes much and leaves none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status: 0 done, 1 failed, 2 misuse, 130 stopped."""
    if arguments is None:
        gc.set_threshold(COLLECT_EVERY)
        os.environ.setdefault("_RJEM_MALLOC_CONF", RETURN_MEMORY)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was begun is put away then, too
    from treefolio.cli.app import start  # noqa: PLC0415 - importing the library's face stays quick

    status = start(arguments)
    if arguments is None:
        gc.freeze()  # what is left goes with the process: looking through it takes 0.4 s
    return status
