"""The kernel of the stationary bootstrap: which sessions a resampled history is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from treefolio.kernels import kernel


@kernel
def stationary(random: np.random.Generator, start_again: float, out: NDArray[np.int64]) -> None:
    """Fill ``out`` with runs of consecutive sessions that begin anywhere and go round at the end.

    Args:
        random: gives a number for each session but a draw's first, and one for each run.
        start_again: the probability that a session is the first of a run: one over their mean length.
        out: (draws, sessions).
    """
    draws, sessions = out.shape
    for draw in range(draws):
        at = 0
        for i in range(sessions):
            if i == 0 or random.random() < start_again:
                at = int(random.random() * sessions)
            else:
                at = at + 1 if at + 1 < sessions else 0
            out[draw, i] = at
