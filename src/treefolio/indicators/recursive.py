"""Kernels of what has a memory: each runs once along an unbroken stretch, from its seed on.

All take ``x``: (m,) float64, contiguous and finite, and write ``out[look-back:m]``; ``out`` may not be ``x``.
"""

from __future__ import annotations

from treefolio.indicators import windowed
from treefolio.indicators.table import Series
from treefolio.kernels import kernel

LINE, SIGNAL, HISTOGRAM = 0, 1, 2
SMA, EMA = 0, 1


@kernel
def ema(x: Series, n: int, out: Series) -> None:
    """Exponential average, α = 2/(n+1), seeded with the mean of the first n values; look-back n − 1."""
    if x.size < n:
        return
    if n == 1:  # (x − e)·1 + e need not be x
        windowed.copy(x, out)
        return
    windowed.mean(x[:n], n, out[:n])
    alpha, value = 2.0 / (n + 1), out[n - 1]
    for i in range(n, x.size):
        value = (x[i] - value) * alpha + value
        out[i] = value


@kernel
def rsi(x: Series, n: int, out: Series) -> None:
    """Wilder's relative strength index; look-back n. No change at all gives 50, no loss 100."""
    if x.size <= n:
        return
    gain = loss = 0.0
    for i in range(1, n + 1):
        change = x[i] - x[i - 1]
        gain += max(change, 0.0)
        loss += max(-change, 0.0)
    gain /= n
    loss /= n
    out[n] = _strength(gain, loss)
    for i in range(n + 1, x.size):
        change = x[i] - x[i - 1]
        gain = (gain * (n - 1) + max(change, 0.0)) / n
        loss = (loss * (n - 1) + max(-change, 0.0)) / n
        out[i] = _strength(gain, loss)


@kernel
def _strength(gain: float, loss: float) -> float:
    total = gain + loss
    return 100.0 * (gain / total) if total > 0.0 else 50.0


@kernel
def average(x: Series, n: int, matype: int, out: Series) -> None:
    """Simple (0) or exponential (1) average of n values; look-back n − 1."""
    if matype == EMA:
        ema(x, n, out)
    else:
        windowed.mean(x, n, out)


@kernel
def macd(x: Series, fast: int, slow: int, signal: int, part: int, out: Series, scratch: Series) -> None:
    """MACD's line, signal or histogram (``part``), aligned as TA-Lib does; look-back slow + signal − 2.

    The shorter average is seeded on the same session as the longer one. ``scratch``: (≥ 4, ≥ m) float64.
    """
    fast, slow = min(fast, slow), max(fast, slow)
    short, long, line = scratch[0][: x.size], scratch[1][: x.size], scratch[2][: x.size]
    ema(x[slow - fast :], fast, short[slow - fast :])
    ema(x, slow, long)
    for i in range(slow - 1, x.size):
        line[i] = short[i] - long[i]
    _finish(line, slow - 1, signal, part, out, scratch[3][: x.size])


@kernel
def ppo_line(x: Series, fast: int, slow: int, matype: int, out: Series, scratch: Series) -> None:
    """``100·(F − S)/S`` of the averages over the shorter and the longer period; look-back slow − 1.

    0 where the longer average is 0, as TA-Lib has it. ``scratch``: (≥ 2, ≥ m) float64.
    """
    fast, slow = min(fast, slow), max(fast, slow)
    short, long = scratch[0][: x.size], scratch[1][: x.size]
    average(x, fast, matype, short)
    average(x, slow, matype, long)
    for i in range(slow - 1, x.size):
        out[i] = (short[i] - long[i]) / long[i] * 100.0 if long[i] != 0.0 else 0.0


@kernel
def ppo(
    x: Series, fast: int, slow: int, matype: int, signal: int, part: int, out: Series, scratch: Series
) -> None:
    """PPO's signal or histogram (``part``); look-back slow + signal − 2. ``scratch``: (≥ 4, ≥ m) float64."""
    line = scratch[2][: x.size]
    ppo_line(x, fast, slow, matype, line, scratch)
    _finish(line, max(fast, slow) - 1, signal, part, out, scratch[3][: x.size])


@kernel
def _finish(line: Series, begin: int, signal: int, part: int, out: Series, smoothed: Series) -> None:
    """``part`` of a line that is defined from ``begin`` on, where its signal is defined too."""
    ema(line[begin:], signal, smoothed[begin:])
    for i in range(begin + signal - 1, line.size):
        if part == LINE:
            out[i] = line[i]
        elif part == SIGNAL:
            out[i] = smoothed[i]
        else:
            out[i] = line[i] - smoothed[i]


@kernel
def band(x: Series, n: int, width: float, matype: int, out: Series, scratch: Series) -> None:
    """Average (matype) + width · population standard deviation over n values; look-back n − 1.

    ``scratch``: (≥ 2, ≥ m) float64.
    """
    average(x, n, matype, out)
    if width == 0.0:
        return
    spread = scratch[0][: x.size]
    windowed.deviation(x, n, float(n), spread, scratch[1][: x.size])
    for i in range(n - 1, x.size):
        out[i] += width * spread[i]
