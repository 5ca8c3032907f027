"""What a strategy needs and the panel lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from treefolio.errors import MissingPrices, did_you_mean, short_path
from treefolio.market.panel import Panel

PLACES_SHOWN = 3
_CONDITION = "condition"
"""In a path: below it nothing is held."""
_LOOKED_AT = (
    "add their prices, or run with --missing skip and a --start: a comparison with what has no price is "
    "then false, and no filter chooses it."
)
_HELD = (
    "add their prices, or use other tickers: --missing skip with a --start leaves out what is compared, or "
    "what a filter chooses from, not what is held."
)


class Gap(NamedTuple):
    """Sessions on which a ticker has no price, both ends included, none with a price between them."""

    ticker: str
    first: date
    last: date


def check_tickers(
    panel: Panel,
    needed: Mapping[str, Sequence[str]],
    *,
    known: Iterable[str] = (),
    given: Mapping[str, str] | None = None,
    held: Collection[str] | None = None,
) -> None:
    """Raise MissingPrices when the panel has no price at all of a needed ticker.

    `needed` maps each ticker to the places in the strategy that use it; the error lists all that are
    missing, with their places, and carries the first one's `ticker` and `path`. `known` are names beside
    the panel's own that a misspelt ticker could have meant, such as `files.read_tickers` gives. `given` says
    of tickers that the strategy itself does not name by which flag they came. `held` are those that
    `missing="skip"` cannot do without; None for all that are used outside a condition.
    """
    missing = [ticker for ticker in sorted(needed) if not _priced(panel, ticker)]
    if not missing:
        return
    offered = sorted({*panel.tickers, *known} - set(missing))
    flags = {ticker: flag for ticker, flag in (given or {}).items() if ticker in missing}
    missing.sort(key=lambda ticker: ticker not in flags)
    lines = [
        f"  {ticker}: {_used(needed[ticker], flags.get(ticker), did_you_mean(ticker, offered))}"
        for ticker in missing
    ]
    count = len(missing)
    change = f"change {' and '.join(dict.fromkeys(flags.values()))}, " if flags else ""
    hint = change + (
        _HELD if any(_is_held(ticker, needed[ticker], held) for ticker in missing) else _LOOKED_AT
    )
    raise MissingPrices(
        "\n".join(
            [f"no prices for {count} ticker{'s' if count > 1 else ''} that the strategy needs:", *lines]
        ),
        ticker=missing[0],
        path=None if flags else next(iter(needed[missing[0]]), None),
        hint=hint[0].upper() + hint[1:],
    )


def _priced(panel: Panel, ticker: str) -> bool:
    return ticker in panel and bool(np.isfinite(panel.fields["close"][:, panel.position(ticker)]).any())


def _is_held(ticker: str, places: Sequence[str], held: Collection[str] | None) -> bool:
    if held is not None:
        return ticker in held
    return any(_CONDITION not in place.split(" > ") for place in places)


def _used(places: Sequence[str], flag: str | None, offer: str | None) -> str:
    """By which flag a ticker came, where it is used, and what could have been meant."""
    shown = [
        short_path(place) for place in (places if len(places) == PLACES_SHOWN + 1 else places[:PLACES_SHOWN])
    ]
    more = len(places) - len(shown)
    said = f"given in {flag}; " if flag else ""
    said += "used at " + ", ".join(shown) if places else "used"
    said += f" and {more} more places" if more else ""
    return f"{said}. {offer}" if offer else said


def gaps(panel: Panel, tickers: Iterable[str], first: int, last: int) -> list[Gap]:
    """Stretches without a close at positions `first` to `last` of the panel's sessions, both included.

    By ticker in the order given, then by date. A ticker that is not in the panel is one stretch over all of
    them.
    """
    days = panel.sessions[first : last + 1]
    found: list[Gap] = []
    for ticker in tickers:
        if ticker in panel:
            absent = np.isnan(panel.fields["close"][first : last + 1, panel.position(ticker)])
        else:
            absent = np.ones(len(days), dtype=np.bool_)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], absent, [False])).astype(np.int8)))
        found += [
            Gap(ticker, days[begin].item(), days[end - 1].item())
            for begin, end in zip(edges[::2], edges[1::2], strict=True)
        ]
    return found
