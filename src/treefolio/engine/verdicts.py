"""What a condition looked like on one session: each comparison with its operands and how near it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from treefolio.engine.sight import Sight
from treefolio.indicators import INDICATORS
from treefolio.strategy import spelling
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Constant,
    Lasting,
    NoneOf,
    Operand,
    Reading,
    parts,
)

NEAR = {"index": 1.0, "fraction": 0.0025, "percent": 0.25}
"""A comparison is near when its margin is below this, by the unit of what is compared …"""
NEAR_SHARE = 0.005
"""… or, for prices and the like, below this share of the larger side."""
LONGEST_TEXT = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One condition on that session, whole or part of the one above it.

    Attributes:
        level: 0 for the condition itself, 1 for its parts, and so on.
        text: as the text form says it.
        holds: it is true.
        left, right: the operands' values; None where undefined, and for what is no comparison.
        margin: by how much it holds; negative when it does not; None where it is undefined.
        near: a little would have turned it around.
        sessions: of ``for n sessions``: on how many of the last ones, without a break, the part held.
    """

    level: int
    text: str
    holds: bool
    left: float | None = None
    right: float | None = None
    margin: float | None = None
    near: bool = False
    sessions: int | None = None


def verdicts(sight: Sight, root: Condition) -> list[Verdict]:
    """The condition and its parts on the session, wholes first."""
    found: list[Verdict] = []
    stack: list[tuple[Condition, int]] = [(root, 0)]
    while stack:
        condition, level = stack.pop()
        found.append(_verdict(sight, condition, level))
        inner = [part for _, part in parts(condition) if isinstance(part, Condition)]
        stack.extend((part, level + 1) for part in reversed(inner))
    return found


def _verdict(sight: Sight, condition: Condition, level: int) -> Verdict:
    if isinstance(condition, Compare):
        return _comparison(sight, condition, level)
    holds = sight.holds(condition)
    sessions = None
    if isinstance(condition, Lasting):
        wanted = int(cast(float, condition.sessions))
        past = sight.truth(sight.node(condition.condition), wanted)
        sessions = next((k for k, each in enumerate(reversed(past)) if not each), len(past))
    return Verdict(level=level, text=_joined(condition), holds=holds, sessions=sessions)


def _joined(condition: Condition) -> str:
    """The head of a condition that has parts."""
    if isinstance(condition, Lasting):
        return f"for {spelling.number(condition.sessions)} sessions"
    return _HEADS[type(condition)]


_HEADS: dict[type[Condition], str] = {AllOf: "all of", AnyOf: "any of", NoneOf: "none of"}


def _comparison(sight: Sight, item: Compare, level: int) -> Verdict:
    left, right = _sides(sight, item)
    margin = None
    if left is not None and right is not None:
        margin = _margin(left, str(item.comparator), right)
    return Verdict(
        level=level,
        text=spelling.compare(item),
        holds=sight.holds(item),
        left=left,
        right=right,
        margin=margin,
        near=margin is not None and abs(margin) < _near(item, left or 0.0, right or 0.0),
    )


def _sides(sight: Sight, item: Compare) -> tuple[float | None, float | None]:
    """The operands' values; readings in the order in which the graph's node takes them."""
    node = sight.tables.plan.graph.nodes[sight.node(item)]
    series = iter(node.args)

    def side(operand: Operand) -> float | None:
        if isinstance(operand, Constant):
            return float(cast(float, operand.value))
        return defined(sight.value(next(series)))

    return side(item.left), side(item.right)


def _margin(left: float, comparator: str, right: float) -> float:
    """By how much the comparison holds; negative when it does not."""
    if comparator in (">", ">="):
        return left - right
    if comparator in ("<", "<="):
        return right - left
    apart = abs(left - right)
    return apart if comparator == "!=" else -apart


def _near(item: Compare, left: float, right: float) -> float:
    """The margin below which this comparison is near."""
    units = [
        INDICATORS[str(side.indicator)].unit.split(" ")[0]
        for side in (item.left, item.right)
        if isinstance(side, Reading)
    ]
    unit = units[0] if units else ""
    return NEAR.get(unit, NEAR_SHARE * max(abs(left), abs(right)))


def condition_text(condition: Condition) -> str:
    """The condition on one line, or its beginning when that line would be long."""
    found = spelling.short_condition(condition, LONGEST_TEXT)
    if found is not None:
        return found
    head = (
        spelling.compare(condition)[:LONGEST_TEXT] if isinstance(condition, Compare) else _joined(condition)
    )
    return f"{head} …"


def defined(value: float) -> float | None:
    """The number, or None for NaN and infinities."""
    return value if math.isfinite(value) else None
