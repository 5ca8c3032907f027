"""Where a panel comes from: price files, the made-up market, a vendor behind its cache, or a snapshot.

They answer the same two questions: a panel of these tickers, and which tickers there are at all. Two of them
are never stitched together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from treefolio.errors import MissingPrices, UsageError, did_you_mean
from treefolio.market import calendar, clock, snapshots
from treefolio.market.actions import SpinOff
from treefolio.market.align import named
from treefolio.market.assembly import Basis, panel_of
from treefolio.market.bars import RAW, TOTAL, Bars
from treefolio.market.files import read_panel, read_tickers
from treefolio.market.panel import Panel
from treefolio.market.store import Figures, Stock, Store, Told
from treefolio.market.synthetic import BY_TICKER, ENDS, OPENS, synthetic_panel, synthetic_tickers

CHILD_DAYS = timedelta(days=20)
"""What is spun off is worth its price on its first session, which comes within as many days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """A panel, and how it came about.

    Attributes:
        figures: of fetching; None where nothing is ever fetched.
        notes: what the user should be told: withheld prices, tickers that failed.
        seconds: from the question to the panel.
    """

    panel: Panel
    figures: Figures | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """Sessions of tickers that were known and that were asked for, and requests; 0 for files."""
        figures = self.figures or Figures()
        return {"hits": figures.hits, "misses": figures.misses, "requests": figures.requests}


class Supply(Protocol):
    """Whatever has prices."""

    def supply(
        self, wanted: Collection[str], end: date | None = None, *, closes_only: bool = False
    ) -> Supplied:
        """Prices of those of the ``wanted`` tickers that there are; all of their history up to ``end``.

        Raises:
            PriceError: what is there is damaged. MissingPrices: there is none of them.
        """
        ...

    def tickers(self) -> tuple[str, ...]:
        """The tickers that it is known to have, sorted: what a misspelt one could have meant."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSupply:
    """Price files. columns: our name → the files' name."""

    files: tuple[Path, ...]
    price_column: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def supply(
        self, wanted: Collection[str], end: date | None = None, *, closes_only: bool = False
    ) -> Supplied:
        """See Supply."""
        del end  # a run cuts the panel itself; prices after its end are part of the files' identity
        panel = read_panel(
            self.files,
            price_column=self.price_column,
            tickers=wanted,
            columns=self.columns,
            closes_only=closes_only,
        )
        return Supplied(panel=panel)

    def tickers(self) -> tuple[str, ...]:
        """See Supply."""
        return read_tickers(self.files, price_column=self.price_column, columns=self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSupply:
    """The made-up market of a seed."""

    seed: int = 7

    def supply(
        self, wanted: Collection[str], end: date | None = None, *, closes_only: bool = False
    ) -> Supplied:
        """See Supply."""
        del closes_only  # it is made whole
        last = max(end or ENDS, ENDS)
        known = [name for name in wanted if name in BY_TICKER and BY_TICKER[name].listed <= last]
        if not known:
            first = min(wanted)
            hint = did_you_mean(first, BY_TICKER) or "`treefolio demo` shows strategies that it has."
            raise MissingPrices(
                f"the synthetic market has none of {len(wanted)} tickers", ticker=first, hint=hint
            )
        return Supplied(panel=synthetic_panel(seed=self.seed, start=OPENS, end=last, tickers=known))

    def tickers(self) -> tuple[str, ...]:
        """See Supply."""
        return synthetic_tickers()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSupply:
    """A panel that was kept. It has the tickers that it has, whatever is wanted."""

    name: str
    home: Path

    def supply(
        self, wanted: Collection[str], end: date | None = None, *, closes_only: bool = False
    ) -> Supplied:
        """See Supply."""
        del wanted, end, closes_only  # what is wanted is checked against it, but it stays what it is
        return Supplied(panel=snapshots.load(self.name, self.home))

    def tickers(self) -> tuple[str, ...]:
        """See Supply."""
        return snapshots.load(self.name, self.home).tickers


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorSupply:
    """A source behind the cache.

    Attributes:
        adjustment: raw, split or all.
        as_of: later actions are not applied; by default the last day of the prices.
        asked_at: when the user asked [when `supply` is called].
        told: is told of the progress of fetching.
        offline: nothing is asked of the vendor; there is what the cache knows.
    """

    store: Store
    adjustment: str = TOTAL
    as_of: date | None = None
    asked_at: datetime | None = None
    told: Told | None = None
    offline: bool = False

    def supply(
        self, wanted: Collection[str], end: date | None = None, *, closes_only: bool = False
    ) -> Supplied:
        """See Supply. Raises SourceError when the source cannot be asked; UsageError for a day to come."""
        store = self.store
        now = self.asked_at or store.watch.now()
        last = self.last(end, now)
        basis = Basis(adjustment=self.adjustment, as_of=min(self.as_of or last, last))
        stock = store.stock(
            wanted,
            store.source.earliest,
            last,
            adjusted_on=None if basis.adjustment == RAW else basis.as_of,
            asked_at=self.asked_at,
            told=self.told,
            offline=self.offline,
        )
        children, requests = self.children(stock, basis)
        panel, notes = panel_of(
            stock,
            store.source.shelf,
            basis,
            closes_only=closes_only,
            accepted=store.accepted,
            children=children.get,
        )
        figures = replace(stock.figures, requests=stock.figures.requests + requests)
        said = self.said(stock, panel.sessions[-1].item(), last, now)
        return Supplied(panel=panel, figures=figures, notes=(*said, *notes))

    def said(self, stock: Stock, ends: date, last: date, now: datetime) -> list[str]:
        """What the user should know of prices that end on one day, when they were asked for up to another."""
        said = [f"{ticker}: {reason}" for ticker, reason in sorted(stock.figures.failed.items())]
        if ends > clock.closed(now):
            said.append(f"the session of {ends} is not over: its prices will be others")
        if len(calendar.sessions(ends, last)) > 1:
            said.append(f"there is no price after {ends}")
        if self.offline and stock.figures.misses:
            said.append(
                f"{stock.figures.misses:,} sessions of tickers are not in the cache, and were not asked for"
            )
        if stock.old_actions:
            said.append(
                f"the latest splits and dividends of {named(stock.old_actions)} may be lacking: "
                "they were not asked for"
            )
        return said

    def children(self, stock: Stock, basis: Basis) -> tuple[dict[str, Bars], int]:
        """Raw bars of what was spun off, from the ex-dates on, and how many requests they took."""
        if basis.adjustment != TOTAL:
            return {}, 0
        born = {
            each.child: each.ex_date
            for actions in stock.actions.values()
            for each in actions
            if isinstance(each, SpinOff) and each.ex_date <= basis.as_of
        }
        found: dict[str, Bars] = {}
        requests = 0
        for day in sorted(set(born.values())):
            names = [child for child, ex_date in born.items() if ex_date == day]
            until = min(day + CHILD_DAYS, basis.as_of)
            asked = self.store.stock(names, day, until, asked_at=self.asked_at, offline=self.offline)
            found |= asked.bars
            requests += asked.figures.requests
        return found, requests

    def last(self, end: date | None, now: datetime) -> date:
        """The last session that is asked for: by default the last one that is over."""
        if end is None:
            return clock.closed(now)
        if end > clock.today(now):
            raise UsageError(
                f"{end} is in the future: the last session so far is {clock.latest(now)}",
                hint="Leave the end out for the last session that is over.",
            )
        if end < self.earliest:
            raise UsageError(f"{self.begins}, and the end is {end}", hint="Give a later end.")
        return clock.up_to(end)

    @property
    def earliest(self) -> date:
        """The source has nothing before."""
        return self.store.source.earliest

    @property
    def begins(self) -> str:
        """What is said to who asks for more."""
        return f"{self.store.source.shelf.name} has no prices before {self.earliest}"

    def tickers(self) -> tuple[str, ...]:
        """See Supply."""
        shelf = self.store.source.shelf
        cached = {entry.key.ticker for entry in self.store.cache.entries() if entry.key.shelf == shelf}
        return tuple(sorted(cached | set(BY_TICKER)))


def described(figures: Figures) -> str:
    """``19 tickers × 4,142 sessions: 98 % from cache, 1 request, 0.4 s``."""
    asked = figures.hits + figures.misses
    share = 100 if not figures.misses else min(99, int(100 * figures.hits / asked))
    ticker = "ticker" if figures.tickers == 1 else "tickers"
    request = "request" if figures.requests == 1 else "requests"
    return (
        f"{figures.tickers:,} {ticker} × {figures.sessions:,} sessions: {share} % from cache, "
        f"{figures.requests:,} {request}, {figures.seconds:.1f} s"
    )
