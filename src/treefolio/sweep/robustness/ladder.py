"""Every number of a strategy, and the values that it is moved to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from treefolio.indicators import SIGNATURES
from treefolio.strategy import spelling
from treefolio.strategy.handles import handles, open_handles
from treefolio.strategy.places import CORRIDOR, Slot, slots
from treefolio.strategy.tree import Cash, Compare, Item, Number, Strategy, Var, iterate
from treefolio.sweep.robustness.steps import Place, Step, ladder, step_at
from treefolio.sweep.space import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One number with what it is moved to.

    Attributes:
        id: the handle, or the variable.
        kind, text, uses: what it is, what is around it, how often that occurs; as `strategy.handles` says.
        step: how far one step is. rule: which rule made it so.
        moves: steps from the literal → the number there; 0 is not among them.
    """

    id: str
    kind: str
    text: str
    uses: int
    value: Number
    step: Number
    rule: str
    moves: Mapping[int, Number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladders:
    """All of them.

    Attributes:
        opened: the strategy, with a variable for each of them.
        left_out: numbers that are not moved, and why.
    """

    opened: Strategy
    ladders: tuple[Ladder, ...]
    left_out: Mapping[str, str]


def ladders_of(strategy: Strategy, chosen: Mapping[str, Value], most: int) -> Ladders:
    """The ladders of every handle and variable that is a number, up to ``most`` steps to each side.

    Args:
        strategy: its own variables, declared or opened, keep their names.
        chosen: the values of all of its variables.
    """
    found = [handle for handle in handles(strategy, SIGNATURES) if isinstance(handle.value, int | float)]
    opened = open_handles(strategy, [handle.id for handle in found], SIGNATURES)
    places = _places(opened)
    named = {handle.id: (handle.kind, handle.text, handle.uses, handle.value) for handle in found}
    for name, value in chosen.items():
        if name in places and isinstance(value, int | float):
            named[name] = ("variable", _around(name, places[name][0].item), len(places[name]), value)
    made: list[Ladder] = []
    left_out: dict[str, str] = {}
    for name, (kind, text, uses, value) in named.items():
        assert isinstance(value, int | float)
        step = step_at(places[name][0], value)
        moves = ladder(places[name], value, step.size, most) if isinstance(step, Step) else {}
        if isinstance(step, str) or not moves:
            left_out[name] = step if isinstance(step, str) else "there is nowhere to go"
            continue
        made.append(
            Ladder(
                id=name,
                kind=kind,
                text=text,
                uses=uses,
                value=value,
                step=step.size,
                rule=step.rule,
                moves=moves,
            )
        )
    return Ladders(opened=opened, ladders=tuple(made), left_out=left_out)


def _around(name: str, item: Item) -> str:
    """The comparison that a variable stands in, or the variable."""
    return spelling.compare(item) if isinstance(item, Compare) else f"${name}"


def _places(strategy: Strategy) -> dict[str, list[Place]]:
    """Variable → the places in which it stands."""
    found: dict[str, list[Place]] = {}
    for item in iterate(strategy.root):
        for slot in slots(item):
            if isinstance(slot.value, Var):
                found.setdefault(slot.value.name, []).append(Place(item, slot))
    corridor = strategy.rebalance.corridor
    if isinstance(corridor, Var):
        found.setdefault(corridor.name, []).append(Place(Cash(), Slot(("corridor",), CORRIDOR, corridor)))
    return found
