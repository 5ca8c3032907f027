"""How far a number of the tree is moved in one step, and where it cannot go.

| what | a step |
|---|---|
| whole numbers: sessions, windows, how many are kept | 1, never below their least |
| a bound on an index from 0 to 100 (or −100 to 100) | 1 point |
| a bound on a return or another fraction | a twentieth of it, at least 0.1 percentage points |
| a bound on a number in percent | a twentieth of it, at least 0.1 |
| the factor of a reading | 0.01 |
| all other numbers: weights, bounds on prices, deviations | a twentieth of it |

A twentieth is rounded to 1, 2 or 5 times a power of ten, so that 0.35 goes to 0.37 and 0.33. Steps are added
in decimals. What has no next value is left out and named: words, kinds of averages, and a 0 without a unit
that gives it a size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from treefolio.errors import StrategyError
from treefolio.indicators import INDICATORS, SIGNATURES
from treefolio.strategy.places import COUNT, SESSIONS, SESSIONS_AGO, WINDOW, Kind, Path, Slot
from treefolio.strategy.signature import Parameter, check_parameter
from treefolio.strategy.tree import Compare, Filter, Item, Number, Reading, Scale

SHARE = 0.05
FLOORS = {"fraction": 0.001, "fraction per year": 0.001, "percent": 0.1}
"""The least step of a bound, by the unit of what it bounds."""
POINT = "index ("
"""Units that begin so go from one end to another, in points."""
FACTOR = 0.01
KIND_OF_AVERAGE = "matype"
_WHOLE = (COUNT, SESSIONS, SESSIONS_AGO, WINDOW)
_MANTISSAS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Place:
    """A scalar of the tree: the item that holds it, and where in it."""

    item: Item
    slot: Slot


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a number, and its rule in words."""

    size: Number
    rule: str


def step_at(place: Place, value: Number) -> Step | str:
    """The step of a number in its place, or why it has none."""
    path, kind = place.slot.path, place.slot.kind
    if any(kind is each for each in _WHOLE):
        return Step(1, "1")
    if "params" in path:
        return _of_parameter(_parameter(place.item, path), value)
    if path[-1] == "scale":
        return Step(FACTOR, "0.01")
    return _of_size(value, _unit(place.item, path))


def ladder(places: list[Place], value: Number, size: Number, most: int) -> dict[int, Number]:
    """How many steps away → the number there, up to ``most`` to each side; only what has a meaning."""
    found: dict[int, Number] = {}
    for count in (*range(-most, 0), *range(1, most + 1)):
        moved = Decimal(repr(value)) + count * Decimal(repr(size))
        whole = isinstance(value, int) and isinstance(size, int)
        number = int(moved) if whole else float(moved)
        if all(_allowed(place, number) for place in places):
            found[count] = number
    return found


def _of_parameter(parameter: Parameter | None, value: Number) -> Step | str:
    if parameter is None:
        return "its indicator is a variable"
    if parameter.name.endswith(KIND_OF_AVERAGE):
        return "it names a kind of average"
    return Step(1, "1") if parameter.whole else _of_size(value, None)


def _of_size(value: Number, unit: str | None) -> Step | str:
    if unit is not None and unit.startswith(POINT):
        return Step(1, "1 point")
    floor = FLOORS.get(unit or "", 0.0)
    size = max(floor, _rounded(SHARE * abs(float(value))))
    if size == 0.0:
        return "0 has no size to take a part of"
    step: Number = int(size) if size >= 1 and isinstance(value, int) else size
    return Step(step, "the least of its unit" if size == floor else "a twentieth, rounded")


def _rounded(size: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten, by ratio; 0 for 0."""
    if size <= 0.0:
        return 0.0
    power = math.floor(math.log10(size))
    best = min(_MANTISSAS, key=lambda m: abs(math.log10(m) + power - math.log10(size)))
    return float(Decimal(repr(best)).scaleb(power))


def _unit(item: Item, path: Path) -> str | None:
    """The unit of the reading that a number bounds or is added to."""
    reading: object = None
    if path[-1] == "offset":
        reading = getattr(item, str(path[0]))
    elif isinstance(item, Scale):
        reading = item.reading
    elif isinstance(item, Compare):
        reading = item.right if path[0] == "left" else item.left
    elif isinstance(item, Filter):
        return None
    if isinstance(reading, Reading) and isinstance(reading.indicator, str):
        row = INDICATORS.get(reading.indicator)
        return None if row is None else row.unit
    return None


def _parameter(item: Item, path: Path) -> Parameter | None:
    reading = getattr(item, str(path[0]))
    if not isinstance(reading.indicator, str) or reading.indicator not in SIGNATURES:
        return None
    return SIGNATURES[reading.indicator].parameters[int(path[-1])]


def _allowed(place: Place, value: Number) -> bool:
    """The number has a meaning in its place."""
    kind: Kind = place.slot.kind
    try:
        kind.check(value)
        if "params" in place.slot.path:
            parameter = _parameter(place.item, place.slot.path)
            if parameter is not None:
                check_parameter("", parameter, value)
    except StrategyError:
        return False
    return True
