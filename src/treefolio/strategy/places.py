"""Where scalars stand in the tree, and what may stand there.

`slots` lists every scalar of an item with its place and its `Kind`; `fill` puts others in. Checking,
binding variables and listing handles are all written on top of these two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from treefolio.errors import StrategyError, did_you_mean
from treefolio.strategy.tokens import finite
from treefolio.strategy.tree import (
    COMPARATORS,
    DIRECTIONS,
    Asset,
    Compare,
    Constant,
    Filter,
    InverseVolatility,
    Item,
    Lasting,
    Reading,
    Scalar,
    Scale,
    Specified,
)

Literal = int | float | str
Path = tuple[str | int, ...]
"""Fields and positions on the way from an item to a scalar: ``("left", "params", 0)``."""

ItemT = TypeVar("ItemT", bound=Item)
LARGEST_WHOLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What may stand in a place.

    Attributes:
        name: as error messages say it: ``weight``, ``window``, ``comparator`` ...
        check: gives the value in the type that the place has (10.0 becomes 10 where a whole number
            belongs), or raises StrategyError.
    """

    name: str
    check: Callable[[Literal], Literal]


@dataclass(frozen=True, slots=True)
class Slot:
    """One scalar of an item: where it stands, what may stand there, and what does."""

    path: Path
    kind: Kind
    value: Scalar


def _number(name: str, least: float = float("-inf"), most: float = float("inf")) -> Kind:
    def check(value: Literal) -> Literal:
        if isinstance(value, bool) or not isinstance(value, int | float) or not finite(value):
            raise StrategyError(f"{name} must be a finite number, not {value!r}")
        if value < least:
            raise StrategyError(f"{name} must be {least:g} or more, not {value!r}")
        if value > most:
            raise StrategyError(f"{name} must be {most:g} or less, not {value!r}")
        return value

    return Kind(name, check)


def _whole(name: str, least: int) -> Kind:
    number = _number(name, least, LARGEST_WHOLE)

    def check(value: Literal) -> Literal:
        found = number.check(value)
        if isinstance(found, str) or found != int(found):
            raise StrategyError(f"{name} must be a whole number, not {value!r}")
        return int(found)

    return Kind(name, check)


def _parameter() -> Kind:
    """A number; whether it must be whole, the indicator's signature says."""
    number = _number("parameter")

    def check(value: Literal) -> Literal:
        found = number.check(value)
        return int(found) if isinstance(found, float) and found.is_integer() else found

    return Kind("parameter", check)


def _word(name: str, allowed: tuple[str, ...] = ()) -> Kind:
    def check(value: Literal) -> Literal:
        if not isinstance(value, str) or not value.strip():
            raise StrategyError(f"{name} must be a word, not {value!r}")
        if allowed and value not in allowed:
            hint = did_you_mean(value, allowed) or f"One of {' '.join(allowed)}."
            raise StrategyError(f"unknown {name} {value!r}", hint=hint)
        return value

    return Kind(name, check)


NUMBER = _number("value")
PARAMETER = _parameter()
WEIGHT = _number("weight", 0)
CORRIDOR = _number("corridor", 0, 1)
COUNT = _whole("count", 1)
WINDOW = _whole("window", 1)
SESSIONS = _whole("sessions", 1)
SESSIONS_AGO = _whole("sessions ago", 0)
TICKER = _word("ticker")
INDICATOR = _word("indicator")
COMPARATOR = _word("comparator", COMPARATORS)
DIRECTION = _word("direction", DIRECTIONS)

_FIELDS: dict[type[object], tuple[tuple[str, Kind], ...]] = {
    Asset: (("ticker", TICKER),),
    Compare: (("comparator", COMPARATOR),),
    Lasting: (("sessions", SESSIONS),),
    Specified: (("weights", WEIGHT),),
    InverseVolatility: (("window", WINDOW),),
    Filter: (
        ("direction", DIRECTION),
        ("count", COUNT),
        ("weights", WEIGHT),
        ("volatility_window", WINDOW),
    ),
    Scale: (("low", NUMBER), ("high", NUMBER)),
    Constant: (("value", NUMBER),),
    Reading: (
        ("indicator", INDICATOR),
        ("ticker", TICKER),
        ("params", PARAMETER),
        ("sessions_ago", SESSIONS_AGO),
        ("scale", NUMBER),
        ("offset", NUMBER),
    ),
}
_OPERANDS: dict[type[object], tuple[str, ...]] = {
    Compare: ("left", "right"),
    Filter: ("by",),
    Scale: ("reading",),
}


def operands(item: Item) -> tuple[tuple[str, Reading | Constant], ...]:
    """The readings and constants of an item, with the fields that hold them."""
    return tuple((name, getattr(item, name)) for name in _OPERANDS.get(type(item), ()))


def slots(item: Item) -> list[Slot]:
    """Every scalar of the item itself, those of its parts not included; absent ones are left out."""
    found = _own_slots(item, ())
    for name, operand in operands(item):
        found += _own_slots(operand, (name,))
    return found


def _own_slots(holder: object, prefix: Path) -> list[Slot]:
    found: list[Slot] = []
    for name, kind in _FIELDS.get(type(holder), ()):
        value = getattr(holder, name)
        if isinstance(value, tuple):
            found += [Slot((*prefix, name, k), kind, each) for k, each in enumerate(value)]
        elif value is not None:
            found.append(Slot((*prefix, name), kind, value))
    return found


def fill(item: ItemT, changes: Mapping[Path, Scalar]) -> ItemT:
    """The item with other scalars in some places."""
    for path, value in changes.items():
        item = cast(ItemT, _put(item, path, value))
    return item


def _put(holder: object, path: Path, value: Scalar) -> object:
    """``holder`` with the scalar at ``path`` replaced: from the innermost holder outwards."""
    holders = [holder]
    for step in path[:-1]:
        inner = holders[-1]
        holders.append(inner[step] if isinstance(inner, tuple) else getattr(inner, str(step)))  # type: ignore[index]
    made: object = value
    for step, outer in zip(reversed(path), reversed(holders), strict=True):
        if isinstance(outer, tuple):
            made = tuple(made if k == step else each for k, each in enumerate(outer))
        else:
            made = replace(cast(Any, outer), **{str(step): made})
    return made
