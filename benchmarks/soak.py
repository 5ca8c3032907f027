"""Does it hold? make soak, or python benchmarks/soak.py [--kills 10 --seconds 10 --rows 50000 --seed 6]

1. Kills: `treefolio serve` works on sweeps while its workers, its answering process and its Postgres are
   killed at random moments. Each sweep's rows are, byte for byte, those of the library.
2. Traffic: so many threads as sixteen workers and twenty readers take, finish, fail, hand back, expire, pause
   and read on one ledger. No statement fails, nothing is counted twice, and nothing is lost.
3. Memory: one large sweep. While its rows are computed, no process grows.

Prints a Markdown table. The status is 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import soak_kills
import soak_memory
import soak_traffic
from soak_parts import Broken, Row

from sweep import machine


def main(arguments: Sequence[str]) -> int:
    """Runs the three parts, and says what held."""
    asked = parsed(arguments)
    print(f"{machine()}, seed {asked.seed}\n\n| what | figure |\n|---|---|", flush=True)
    parts: tuple[Callable[[Path], list[Row]], ...] = (
        lambda folder: soak_kills.kills(folder, asked.kills, asked.seed),
        lambda folder: soak_traffic.traffic(folder, asked.seconds, asked.seed),
        lambda folder: soak_memory.memory(folder, asked.rows),
    )
    broken = 0
    for part in parts:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                for what, figure in part(Path(folder)):
                    print(f"| {what} | {figure} |", flush=True)
            except Broken as error:
                broken += 1
                print(f"| **broken** | {error} |", flush=True)
    return 1 if broken else 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """How much of it is asked for."""
    reader = argparse.ArgumentParser(description="Does the service hold?")
    reader.add_argument("--kills", type=int, default=100)
    reader.add_argument("--seconds", type=float, default=120.0)
    reader.add_argument("--rows", type=int, default=1_000_000)
    reader.add_argument("--seed", type=int, default=6)
    return reader.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
