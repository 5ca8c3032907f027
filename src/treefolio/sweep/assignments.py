"""Some combinations instead of all: a list from a file, or a sample drawn from a space.

* `read_assignments`: a CSV or Parquet file with a column per variable; its rows are the combinations.
* `sampled`: combinations drawn without repetition, each equally likely (``random``), or spread over every
  variable's values as evenly as their number allows (``latin``, a Latin hypercube).

Samples are drawn by a seeded generator from the variables' positions, so the same seed draws the same.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from treefolio.errors import SpaceError, did_you_mean
from treefolio.indicators import SIGNATURES
from treefolio.strategy.tree import Strategy
from treefolio.sweep.space import MOST_ROWS, Choices, Space, Value, open_strategy, ravel, unravel

Method = Literal["random", "latin"]
METHODS: tuple[Method, ...] = ("random", "latin")
_ROUNDS = 200
"""Draws in a row that may bring nothing new before a sample is given up."""
_COUNTED = 1 << 22
"""Combinations of a grid that is small enough to count what its constraints leave before drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many combinations to draw, with which seed, and how.

    Raises:
        SpaceError: a number or a method that cannot be.
    """

    count: int
    seed: int = 0
    method: Method = "random"

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_ROWS:
            raise SpaceError(
                f"a sample of {self.count:,} combinations cannot be drawn",
                hint=f"Ask for at least 1 and at most {MOST_ROWS:,}.",
            )
        if self.seed < 0:
            raise SpaceError(f"the sample's seed is {self.seed}", hint="A seed is a whole number from 0 on.")
        if self.method not in METHODS:
            raise SpaceError(
                f"there is no method {self.method!r} of sampling",
                hint=did_you_mean(self.method, METHODS) or f"One of {', '.join(METHODS)}.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Combinations one by one: a column of values for each variable. name: of the file they come from."""

    name: str
    columns: Mapping[str, Sequence[Value]]


def open_selection(
    strategy: Strategy,
    vary: Mapping[str, str | Sequence[Value]],
    fix: Mapping[str, Value],
    select: Path | Listed | Sample | None,
) -> tuple[Strategy, Space]:
    """`space.open_strategy` for all combinations (None), for those of a file or a list, or for a sample.

    Raises:
        SpaceError: names, values or rows that do not fit; a file that leaves out a variable.
    """
    if select is None:
        return open_strategy(strategy, vary, fix, SIGNATURES)
    if isinstance(select, Sample):
        opened, space = open_strategy(strategy, vary, fix, SIGNATURES, limit=sys.maxsize)
        return opened, sampled(space, select)
    source = select.name if isinstance(select, Listed) else str(select)
    columns = select.columns if isinstance(select, Listed) else read_assignments(select)
    if vary:
        raise SpaceError(
            f"{min(vary)} is varied beside a file of combinations", hint="Give either --vary or --space."
        )
    declared = {variable.name: variable for variable in strategy.variables}
    for name, variable in declared.items():
        if name not in columns and name not in fix and len(variable.values) > 1:
            raise SpaceError(
                f"it has no column {name!r}", source=source, hint="Add it, or give --set for it."
            )
    distinct = {name: tuple(dict.fromkeys(values)) for name, values in columns.items()}
    try:
        opened, space = open_strategy(strategy, distinct, fix, SIGNATURES, limit=sys.maxsize)
    except SpaceError as error:
        error.source = source
        raise
    return opened, listed_space(space, columns, distinct, source)


def read_assignments(path: Path) -> Mapping[str, Sequence[Value]]:
    """The columns of a file of combinations.

    Raises:
        SpaceError: it cannot be read, is empty, or has a cell without a value.
    """
    if path.is_dir():
        raise SpaceError("is a folder", source=str(path), hint="Name a CSV or Parquet file.")
    try:
        frame = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_csv(path)
    except FileNotFoundError:
        raise SpaceError("there is no such file", source=str(path), hint="Check --space.") from None
    except pl.exceptions.PolarsError as error:
        raise SpaceError(
            f"it cannot be read: {str(error).splitlines()[0]}",
            source=str(path),
            hint="Give a CSV or Parquet file with a column per variable.",
        ) from None
    if not frame.height:
        raise SpaceError("it has no rows", source=str(path), hint="Each row is a combination.")
    twice = [name for name in frame.columns if "_duplicated_" in name]
    if twice:
        name = twice[0].split("_duplicated_")[0]
        raise SpaceError(f"column {name!r} occurs twice", source=str(path), hint="Remove one of them.")
    for name in frame.columns:
        hole = frame[name].is_null().arg_max()
        if frame[name].null_count():
            raise SpaceError(f"{name!r} has no value", source=str(path), line=int(hole or 0) + 2)
        if not (frame[name].dtype.is_numeric() or frame[name].dtype == pl.String):
            raise SpaceError(f"{name!r} holds neither numbers nor words", source=str(path))
    return {name: frame[name].to_list() for name in frame.columns}


def listed_space(
    space: Space,
    columns: Mapping[str, Sequence[Value]],
    distinct: Mapping[str, Sequence[Value]],
    source: str,
) -> Space:
    """The space of the combinations listed in ``columns``, whose variables are the space's axes.

    Raises:
        SpaceError: a row violates a constraint.
    """
    names = list(space.axes)
    places = {name: {value: k for k, value in enumerate(values)} for name, values in distinct.items()}
    listed = np.array(
        [[places[name][value] for value in columns[name]] for name in names], np.int64
    ).T.reshape(-1, len(names))
    kept = space.satisfied(listed)
    if not kept.all():
        row = int(np.argmin(kept))
        shown = ", ".join(f"{name} = {columns[name][row]}" for name in names)
        raise SpaceError(
            f"{shown} violates a constraint", source=source, line=row + 2, hint="Remove the row."
        )
    digest = hashlib.sha256(np.ascontiguousarray(listed).tobytes()).hexdigest()
    return replace(space, listed=listed, origin={"file": Path(source).name, "digest": digest})


def sampled(space: Space, sample: Sample) -> Space:
    """Different combinations of a space, in row order.

    Raises:
        SpaceError: fewer than asked for satisfy the constraints, or could be found.
    """
    count = sample.count
    if not space.axes:
        raise SpaceError(
            "nothing varies", hint="Add --vary NAME=SPEC; `treefolio inspect` lists variables and handles."
        )
    if space.grid <= _COUNTED and count > space.size:
        raise _too_few(space.size, count)
    draw = _latin if sample.method == "latin" else _random
    rng = np.random.Generator(np.random.PCG64(sample.seed))
    found = np.empty(0, np.int64)
    idle = 0
    while len(found) < count and idle < _ROUNDS:
        drawn = draw(rng, np.array(space.sizes), count)
        together = np.concatenate([found, ravel(drawn[space.satisfied(drawn)], space.sizes)])
        _, first = np.unique(together, return_index=True)
        kept = together[np.sort(first)]
        idle = 0 if len(kept) > len(found) else idle + 1
        found = kept[:count]
    if len(found) < count:
        raise _too_few(len(found), count)
    origin = {"sample": sample.method, "count": count, "seed": sample.seed}
    return replace(space, listed=unravel(np.sort(found), space.sizes), origin=origin)


def _too_few(found: int, count: int) -> SpaceError:
    return SpaceError(
        f"only {found:,} of the {count:,} combinations asked for could be drawn",
        hint="Ask for fewer, or sweep the whole space.",
    )


def described(origin: Mapping[str, object]) -> str:
    """Where the combinations of a space come from, in words: its ``origin``, which the manifest has too."""
    if "file" in origin:
        return f"listed in {origin['file']}"
    kind = "Latin-hypercube" if origin["sample"] == "latin" else "random"
    return f"a {kind} sample with seed {origin['seed']}"


def _random(rng: np.random.Generator, sizes: Choices, count: int) -> Choices:
    return np.column_stack([rng.integers(0, size, count) for size in sizes])


def _latin(rng: np.random.Generator, sizes: Choices, count: int) -> Choices:
    """One draw in each of ``count`` equal strata of every variable, the strata paired at random."""
    columns = []
    for size in sizes:
        places = (rng.permutation(count) + rng.random(count)) / count
        columns.append(np.minimum((places * size).astype(np.int64), size - 1))
    return np.column_stack(columns)
