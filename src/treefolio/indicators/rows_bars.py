"""Rows of the table: the indicators that need more than closes. TA-Lib computes them; branches have none."""

from __future__ import annotations

from treefolio.indicators import memory
from treefolio.indicators.functions import from_bars
from treefolio.indicators.rows_close import matype, window
from treefolio.indicators.table import Indicator

_RANGE = ("high", "low", "close")
_HIGH_LOW = ("high", "low")
_FLOW = ("high", "low", "close", "volume")
_TALIB = "TA-Lib"

BARS = (
    Indicator(
        name="atr",
        label="Average true range",
        parameters=(window("timeperiod", 14),),
        inputs=_RANGE,
        unit="price",
        formula=(
            "Wilder's average (a(n−1)+x)/n of the true range max(high, last close) − min(low, last close), "
            "seeded with the mean of the first n"
        ),
        lookback_sessions=memory.changes,
        settle_sessions=memory.wilder,
        function=from_bars("atr"),
        source=_TALIB,
        level=True,
        elements=("ATR",),
    ),
    Indicator(
        name="natr",
        label="Normalised average true range",
        parameters=(window("timeperiod", 14),),
        inputs=_RANGE,
        unit="percent",
        formula="100 · ATR / close",
        lookback_sessions=memory.changes,
        settle_sessions=memory.wilder,
        function=from_bars("natr"),
        source="TA-Lib's ATR (its NATR does not divide when n is 1)",
        elements=("NATR",),
    ),
    Indicator(
        name="adx",
        label="Average directional index",
        parameters=(window("timeperiod", 14, 2),),
        inputs=_RANGE,
        unit="index (0–100)",
        formula=(
            "Wilder's average of 100·|D⁺ − D⁻|/(D⁺ + D⁻), D± Wilder's sums of upward and downward movement "
            "over that of the true range; seeded with the mean of the first n"
        ),
        lookback_sessions=memory.adx_lookback,
        settle_sessions=memory.adx_settle,
        function=from_bars("adx"),
        source=_TALIB,
        elements=("ADX",),
    ),
    Indicator(
        name="aroon_up",
        label="Aroon up",
        parameters=(window("timeperiod", 25, 2),),
        inputs=_HIGH_LOW,
        unit="index (0–100)",
        formula="100·(n − sessions since the highest high of the last n+1)/n, the latest of equal ones",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_bars("aroon_up"),
        source=_TALIB,
        quantmage=("AroonUp",),
        elements=("AROON_UP",),
    ),
    Indicator(
        name="aroon_down",
        label="Aroon down",
        parameters=(window("timeperiod", 25, 2),),
        inputs=_HIGH_LOW,
        unit="index (0–100)",
        formula="100·(n − sessions since the lowest low of the last n+1)/n, the latest of equal ones",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_bars("aroon_down"),
        source=_TALIB,
        quantmage=("AroonDown",),
        elements=("AROON_DOWN",),
    ),
    Indicator(
        name="aroon_osc",
        label="Aroon oscillator",
        parameters=(window("timeperiod", 25, 2),),
        inputs=_HIGH_LOW,
        unit="index (−100–100)",
        formula="Aroon up − Aroon down",
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_bars("aroon_osc"),
        source=_TALIB,
        quantmage=("Aroon",),
        elements=("AROONOSC",),
    ),
    Indicator(
        name="stoch_k",
        label="Slow stochastic %K",
        parameters=(
            window("fastk_period", 14),
            window("slowk_period", 3),
            window("slowd_period", 3),
            matype("slowk_matype"),
        ),
        inputs=_RANGE,
        unit="index (0–100)",
        formula=(
            "average (slowk_matype, slowk_period) of 100·(close − lowest low)/(highest high − lowest low) "
            "of the last fastk_period sessions, 0 without a range; "
            "TA-Lib gives it from the session of the first %D on"
        ),
        lookback_sessions=memory.stoch_lookback,
        settle_sessions=memory.stoch_settle,
        function=from_bars("stoch_k"),
        source=_TALIB,
        elements=("STOCH_K",),
    ),
    Indicator(
        name="mfi",
        label="Money flow index",
        parameters=(window("timeperiod", 14, 2),),
        inputs=_FLOW,
        unit="index (0–100)",
        formula=(
            "100·P/(P+N), P and N the sums over n sessions of volume times typical price (high+low+close)/3 "
            "where that price rose and where it fell; 0 when P+N is below 1"
        ),
        lookback_sessions=memory.changes,
        settle_sessions=memory.none,
        function=from_bars("mfi"),
        source=_TALIB,
        elements=("MFI",),
    ),
    Indicator(
        name="obv",
        label="On-balance volume",
        parameters=(),
        inputs=("close", "volume"),
        unit="shares",
        formula=(
            "the first session's volume, plus each later volume on a rise, minus it on a fall; "
            "its level counts from the first session"
        ),
        lookback_sessions=memory.none,
        settle_sessions=memory.none,
        function=from_bars("obv"),
        source=_TALIB,
        elements=("OBV",),
    ),
    Indicator(
        name="ad",
        label="Accumulation/distribution line",
        parameters=(),
        inputs=_FLOW,
        unit="shares",
        formula=(
            "sum of volume · ((close − low) − (high − close))/(high − low), 0 where high = low; "
            "its level counts from the first session"
        ),
        lookback_sessions=memory.none,
        settle_sessions=memory.none,
        function=from_bars("ad"),
        source=_TALIB,
        elements=("AD",),
    ),
    Indicator(
        name="adosc",
        label="Chaikin oscillator",
        parameters=(window("fastperiod", 3, 2), window("slowperiod", 10, 2)),
        inputs=_FLOW,
        unit="shares",
        formula="EMA(fast) − EMA(slow) of the A/D line, both seeded with its first value",
        lookback_sessions=memory.adosc_lookback,
        settle_sessions=memory.adosc_settle,
        function=from_bars("adosc"),
        source=_TALIB,
        elements=("ADOSC",),
    ),
    Indicator(
        name="cci",
        label="Commodity channel index",
        parameters=(window("timeperiod", 14, 2),),
        inputs=_RANGE,
        unit="index",
        formula=(
            "(p − mean)/(0.015 · mean absolute deviation) of the last n prices p = (high+low+close)/3; "
            "0 without any deviation"
        ),
        lookback_sessions=memory.window,
        settle_sessions=memory.none,
        function=from_bars("cci"),
        source=_TALIB,
        elements=("CCI",),
    ),
    Indicator(
        name="willr",
        label="Williams %R",
        parameters=(window("timeperiod", 14, 2),),
        inputs=_RANGE,
        unit="index (−100–0)",
        formula=("−100·(highest high − close)/(highest high − lowest low) of n sessions, 0 without a range"),
        lookback_sessions=memory.window,
        settle_sessions=memory.none,
        function=from_bars("willr"),
        source=_TALIB,
        elements=("WILLR",),
    ),
)
