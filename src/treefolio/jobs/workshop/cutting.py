"""How a space is cut into ranges: by the speed of this process, in pieces that differ by one row at most."""

from __future__ import annotations

import time
from itertools import pairwise

from treefolio.jobs.workshop.spaces import Ready

LARGEST = 16_384
"""Rows of a range: as many as memory has room for in every worker."""
MOST = 20_000
"""Ranges of a job: all users wait while the ledger puts them in the queue, takes them out, or moves them."""
TRIAL_ROWS, TRIAL_SECONDS = 32, 0.05
"""The speed is taken from runs of rows, each twice as long as the one before, until one takes so long."""


def speed(ready: Ready) -> float:
    """Rows a second of one worker, from the first rows of the space."""
    count = TRIAL_ROWS
    ready.measure(0, 1)
    while True:
        rows = min(count, ready.size)
        began = time.perf_counter()
        ready.measure(0, rows)
        seconds = time.perf_counter() - began
        if seconds >= TRIAL_SECONDS or count >= ready.size:
            return rows / max(seconds, 1e-9)
        count *= 2


def ranges(size: int, each: int) -> list[tuple[int, int]]:
    """[0, size) in ranges of as many rows, or one fewer.

    They have more where there would be more than `MOST` otherwise, but not more than `LARGEST`.
    """
    count = max(1, -(-size // max(1, each)))
    count = min(count, max(MOST, -(-size // LARGEST)))
    edges = [size * k // count for k in range(count + 1)]
    return list(pairwise(edges))
