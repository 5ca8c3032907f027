"""What a job is computed on: prices that are there, or that its first chunk fetches, once and for all.

Prices are fetched through the cache that all jobs share, with the owner's keys where the vault has some, else
with those of the environment. Addresses of vendors come from the settings alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any
from uuid import UUID

from treefolio.errors import SourceAway
from treefolio.jobs import requests
from treefolio.jobs.ledger.errands import Order
from treefolio.jobs.requests import Backtest, Fetch
from treefolio.jobs.vault import AlpacaKeys, MassiveKey, Vault
from treefolio.jobs.workshop.attending import Halted
from treefolio.market.accepted import load_accepted
from treefolio.market.actions import Action
from treefolio.market.bars import DAILY
from treefolio.market.cache.choice import open_cache
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.base import Delivered, Failed, Source
from treefolio.market.sources.table import open_source, require_source
from treefolio.market.store import Store, Told
from treefolio.market.supply import Supplied, Supply, SyntheticSupply, VendorSupply

SYNTHETIC = "synthetic"
_KEYS: Mapping[str, tuple[Any, Mapping[str, str]]] = {
    "alpaca": (AlpacaKeys, {"alpaca_key": "key_id", "alpaca_secret": "secret"}),
    "massive": (MassiveKey, {"massive_key": "key"}),
}
"""Source → what of the vault it takes; and the settings that these are, with their names there."""


def settings_of(source: str | None, owner: str, job: UUID, vault: Vault, home: Path) -> MarketSettings:
    """The settings of market data, with the owner's keys for the source where there are some.

    Raises:
        VaultError: there are some, and they cannot be opened.
    """
    changed: dict[str, object] = {"home": home}
    if source is not None and source in _KEYS:
        shape, fields = _KEYS[source]
        keys = vault.of(owner, shape, job=job)
        changed |= {} if keys is None else {name: getattr(keys, field) for name, field in fields.items()}
    return MarketSettings().model_copy(update=changed)


def lacks_keys(source: str, owner: str, vault: Vault) -> bool:
    """The source takes keys, and neither the owner has some in the vault nor the environment here has any."""
    if source not in _KEYS:
        return False
    shape, fields = _KEYS[source]
    settings = MarketSettings()
    return all(getattr(settings, name) is None for name in fields) and all(
        each.kind != shape.kind for each in vault.listed(owner)
    )


def store_of(source: Source, settings: MarketSettings) -> Store:
    """A source behind the cache."""
    return Store(source, open_cache(settings), accepted=load_accepted(settings.home))


def telling(stop: Event, told: Told | None = None) -> Told:
    """Ends what is being fetched when it shall stop: with Halted, after what has come was saved."""

    def tell(done: int, total: int) -> None:
        if told is not None:
            told(done, total)
        if stop.is_set():
            raise Halted

    return tell


def fetched(request: Backtest, order: Order, settings: MarketSettings, told: Told, stop: Event) -> Supplied:
    """Fetches all prices that the request can reach, as of when it was submitted.

    ``told`` is told how many tickers are done, of how many.

    Raises:
        SourceError: the vendor refuses. SourceAway: it did not answer, for some ticker at least.
        MissingPrices: there are none of some ticker. Halted: it was told to stop.
    """
    assert request.asked.fetch is not None  # there is no snapshot
    supplied = requests.prices_of(request, _supply(request.asked.fetch, order, settings, telling(stop, told)))
    if stop.is_set():
        raise Halted
    return supplied


def _supply(fetch: Fetch, order: Order, settings: MarketSettings, told: Told) -> Supply:
    """Where the prices come from: the made-up market, as the command line has it, or a vendor."""
    if fetch.source == SYNTHETIC:
        _, feed = require_source(fetch.source, feed=fetch.feed)
        return SyntheticSupply(seed=int(feed.removeprefix("seed-")))
    source = open_source(fetch.source, settings, feed=fetch.feed)
    return VendorSupply(
        store=store_of(Insisting(source), settings),
        adjustment=fetch.adjustment,
        asked_at=order.at,
        told=told,
    )


class Insisting:
    """A source of whose tickers none may lack only because the source was away.

    What it has is delivered, and so kept, before that is said.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.shelf = source.shelf
        self.earliest = source.earliest

    @property
    def requests(self) -> int:
        """See Source."""
        return self.source.requests

    def bars(self, tickers: Sequence[str], first: date, last: date) -> Iterator[Delivered | Failed]:
        """See Source. Raises SourceAway at the end when a ticker failed that is not unknown."""
        lost: list[Failed] = []
        for answer in self.source.bars(tickers, first, last):
            if isinstance(answer, Failed) and not answer.unknown:
                lost.append(answer)
            else:
                yield answer
        if lost:
            more = f", and {len(lost) - 1} more tickers" if len(lost) > 1 else ""
            raise SourceAway(
                f"{lost[0].ticker}: {lost[0].reason}{more}", source=self.shelf.name, ticker=lost[0].ticker
            )

    def actions(self, tickers: Sequence[str], first: date, last: date) -> list[Action]:
        """See Source."""
        return self.source.actions(tickers, first, last)

    def listings(self, tickers: Sequence[str]) -> Mapping[str, date]:
        """See Source."""
        return self.source.listings(tickers)


def vendor_store(source: str, settings: MarketSettings, feed: str | None, interval: str = DAILY) -> Store:
    """A vendor's store, which says of each ticker what became of it. Raises UsageError."""
    return store_of(open_source(source, settings, feed=feed, interval=interval), settings)
