"""Fewer points for drawing: curves keep their extremes, shares are averaged."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 5_000
"""Of one curve."""
MOST_COLUMNS = 240
"""Of a stacked area; narrower ones flicker where a strategy switches daily."""


def kept(values: NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Positions to draw of (N,) values: all, or the first, lowest, highest and last of each group.

    Groups are runs of consecutive positions whose lengths differ by at most one. At most ``most`` (4 or
    more) positions come back, ascending, each once; the lowest and the highest value, and both ends, are
    always among them.
    """
    size = len(values)
    if size <= most:
        return np.arange(size, dtype=np.int64)
    edges = np.linspace(0, size, most // 4 + 1).astype(np.int64)
    found = [edges[:-1], edges[1:] - 1]
    for pick in (np.argmin, np.argmax):
        inside = [int(pick(values[a:b])) for a, b in pairwise(edges.tolist())]
        found.append(edges[:-1] + np.array(inside, dtype=np.int64))
    return np.unique(np.concatenate(found))


def said(sessions: int, most: int = MOST_POINTS) -> str:
    """How `kept` thinned a curve of so many sessions, as a sentence; empty when it did not."""
    if sessions <= most:
        return ""
    return (
        f"Of {sessions:,} sessions the first, lowest, highest and last of each of {most // 4:,} equal groups "
        "are drawn."
    )


def averaged(
    shares: NDArray[np.float64], most: int = MOST_COLUMNS
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First positions of at most ``most`` groups of sessions, and (groups, K) means of (N, K) shares."""
    starts = np.linspace(0, len(shares), min(most, len(shares)), endpoint=False).astype(np.int64)
    lengths = np.diff(np.append(starts, len(shares)))
    return starts, np.add.reduceat(shares, starts, axis=0) / lengths[:, None]
