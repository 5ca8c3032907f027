"""How many independent trials a sweep amounts to: neighbours in a grid are nearly one and the same trial.

The effective rank (Roy and Vetterli, "The effective rank: a measure of effective dimensionality", 2007) of
the rows' correlation matrix: exp(−Σ pᵢ ln pᵢ), where pᵢ are the eigenvalues divided by their sum. Rows that
are the same count once, rows without correlation count each. Signs do not matter: a row and its mirror are
one.

What it is not: a count of clusters, which those who published the deflated Sharpe ratio prefer; nor a bound.
It is at most the smaller of rows and sessions − 1, because that is the rank, and chance correlations lower it
further: N independent rows over T sessions come out at about N (1 − N / 2T) while N is well below T. So it
errs on the low side, and N itself is the safe number to deflate by.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError

_FLAT = 1e-24
"""Variance relative to the mean square below which a row is constant but for rounding."""


def effective_trials(returns: NDArray[np.float64]) -> float:
    """The effective rank of the rows' correlations; 0 when no row varies.

    Args:
        returns: (rows, sessions). Rows that are constant or hold a NaN are left out. The time grows with
            the smaller side squared times the larger: a sample of 2,000 rows of a large sweep will do.
    """
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2:
        raise UsageError(f"returns have {matrix.ndim} axes", hint="Give returns as (rows, sessions).")
    standard = _standardised(matrix[np.isfinite(matrix).all(axis=1)])
    if standard.size == 0:
        return 0.0
    rows, sessions = standard.shape
    products = standard @ standard.T if rows <= sessions else standard.T @ standard
    values = np.clip(np.linalg.eigvalsh(products), 0.0, None)
    share = values[values > 0] / values.sum()
    return math.exp(-float(share @ np.log(share)))


def _standardised(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows with mean 0 and length 1; without those that do not vary."""
    if matrix.shape[1] == 0:
        return matrix[:0]
    centred = matrix - matrix.mean(axis=1, keepdims=True)
    squares = np.einsum("ij,ij->i", centred, centred)
    varies = squares > _FLAT * np.einsum("ij,ij->i", matrix, matrix)
    return centred[varies] / np.sqrt(squares[varies])[:, None]
