"""Trials over all sweeps of one strategy: the ledger.

Who sweeps a strategy, edits a threshold and sweeps again has tried the sum of both. So each finished sweep
adds a line to a file of its lineage below the user's home folder, and every later one reads it:

    HOME/trials/LINEAGE.jsonl    {"sweep": …, "trials": …, "name": …, "start": …, "end": …}

`lineage_of` says which strategies are one lineage, `enter` adds a sweep and counts. Looks at what was held
out are kept beside it, since a look through one result uses it up for the others too: `enter_look`, `looks`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from treefolio.strategy.places import INDICATOR, fill, slots
from treefolio.strategy.places import Path as Place
from treefolio.strategy.text import write
from treefolio.strategy.tree import Group, Item, Rebalance, Scalar, Strategy, Var, rebuild

FOLDER, LOOKS = "trials", "reveals"
_ANY = Var("any")
"""Stands for every literal and every variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What the ledger says of a strategy's lineage, this sweep included.

    Attributes:
        trials, sweeps: of all sweeps with different manifests; None when there is no ledger.
        note: why there is none.
    """

    id: str
    trials: int | None = None
    sweeps: int | None = None
    note: str | None = None


def lineage_of(strategy: Strategy) -> str:
    """The name of the strategy's lineage: 16 hexadecimal digits.

    It is a hash of the native text with every literal that can be a handle (thresholds, windows, counts,
    weights, tickers, comparators, directions) replaced by one placeholder, and likewise every variable. So
    a strategy stays in its lineage when such a value is edited, opened, varied or declared a variable, and
    when the strategy, a group or a variable gets another name. Another indicator, another node, one child
    more, another rule of rebalancing begin a new lineage.
    """
    corridor = None if strategy.rebalance.corridor is None else _ANY
    bare = replace(
        strategy,
        name="",
        description="",
        root=rebuild(strategy.root, _bare),
        variables=(),
        constraints=(),
        rebalance=Rebalance(strategy.rebalance.rule, corridor),
    )
    return hashlib.sha256(write(bare).encode()).hexdigest()[:16]


def _bare(item: Item) -> Item:
    """The item with placeholders for its scalars, but for indicators, and without a name of its own."""
    if isinstance(item, Group):
        return replace(item, name="")
    places: dict[Place, Scalar] = {
        slot.path: _ANY for slot in slots(item) if slot.kind is not INDICATOR or isinstance(slot.value, Var)
    }
    return fill(item, places)


def enter(home: Path | None, strategy: Strategy, sweep: Mapping[str, object]) -> Lineage:
    """Enters a sweep in the ledger below ``home``, and counts what its lineage has there.

    A sweep counts once, however often it is repeated. Several processes can enter sweeps at once: each
    appends one line, and lines of the same sweep count as one.

    Args:
        sweep: a line of the ledger: ``sweep`` identifies it (a hash of its manifest), ``trials`` are its own.
    """
    name = lineage_of(strategy)
    if home is None:
        return Lineage(id=name, note="trials of other sweeps are not counted: there is no home folder")
    path = home / FOLDER / f"{name}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        counted = _read(path)
        if sweep["sweep"] not in counted:
            _append(path, sweep)
            counted = _read(path)
    except OSError as error:
        return Lineage(id=name, note=f"trials of other sweeps are not counted: {path}: {error.strerror}")
    return Lineage(id=name, trials=sum(counted.values()), sweeps=len(counted))


def enter_look(home: Path, strategy: Strategy, look: Mapping[str, object]) -> None:
    """Keeps that sessions held out from a result of the strategy were looked at.

    Raises:
        OSError: the folder cannot be written.
    """
    path = home / LOOKS / f"{lineage_of(strategy)}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    _append(path, look)


def looks(home: Path, strategy: Strategy) -> tuple[Mapping[str, object], ...]:
    """All looks of the strategy's lineage, in order; lines that cannot be read are passed over."""
    try:
        return tuple(_lines(home / LOOKS / f"{lineage_of(strategy)}.jsonl"))
    except OSError:
        return ()


def _append(path: Path, line: Mapping[str, object]) -> None:
    """Adds one line by one write at the end; an unfinished line before it is closed first."""
    text = "\n" + json.dumps(line, sort_keys=True) + "\n"
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(number, text.encode())
    finally:
        os.close(number)


def _read(path: Path) -> dict[str, int]:
    """Sweep → its trials. Lines that cannot be read, such as one that a crash cut off, are passed over."""
    counted: dict[str, int] = {}
    for found in _lines(path):
        with suppress(ValueError, KeyError, TypeError):
            counted[str(found["sweep"])] = int(found["trials"])
    return counted


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The mappings in a file of lines; nothing where there is no file."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found
