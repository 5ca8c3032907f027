"""Series on which the tests of indicators agree, and the parameters that each indicator is tried with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.indicators import INDICATORS

Series = NDArray[np.float64]
Bars = Mapping[str, Series]

SESSIONS = 420
SAMPLES = ("walk", "offset", "constant")


def bars(close: Series, seed: int = 7) -> dict[str, Series]:
    """Plausible open, high, low and volume around the closes."""
    random = np.random.default_rng(seed)
    spread = np.abs(close) * 0.01
    opened = close + spread * random.uniform(-0.5, 0.5, len(close))
    return {
        "open": opened,
        "high": np.maximum(opened, close) + spread * random.uniform(0, 1, len(close)),
        "low": np.minimum(opened, close) - spread * random.uniform(0, 1, len(close)),
        "close": close,
        "volume": np.floor(random.uniform(1e4, 1e6, len(close))),
    }


def walk(sessions: int = SESSIONS, seed: int = 1) -> Series:
    """A random walk around 100."""
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0003, 0.02, sessions)))


def sample(name: str) -> dict[str, Series]:
    """Bars of a seeded random walk, the same moved up by 1e9, or one price for ever."""
    if name == "walk":
        return bars(walk())
    if name == "offset":
        return {field: (v if field == "volume" else v + 1e9) for field, v in bars(walk()).items()}
    flat = np.full(SESSIONS, 41.7)
    return dict.fromkeys(("open", "high", "low", "close"), flat) | {"volume": np.full(SESSIONS, 1e5)}


def real(shared: Path, ticker: str, before: str = "2026-01-01") -> dict[str, Series]:
    """Real daily bars of a ticker up to a day, split-adjusted; empty when there are none."""
    day = pl.lit(before).str.to_date()
    frame = (
        pl.scan_parquet(shared / "prices" / "etf_daily.parquet")
        .filter(pl.col("ticker") == ticker, pl.col("date") < day, pl.col("close").is_not_null())
        .sort("date")
        .select(pl.col("open", "high", "low", "close", "volume").cast(pl.Float64))
        .collect()
    )
    return {name: frame[name].to_numpy().copy() for name in frame.columns}


_AVERAGED: dict[str, list[tuple[float, ...]]] = {
    "macd": [(12, 26, 9), (26, 12, 9), (2, 3, 1), (5, 35, 5), (10, 10, 3)],
    "ppo": [(12, 26), (26, 12), (2, 3), (10, 10)],
    "bbands": [(20, 2, 2), (2, 1, 3), (50, 0.5, 0)],
}
_OWN: dict[str, list[tuple[float, ...]]] = {
    "adosc": [(3, 10), (10, 3), (2, 2)],
    "stoch_k": [(14, 3, 3, 0), (5, 1, 1, 0), (1, 1, 4, 0), (14, 3, 3, 1), (10, 4, 2, 2)],
}
MATYPES = range(9)


def parameters(name: str) -> list[tuple[float, ...]]:
    """Parameters to try indicator ``name`` with: small, usual and long ones, every matype."""
    row, family = INDICATORS[name], name.partition("_")[0]
    if not row.parameters:
        return [()]
    if name in _OWN:
        return _OWN[name]
    if family == "macd":
        return _AVERAGED["macd"]
    if family == "bbands":
        return [(*p, m) for p in _AVERAGED["bbands"] for m in MATYPES]
    if family == "ppo":
        signals = [(9,), (1,)] if len(row.parameters) == 4 else [()]
        return [(*p, m, *s) for p in _AVERAGED["ppo"] for m in MATYPES for s in signals]
    return [(n,) for n in (1, 2, 3, 5, 14, 20, 33, 101) if n >= row.parameters[0].minimum]


CASES = [(name, params) for name in INDICATORS for params in parameters(name)]
"""Every indicator with each of its parameters to try."""


def case_id(value: object) -> str:
    """``rsi`` and ``14`` rather than ``case0``."""
    return "-".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value)
