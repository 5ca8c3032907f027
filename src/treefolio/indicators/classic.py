"""TA-Lib's indicators, as functions of the table's inputs and parameters.

Only `functions` imports this module, when one of them is first used: TA-Lib takes a third of a second to
load. Inputs are contiguous and finite (`stretches` sees to it); results are NaN where undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import talib

from treefolio.indicators import memory, recursive, windowed
from treefolio.indicators.table import Series

LIBRARY: Any = talib
"""TA-Lib, untyped: its stubs ask for an enum where the library takes a number."""


def _whole(function: Callable[..., Series]) -> Callable[..., Series]:
    """``function`` for parameters that are given as floats and counted by TA-Lib in whole numbers."""

    def adapted(*arguments: Series | float) -> Series:
        given = (a if isinstance(a, np.ndarray) else int(a) for a in arguments)
        return np.asarray(function(*given), dtype=np.float64)

    return adapted


def _aroon_down(high: Series, low: Series, timeperiod: int) -> Series:
    return np.asarray(LIBRARY.AROON(high, low, timeperiod)[0])


def _aroon_up(high: Series, low: Series, timeperiod: int) -> Series:
    return np.asarray(LIBRARY.AROON(high, low, timeperiod)[1])


def _natr(high: Series, low: Series, close: Series, timeperiod: int) -> Series:
    """TA-Lib's NATR returns the bare true range for a period of 1: divide ourselves."""
    return np.asarray(LIBRARY.ATR(high, low, close, timeperiod) / close * 100.0)


def _stoch_k(
    high: Series, low: Series, close: Series, fastk: int, slowk: int, slowd: int, matype: int
) -> Series:
    return np.asarray(LIBRARY.STOCH(high, low, close, fastk, slowk, matype, slowd, 0)[0])


def _band(close: Series, timeperiod: float, width: float, matype: float) -> Series:
    """Average + width · population deviation: TA-Lib's average, our two-pass deviation.

    TA-Lib's own BBANDS takes the deviation from running sums of squares, which lose high prices' digits.
    """
    n = int(timeperiod)
    middle = LIBRARY.MA(close, n, int(matype))
    spread = np.full(len(close), np.nan)
    windowed.deviation(close, n, float(n), spread, np.empty(len(close)))
    return np.asarray(middle + width * spread)


def _bands_upper(close: Series, n: float, up: float, _down: float, matype: float) -> Series:
    return _band(close, n, up, matype)


def _bands_middle(close: Series, n: float, _up: float, _down: float, matype: float) -> Series:
    return _band(close, n, 0.0, matype)


def _bands_lower(close: Series, n: float, _up: float, down: float, matype: float) -> Series:
    return _band(close, n, -down, matype)


def _ppo_signal(close: Series, fast: int, slow: int, matype: int, signal: int) -> Series:
    line = np.asarray(LIBRARY.PPO(close, fast, slow, matype), dtype=np.float64)
    begin, out = int(memory.ppo_lookback(fast, slow, matype)), np.full(len(close), np.nan)
    recursive.ema(line[begin:], signal, out[begin:])
    return out


def _ppo_hist(close: Series, fast: int, slow: int, matype: int, signal: int) -> Series:
    return np.asarray(LIBRARY.PPO(close, fast, slow, matype) - _ppo_signal(close, fast, slow, matype, signal))


FUNCTIONS: Mapping[str, Callable[..., Series]] = {
    "ppo": _whole(LIBRARY.PPO),
    "ppo_signal": _whole(_ppo_signal),
    "ppo_hist": _whole(_ppo_hist),
    "bbands_upper": _bands_upper,
    "bbands_middle": _bands_middle,
    "bbands_lower": _bands_lower,
    "atr": _whole(LIBRARY.ATR),
    "natr": _whole(_natr),
    "adx": _whole(LIBRARY.ADX),
    "aroon_up": _whole(_aroon_up),
    "aroon_down": _whole(_aroon_down),
    "aroon_osc": _whole(LIBRARY.AROONOSC),
    "stoch_k": _whole(_stoch_k),
    "mfi": _whole(LIBRARY.MFI),
    "obv": _whole(LIBRARY.OBV),
    "ad": _whole(LIBRARY.AD),
    "adosc": _whole(LIBRARY.ADOSC),
    "cci": _whole(LIBRARY.CCI),
    "willr": _whole(LIBRARY.WILLR),
}
"""By the table's names."""
