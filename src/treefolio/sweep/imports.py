"""When each strategy was first seen here: what divides its backtest into in sample and out of sample.

``imports.jsonl`` in the home folder has a line for each strategy, by a hash of what decides (`decisions`): an
edited strategy has another hash, hence another day; one that is edited back has its old one. It is only ever
added to. Two processes may add at once: each line is one write at the file's end, and where a strategy stands
twice, the earlier day counts.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from treefolio.strategy.text import write
from treefolio.strategy.tree import Group, Item, Strategy, rebuild
from treefolio.sweep.files import explained
from treefolio.sweep.manifest import strategy_hash

FILE = "imports.jsonl"


def decisions(strategy: Strategy) -> str:
    """A hash of everything by which a strategy without variables decides: its names are left out.

    Another value of a variable is an edit as well: whoever set it may have known the prices.
    """
    bare = replace(strategy, name="", description="", root=rebuild(strategy.root, _unnamed))
    return strategy_hash(write(bare))


def _unnamed(item: Item) -> Item:
    return replace(item, name="") if isinstance(item, Group) else item


def first_seen(strategy_hash: str, home: Path, today: dt.date) -> dt.date:
    """The day on which the strategy was first asked for; it is recorded as ``today`` when it is new.

    Raises:
        OutputError: it is new, and the file cannot be written.
    """
    path = home / FILE
    known = min(_days_of(path, strategy_hash), default=None)
    if known is not None:
        return min(known, today)
    with explained(path):
        home.mkdir(parents=True, exist_ok=True)
        _append(path, json.dumps({"strategy": strategy_hash, "day": today.isoformat()}))
    return today


def _days_of(path: Path, strategy_hash: str) -> Iterator[dt.date]:
    """The days recorded for a strategy; lines that are damaged, as by a crash, are passed over."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        if strategy_hash in line:
            try:
                record = json.loads(line)
                if record["strategy"] == strategy_hash:
                    yield dt.date.fromisoformat(record["day"])
            except (ValueError, KeyError, TypeError):
                continue


def _append(path: Path, line: str) -> None:
    """Adds a line in one write, on a line of its own even where the last one was torn."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        torn = size > 0 and _last_byte(handle, size) != b"\n"
        os.write(handle, f"{chr(10) if torn else ''}{line}\n".encode())
    finally:
        os.close(handle)


def _last_byte(handle: int, size: int) -> bytes:
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1)
