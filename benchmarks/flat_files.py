"""How fast a folder of Massive's flat files is imported: ``benchmarks/flat_files.py [FILES [TICKERS]]``.

Writes a folder of daily files (1,000 with 10,000 tickers each, unless told otherwise), imports it into an
empty cache, then again, when nothing is new. Seconds depend on what else the machine does, the processor's
seconds hardly do; both are said, and the largest amount of memory that the process had.

Everything lies below ``TMPDIR``. Each block is one small file, so a slow disk shows; to leave it out, let
``TMPDIR`` be in memory.
"""

from __future__ import annotations

import itertools
import os
import platform
import resource
import string
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from treefolio.market import calendar
from treefolio.market.cache.directory import Directory
from treefolio.market.sources.flat_files import Imported, import_folder
from treefolio.testing.flat_files import FASTEST, write_folder

FIRST = date(2016, 1, 4)
LIMIT_BYTES = 10**12


def tickers(count: int) -> list[str]:
    """So many tickers of four letters."""
    letters = itertools.product(string.ascii_uppercase, repeat=4)
    return ["".join(each) for each in itertools.islice(letters, 0, None, 26)][:count]


def say(what: str, figure: str) -> None:
    """One line of the table."""
    print(f"  {what:<48} {figure}", flush=True)


def peak_megabytes() -> float:
    """The largest amount of memory that this process had so far."""
    unit = 1 if platform.system() == "Darwin" else 1_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def measure(folder: Path, home: Path) -> None:
    """Imports the folder twice and says how it went."""
    cache = Directory(home / "cache", LIMIT_BYTES)
    before, cpu = peak_megabytes(), time.process_time()
    done = import_folder(folder, cache, journal=home / "journal.json")
    cpu = time.process_time() - cpu
    counted = cache.counters()
    say("rows", f"{done.rows:,} in {done.files:,} files, {done.tickers:,} tickers")
    say("blocks", f"{counted.blocks:,}, {counted.bytes / 1e6:,.0f} MB")
    say("imported", rates(done, cpu))
    say("most memory (before the import)", f"{peak_megabytes():,.0f} MB ({before:,.0f} MB)")
    again = import_folder(folder, cache, journal=home / "journal.json")
    say("imported again: nothing is new", f"{again.unchanged:,} files, {again.seconds:.2f} s")


def rates(done: Imported, cpu: float) -> str:
    """Seconds and rows a second, by the clock and by what the processor worked."""
    return (
        f"{done.seconds:.1f} s, {done.rows / done.seconds / 1e6:.2f} million rows/s; "
        f"{cpu:.1f} s of processor time, {done.rows / cpu / 1e6:.2f} million rows a second of it"
    )


def main() -> None:
    """The whole table."""
    files, names = (int(each) for each in (*sys.argv[1:], *("1000", "10000")[len(sys.argv) - 1 :]))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    sessions = calendar.sessions(FIRST, calendar.LAST)[:files]
    with tempfile.TemporaryDirectory() as place:
        write_folder(Path(place, "files"), tickers(names), sessions, level=FASTEST)
        measure(Path(place, "files"), Path(place, "home"))


if __name__ == "__main__":
    main()
