"""Indicators of closes agree with TA-Lib, with their definitions, and with what others published."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from indicator_samples import CASES, SAMPLES, Series, case_id, real, sample
from treefolio.indicators import INDICATORS, branch_supported, compute

RETURNS_PER_YEAR = 252
MACD_PARTS = {"macd": 0, "macd_signal": 1, "macd_hist": 2}


def rolling(x: Series, n: int, function: Callable[[Series], Series]) -> Series:
    """``function`` of each window of n values, on its last axis; NaN before the first whole one."""
    out = np.full(len(x), np.nan)
    if len(x) >= n:
        out[n - 1 :] = function(np.lib.stride_tricks.sliding_window_view(x, n))
    return out


def returns(x: Series) -> Series:
    return x[1:] / x[:-1] - 1


def of_returns(x: Series, n: int, function: Callable[[Series], Series]) -> Series:
    return np.concatenate(([np.nan], rolling(returns(x), n, function)))


def sample_deviation(windows: Series) -> Series:
    return np.std(windows, axis=-1, ddof=1)


def worst_loss(windows: Series) -> Series:
    return np.max(1 - windows / np.maximum.accumulate(windows, axis=-1), axis=-1)


def band(x: Series, n: int, width: float, matype: int) -> Series:
    return talib.MA(x, n, matype) + width * rolling(x, n, lambda w: np.std(w, axis=-1))


def smoothed(line: Series, n: int) -> Series:
    """TA-Lib's EMA of a line from its first value on."""
    begin, out = int(np.isfinite(line).argmax()), np.full(len(line), np.nan)
    out[begin:] = talib.EMA(line[begin:], n) if n > 1 else line[begin:]
    return out


def ppo_signal(x: Series, fast: int, slow: int, matype: int, signal: int) -> Series:
    return smoothed(talib.PPO(x, fast, slow, matype), signal)


def average(kind: int) -> Callable[..., Series]:
    return lambda x, n: talib.MA(x, int(n), kind)


INDEPENDENT: dict[str, Callable[..., Series]] = {
    "price": lambda x: x,
    "sma": average(0),
    "ema": average(1),
    "rsi": talib.RSI,
    "cumulative_return": talib.ROCP,
    "mean_return": lambda x, n: of_returns(x, n, lambda w: w.mean(axis=-1)),
    "stdev_return": lambda x, n: of_returns(x, n, sample_deviation),
    "stdev_price": lambda x, n: rolling(x, n, sample_deviation),
    "max_drawdown": lambda x, n: rolling(x, n, worst_loss),
    "volatility": lambda x, n: of_returns(x, n, sample_deviation) * np.sqrt(RETURNS_PER_YEAR),
    "return_since_start": lambda x: x / x[0] - 1,
    **{
        name: lambda x, *p, part=part: talib.MACD(x, *(int(v) for v in p))[part]
        for name, part in MACD_PARTS.items()
    },
    "ppo": talib.PPO,
    "ppo_signal": ppo_signal,
    "ppo_hist": lambda x, *p: talib.PPO(x, *p[:3]) - ppo_signal(x, *p),
    "bbands_upper": lambda x, n, up, _down, matype: band(x, n, up, matype),
    "bbands_middle": lambda x, n, _up, _down, matype: band(x, n, 0.0, matype),
    "bbands_lower": lambda x, n, _up, down, matype: band(x, n, -down, matype),
}
CLOSES = [
    (name, params)
    for name, params in CASES
    if INDICATORS[name].branch_code is not None and (name, params) != ("rsi", (1,))
]

OWN = [(name, params) for name, params in CLOSES if branch_supported(name, params)]


def expect(name: str, params: tuple[float, ...], close: Series) -> None:
    """Our values and the independent ones agree to 1e-9, relative to the price for levels."""
    got = compute(name, {"close": close}, params)
    whole = tuple(int(p) if p == int(p) else p for p in params)
    want = INDEPENDENT[name](close, *whole)
    scale = np.nanmax(np.abs(close)) if INDICATORS[name].level else 1.0
    scale *= 100 if INDICATORS[name].unit in ("percent", "index (0–100)") else 1
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * scale)


@pytest.mark.parametrize("series", SAMPLES)
@pytest.mark.parametrize(("name", "params"), CLOSES, ids=case_id)
def test_agrees_with_an_independent_implementation(name: str, params: tuple[float, ...], series: str) -> None:
    """On a random walk, on one moved up by 1e9, and on a constant (TA-Lib's RSI of one is 0, not 50)."""
    if (name, series) == ("rsi", "constant"):
        np.testing.assert_array_equal(compute(name, sample(series), params)[int(params[0]) :], 50.0)
    else:
        expect(name, params, sample(series)["close"])


@pytest.mark.shared
@pytest.mark.parametrize("ticker", ["SPY", "UVXY"])
def test_agrees_on_real_prices(shared: Path, ticker: str) -> None:
    """On whole real histories, one of them with prices from 1e1 to 1e9."""
    close = real(shared, ticker)["close"]
    assert len(close) > 2500
    for name, params in CLOSES:
        expect(name, params, close)


@pytest.mark.parametrize("matype", [0, 1])
def test_bands_agree_with_talib_where_its_sums_are_exact_enough(matype: int) -> None:
    """The bands are TA-Lib's BBANDS: population deviation about the simple mean, for both averages."""
    close = sample("walk")["close"]
    for name, want in zip(
        ("bbands_upper", "bbands_middle", "bbands_lower"),
        talib.BBANDS(close, 20, 2.0, 1.5, matype),
        strict=True,
    ):
        got = compute(name, {"close": close}, (20, 2, 1.5, matype))
        np.testing.assert_allclose(got, want, rtol=1e-9)


CONSTANTS = {
    "price": 0.1, "sma": 0.1, "ema": 0.1, "rsi": 50.0, "bbands_upper": 0.1, "bbands_middle": 0.1,
    "bbands_lower": 0.1,
}  # fmt: skip


@pytest.mark.parametrize(("name", "params"), OWN, ids=case_id)
def test_a_constant_series_has_exact_values(name: str, params: tuple[float, ...]) -> None:
    """Averages are the price to the bit, RSI is 50, all else 0: no comparison turns on a rounding."""
    values = compute(name, {"close": np.full(300, 0.1)}, params)
    defined = values[INDICATORS[name].lookback_sessions(*params) :]
    assert set(defined.tolist()) == {CONSTANTS.get(name, 0.0)}


@pytest.mark.parametrize("n", [1, 2, 14])
def test_rsi_without_a_loss_is_100_and_without_a_gain_0(n: int) -> None:
    """A rising series is at 100, a falling one at 0, from the first value on."""
    rising = np.arange(1.0, 60.0)
    assert set(compute("rsi", {"close": rising}, (n,))[n:]) == {100.0}
    assert set(compute("rsi", {"close": rising[::-1]}, (n,))[n:]) == {0.0}


def test_rsi_of_one_session_is_the_direction_of_the_last_change() -> None:
    """Up 100, down 0, unchanged 50."""
    values = compute("rsi", {"close": np.array([1.0, 2.0, 1.5, 1.5])}, (1,))
    np.testing.assert_array_equal(values, [np.nan, 100.0, 0.0, 50.0])


STOCKCHARTS_CLOSES = (
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931,
    46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521,
    45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
)  # fmt: skip
STOCKCHARTS_RSI = (
    70.5328, 66.3186, 66.5498, 69.4063, 66.3552, 57.9749, 62.9296, 63.2571, 56.0593, 62.3771, 54.7076,
    50.4228, 39.9898, 41.4605, 41.8689, 45.4632, 37.3040, 33.0795, 37.7730,
)  # fmt: skip


def test_rsi_is_that_of_the_stockcharts_worksheet() -> None:
    """Wilder's RSI(14) of StockCharts' published example, whose closes are given to four digits."""
    values = compute("rsi", {"close": np.array(STOCKCHARTS_CLOSES)}, (14,))
    np.testing.assert_allclose(values[14:], STOCKCHARTS_RSI, atol=2e-3)


FEATURES = {
    "moving-average-return": "mean_return",
    "relative-strength-index": "rsi",
    "standard-deviation-return": "stdev_return",
    "cum-return-pct": "cumulative_return",
    "daily-return": "cumulative_return",
    "mean-price": "sma",
}
SHORT_HISTORY = {("mean-price", 360)}


@pytest.mark.shared
def test_composer_printed_the_same_values(shared: Path) -> None:
    """Composer's own values of 2022-10-24, on split-adjusted closes; levels are scaled by later splits."""
    answer = json.loads((shared / "golden" / "composer_indicator_values" / "response.json").read_text())
    known = {
        tuple(dict(ast.literal_eval(key)).values()): value
        for key, value in answer["latest-feat-vals"].items()
        if value is not None
    }
    closes: dict[str, Series] = {}
    checked = 0
    for (feature, ticker, *window), want in known.items():
        if feature not in FEATURES or (feature, *window) in SHORT_HISTORY:
            continue
        if ticker not in closes:
            closes[ticker] = real(shared, ticker, "2022-10-25")["close"]
        if not len(closes[ticker]):
            continue
        scale = known["price", ticker] / closes[ticker][-1] if feature == "mean-price" else 1.0
        close = np.round(closes[ticker], 2) if ticker == "BIL" else closes[ticker]
        got = compute(FEATURES[feature], {"close": close}, window or (1,))[-1] * scale
        assert got == pytest.approx(
            want, abs=3e-4 if feature == "relative-strength-index" else 2e-7 * max(1.0, want)
        ), (
            feature,
            ticker,
        )
        checked += 1
    assert checked >= 48


@given(
    steps=st.lists(st.sampled_from([-0.5, -0.1, -0.01, 0.0, 0.01, 0.1, 0.5]), min_size=2, max_size=80),
    n=st.integers(2, 90),
)
def test_drawdown_is_the_plain_search_to_the_bit(steps: list[float], n: int) -> None:
    """Joining stretches of 1, 2, 4 … values gives what looking at every pair gives, ties and all."""
    close = np.cumprod(1 + np.array(steps))
    want = np.full(len(close), np.nan)
    for i in range(n - 1, len(close)):
        part = close[i - n + 1 : i + 1]
        want[i] = 1 - min(b / a for k, a in enumerate(part) for b in part[k:])
    np.testing.assert_array_equal(compute("max_drawdown", {"close": close}, (n,)), want)
