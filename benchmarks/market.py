"""Market data: how many requests a batch of backtests makes, and how long panels take from the cache.

    make bench, or python benchmarks/market.py

1. A hundred backtests of one strategy at once, cold, through Alpaca's own client, against a server on this
   machine that serves prices made up from 2016 to the last session, 10,000 bars a page, and enforces 200
   requests a minute. Then a hundred more, warm: the last two sessions are asked for, and nothing else.
2. Panels of 93 tickers × 10 years and of 1,000 × 18, from the directory and from a Redis server.
"""

from __future__ import annotations

import functools
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import treefolio as tf
from treefolio.market import clock
from treefolio.market.cache.base import Cache
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.redis import Redis
from treefolio.market.settings import MarketSettings
from treefolio.market.sources.alpaca import Alpaca
from treefolio.market.store import Store
from treefolio.market.supply import VendorSupply
from treefolio.testing.redis import RedisServer
from treefolio.testing.vendors.alpaca_wire import AlpacaWire
from treefolio.testing.vendors.served import made_up
from treefolio.testing.vendors.server import VendorServer

TICKERS = [f"T{k:03d}" for k in range(1_000)]
FIRST, LAST, LONG_FIRST = date(2016, 1, 4), date(2025, 12, 31), date(2008, 1, 2)
NAMES = TICKERS[:93]
BATCH, PAGE_BARS, TIMES = 100, 10_000, 7
KEYS = {"id": "secret"}


def main() -> None:
    """Prints the figures."""
    served = made_up(NAMES, FIRST, clock.closed(datetime.now(UTC)))
    with tempfile.TemporaryDirectory() as folder, VendorServer(AlpacaWire(served, keys=KEYS)) as server:
        settings = MarketSettings(
            home=Path(folder), alpaca_data_url=server.url, alpaca_key="id", alpaca_secret=KEYS["id"]
        )
        bars = sum(len(each) for each in served.of("1d").values())
        say(f"{len(NAMES)} tickers, {bars:,} bars: {math.ceil(bars / PAGE_BARS)} full pages")
        for name in ("cold", "warm"):
            before = len(server.requests)
            seconds, hits = at_once(settings)
            paths = [each.path for each in server.requests[before:]]
            prices = sum("bars" in path for path in paths)
            say(
                f"{BATCH} backtests at once, {name}: {prices} price requests, {len(paths) - prices} for "
                f"corporate actions, {server.refused} refused, {hits:.2%} cached, {seconds:.1f} s"
            )
    with tempfile.TemporaryDirectory() as folder:
        panels("directory", Directory(Path(folder), 10**11), limit_seconds=(0.15, 3.0))
    with RedisServer() as redis:
        panels("redis", Redis(redis.url, 10**11), limit_seconds=(0.3, math.inf))


def say(line: str) -> None:
    """A line, at once."""
    print(line)
    sys.stdout.flush()


def at_once(settings: MarketSettings) -> tuple[float, float]:
    """Seconds of a hundred backtests that are started together, and what share of its sessions the one that
    asked the vendor had from the cache."""
    tree = tf.define("All", tf.If(tf.rsi(NAMES[0], 10) > 70, NAMES[1], tf.equal(*NAMES[2:])))
    barrier = threading.Barrier(BATCH)
    failures: list[BaseException] = []
    shares: list[float] = []

    def work() -> None:
        try:
            asked_at = datetime.now(UTC)
            barrier.wait()
            prices = tf.vendor("alpaca", settings=settings, asked_at=asked_at)
            supplied = prices.supply(NAMES)
            tf.run(tree, supplied.panel, benchmark=None)
            assert supplied.figures is not None
            shares.append(supplied.figures.hits / (supplied.figures.hits + supplied.figures.misses))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(BATCH)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - began, min(shares)


def panels(name: str, cache: Cache, limit_seconds: tuple[float, float]) -> None:
    """How long panels take that the cache knows."""
    for tickers, first, limit in zip((NAMES, TICKERS), (FIRST, LONG_FIRST), limit_seconds, strict=True):
        source = Alpaca(MarketSettings())
        source.earliest = first
        fill(source, cache, tickers, first)
        supply = VendorSupply(store=Store(source, cache))
        seconds = median(functools.partial(supply.supply, tickers, LAST))
        said = "" if math.isinf(limit) else f" (limit {1000 * limit:,.0f} ms)"
        years = LAST.year - first.year + 1
        say(f"{len(tickers):,} tickers × {years} years, {name}: {1000 * seconds:,.0f} ms{said}")


def fill(source: Alpaca, cache: Cache, tickers: list[str], first: date) -> None:
    """Puts made-up bars into the cache, through the vendor's own client and wire."""
    served = made_up(tickers, first, LAST)
    with VendorServer(AlpacaWire(served, keys=KEYS), per_minute=10**9) as server:
        settings = MarketSettings(
            alpaca_data_url=server.url,
            alpaca_key="id",
            alpaca_secret=KEYS["id"],
            requests_per_minute=10**6,
        )
        filling = Alpaca(settings)
        filling.earliest = source.earliest
        VendorSupply(store=Store(filling, cache)).supply(tickers, LAST)


def median(work: Callable[[], object]) -> float:
    """Seconds, the median of some times."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
