"""What both engines take and give: the window of a run, and the run itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
Missing = Literal["error", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The sessions of a run, as positions in the panel, both included.

    Attributes:
        first: the session of the first decision and trade.
        last: the session of the last value.
        cause: what set `first`, in words: ``UVXY's rsi(10) is first defined then``.
    """

    first: int
    last: int
    cause: str = ""

    @property
    def sessions(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """Executed orders as columns of equal length, by session, then in the order of tickers.

    Attributes:
        session: position within the run, 0 is its first session.
        ticker: column in `Run.tickers`.
        shares: positive for buys, negative for sells.
        price: the fill price before slippage, USD.
        notional: shares · price, USD, signed.
        cost: slippage, commission and fees of this order, USD.
    """

    session: NDArray[np.int64]
    ticker: NDArray[np.int64]
    shares: Series
    price: Series
    notional: Series
    cost: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One backtest.

    Attributes:
        sessions: (N,) datetime64[D].
        tickers: every ticker that the tree can hold, sorted; A of them.
        values: (N,) USD at each session's close, after its trades.
        returns: (N − 1,) fractions; the first counts from the capital, so with the first session's costs.
        activity: (6,) what `metrics.Activity` lists, in its order.
        targets: (N, A) what the tree decides at each session's close: fractions, the rest is cash. NaN
            on sessions on which the rule of rebalancing does not evaluate the tree.
        weights: (N, A) what is held after each session's trades, as fractions of the value.
        trades: executed orders.
    """

    sessions: NDArray[np.datetime64]
    tickers: tuple[str, ...]
    values: Series
    returns: Series
    activity: Series
    targets: Series
    weights: Series
    trades: Trades
