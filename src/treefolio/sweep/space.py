"""The space: every combination of the variables' values that satisfies the constraints, in row order.

Row order is the listed order of the variables, the last one fastest. A combination is a row of positions,
one for each variable, into its list of values; only positions are kept, so a space costs no memory until
its rows are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import SpaceError, did_you_mean
from treefolio.strategy.handles import handles as handles_of
from treefolio.strategy.handles import open_handles
from treefolio.strategy.signature import Signatures
from treefolio.strategy.tree import Constraint, Number, Strategy, Var
from treefolio.strategy.variables import check_values, constraints_hold, parse_spec

MOST_ROWS = 100_000_000
"""Combinations that can be enumerated; more must be sampled."""
_BLOCK = 1 << 18

Value = int | float | str
Choices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Space:
    """Variables, their values, and which combinations count.

    Attributes:
        axes: variables in their listed order, each with its distinct values.
        fixed: values of the strategy's other variables, for constraints that name them.
        constraints: what a combination must satisfy.
        listed: (combinations, axes) positions of the values, when only some combinations are wanted: a
            list or a sample (`assignments`); they keep their order. None for the whole grid.
        origin: where `listed` came from, for the manifest.
        limit: combinations that may be enumerated.
        meanings: handle → the part of the strategy around it, such as ``rsi(TQQQ, 10) > 79``.
    """

    axes: Mapping[str, tuple[Value, ...]]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    listed: Choices | None = field(default=None, repr=False)
    origin: Mapping[str, object] | None = None
    limit: int = field(default=MOST_ROWS, repr=False)
    meanings: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, values in self.axes.items():
            if not values:
                raise SpaceError(f"variable {name} has no values")
            if len(set(values)) != len(values):
                raise SpaceError(f"variable {name} has a value twice")
        if self.listed is None and self.grid > self.limit:
            sizes = " × ".join(f"{name} {len(values):,}" for name, values in self.axes.items())
            raise SpaceError(
                f"the space has {self.grid:,} combinations ({sizes}), more than {self.limit:,}",
                hint="Take fewer values, larger steps, or draw a sample with --sample N --seed S.",
            )

    @property
    def grid(self) -> int:
        """Combinations before constraints."""
        return math.prod(len(values) for values in self.axes.values())

    @cached_property
    def _ranks(self) -> NDArray[np.int64] | None:
        """The grid positions that satisfy the constraints; None when all do."""
        if not self.constraints or self.listed is not None:
            return None
        kept = [
            ranks[self.satisfied(unravel(ranks, self.sizes))]
            for first in range(0, self.grid, _BLOCK)
            for ranks in [np.arange(first, min(first + _BLOCK, self.grid), dtype=np.int64)]
        ]
        ranks = np.concatenate(kept)
        if not len(ranks):
            raise SpaceError(
                f"the constraints leave none of {self.grid:,} combinations",
                hint="Loosen a constraint, or give the variables other values.",
            )
        return ranks

    @property
    def size(self) -> int:
        """How many combinations there are."""
        if self.listed is not None:
            return len(self.listed)
        return self.grid if self._ranks is None else len(self._ranks)

    def choices(self, first: int, last: int) -> Choices:
        """Rows [first, last): (rows, axes) positions of the variables' values."""
        if self.listed is not None:
            return self.listed[first:last]
        ranks = np.arange(first, last) if self._ranks is None else self._ranks[first:last]
        return unravel(ranks, self.sizes)

    def assignment(self, row: int) -> dict[str, Value]:
        """One combination by name."""
        chosen = self.choices(row, row + 1)[0]
        return {name: values[k] for (name, values), k in zip(self.axes.items(), chosen, strict=True)}

    def blocks(self) -> Iterator[Choices]:
        """All rows in order, a block at a time."""
        for first in range(0, self.size, _BLOCK):
            yield self.choices(first, min(first + _BLOCK, self.size))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each variable has."""
        return tuple(map(len, self.axes.values()))

    def satisfied(self, choices: Choices) -> NDArray[np.bool_]:
        """Which combinations satisfy all constraints. A constraint is looked up over its own variables."""
        kept = np.ones(len(choices), bool)
        names = list(self.axes)
        for constraint in self.constraints:
            terms = (constraint.left.value, constraint.right.value)
            own = [t.name for t in terms if isinstance(t, Var) and t.name in self.axes]
            columns = [names.index(name) for name in own]
            sizes = [len(self.axes[name]) for name in own]
            distinct, inverse = np.unique(ravel(choices[:, columns], sizes), return_inverse=True)
            holds = [self._holds(constraint, own, row) for row in unravel(distinct, sizes)]
            kept &= np.array(holds, bool)[inverse]
        return kept

    def _holds(self, constraint: Constraint, names: Sequence[str], chosen: NDArray[np.int64]) -> bool:
        values = {name: self.axes[name][k] for name, k in zip(names, chosen, strict=True)}
        return constraints_hold((constraint,), {**self.fixed, **values})

    def corners(self, names: Collection[str]) -> Choices:
        """Rows that together have every combination of the named variables that some row has."""
        columns = [v for v, name in enumerate(self.axes) if name in names]
        if self.listed is None and self._ranks is None:
            sizes = [len(values) for name, values in self.axes.items() if name in names]
            found = np.zeros((math.prod(sizes), len(self.axes)), np.int64)
            if columns:
                found[:, columns] = np.indices(sizes).reshape(len(columns), -1).T
            return found
        kept = np.empty(0, np.int64)
        named = np.isin(np.arange(len(self.axes)), columns)
        for block in self.blocks():
            kept = np.unique(np.concatenate([kept, ravel(block * named, self.sizes)]))
        return unravel(kept, self.sizes)

    def describe(self) -> dict[str, object]:
        """Plain data for the manifest."""
        variables: list[dict[str, object]] = [
            {"name": name, "values": list(values), "of": self.meanings.get(name)}
            for name, values in self.axes.items()
        ]
        return {
            "variables": variables,
            "constraints": [_text(constraint) for constraint in self.constraints],
            "combinations": self.size,
            "listed": None if self.origin is None else dict(self.origin),
        }


def ravel(choices: Choices, sizes: Sequence[int]) -> NDArray[np.int64]:
    """The place in row order of each combination in the grid of so many values of each variable.

    Places are sorted and compared some ten times as fast as the combinations themselves.
    """
    ranks = np.zeros(len(choices), np.int64)
    for v, size in enumerate(sizes):
        ranks = ranks * size + choices[:, v]
    return ranks


def unravel(ranks: NDArray[np.int64], sizes: Sequence[int]) -> Choices:
    """The combinations at these places: `ravel` the other way around."""
    columns = np.empty((len(ranks), len(sizes)), np.int64)
    rest = ranks
    for v, size in reversed(list(enumerate(sizes))):
        rest, columns[:, v] = np.divmod(rest, size)
    return columns


def _text(constraint: Constraint) -> str:
    def side(value: object, scale: Number, offset: Number) -> str:
        return f"{scale} * {value} + {offset}" if (scale, offset) != (1, 0) else str(value)

    left, right = constraint.left, constraint.right
    return (
        f"{side(left.value, left.scale, left.offset)} {constraint.comparator} "
        f"{side(right.value, right.scale, right.offset)}"
    )


def open_strategy(
    strategy: Strategy,
    vary: Mapping[str, str | Sequence[Value]],
    fix: Mapping[str, Value],
    signatures: Signatures,
    limit: int = MOST_ROWS,
) -> tuple[Strategy, Space]:
    """The strategy with the handles named in ``vary`` and ``fix`` made variables, and the space of them.

    Declared variables with several values are varied too, unless ``fix`` sets them; they come first, in
    their declared order, and then those of ``vary`` in its order. All others take one value.

    Args:
        vary: name → values, or a specification such as ``70:85:1``.
        fix: name → the one value.
        limit: combinations that may be enumerated; samples are drawn from more.

    Raises:
        SpaceError: a name that is neither a variable nor a handle, or that is given twice.
    """
    twice = set(vary) & set(fix)
    if twice:
        raise SpaceError(f"{min(twice)} is both varied and set", hint="Give either --vary or --set for it.")
    declared = {variable.name: variable for variable in strategy.variables}
    handles = [name for name in (*vary, *fix) if name not in declared]
    for name in handles:
        if "." not in name:
            raise SpaceError(
                f"the strategy has no variable {name!r}",
                hint=did_you_mean(name, declared) or "`treefolio inspect` lists variables and handles.",
            )
    opened = open_handles(strategy, handles, signatures)
    known = handles_of(strategy, signatures) if handles else ()
    meanings = {handle.id: handle.text for handle in known if handle.id in handles}
    axes: dict[str, tuple[Value, ...]] = {}
    for name, variable in declared.items():
        if name not in vary and name not in fix and len(variable.values) > 1:
            axes[name] = tuple(variable.values)
    for name, values in vary.items():
        axes[name] = parse_spec(values) if isinstance(values, str) else tuple(values)
    fixed = {variable.name: variable.default for variable in opened.variables if variable.name not in axes}
    checked = check_values(opened, {name: (value,) for name, value in {**fixed, **fix}.items()})
    space = Space(
        axes=check_values(opened, axes),
        fixed={name: values[0] for name, values in checked.items()},
        constraints=strategy.constraints,
        limit=limit,
        meanings=meanings,
    )
    return opened, space
