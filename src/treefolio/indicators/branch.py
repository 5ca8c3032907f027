"""The compiled dispatch: any indicator that needs closes alone, by its number in `codes`.

Tickers and branches both go through `evaluate`, so that equal series give equal bits. What is computed from
its window alone is in `windowed`, what has a memory in `recursive`. Nothing is allocated here: the engine
calls it hundreds of thousands of times.
"""

from __future__ import annotations

import math

import numpy as np

from treefolio.indicators import codes, recursive, windowed
from treefolio.indicators.table import Series
from treefolio.kernels import kernel

SCRATCH_ROWS = 6
"""Rows of working space that `evaluate` may be given to write to."""

YEAR = math.sqrt(252.0)


@kernel
def evaluate(code: int, x: Series, first: int, params: Series, out: Series, scratch: Series) -> None:
    """Indicator ``code`` of ``x`` on its unbroken stretches at and after session ``first``.

    A stretch is a run of finite values; each is seeded anew. NaN where undefined and before ``first``.

    Args:
        code: a number of `codes`.
        x: (T,) float64, contiguous.
        first: values before it do not count.
        params: (≥ number of parameters,) float64 in the table's order; matype 0 or 1 only.
        out: (T,) float64, contiguous, not ``x``.
        scratch: (≥ SCRATCH_ROWS, ≥ T) float64, C order; its content is lost.
    """
    for i in range(out.size):
        out[i] = np.nan
    begin = first
    while begin < x.size:
        if not math.isfinite(x[begin]):
            begin += 1
            continue
        end = begin + 1
        while end < x.size and math.isfinite(x[end]):
            end += 1
        _stretch(code, x[begin:end], params, out[begin:end], scratch)
        begin = end


@kernel
def _stretch(code: int, x: Series, params: Series, out: Series, scratch: Series) -> None:
    """One unbroken stretch, from its own beginning."""
    if code == codes.PRICE:
        windowed.copy(x, out)
    elif code == codes.RETURN_SINCE_START:
        windowed.growth_since_start(x, out)
    elif code >= codes.BBANDS_UPPER:
        _bands(code, x, params, out, scratch)
    elif code >= codes.PPO:
        _ppo(code, x, params, out, scratch)
    elif code >= codes.MACD:
        fast, slow, signal = int(params[0]), int(params[1]), int(params[2])
        recursive.macd(x, fast, slow, signal, code - codes.MACD, out, scratch)
    elif code in (codes.MEAN_RETURN, codes.STDEV_RETURN, codes.VOLATILITY):
        _of_returns(code, x, int(params[0]), out, scratch)
    else:
        _of_closes(code, x, int(params[0]), out, scratch)


@kernel
def _of_closes(code: int, x: Series, n: int, out: Series, scratch: Series) -> None:
    if code == codes.SMA:
        windowed.mean(x, n, out)
    elif code == codes.EMA:
        recursive.ema(x, n, out)
    elif code == codes.RSI:
        recursive.rsi(x, n, out)
    elif code == codes.CUMULATIVE_RETURN:
        windowed.growth(x[n:], x, out[n:])
    elif code == codes.STDEV_PRICE:
        windowed.deviation(x, n, n - 1.0, out, scratch[0])
    elif code == codes.MAX_DRAWDOWN:
        windowed.drawdown(x, n, out, scratch)


@kernel
def _of_returns(code: int, x: Series, n: int, out: Series, scratch: Series) -> None:
    returns = scratch[0][: x.size - 1]
    windowed.growth(x[1:], x, returns)
    if code == codes.MEAN_RETURN:
        windowed.mean(returns, n, out[1:])
        return
    windowed.deviation(returns, n, n - 1.0, out[1:], scratch[1])
    if code == codes.VOLATILITY:
        for i in range(n, x.size):
            out[i] *= YEAR


@kernel
def _ppo(code: int, x: Series, params: Series, out: Series, scratch: Series) -> None:
    fast, slow, matype = int(params[0]), int(params[1]), int(params[2])
    if code == codes.PPO:
        recursive.ppo_line(x, fast, slow, matype, out, scratch)
    else:
        recursive.ppo(x, fast, slow, matype, int(params[3]), code - codes.PPO, out, scratch)


@kernel
def _bands(code: int, x: Series, params: Series, out: Series, scratch: Series) -> None:
    n, matype = int(params[0]), int(params[3])
    if code == codes.BBANDS_UPPER:
        recursive.band(x, n, params[1], matype, out, scratch)
    elif code == codes.BBANDS_LOWER:
        recursive.band(x, n, -params[2], matype, out, scratch)
    else:
        recursive.average(x, n, matype, out)
