"""`compute`: an indicator of one ticker, gaps kept apart.

Wilder's and exponential averages have a memory, and TA-Lib never recovers from a NaN: so each unbroken
stretch of prices is computed on its own and seeded anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import MissingPrices
from treefolio.indicators.functions import KERNEL_MATYPES
from treefolio.indicators.rows import INDICATORS, SIGNATURES
from treefolio.indicators.table import Indicator, Series
from treefolio.strategy.signature import bind


def branch_supported(name: str, params: Sequence[float]) -> bool:
    """Whether indicator ``name`` with these parameters can be taken of a branch's value series.

    True for what needs closes alone, except for averages by matype 2–8, which only TA-Lib computes.
    ``params`` are all of them in order. KeyError when there is no such indicator.
    """
    row = INDICATORS[name]
    if row.branch_code is None:
        return False
    types = [value for p, value in zip(row.parameters, params, strict=True) if p.name == "matype"]
    return all(value < KERNEL_MATYPES for value in types)


def compute(name: str, inputs: Mapping[str, Series], params: Sequence[float] = ()) -> Series:
    """Indicator ``name`` of one ticker: (T,) float64, NaN where undefined.

    A session counts when all fields that the indicator needs are finite there; every unbroken stretch of
    such sessions is computed from its own beginning.

    Args:
        name: canonical name.
        inputs: field → (T,) float64 with NaN gaps; fields that are not needed are left alone.
        params: in the table's order; trailing ones may be left to their defaults.

    Raises:
        StrategyError: unknown indicator, or a parameter missing, superfluous or out of range.
        MissingPrices: a field that the indicator needs is not among ``inputs``.
    """
    bound = [cast(float, value) for value in bind(SIGNATURES, name, [float(value) for value in params])]
    row = INDICATORS[name]
    series = _fields(row, inputs)
    out = np.full(len(series[0]), np.nan)
    for part in unbroken(np.logical_and.reduce([np.isfinite(values) for values in series])):
        out[part] = row.function(*(np.ascontiguousarray(values[part]) for values in series), *bound)
    return out


def unbroken(defined: NDArray[np.bool_]) -> Iterator[slice]:
    """The stretches of consecutive True values, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], defined, [False]))))
    for begin, end in edges.reshape(-1, 2).tolist():
        yield slice(begin, end)


def _fields(row: Indicator, inputs: Mapping[str, Series]) -> list[Series]:
    missing = [name for name in row.inputs if name not in inputs]
    if missing:
        raise MissingPrices(
            f"{row.name} needs {', '.join(missing)}, and the prices have only {', '.join(inputs)}",
            hint=f"Give prices with the columns {', '.join(row.inputs)}.",
        )
    return [np.asarray(inputs[name], dtype=np.float64) for name in row.inputs]
