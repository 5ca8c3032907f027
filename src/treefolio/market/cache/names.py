"""How a key is written: as a path of seven parts below the schema, and back.

    v1/alpaca/sip/default/raw/1d/BRK%2FB/2024

Different keys have different names on every file system, those included that take ``a`` for ``A`` (tickers
keep their capitals, everything else its small letters, and what is left is escaped) or that reserve names
such as ``CON``, which is a ticker. A name leads nowhere else: it has no empty part, no ``.`` and no ``..``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from treefolio.market.bars import Shelf
from treefolio.market.cache.base import SCHEMA, Key

EMPTY = "-"
DEPTH = 8
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
ESCAPED_IN_TICKERS = re.compile(r"[^A-Z0-9_.^=-]|^\.|\.$")
ESCAPED_ELSEWHERE = re.compile(r"[^a-z0-9_.-]|^\.|\.$")


def name_of(key: Key) -> str:
    """The key as a relative path, its parts separated by slashes."""
    return f"{_shelf_name(key.shelf)}/{_ticker_name(key.ticker)}/{_quoted(key.part, ESCAPED_ELSEWHERE)}"


def key_of(name: str) -> Key | None:
    """The key of this schema that has this name; None when it is another's."""
    parts = name.split("/")
    if len(parts) != DEPTH or parts[0] != SCHEMA:
        return None
    source, feed, entitlement, delivered, interval, ticker, part = map(_unquoted, parts[1:])
    shelf = Shelf(source=source, feed=feed, entitlement=entitlement, delivered=delivered, interval=interval)
    key = Key(shelf, ticker, part)
    return key if name_of(key) == name else None


def quoted(text: str) -> str:
    """Any text as the name of one file or the part of a path."""
    return _quoted(text, ESCAPED_ELSEWHERE)


@lru_cache(maxsize=256)
def _shelf_name(shelf: Shelf) -> str:
    fields = (shelf.source, shelf.feed, shelf.entitlement, shelf.delivered, shelf.interval)
    return "/".join((SCHEMA, *(quoted(each) for each in fields)))


@lru_cache(maxsize=65_536)
def _ticker_name(ticker: str) -> str:
    return _quoted(ticker, ESCAPED_IN_TICKERS)


def _quoted(text: str, escaped: re.Pattern[str]) -> str:
    """`text` with what must be escaped as %XX of its UTF-8."""
    if text in ("", EMPTY):
        return "%2D" if text else EMPTY
    out = escaped.sub(_percent, text)
    return _percent_of(out[0]) + out[1:] if RESERVED.match(out) else out


def _percent(match: re.Match[str]) -> str:
    return _percent_of(match.group())


def _percent_of(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _unquoted(text: str) -> str:
    return "" if text == EMPTY else unquote(text)
