"""Which sources there are, and how each is opened. To add one: a module with a `Source`, and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from treefolio.errors import UsageError, did_you_mean
from treefolio.market.bars import DAILY, INTERVALS
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.base import Source


def _alpaca(settings: MarketSettings, feed: str, interval: str) -> Source:
    from treefolio.market.sources.alpaca import Alpaca  # noqa: PLC0415 - only who asks for it needs it

    return Alpaca(settings, feed=feed, interval=interval)


def _massive(settings: MarketSettings, feed: str, interval: str) -> Source:
    from treefolio.market.sources.massive import Massive  # noqa: PLC0415 - only who asks for it needs it

    return Massive(settings, feed=feed, interval=interval)


def _yahoo(settings: MarketSettings, feed: str, interval: str) -> Source:
    from treefolio.market.sources.yahoo import Yahoo  # noqa: PLC0415 - only who asks for it needs it

    return Yahoo(settings, feed=feed, interval=interval)


def _synthetic(settings: MarketSettings, feed: str, interval: str) -> Source:
    from treefolio.market.sources.made_up import MadeUp  # noqa: PLC0415 - only who asks for it needs it

    del settings, interval  # it needs nothing, and the table lets only daily bars through
    return MadeUp(int(feed.removeprefix("seed-")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A source.

    Attributes:
        feeds: those that it has, the default first.
        intervals: those of its bars.
        needs: what it takes, for people.
    """

    feeds: tuple[str, ...]
    intervals: tuple[str, ...]
    needs: str
    opened: Callable[[MarketSettings, str, str], Source]


SOURCES: Mapping[str, Row] = {
    "alpaca": Row(
        feeds=("sip", "iex"),
        intervals=tuple(INTERVALS),
        needs="keys in APCA_API_KEY_ID and APCA_API_SECRET_KEY",
        opened=_alpaca,
    ),
    "massive": Row(
        feeds=("sip",), intervals=tuple(INTERVALS), needs="a key in MASSIVE_API_KEY", opened=_massive
    ),
    "yahoo": Row(feeds=("",), intervals=(DAILY,), needs="the extra `yahoo`; no key", opened=_yahoo),
    "synthetic": Row(feeds=("seed-7",), intervals=(DAILY,), needs="nothing", opened=_synthetic),
}


def open_source(name: str, settings: MarketSettings, *, feed: str | None, interval: str = DAILY) -> Source:
    """The source of that name, with its default feed when `feed` is None. Nothing is asked yet.

    Raises:
        UsageError: there is no such source, feed or interval.
    """
    row, feed = require_source(name, feed=feed, interval=interval)
    return row.opened(settings, feed, interval)


def require_source(name: str, *, feed: str | None = None, interval: str = DAILY) -> tuple[Row, str]:
    """The row of that name, and the feed that is meant: its default when `feed` is None.

    Raises:
        UsageError: there is no such source, feed or interval.
    """
    row = SOURCES.get(name)
    if row is None:
        hint = did_you_mean(name, SOURCES) or f"One of {', '.join(SOURCES)}; files are named by --prices."
        raise UsageError(f"there is no source {name!r}", hint=hint)
    feed = row.feeds[0] if feed is None else feed
    if feed not in row.feeds:
        raise UsageError(
            f"{name} has no feed {feed!r}", hint=f"One of {', '.join(filter(None, row.feeds)) or 'none'}."
        )
    if interval not in row.intervals:
        raise UsageError(f"{name} has no interval {interval!r}", hint=f"One of {', '.join(row.intervals)}.")
    return row, feed
