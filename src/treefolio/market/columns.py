"""Which column of a price table is what.

A **long** table has a column for the ticker and one row for each ticker and session. A **wide** table has
the date and one column for each ticker. A table without a ticker column is wide, unless it has a column of
closes: then it is a long table that lacks its ticker.

Names are found whatever their case and spacing (``Adj Close`` is ``adj_close``), after the mapping that the
user gave; two columns that fit the same name are an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from treefolio.errors import PriceError, UsageError, did_you_mean

SPELLINGS = {
    "date": ("date", "session", "datetime", "timestamp"),
    "ticker": ("ticker", "symbol"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "close_adj"),
    "volume": ("volume",),
}
"""Our name → what others call it, folded."""
BARS = ("open", "high", "low")
BASES = {
    "adj_close": "adj_close: split- and dividend-adjusted, as given",
    "close": "close: as given, adjusted only as its source did",
}
"""What a price column says about its prices; another column is stated by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a table has what. Names are the table's own.

    Attributes:
        date: the column of dates.
        ticker: the column of tickers; None for a wide table.
        price: the column that becomes ``close``; empty for a wide table.
        raw_close: the close on whose basis open, high and low are; None when the table has none, and then
            those are not read.
        bars: ours → theirs, of open, high and low.
        volume: the column of volumes, if any.
        wide: the tickers of a wide table, in its order.
        basis: what the prices are.
    """

    date: str
    ticker: str | None = None
    price: str = ""
    raw_close: str | None = None
    bars: Mapping[str, str]
    volume: str | None = None
    wide: tuple[str, ...] = ()
    basis: str


def lacks_ticker(names: Sequence[str]) -> bool:
    """True for a long table of one ticker: it has a close, and no column that says of what."""
    folded = {_folded(name) for name in names}
    return not folded & set(SPELLINGS["ticker"]) and bool(
        folded & {*SPELLINGS["close"], *SPELLINGS["adj_close"]}
    )


def find_layout(
    names: Sequence[str], *, price_column: str | None, columns: Mapping[str, str], source: str
) -> Layout:
    """The layout of a table whose columns are `names`.

    `columns` maps our names to the table's; `price_column` is one of ours or of the table's (default:
    adj_close if it is there, else close). Raises PriceError when a column is not there, twice there, or
    nameless.
    """
    _check_names(names, source)
    for ours in columns:
        if ours not in SPELLINGS:
            hint = did_you_mean(ours, SPELLINGS) or f"One of {', '.join(SPELLINGS)}."
            raise UsageError(f"columns maps {ours!r}, which is no column of prices", hint=hint)
    found = {ours: _find(ours, names, columns, source) for ours in SPELLINGS}
    date = found["date"]
    if date is None:
        raise _absent("date", names, source)
    if found["ticker"] is not None:
        return _long(names, found, date, price_column, source)
    if found["close"] or found["adj_close"]:
        raise _absent("ticker", names, source)
    wide = tuple(name for name in names if name != date)
    if not wide:
        raise PriceError(
            "there is no column beside the date", source=source, hint="One for each ticker is needed."
        )
    return Layout(date=date, wide=wide, bars={}, basis=_basis(_ours(price_column or "prices")))


def _long(
    names: Sequence[str], found: Mapping[str, str | None], date: str, price_column: str | None, source: str
) -> Layout:
    """The layout of a table that has a column of tickers."""
    kind = _ours(price_column) if price_column else ("adj_close" if found["adj_close"] else "close")
    price = found.get(kind) or _named(kind, names)
    if price is None:
        raise _absent(kind, names, source)
    bars = {name: theirs for name in BARS if (theirs := found[name])} if found["close"] else {}
    return Layout(
        date=date,
        ticker=found["ticker"],
        price=price,
        raw_close=found["close"],
        bars=bars,
        volume=found["volume"],
        basis=_basis(kind),
    )


def _basis(kind: str) -> str:
    return BASES.get(kind, f"{kind}: as given")


def _folded(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


def _ours(name: str) -> str:
    """Our name of a column that is called `name`; `name` itself when we have none."""
    return next((ours for ours, spellings in SPELLINGS.items() if _folded(name) in spellings), name)


def _named(name: str, names: Sequence[str]) -> str | None:
    """The column called `name`: exactly, else the only one that differs by case and spacing."""
    if name in names:
        return name
    near = [each for each in names if _folded(each) == _folded(name)]
    return near[0] if len(near) == 1 else None


def _find(ours: str, names: Sequence[str], columns: Mapping[str, str], source: str) -> str | None:
    """The table's name of our column `ours`; None when it has none."""
    if ours in columns:
        theirs = columns[ours]
        if theirs not in names:
            raise _absent(theirs, names, source)
        return theirs
    taken = set(columns.values())
    fits = [name for name in names if _folded(name) in SPELLINGS[ours] and name not in taken]
    if len(fits) > 1 and ours not in fits:
        raise PriceError(
            f"the columns {', '.join(map(repr, fits))} all fit {ours!r}",
            source=source,
            hint=f"Say which one it is: --column {ours}={fits[0]} on the command line.",
        )
    return ours if ours in fits else next(iter(fits), None)


def _check_names(names: Sequence[str], source: str) -> None:
    """Raise when a name occurs twice, or a column has none."""
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise PriceError(
                f"column {position} has no name",
                source=source,
                hint="Give it one, or write the file without it.",
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PriceError(f"the column {twice[0]!r} is there twice", source=source, hint="Keep one of them.")


def _absent(name: str, names: Sequence[str], source: str) -> PriceError:
    """The error for a column that is not there."""
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        hint = "The columns of a CSV file are separated by commas."
    else:
        hint = did_you_mean(name, names) or (
            "Say which column it is: --column OURS=THEIRS on the command line."
        )
    return PriceError(f"there is no column {name!r}, only {shown}", source=source, hint=hint)
