"""Rows of the table: the indicators that need closes alone. Branches have them too.

Every look-back and settling time is in `memory`, every kernel in `branch` and below it.
"""

from __future__ import annotations

from treefolio.indicators import codes, memory
from treefolio.indicators.functions import from_closes
from treefolio.indicators.table import Indicator
from treefolio.strategy.signature import Parameter

LONGEST = 100_000
OWN = "own kernel, by this definition"
TALIB_KERNEL = "own kernel, as TA-Lib has it; with matype 2–8 TA-Lib"


def window(name: str = "window", default: int | None = None, minimum: int = 1) -> Parameter:
    """A parameter that counts sessions."""
    return Parameter(name=name, default=default, minimum=minimum, maximum=LONGEST)


def width(name: str, default: float) -> Parameter:
    """A parameter that counts standard deviations."""
    return Parameter(name=name, default=default, whole=False, minimum=-LONGEST, maximum=LONGEST)


def matype(name: str = "matype") -> Parameter:
    """A parameter that names a moving average of TA-Lib."""
    return Parameter(name=name, default=0, minimum=0, maximum=8)


CLOSE = ("close",)

BASIC = (
    Indicator(
        name="price",
        label="Current price",
        parameters=(),
        inputs=CLOSE,
        unit="price",
        formula="the close itself",
        lookback_sessions=memory.none,
        settle_sessions=memory.none,
        function=from_closes(codes.PRICE),
        source=OWN,
        level=True,
        branch_code=codes.PRICE,
        composer=("current-price",),
        quantmage=("CurrentPrice",),
        elements=("CURRENT_PRICE",),
    ),
    Indicator(
        name="sma",
        label="Simple moving average",
        parameters=(window(default=20),),
        inputs=CLOSE,
        unit="price",
        formula="mean of the last n closes",
        lookback_sessions=memory.window,
        settle_sessions=memory.none,
        function=from_closes(codes.SMA),
        source=OWN,
        level=True,
        branch_code=codes.SMA,
        composer=("moving-average-price",),
        quantmage=("MovingAverage",),
        elements=("SMA",),
    ),
    Indicator(
        name="ema",
        label="Exponential moving average",
        parameters=(window(default=20),),
        inputs=CLOSE,
        unit="price",
        formula="e + α(close − e), α = 2/(n+1); the first value is the mean of the first n closes",
        lookback_sessions=memory.window,
        settle_sessions=memory.exponential,
        function=from_closes(codes.EMA),
        source=OWN,
        level=True,
        branch_code=codes.EMA,
        composer=("exponential-moving-average-price",),
        quantmage=("ExponentialMovingAverage",),
        elements=("EMA",),
    ),
    Indicator(
        name="rsi",
        label="Relative strength index",
        parameters=(window(default=14),),
        inputs=CLOSE,
        unit="index (0–100)",
        formula=(
            "100·G/(G+L), G and L Wilder's averages (a(n−1)+x)/n of gains and losses, seeded with the mean "
            "of the first n changes; no change at all gives 50, no loss gives 100"
        ),
        lookback_sessions=memory.changes,
        settle_sessions=memory.wilder,
        function=from_closes(codes.RSI),
        source=OWN,
        branch_code=codes.RSI,
        composer=("relative-strength-index", "rsi"),
        quantmage=("RelativeStrengthIndex",),
        elements=("RSI",),
    ),
    Indicator(
        name="cumulative_return",
        label="Cumulative return",
        parameters=(window(default=200),),
        inputs=CLOSE,
        unit="fraction",
        formula="close / close n sessions ago − 1",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_closes(codes.CUMULATIVE_RETURN),
        source=OWN,
        branch_code=codes.CUMULATIVE_RETURN,
        composer=("cumulative-return",),
        quantmage=("CumulativeReturn",),
        elements=("RETURN",),
        percent=True,
    ),
    Indicator(
        name="mean_return",
        label="Mean daily return",
        parameters=(window(),),
        inputs=CLOSE,
        unit="fraction",
        formula="mean of the last n daily returns",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_closes(codes.MEAN_RETURN),
        source=OWN,
        branch_code=codes.MEAN_RETURN,
        composer=("moving-average-return",),
        quantmage=("MovingAverageOfReturns", "MovingAverageReturns"),
        percent=True,
    ),
    Indicator(
        name="stdev_return",
        label="Standard deviation of returns",
        parameters=(window(minimum=2),),
        inputs=CLOSE,
        unit="fraction",
        formula="sample standard deviation (n − 1) of the last n daily returns",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_closes(codes.STDEV_RETURN),
        source=OWN,
        branch_code=codes.STDEV_RETURN,
        composer=("standard-deviation-return", "stdev-return"),
        quantmage=("Volatility",),
        percent=True,
    ),
    Indicator(
        name="stdev_price",
        label="Standard deviation of price",
        parameters=(window(minimum=2),),
        inputs=CLOSE,
        unit="price",
        formula="sample standard deviation (n − 1) of the last n closes",
        lookback_sessions=memory.window,
        settle_sessions=memory.none,
        function=from_closes(codes.STDEV_PRICE),
        source=OWN,
        level=True,
        branch_code=codes.STDEV_PRICE,
        composer=("standard-deviation-price", "stdev-price"),
    ),
    Indicator(
        name="max_drawdown",
        label="Maximum drawdown",
        parameters=(window(minimum=2),),
        inputs=CLOSE,
        unit="fraction",
        formula="the largest loss from a peak to a later trough inside the last n closes; positive",
        lookback_sessions=memory.window,
        settle_sessions=memory.none,
        function=from_closes(codes.MAX_DRAWDOWN),
        source=OWN,
        branch_code=codes.MAX_DRAWDOWN,
        composer=("max-drawdown",),
        quantmage=("MaxDrawdown",),
        percent=True,
    ),
    Indicator(
        name="volatility",
        label="Annualised volatility",
        parameters=(window(default=20, minimum=2),),
        inputs=CLOSE,
        unit="fraction per year",
        formula="sample standard deviation (n − 1) of the last n daily returns, times √252",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_closes(codes.VOLATILITY),
        source=OWN,
        branch_code=codes.VOLATILITY,
        elements=("VOLATILITY",),
    ),
    Indicator(
        name="return_since_start",
        label="Return since the start",
        parameters=(),
        inputs=CLOSE,
        unit="fraction",
        formula=(
            "close / first close − 1; the first close is the first one of the unbroken stretch of prices "
            "that the session belongs to"
        ),
        lookback_sessions=memory.none,
        settle_sessions=memory.none,
        function=from_closes(codes.RETURN_SINCE_START),
        source=OWN,
        branch_code=codes.RETURN_SINCE_START,
        elements=("CUMULATIVE_RETURN",),
    ),
)
