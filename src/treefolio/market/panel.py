"""The panel: aligned prices of many tickers on the same sessions, with a hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import PriceError

Series = NDArray[np.float64]
Dates = NDArray[np.datetime64]
FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Prices of ``tickers`` on ``sessions``.

    Attributes:
        sessions: (T,) datetime64[D], NYSE sessions, ascending, without duplicates.
        tickers: N names, sorted, without duplicates.
        fields: name → (T, N) float64, C order, read-only; NaN where a ticker has no price. ``close`` is
            always there; open, high, low are on the same basis as close.
        basis: what the prices are, such as ``adj_close: split- and dividend-adjusted, as given``.
        source: where they came from, such as file names or ``synthetic market, seed 7``.
        synthetic: True for made-up prices; every result says so.
    """

    sessions: Dates
    tickers: tuple[str, ...]
    fields: Mapping[str, Series]
    basis: str
    source: str
    synthetic: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.tickers))
        if "close" not in self.fields:
            raise PriceError("a panel needs close prices")
        for name, values in self.fields.items():
            if values.shape != shape or values.dtype != np.float64 or not values.flags.c_contiguous:
                raise PriceError(f"panel field {name!r} must be a C-ordered float64 array of shape {shape}")
            values.flags.writeable = False
        self.sessions.flags.writeable = False
        self._index.update({ticker: k for k, ticker in enumerate(self.tickers)})

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._index

    def column(self, ticker: str, name: str = "close") -> Series:
        """One ticker's series of field ``name``: (T,) float64, contiguous. KeyError when absent."""
        return np.ascontiguousarray(self.fields[name][:, self._index[ticker]])

    def position(self, ticker: str) -> int:
        """The ticker's column. KeyError when absent."""
        return self._index[ticker]

    def select(self, tickers: Sequence[str]) -> Panel:
        """The panel of only those of ``tickers`` that are here, sorted; all sessions stay."""
        kept = sorted(set(tickers) & self._index.keys())
        columns = [self._index[ticker] for ticker in kept]
        return Panel(
            sessions=self.sessions,
            tickers=tuple(kept),
            fields={name: np.ascontiguousarray(values[:, columns]) for name, values in self.fields.items()},
            basis=self.basis,
            source=self.source,
            synthetic=self.synthetic,
        )

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over sessions, tickers, basis and every field's bytes: the snapshot's identity."""
        digest = hashlib.sha256()
        digest.update(self.sessions.astype("datetime64[D]").astype(np.int64).tobytes())
        digest.update("\0".join((self.basis, *self.tickers)).encode())
        for name in sorted(self.fields):
            digest.update(name.encode())
            digest.update(self.fields[name].tobytes())
        return digest.hexdigest()
