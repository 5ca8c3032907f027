"""How fast the price cache is here: ``python benchmarks/cache.py [directory] [redis]``.

Each line is the best of several readings of one panel's blocks, from the backend to NumPy arrays. The files
are in the operating system's memory, the Redis server (a real one, on this machine) holds all in its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from treefolio.market.bars import Bars, Shelf
from treefolio.market.cache.base import Cache, Key
from treefolio.market.cache.blocks import Block, decode, encode
from treefolio.market.cache.directory import Directory
from treefolio.market.cache.redis import Redis
from treefolio.market.calendar import sessions
from treefolio.testing.redis import RedisServer

PANELS = {"93 tickers x 10 years": (93, range(2015, 2025)), "1,000 x 18": (1_000, range(2007, 2025))}
LIMIT_BYTES = 10_000_000_000
SHELF = Shelf(source="synthetic", feed="sip")
ROUNDS = 5


def blocks(tickers: int, years: range) -> dict[Key, bytes]:
    """A block for each ticker and year: prices in cents, whole shares."""
    chance = np.random.default_rng(7)
    made = {}
    for year in years:
        first, last = date(year, 1, 1), date(year, 12, 31)
        at = sessions(first, last)
        for k in range(tickers):
            close = 100 * np.exp(np.cumsum(chance.normal(0, 0.02, len(at))))
            fields = {
                name: np.round(close * (1 + chance.normal(0, 0.005, len(at))), 2)
                for name in ("open", "high", "low", "close")
            }
            fields["volume"] = np.round(chance.lognormal(14, 1, len(at)))
            block = Block(
                bars=Bars(at=at, fields=fields), known=((first, last),), fetched_at=datetime.now(UTC)
            )
            made[Key(SHELF, f"T{k}", str(year))] = encode(block)
    return made


def measure(cache: Cache, name: str, content: dict[Key, bytes]) -> None:
    """Saves the blocks, reads and decodes them, and prints the times."""
    began = time.perf_counter()
    cache.save(content)
    saved = time.perf_counter() - began
    loads, decodes = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = cache.load(list(content))
        loaded = time.perf_counter()
        rows = sum(len(decode(each, checked=True).bars) for each in found.values())
        loads.append(loaded - began)
        decodes.append(time.perf_counter() - loaded)
        if len(found) != len(content):
            raise RuntimeError(f"{len(content) - len(found)} blocks were lost")
    print(
        f"{cache.name:<10} {name:<22} {len(content):>6,} blocks {rows:>9,} rows   "
        f"save {saved * 1e3:7.0f} ms   load {min(loads) * 1e3:6.0f} ms   "
        f"decode {min(decodes) * 1e3:6.0f} ms   "
        f"together {min(map(sum, zip(loads, decodes, strict=True))) * 1e3:6.0f} ms"
    )


@contextmanager
def opened(backend: str) -> Iterator[Cache]:
    """An empty cache of this kind."""
    if backend == "directory":
        with tempfile.TemporaryDirectory() as folder:
            yield Directory(Path(folder), LIMIT_BYTES)
    else:
        with RedisServer() as server:
            yield Redis(server.url, LIMIT_BYTES)


def main() -> None:
    """Measure the backends that were named, or both."""
    for panel, (tickers, years) in PANELS.items():
        content = blocks(tickers, years)
        for backend in sys.argv[1:] or ("directory", "redis"):
            with opened(backend) as cache:
                measure(cache, panel, content)


if __name__ == "__main__":
    main()
