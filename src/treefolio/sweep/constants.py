"""Comparisons that come out the same on every session: an RSI, from 0 to 100, is never above 101.

They have a meaning, so they are no error. But rows that differ in nothing else count as trials.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping

from treefolio.graph.derive import choices
from treefolio.graph.plan import Axes
from treefolio.indicators import INDICATORS
from treefolio.strategy import spelling
from treefolio.strategy.tree import Compare, Constant, Reading, Strategy, Var, iterate, path_of

_RANGE = re.compile(r"index \((−?\d+)–(\d+)\)")
"""A unit that says from where to where its values are."""
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def constants_note(strategy: Strategy, axes: Axes) -> tuple[str, ...]:
    """A line on them, when there are some with the values that the strategy's variables take; else none."""
    found = list(_found(strategy, axes))
    if not found:
        return ()
    position, line = found[0]
    more = f"; as do {len(found) - 1:,} more" if len(found) > 1 else ""
    return (f"{line}, at {path_of(strategy.root, position)}{more}",)


def _found(strategy: Strategy, axes: Axes) -> Iterator[tuple[int, str]]:
    """The place of each among the items of the tree, and what is to be said of it."""
    for position, item in enumerate(iterate(strategy.root)):
        sides = (item.left, item.right) if isinstance(item, Compare) else ()
        reading = next((side for side in sides if isinstance(side, Reading)), None)
        limit = next((side for side in sides if isinstance(side, Constant)), None)
        if not isinstance(item, Compare) or reading is None or limit is None:
            continue
        ends = _ends(reading)
        compare = _COMPARE.get(str(item.comparator))
        if ends is None or compare is None:
            continue
        values = [float(value) for value in choices(limit.value, axes)]
        same = sum(compare(ends[0], value) == compare(ends[1], value) for value in values)
        if same:
            which = f" with {same:,} of {len(values):,} values of {limit.value}" if len(values) > 1 else ""
            said = f"{spelling.compare(item)} comes out the same on every session{which}"
            yield position, f"{said}: {reading.indicator} is from {ends[0]:g} to {ends[1]:g}"


def _ends(reading: Reading) -> tuple[float, float] | None:
    """The least and the greatest value of a reading; None where it has none, or not as it stands."""
    if isinstance(reading.indicator, Var) or (reading.scale, reading.offset) != (1, 0):
        return None
    found = _RANGE.search(INDICATORS[reading.indicator].unit)
    return None if found is None else (float(found[1].replace("−", "-")), float(found[2]))
