"""What TA-Lib computes agrees with the definitions in the table, written here as plain loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from indicator_samples import CASES, SAMPLES, Bars, Series, case_id, real, sample
from treefolio.errors import MissingPrices, StrategyError
from treefolio.indicators import INDICATORS, compute

BARS = [(name, params) for name, params in CASES if INDICATORS[name].branch_code is None]


def blank(b: Bars) -> Series:
    return np.full(len(b["close"]), np.nan)


def windows(x: Series, n: int) -> Series:
    return np.lib.stride_tricks.sliding_window_view(x, n)


def wilder(x: Series, n: int) -> Series:
    """Wilder's average of x, seeded with the mean of its first n values."""
    out = np.full(len(x), np.nan)
    out[n - 1] = x[:n].mean()
    for i in range(n, len(x)):
        out[i] = (out[i - 1] * (n - 1) + x[i]) / n
    return out


def exponential(x: Series, n: int) -> Series:
    """Exponential average by pandas, seeded with the mean of the first n values."""
    out = np.full(len(x), np.nan)
    seeded = np.concatenate(([x[:n].mean()], x[n:]))
    out[n - 1 :] = pd.Series(seeded).ewm(alpha=2 / (n + 1), adjust=False).mean().to_numpy()
    return out


def chained(average: Callable[[Series, int], Series], x: Series, n: int) -> Series:
    """``average`` of what is defined of x."""
    begin, out = int(np.isfinite(x).argmax()), np.full(len(x), np.nan)
    out[begin:] = average(x[begin:], n)
    return out


def weighted(x: Series, weights: Series) -> Series:
    out = np.full(len(x), np.nan)
    out[len(weights) - 1 :] = windows(x, len(weights)) @ (weights / weights.sum())
    return out


def simple(x: Series, n: int) -> Series:
    return weighted(x, np.ones(n))


def linear(x: Series, n: int) -> Series:
    return weighted(x, np.arange(1.0, n + 1))


def triangular(x: Series, n: int) -> Series:
    return weighted(x, np.minimum(np.arange(1.0, n + 1), np.arange(n, 0.0, -1)))


def double(x: Series, n: int) -> Series:
    first = exponential(x, n)
    return 2 * first - chained(exponential, first, n)


def triple(x: Series, n: int) -> Series:
    first = exponential(x, n)
    second = chained(exponential, first, n)
    return 3 * first - 3 * second + chained(exponential, second, n)


def adaptive(x: Series, n: int) -> Series:
    """Kaufman's average: the fast and slow constants 2/3 and 2/31 by the efficiency ratio, squared."""
    out, value = np.full(len(x), np.nan), x[n - 1]
    for i in range(n, len(x)):
        path = np.abs(np.diff(x[i - n : i + 1])).sum()
        ratio = abs(x[i] - x[i - n]) / path if path > 0 else 1.0
        value += (ratio * (2 / 3 - 2 / 31) + 2 / 31) ** 2 * (x[i] - value)
        out[i] = value
    return out


def tillson(x: Series, n: int) -> Series:
    """T3 with volume factor 0.7: six exponential averages in a row."""
    stages = [x]
    for _ in range(6):
        stages.append(chained(exponential, stages[-1], n))
    v = 0.7
    c = (-(v**3), 3 * v**2 + 3 * v**3, -6 * v**2 - 3 * v - 3 * v**3, 1 + 3 * v + v**3 + 3 * v**2)
    return c[0] * stages[6] + c[1] * stages[5] + c[2] * stages[4] + c[3] * stages[3]


def mesa(x: Series, _n: int) -> Series:
    """MAMA's Hilbert transform is TA-Lib's; this only holds our wiring to it."""
    return talib.MAMA(x, 0.5, 0.05)[0]


AVERAGES = (simple, exponential, linear, double, triple, triangular, adaptive, mesa, tillson)


def average(x: Series, n: int, matype: float) -> Series:
    return x if n == 1 else AVERAGES[int(matype)](x, n)


def true_range(b: Bars) -> Series:
    """From the second session on."""
    last = b["close"][:-1]
    return np.maximum(b["high"][1:], last) - np.minimum(b["low"][1:], last)


def atr(b: Bars, n: int) -> Series:
    return np.concatenate(([np.nan], wilder(true_range(b), n)))


def directional_index(b: Bars, n: int) -> Series:
    """DX from session n on: sums over the first n − 1 changes, then Wilder's way of adding one."""
    up, down = np.diff(b["high"]), -np.diff(b["low"])
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)
    sums = np.array([part[: n - 1].sum() for part in (plus, minus, true_range(b))])
    out, dx = blank(b), 0.0
    for i in range(n - 1, len(up)):
        sums = sums - sums / n + np.array([plus[i], minus[i], true_range(b)[i]])
        if sums[0] + sums[1] > 0:
            dx = 100 * abs(sums[0] - sums[1]) / (sums[0] + sums[1])
        out[i + 1] = dx
    return out


def adx(b: Bars, n: int) -> Series:
    return chained(wilder, directional_index(b, n), n)


def aroon(extremes: Series, n: int) -> Series:
    """Of a series whose highest value counts, the latest of equal ones."""
    out = np.full(len(extremes), np.nan)
    out[n:] = 100 * (n - np.argmax(windows(extremes, n + 1)[:, ::-1], axis=1)) / n
    return out


def place_in_range(b: Bars, n: int) -> Series:
    """100·(close − lowest)/(highest − lowest) of n sessions, 0 without a range."""
    out = blank(b)
    top, bottom = windows(b["high"], n).max(axis=1), windows(b["low"], n).min(axis=1)
    width = top - bottom
    out[n - 1 :] = np.where(
        width > 0, 100 * (b["close"][n - 1 :] - bottom) / np.where(width > 0, width, 1), 0
    )
    return out


def stoch_k(b: Bars, fastk: int, slowk: int, slowd: int, matype: int) -> Series:
    out = chained(lambda x, n: average(x, n, matype), place_in_range(b, fastk), slowk)
    out[: np.isfinite(out).argmax() + slowd - 1] = np.nan
    return out


def williams(b: Bars, n: int) -> Series:
    flat = windows(b["high"], n).max(axis=1) == windows(b["low"], n).min(axis=1)
    out = place_in_range(b, n) - 100
    out[n - 1 :][flat] = 0
    return out


def typical(b: Bars) -> Series:
    return (b["high"] + b["low"] + b["close"]) / 3


def mfi(b: Bars, n: int) -> Series:
    p, out = typical(b), blank(b)
    flow = (p * b["volume"])[1:]
    up = windows(np.where(np.diff(p) > 0, flow, 0.0), n).sum(axis=1)
    down = windows(np.where(np.diff(p) < 0, flow, 0.0), n).sum(axis=1)
    out[n:] = np.where(up + down < 1, 0.0, 100 * up / np.maximum(up + down, 1))
    return out


def obv(b: Bars) -> Series:
    return np.cumsum(np.concatenate((b["volume"][:1], np.sign(np.diff(b["close"])) * b["volume"][1:])))


def ad(b: Bars) -> Series:
    width = b["high"] - b["low"]
    place = ((b["close"] - b["low"]) - (b["high"] - b["close"])) / np.where(width > 0, width, 1)
    return np.cumsum(np.where(width > 0, place * b["volume"], 0.0))


def adosc(b: Bars, fast: int, slow: int) -> Series:
    line = pd.Series(ad(b))
    short, long = (line.ewm(alpha=2 / (n + 1), adjust=False).mean().to_numpy() for n in (fast, slow))
    out = short - long
    out[: max(fast, slow) - 1] = np.nan
    return out


def cci(b: Bars, n: int) -> Series:
    w, out = windows(typical(b), n), blank(b)
    mean = w.mean(axis=1)
    spread = np.abs(w - mean[:, None]).mean(axis=1)
    moved = np.ptp(w, axis=1) > 0
    out[n - 1 :] = np.where(moved, (w[:, -1] - mean) / (0.015 * np.where(moved, spread, 1)), 0.0)
    return out


DEFINITIONS: dict[str, Callable[..., Series]] = {
    "atr": atr,
    "natr": lambda b, n: 100 * atr(b, n) / b["close"],
    "adx": adx,
    "aroon_up": lambda b, n: aroon(b["high"], n),
    "aroon_down": lambda b, n: aroon(-b["low"], n),
    "aroon_osc": lambda b, n: aroon(b["high"], n) - aroon(-b["low"], n),
    "stoch_k": stoch_k,
    "mfi": mfi,
    "obv": obv,
    "ad": ad,
    "adosc": adosc,
    "cci": cci,
    "willr": williams,
}


def expect(name: str, params: tuple[float, ...], b: Bars) -> None:
    """TA-Lib's values and the definition's agree, to 1e-9 or what doubles leave of a price of 1e9."""
    got = compute(name, b, params)
    want = DEFINITIONS[name](b, *(int(p) for p in params))
    price = np.nanmax(np.abs(b["close"]))
    scale = {"price": price, "shares": np.nanmax(np.abs(want))}.get(INDICATORS[name].unit, 100.0)
    digits = max(1e-9, 1e-16 * price * 1e3)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=(1e-9 if scale == price else digits) * scale)


@pytest.mark.parametrize("series", SAMPLES)
@pytest.mark.parametrize(("name", "params"), BARS, ids=case_id)
def test_agrees_with_its_definition(name: str, params: tuple[float, ...], series: str) -> None:
    """On made-up bars, on bars moved up by 1e9, and on one price for ever."""
    expect(name, params, sample(series))


@pytest.mark.shared
def test_agrees_with_its_definition_on_real_bars(shared: Path) -> None:
    """On SPY's whole history."""
    b = real(shared, "SPY")
    assert len(b["close"]) > 3000
    for name, params in BARS:
        expect(name, params, b)


@pytest.mark.parametrize("n", [2, 5, 20, 33])
@pytest.mark.parametrize("matype", range(9))
def test_each_moving_average_agrees_with_its_definition(n: int, matype: int) -> None:
    """Bands, and the oscillator with its signal, are made of the average that matype names."""
    close = sample("walk")["close"]
    want = average(close, n, matype)
    middle = compute("bbands_middle", {"close": close}, (n, 2, 2, matype))
    want_middle = np.where(np.arange(len(close)) < n - 1, np.nan, want)
    np.testing.assert_allclose(middle, want_middle, rtol=1e-9)
    slow = average(close, n + 7, matype)
    line = 100 * (want - slow) / slow
    np.testing.assert_allclose(compute("ppo", {"close": close}, (n, n + 7, matype)), line, atol=1e-8)
    signal = compute("ppo_signal", {"close": close}, (n, n + 7, matype, 9))
    np.testing.assert_allclose(signal, chained(exponential, line, 9), atol=1e-8)


@pytest.mark.parametrize("matype", range(9))
def test_bands_keep_their_width_at_high_prices(matype: int) -> None:
    """1e9 above a walk, the bands are as wide as the walk's, to 1e-9 of the price."""
    params, low, high = (20, 2, 1, matype), sample("walk"), sample("offset")
    for name in ("bbands_upper", "bbands_lower"):
        want = compute(name, low, params) - compute("bbands_middle", low, params)
        got = compute(name, high, params) - compute("bbands_middle", high, params)
        np.testing.assert_allclose(got, want, atol=1e-6)


def test_a_field_that_is_not_there_is_named() -> None:
    """Asking for the money flow of closes alone says what is missing."""
    with pytest.raises(MissingPrices, match="mfi needs high, low, volume") as caught:
        compute("mfi", {"close": np.ones(5)}, (2,))
    assert caught.value.hint == "Give prices with the columns high, low, close, volume."


def test_an_unknown_indicator_is_answered_with_the_nearest() -> None:
    """A misspelt name is an error with a suggestion."""
    with pytest.raises(StrategyError) as caught:
        compute("rsl", {"close": np.ones(5)}, (2,))
    assert "rsi" in (caught.value.hint or "")
