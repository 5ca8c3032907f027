"""Who is next: start-time fair queueing over users, weighted by tier.

Each chunk gets a place in virtual time, its *tag*, when it begins to wait: where the one before it of the
same user ends, or now, whichever is later. Workers take the smallest tag. A chunk takes `cost` units, so a
user with twice the weight gets twice as many chunks while both have some waiting; and who comes new is
neither behind those who wait already, nor before them by the time that he was away.

Chunks take about as long as each other, so one counts as much as another.
"""

from __future__ import annotations

from typing import NamedTuple

UNIT = 12
"""Virtual time that a chunk of weight 1 takes: weights 1, 2, 3, 4, 6 and 12 are exact."""
_RAISED = 100_000_000
"""One step of priority is more than any difference of tags."""
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1
"""What Procrastinate's column of priorities can hold."""


class Places(NamedTuple):
    """Tags of some chunks, in their order, and where the user's last one ends."""

    tags: list[int]
    served: int


def cost(weight: float) -> int:
    """Virtual time that one chunk of a user with this weight takes."""
    return max(1, round(UNIT / weight))


def places(now: int, served: int, count: int, weight: float) -> Places:
    """Where ``count`` new chunks stand.

    Args:
        now: virtual time: the tag of the chunk that was taken last.
        served: where the user's last chunk ends.
    """
    begin, each = max(now, served), cost(weight)
    return Places([begin + k * each for k in range(count)], begin + count * each)


def rank(tag: int, priority: int = 0) -> int:
    """The priority for Procrastinate, which takes the highest; a job's own priority stands above all tags."""
    return min(max(priority * _RAISED - tag, _LOWEST), _HIGHEST)
