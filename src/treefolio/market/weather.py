"""The weather of the synthetic market: what moves all its funds on a day.

1. Draws (`normals`, `uniforms`): PCG64's raw 64-bit words through integer and elementary arithmetic.
2. `regimes`: calm, uneasy and stormy spells of the market's volatility, by a Markov chain.
3. `market`: the equity market's daily return, with GARCH clusters inside a spell and rare jumps.
4. `rates`: the short rate and a long yield that falls when the market does.
5. `volatility`: what volatility futures earn: against the market, more so on bad days, minus roll.
6. `factors`: all of these and the independent ones (tech, oil, gold, …) by name.

Only +, −, ×, ÷, √ and comparisons of IEEE doubles are used, in a fixed order: no exp, log or pow, whose
last bits differ between platforms, and no sums whose order NumPy chooses. The words of PCG64 and
SeedSequence are guaranteed by NumPy; its distributions are not. A day's weather depends on the days before
it only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

YEAR = 252
CALM, UNEASY, STORM = 0, 1, 2
WORSE = (1 / 90, 1 / 250, 0.0)
"""Chance of a day that the weather turns to the next worse spell, by spell."""
BETTER = (0.0, 1 / 60, 1 / 35)
SIGMA = (0.0060, 0.0105, 0.0250)
"""Standard deviation of the market's daily return."""
DRIFT = (0.0009, 0.0003, -0.0025)
"""Mean of it."""
ROLL = (-0.0012, -0.0042, -0.0120)
"""What volatility futures earn a day by their curve and the return to calm, by spell."""
JUMP_CHANCE = 1 / 300

FACTOR_SIGMA: Mapping[str, float] = {
    "market": 0.0100,
    "tech": 0.0045,
    "semis": 0.0080,
    "small": 0.0050,
    "value": 0.0035,
    "defensive": 0.0035,
    "health": 0.0040,
    "biotech": 0.0100,
    "banks": 0.0065,
    "homes": 0.0070,
    "oil": 0.0180,
    "gas": 0.0280,
    "gold": 0.0095,
    "miners": 0.0130,
    "dollar": 0.0045,
    "abroad": 0.0045,
    "emerging": 0.0060,
    "china": 0.0100,
    "credit": 0.0020,
    "trend": 0.0050,
    "crypto": 0.0350,
    "duration": 0.0005,
    "volatility": 0.0420,
    "carry": 0.0,
    "cash": 0.0,
}
"""Rough standard deviation of each factor's daily value; exact for those that nothing else moves."""
MADE = ("market", "duration", "volatility", "carry", "cash")
"""Factors that have a process of their own; all others are independent noise that rises with the market's."""


def words(seed: int, name: str, count: int, each: int) -> NDArray[np.uint64]:
    """(count, each) random 64-bit words of the stream `name`; a longer count continues a shorter one."""
    source = np.random.PCG64(np.random.SeedSequence([seed, *name.encode()]))
    return source.random_raw(count * each).reshape(count, each)


def uniforms(seed: int, name: str, count: int) -> Series:
    """(count,) multiples of 2⁻⁵³ in [0, 1)."""
    return (words(seed, name, count, 1)[:, 0] >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(seed: int, name: str, count: int) -> Series:
    """(count,) nearly normal numbers, mean 0, variance 1, within ±6: sums of twelve 16-bit uniforms."""
    drawn = words(seed, name, count, 3)
    total = np.zeros(count, dtype=np.int64)
    for k in range(3):
        for shift in (0, 16, 32, 48):
            total += ((drawn[:, k] >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return (total.astype(np.float64) + 6.0) / 65536.0 - 6.0


def regimes(seed: int, count: int) -> NDArray[np.int64]:
    """(count,) the spell of each day: CALM, UNEASY or STORM."""
    spell, spells = CALM, []
    for chance in uniforms(seed, "regime", count).tolist():
        if chance < WORSE[spell]:
            spell += 1
        elif chance > 1 - BETTER[spell]:
            spell -= 1
        spells.append(spell)
    return np.array(spells, dtype=np.int64)


def market(seed: int, spells: NDArray[np.int64]) -> tuple[Series, Series]:
    """(count,) the market's daily return, and the standard deviation it was drawn with.

    Inside a spell the variance is that of the spell times h, a GARCH(1,1) of mean 1 in which losses count
    more.
    """
    count = len(spells)
    shocks = normals(seed, "market", count)
    sigma, h = np.empty(count), 1.0
    for t, (spell, shock) in enumerate(zip(spells.tolist(), shocks.tolist(), strict=True)):
        sigma[t] = SIGMA[spell] * math.sqrt(h)
        h = 0.1 + 0.8 * h + (0.12 if shock < 0 else 0.08) * h * shock * shock
    jumps = (uniforms(seed, "jump", count) < JUMP_CHANCE) * uniforms(seed, "jump size", count)
    return np.array(DRIFT)[spells] + sigma * (shocks - 3.5 * jumps), sigma


def rates(
    seed: int, spells: NDArray[np.int64], earned: Series, tension: Series
) -> tuple[Series, Series, Series]:
    """(count,) the short rate, the long yield, both per year as fractions, and the yield's change that day.

    The short rate creeps towards a goal that a committee resets about every two years, and to zero in
    storms; the yield follows it, and falls with the market.
    """
    count = len(spells)
    resets = uniforms(seed, "committee", count).tolist()
    goals = uniforms(seed, "goal", count).tolist()
    noise = (normals(seed, "yield", count) * 0.92 * FACTOR_SIGMA["duration"] * tension).tolist()
    short, long, change = np.empty(count), np.empty(count), np.empty(count)
    rate, level, goal = 0.03, 0.045, 0.02
    for t, (spell, moved) in enumerate(zip(spells.tolist(), earned.tolist(), strict=True)):
        if resets[t] < 1 / 500:
            goal = 0.05 * goals[t]
        rate += ((0.001 if spell == STORM else goal) - rate) * 0.006
        step = (rate + 0.015 - level) * 0.003 + 0.018 * moved + noise[t]
        step = max(step, 0.004 - level)
        level += step
        short[t], long[t], change[t] = rate, level, step
    return short, long, change


def volatility(seed: int, spells: NDArray[np.int64], earned: Series, tension: Series) -> Series:
    """(count,) the daily return of short-dated volatility futures, from −0.35 to 1.2."""
    noise = normals(seed, "volatility", len(spells)) * 0.022 * tension
    fear = np.maximum(-earned - 0.01, 0.0) * 2.0
    return np.clip(np.array(ROLL)[spells] - 3.0 * earned + fear + noise, -0.35, 1.2)


def factors(seed: int, count: int) -> dict[str, Series]:
    """Name → (count,) daily values: returns, but for ``duration``, which is the fall of the long yield."""
    spells = regimes(seed, count)
    earned, sigma = market(seed, spells)
    tension = 0.6 + 0.4 * (sigma / FACTOR_SIGMA["market"])
    short, long, change = rates(seed, spells, earned, tension)
    made = {
        "market": earned,
        "duration": -change,
        "volatility": volatility(seed, spells, earned, tension),
        "carry": long / YEAR,
        "cash": short / YEAR,
    }
    noises = {
        name: normals(seed, f"factor {name}", count) * size * tension
        for name, size in FACTOR_SIGMA.items()
        if name not in MADE
    }
    return made | noises
