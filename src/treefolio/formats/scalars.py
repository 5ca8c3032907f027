"""Numbers, tickers and words as documents spell them.

Numbers stay exact (`Fraction`) until they are placed in the tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeVar

from treefolio.errors import did_you_mean
from treefolio.formats.desk import Desk, Place
from treefolio.strategy.places import LARGEST_WHOLE

_QUALIFIED = re.compile(r"(?P<kind>[A-Z_]+)::(?P<symbol>.+?)//(?P<quote>[A-Z]+)")
_SHARE_CLASS = re.compile(r"([A-Z]+)\.([A-K])")
_TICKER = re.compile(r"[A-Z0-9^][A-Z0-9.^=_-]{0,31}")
_LARGEST_EXPONENT = 300
_LARGEST_EXACT = 2**53
_LONGEST_SHOWN = 40
ValueT = TypeVar("ValueT")


def shown(value: object) -> str:
    """A value as a message shows it: short, and never a whole subtree."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def exact(value: object, desk: Desk, place: Place, what: str) -> Fraction:
    """A number or its text, exactly as written: the float 0.1 is one tenth.

    Raises:
        FormatError: it is no finite number.
    """
    found = to_exact(value)
    if found is None:
        desk.fail(f"{what} must be a number, not {shown(value)}", place)
    return found


def to_exact(value: object) -> Fraction | None:
    """A number or its text, exactly as written; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        return None
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return None
    try:
        decimal = Decimal(value.strip() if isinstance(value, str) else repr(value))
    except InvalidOperation:
        return None
    if not decimal.is_finite() or abs(decimal.adjusted()) > _LARGEST_EXPONENT:
        return None
    return Fraction(decimal)


def plain(number: Fraction) -> int | float:
    """The number as an int when it is whole, else as the nearest float."""
    if number.denominator == 1 and abs(number) <= _LARGEST_EXACT:
        return int(number)
    return float(number)


def single_precision(value: object) -> object:
    """A number that went through 32-bit floats, with its artefacts rounded away: 6 significant digits.

    Whole numbers have none.
    """
    artefacts = isinstance(value, float) and value % 1 != 0
    return f"{value:.6g}" if artefacts else value


def whole(value: object, desk: Desk, place: Place, what: str, minimum: int = 1) -> int:
    """A whole number from ``minimum`` to a million.

    Raises:
        FormatError: it is none.
    """
    number = exact(value, desk, place, what)
    if number.denominator != 1 or number < minimum:
        desk.fail(f"{what} must be a whole number from {minimum} up, not {shown(value)}", place)
    if number > LARGEST_WHOLE:
        desk.fail(f"{what} must be at most {LARGEST_WHOLE:,}, not {shown(value)}", place)
    return int(number)


def flag(value: object, desk: Desk, place: Place, what: str, default: bool = False) -> bool:
    """True or false; ``default`` when there is nothing.

    Raises:
        FormatError: it is something else.
    """
    if value is None:
        return default
    if not isinstance(value, bool):
        desk.fail(f"{what} must be true or false, not {shown(value)}", place)
    return value


def word(value: object, table: Mapping[str, ValueT], desk: Desk, place: Place, what: str) -> ValueT:
    """What a word stands for in a table, whatever its case.

    Raises:
        FormatError: it is not in the table (under ``lenient`` the part it belongs to is left out).
    """
    found = table.get(value.strip().casefold()) if isinstance(value, str) else None
    if found is None:
        hint = did_you_mean(value, table) if isinstance(value, str) else None
        desk.unsupported(
            f"{what} {shown(value)} is not known", place, hint=hint or f"Known: {', '.join(table)}."
        )
    return found


def ticker(value: object, desk: Desk, place: Place, what: str = "the ticker") -> str:
    """A ticker in the spelling of this project: upper case, share classes as ``BRK-B``, coins as ``BTC-USD``.

    ``EQUITIES::SPY//USD`` is SPY, ``CRYPTO::BTC//USD`` is BTC-USD, ``BRK/B`` and ``BRK.B`` are BRK-B.

    Raises:
        FormatError: it is no ticker.
    """
    if not isinstance(value, str) or not value.strip():
        desk.fail(f"{what} is missing" if value in (None, "") else f"{what} is {shown(value)}", place)
    symbol = value.strip().upper()
    qualified = _QUALIFIED.fullmatch(symbol)
    if qualified:
        symbol = qualified["symbol"]
        if qualified["kind"] == "CRYPTO":
            symbol = f"{symbol}-{qualified['quote']}"
        elif qualified["kind"] != "EQUITIES" or qualified["quote"] != "USD":
            desk.unsupported(f"{what} {shown(value)} is of a kind that is not known", place)
    symbol = _SHARE_CLASS.sub(r"\1-\2", symbol.replace("/", "-")) if "::" not in symbol else symbol
    if not _TICKER.fullmatch(symbol):
        desk.fail(f"{what} {shown(value)} is no ticker", place)
    return symbol


def text(value: object, desk: Desk, place: Place, what: str) -> str:
    """A string, without white space around it; nothing is the empty string.

    Raises:
        FormatError: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        desk.fail(f"{what} must be text, not {shown(value)}", place)
    return value.strip()


def mapping(value: object, desk: Desk, place: Place, what: str) -> dict[str, object]:
    """A mapping; nothing is the empty one.

    Raises:
        FormatError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        desk.fail(f"{what} must be a mapping, not {shown(value)}", place)
    return value


def sequence(value: object, desk: Desk, place: Place, what: str) -> list[object]:
    """A list; nothing is the empty one.

    Raises:
        FormatError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        desk.fail(f"{what} must be a list, not {shown(value)}", place)
    return value
