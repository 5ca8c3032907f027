"""The indicators: one table, and the functions behind it.

1. `table`: what a row says. `rows` joins `rows_close`, `rows_averages` and `rows_bars`.
2. `memory`: look-backs and settling times, which the rows name.
3. `functions`: binds the rows to their code without importing Numba or TA-Lib.
4. `branch`: the compiled dispatch by `codes`, with the kernels of `windowed` and `recursive`. Tickers and
   branches go through it, so that both get the same bits.
5. `classic`: TA-Lib, for what needs highs, lows and volume and for the rarer averages.
6. `stretches`: `compute`, which keeps gaps apart: every unbroken stretch of prices is seeded anew.
7. `docs`: the page of indicators, made from the table.

Importing this package compiles nothing and loads neither Numba nor TA-Lib.
"""

from __future__ import annotations

from treefolio.indicators.rows import INDICATORS, SIGNATURES
from treefolio.indicators.stretches import branch_supported, compute
from treefolio.indicators.table import Indicator, Series

__all__ = ["INDICATORS", "SIGNATURES", "Indicator", "Series", "branch_supported", "compute"]
