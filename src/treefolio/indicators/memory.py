"""How far indicators look back, and how long their seeds are felt.

A *look-back* is the index of the first value on a series that starts at 0. A *settling time* counts the
sessions after that first value until the seed weighs below 1e-6; 0 for what is computed from its window
alone. Both take an indicator's parameters in the table's order. Averages by ``matype`` are TA-Lib's:
0 SMA, 1 EMA, 2 WMA, 3 DEMA, 4 TEMA, 5 TRIMA, 6 KAMA, 7 MAMA, 8 T3.
"""

from __future__ import annotations

import math
from collections.abc import Callable

SEED_WEIGHT = 1e-6
MAMA = 7
MAMA_LOOKBACK = 32

_AVERAGE_LOOKBACK: tuple[Callable[[int], int], ...] = (
    lambda n: n - 1,
    lambda n: n - 1,
    lambda n: n - 1,
    lambda n: 2 * (n - 1),
    lambda n: 3 * (n - 1),
    lambda n: n - 1,
    lambda n: n,
    lambda n: MAMA_LOOKBACK,  # noqa: ARG005 - MAMA has no window
    lambda n: 6 * (n - 1),
)

_KAMA_SLOWEST = (2 / 31) ** 2
_MAMA_SLOWEST = 0.05


def fading(kept: float) -> int:
    """Sessions until a weight that is multiplied by ``kept`` each session is below 1e-6."""
    return 0 if kept <= 0 else math.ceil(math.log(SEED_WEIGHT) / math.log(kept))


def none(*_params: float) -> int:
    """No session: a value on the first one, or a value without a seed."""
    return 0


def window(n: float, *_rest: float) -> int:
    """Look-back of what needs n values."""
    return int(n) - 1


def changes(n: float, *_rest: float) -> int:
    """Look-back of what needs n changes from one session to the next."""
    return int(n)


def exponential(n: float, *_rest: float) -> int:
    """Settling of an exponential average with α = 2/(n+1)."""
    return fading(1 - 2 / (n + 1))


def wilder(n: float, *_rest: float) -> int:
    """Settling of Wilder's average, α = 1/n."""
    return fading(1 - 1 / n)


def average_lookback(n: float, matype: float) -> int:
    """Look-back of TA-Lib's moving average of type ``matype``."""
    return 0 if n <= 1 else _AVERAGE_LOOKBACK[int(matype)](int(n))


def average_settle(n: float, matype: float) -> int:
    """Settling of TA-Lib's moving average; KAMA and MAMA at their slowest."""
    if n <= 1:
        return 0
    stages = {1: 1, 3: 2, 4: 3, 8: 6}.get(int(matype), 0)
    slowest = {6: fading(1 - _KAMA_SLOWEST), MAMA: fading(1 - _MAMA_SLOWEST)}.get(int(matype), 0)
    return stages * exponential(n) + slowest


def macd_lookback(fast: float, slow: float, signal: float) -> int:
    """Look-back of all three MACD values: TA-Lib starts the line with its signal."""
    return int(max(fast, slow)) - 1 + int(signal) - 1


def macd_line_settle(fast: float, slow: float, signal: float) -> int:
    """Settling of the line, whose averages have run for signal − 1 sessions at its first value."""
    return max(exponential(max(fast, slow)) - (int(signal) - 1), 0)


def macd_settle(fast: float, slow: float, signal: float) -> int:
    """Settling of signal and histogram: that of the line's slow average, then that of the signal."""
    return exponential(max(fast, slow)) + exponential(signal)


def ppo_lookback(fast: float, slow: float, matype: float) -> int:
    """Look-back of the line: that of the slower average."""
    return average_lookback(max(fast, slow), matype)


def ppo_settle(fast: float, slow: float, matype: float) -> int:
    """Settling of the line: that of the slower average."""
    return average_settle(max(fast, slow), matype)


def ppo_signal_lookback(fast: float, slow: float, matype: float, signal: float) -> int:
    """Look-back of signal and histogram."""
    return ppo_lookback(fast, slow, matype) + int(signal) - 1


def ppo_signal_settle(fast: float, slow: float, matype: float, signal: float) -> int:
    """Settling of signal and histogram: that of the line, then that of the signal."""
    return ppo_settle(fast, slow, matype) + exponential(signal)


def bands_lookback(n: float, _up: float, _down: float, matype: float) -> int:
    """Look-back of the bands: that of the average, and of the deviation over n values."""
    return max(average_lookback(n, matype), int(n) - 1)


def bands_settle(n: float, _up: float, _down: float, matype: float) -> int:
    """Settling of the bands: that of their average."""
    return average_settle(n, matype)


def adx_lookback(n: float) -> int:
    """Look-back of ADX: n changes to smooth, then n values of DX to average."""
    return 2 * int(n) - 1


def adx_settle(n: float) -> int:
    """Settling of ADX: Wilder's average of Wilder's averages."""
    return 2 * wilder(n)


def stoch_lookback(fastk: float, slowk: float, slowd: float, matype: float) -> int:
    """Look-back of slow %K: TA-Lib starts it with its %D."""
    return int(fastk) - 1 + average_lookback(slowk, matype) + int(slowd) - 1


def stoch_settle(_fastk: float, slowk: float, _slowd: float, matype: float) -> int:
    """Settling of slow %K: that of its average."""
    return average_settle(slowk, matype)


def adosc_lookback(fast: float, slow: float) -> int:
    """Look-back of the Chaikin oscillator."""
    return int(max(fast, slow)) - 1


def adosc_settle(fast: float, slow: float) -> int:
    """Settling of the oscillator, whose averages run from the first session."""
    return max(exponential(max(fast, slow)) - adosc_lookback(fast, slow), 0)
