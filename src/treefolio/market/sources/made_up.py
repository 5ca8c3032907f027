"""The made-up market as a source: it needs no key and no network, so everything can be tried with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np

from treefolio.market import calendar
from treefolio.market.actions import Action
from treefolio.market.bars import Bars, Shelf, no_bars
from treefolio.market.panel import FIELDS
from treefolio.market.sources.base import Delivered, Failed
from treefolio.market.synthetic import BY_TICKER, OPENS, synthetic_panel


class MadeUp:
    """The synthetic market of a seed. It has neither splits nor dividends."""

    earliest = OPENS

    def __init__(self, seed: int = 7) -> None:
        self.seed = seed
        self.shelf = Shelf(source="synthetic", feed=f"seed-{seed}")
        self._requests = 0

    @property
    def requests(self) -> int:
        """How often bars were asked for."""
        return self._requests

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        """See Source."""
        known = [name for name in tickers if name in BY_TICKER and BY_TICKER[name].listed <= last]
        if not known or not len(calendar.sessions(max(first, OPENS), last)):
            found: dict[str, Bars] = {}
        else:
            self._requests += 1
            panel = synthetic_panel(seed=self.seed, start=max(first, OPENS), end=last, tickers=known)
            found = {}
            for name in known:
                columns = {field: panel.column(name, field) for field in FIELDS}
                bars = Bars(at=panel.sessions, fields=columns)
                found[name] = bars.where(~np.isnan(columns["close"]))
        for name in tickers:
            if name in BY_TICKER:
                yield Delivered(ticker=name, bars=found.get(name, no_bars()))
            else:
                yield Failed(ticker=name, reason="the synthetic market has no such fund", unknown=True)

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        """None: made-up funds pay nothing and never split."""
        del tickers, first, last
        return []

    def listings(self, tickers: Sequence[str]) -> Mapping[str, date]:
        """See Source."""
        return {name: BY_TICKER[name].listed for name in tickers if name in BY_TICKER}
