"""The numbers by which `branch.evaluate` knows its indicators.

They stand apart from the kernels so that the table can name them without importing Numba.
"""

from __future__ import annotations

PRICE = 0
SMA = 1
EMA = 2
RSI = 3
CUMULATIVE_RETURN = 4
MEAN_RETURN = 5
STDEV_RETURN = 6
STDEV_PRICE = 7
MAX_DRAWDOWN = 8
VOLATILITY = 9
RETURN_SINCE_START = 10
MACD = 11
MACD_SIGNAL = 12
MACD_HIST = 13
PPO = 14
PPO_SIGNAL = 15
PPO_HIST = 16
BBANDS_UPPER = 17
BBANDS_MIDDLE = 18
BBANDS_LOWER = 19
