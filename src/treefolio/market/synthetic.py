"""A made-up market that looks real: `synthetic_panel`.

The funds are those of `universe`, their weather is that of `weather`. From there:

1. `_base_bars`: a fund's daily return is Σ loading · factor + its own noise and drift; part of it overnight.
2. `_geared_bars`: leverage · the index fund's return + (1 − leverage) · cash − fee, and likewise overnight.
3. `_fields`: returns → closes from the listing price on; open, high, low and volume around them.

**What is promised**: the same seed gives the same bits for a ticker and a session, on every platform with
IEEE doubles, with every version of NumPy, whatever other tickers are asked for and wherever the panel
starts or ends. (A new version of Treefolio may make another market; its changelog says so.)

Prices are made up and say nothing about the real funds; the panel, and every result from it, says
`synthetic`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from treefolio.errors import MissingPrices, UsageError, WindowError, did_you_mean
from treefolio.market import calendar
from treefolio.market.panel import FIELDS, Dates, Panel, Series
from treefolio.market.universe import FUNDS, GEARED, Fund, Geared
from treefolio.market.weather import FACTOR_SIGMA, YEAR, factors, normals, uniforms

OPENS, ENDS = date(2007, 1, 3), date(2024, 12, 31)
"""The first session of the market, and the last unless another one is asked for."""
BASIS = "made-up prices, without dividends or splits"
WORST = -0.95
"""No fund loses more in a day."""

BY_TICKER: Mapping[str, Fund | Geared] = {row.ticker: row for table in (FUNDS, GEARED) for row in table}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A fund's days.

    Attributes:
        earned: (T,) the return from close to close.
        overnight: (T,) from close to open.
        usual: rough standard deviation of a day's return.
    """

    earned: Series
    overnight: Series
    usual: float


def synthetic_tickers() -> tuple[str, ...]:
    """All tickers of the market, sorted."""
    return tuple(sorted(BY_TICKER))


def synthetic_panel(
    *,
    seed: int = 7,
    start: date | str = OPENS,
    end: date | str = ENDS,
    tickers: Sequence[str] | None = None,
) -> Panel:
    """The made-up market of `seed` from `start` to `end`; open, high, low, close and volume in USD and
    shares.

    `tickers` defaults to all of the market's; a ticker is NaN before its listing. Raises MissingPrices for
    a ticker that the market does not have, or that is listed only after `end`; WindowError when no session
    is left; UsageError for a negative seed or a start before the market opens, 2007-01-03.
    """
    first, last = _day(start, "start"), _day(end, "end")
    if seed < 0:
        raise UsageError(f"the seed is {seed}", hint="Seeds are whole numbers, 0 or more.")
    if first < OPENS:
        raise UsageError(f"the synthetic market opens on {OPENS}, after {first}", hint=f"Use start={OPENS}.")
    every = calendar.sessions(OPENS, last)
    skipped = int(np.searchsorted(every, np.datetime64(first, "D")))
    if skipped >= len(every):
        raise WindowError(f"there is no session from {first} to {last}", hint="Move the end after the start.")
    names = _names(tickers, every[-1].item())
    fields = {name: np.full((len(every) - skipped, len(names)), np.nan) for name in FIELDS}
    market = factors(seed, len(every))
    for k, name in enumerate(names):
        for field, values in _fields(name, seed, every, market).items():
            fields[field][:, k] = values[skipped:]
    return Panel(
        sessions=every[skipped:].copy(),
        tickers=names,
        fields=fields,
        basis=BASIS,
        source=f"synthetic market, seed {seed}",
        synthetic=True,
    )


def _day(day: date | str, what: str) -> date:
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{what} is {day!r}", hint="Dates are written YYYY-MM-DD.") from None


def _names(tickers: Sequence[str] | None, last: date) -> tuple[str, ...]:
    """The wanted tickers, sorted. All of the market's that are listed by `last`, when None."""
    if tickers is None:
        return tuple(name for name in synthetic_tickers() if BY_TICKER[name].listed <= last)
    for name in tickers:
        if name not in BY_TICKER:
            hint = did_you_mean(name, BY_TICKER) or "See synthetic_tickers() for those it has."
            raise MissingPrices(f"the synthetic market has no {name}", ticker=name, hint=hint)
        if BY_TICKER[name].listed > last:
            listed = BY_TICKER[name].listed
            raise MissingPrices(
                f"the synthetic market lists {name} on {listed}, after {last}",
                ticker=name,
                hint=f"Use an end from {listed} on.",
            )
    return tuple(sorted(set(tickers)))


def _base_bars(fund: Fund, seed: int, market: Mapping[str, Series]) -> Bars:
    """The days of a fund that loads on factors."""
    count = len(market["market"])
    earned = normals(seed, f"own {fund.ticker}", count) * fund.own + fund.drift / YEAR
    variance = fund.own * fund.own
    for factor, loading in fund.loads:
        earned = earned + loading * market[factor]
        size = loading * FACTOR_SIGMA[factor]
        variance += size * size
    earned = np.maximum(earned, WORST)
    usual = float(np.sqrt(variance))
    overnight = 0.4 * earned + 0.3 * usual * normals(seed, f"overnight {fund.ticker}", count)
    return Bars(earned=earned, overnight=np.maximum(overnight, WORST), usual=usual)


def _geared_bars(fund: Geared, seed: int, market: Mapping[str, Series]) -> Bars:
    """The days of a fund that multiplies another's."""
    index = BY_TICKER[fund.of]
    assert isinstance(index, Fund)
    bars = _base_bars(index, seed, market)
    cost = (1.0 - fund.leverage) * market["cash"] - fund.fee / YEAR
    return Bars(
        earned=np.maximum(fund.leverage * bars.earned + cost, WORST),
        overnight=np.maximum(fund.leverage * bars.overnight, WORST),
        usual=abs(fund.leverage) * bars.usual,
    )


def _fields(name: str, seed: int, sessions: Dates, market: Mapping[str, Series]) -> dict[str, Series]:
    """Field → (T,) prices and volumes of a fund, NaN before its listing; low ≤ open, close ≤ high."""
    fund = BY_TICKER[name]
    bars = _base_bars(fund, seed, market) if isinstance(fund, Fund) else _geared_bars(fund, seed, market)
    count = len(sessions)
    listed = int(np.searchsorted(sessions, np.datetime64(fund.listed, "D")))
    growth = np.ones(count)
    growth[listed + 1 :] += bars.earned[listed + 1 :]
    close = fund.price * np.cumprod(growth)
    before = np.concatenate((close[:1], close[:-1]))
    opened = before * (1.0 + bars.overnight)
    reach = 0.5 * min(bars.usual, 0.5)
    busy = 1.0 + 0.4 * np.minimum(np.abs(bars.earned) / bars.usual, 6.0)
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * (1.0 + reach * uniforms(seed, f"high {name}", count)),
        "low": np.minimum(opened, close) * (1.0 - reach * uniforms(seed, f"low {name}", count)),
        "close": close,
        "volume": np.rint(fund.volume * busy * (0.5 + uniforms(seed, f"volume {name}", count))),
    }
    for values in fields.values():
        values[:listed] = np.nan
    return fields
