"""The functions that the table's rows name, bound late: the table is read without Numba or TA-Lib.

`from_closes` runs the compiled kernels of `branch`; `from_bars` the TA-Lib calls of `classic`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from treefolio.indicators.table import Series

KERNEL_MATYPES = 2
"""Average types 0 (SMA) and 1 (EMA) have a kernel; the others are TA-Lib's."""


def from_closes(code: int) -> Callable[..., Series]:
    """``function(close, *params)`` that runs `branch.evaluate` with this code."""

    def function(close: Series, *params: float) -> Series:
        from treefolio.indicators import branch  # noqa: PLC0415 - Numba is loaded on first use

        out = np.empty(len(close))
        scratch = np.empty((branch.SCRATCH_ROWS, len(close)))
        numbers = np.array(params, dtype=np.float64)
        branch.evaluate(code, np.ascontiguousarray(close, dtype=np.float64), 0, numbers, out, scratch)
        return out

    return function


def from_bars(name: str) -> Callable[..., Series]:
    """``function(*inputs, *params)`` that runs `classic.FUNCTIONS` under this name."""

    def function(*arguments: Series | float) -> Series:
        from treefolio.indicators import classic  # noqa: PLC0415 - TA-Lib is loaded on first use

        return classic.FUNCTIONS[name](*arguments)

    return function


def from_averages(code: int, name: str, matype_at: int) -> Callable[..., Series]:
    """`from_closes` where parameter number ``matype_at`` names an average with a kernel, else `from_bars`."""
    kernel, talib = from_closes(code), from_bars(name)

    def function(close: Series, *params: float) -> Series:
        return (kernel if params[matype_at] < KERNEL_MATYPES else talib)(close, *params)

    return function
