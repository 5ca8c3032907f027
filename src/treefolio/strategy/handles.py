"""Handles: the literals of a strategy that can be varied although nobody declared them as variables.

    c12.threshold = 79    rsi(TQQQ, 10) > 79    66 uses

`handles` lists them, `open_handles` turns chosen ones into variables. Whatever occurs several times in the
tree, equal in every part, is one thing with one set of handles: a comparison that stands in 66 places is
varied in all of them at once. Things are numbered by kind, in the order in which they first appear:

    c  comparison           threshold, window, ticker, comparator, and right_… where both sides are readings
    l  lasting condition    sessions
    f  filter               direction, count, window, weight1 …, volatility_window
    s  scale                low, high, window, ticker
    v  inverse volatility   window
    w  specified weights    weight1, weight2, …
    a  asset                ticker

and ``rebalance.corridor`` is the corridor of the rule of rebalancing. An indicator's only parameter is its
``window``; where it has several, they go by their names, for which the indicators' signatures are needed
(``param1``, ``param2`` without them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from treefolio.errors import SpaceError, did_you_mean
from treefolio.strategy import spelling
from treefolio.strategy.places import Literal, Path, fill, slots
from treefolio.strategy.signature import Signatures
from treefolio.strategy.tree import (
    Asset,
    Compare,
    Constant,
    Filter,
    Group,
    InverseVolatility,
    Item,
    Lasting,
    Node,
    Reading,
    Scalar,
    Scale,
    Specified,
    Strategy,
    Var,
    Variable,
    iterate,
    own_fields,
    parts,
    with_parts,
)

_LETTERS: dict[type[Item], str] = {
    Compare: "c",
    Lasting: "l",
    Filter: "f",
    Scale: "s",
    InverseVolatility: "v",
    Specified: "w",
    Asset: "a",
}
_READINGS = {"left": "", "right": "right_", "by": "", "reading": ""}
_WHEN_SET = {"scale": 1, "offset": 0, "sessions_ago": 0}
"""Fields of a reading that are no handles while they have these values."""
_CORRIDOR = "rebalance.corridor"
_LONGEST_TEXT = 100
_MOST_CHILDREN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Handle:
    """One literal that can be varied.

    Attributes:
        id: the number of the thing and the name of the literal: ``c12.threshold``.
        value: what the literal is.
        kind: threshold, window, count, weight, ticker, comparator, direction, or a parameter's name.
        text: the thing around it, as the text form says it.
        uses: how often the thing occurs in the tree.
    """

    id: str
    value: Literal
    kind: str
    text: str
    uses: int


@dataclass(slots=True)
class _Thing:
    """All equal items of a tree: the first of them, where its parts are among the things, how many."""

    item: Item
    inner: tuple[int | None, ...]
    uses: int = 0


_Literal: TypeAlias = "tuple[str, int, Path, Literal]"
"""A handle's id, the position of its thing, where in the thing's item it stands, and its value."""


def handles(strategy: Strategy, signatures: Signatures | None = None) -> tuple[Handle, ...]:
    """Every handle of the strategy, in the order of first appearance; variables are none.

    Args:
        signatures: give the names of the parameters of indicators that have several.
    """
    things, seen = _things(strategy.root)
    found = [
        Handle(id=name, value=value, kind=_kind(name), text=_text(things[k].item), uses=things[k].uses)
        for name, k, _, value in _literals(things, seen, signatures)
    ]
    corridor = strategy.rebalance.corridor
    if corridor is not None and not isinstance(corridor, Var):
        text = f"threshold({spelling.share(corridor)})"
        found.append(Handle(id=_CORRIDOR, value=corridor, kind="corridor", text=text, uses=1))
    return tuple(found)


def open_handles(strategy: Strategy, ids: Collection[str], signatures: Signatures | None = None) -> Strategy:
    """The strategy with the literals of these handles replaced, in every use, by variables named after them.

    Each variable is declared with the literal as its only value and default, so the strategy still means
    what it meant.

    Raises:
        SpaceError: an id that no handle has.
    """
    things, seen = _things(strategy.root)
    literals = {literal[0]: literal for literal in _literals(things, seen, signatures)}
    names = [variable.name for variable in strategy.variables]
    changes: dict[int, dict[Path, Scalar]] = {}
    declared: list[Variable] = []
    for identity in dict.fromkeys(ids):
        if identity in names:
            raise SpaceError(f"{identity!r} is a variable already", hint="Vary it as it is.")
        if identity in literals:
            _, k, path, value = literals[identity]
            changes.setdefault(k, {})[path] = Var(identity)
            declared.append(Variable(identity, (value,), value))
        elif identity != _CORRIDOR or not isinstance(strategy.rebalance.corridor, int | float):
            hint = did_you_mean(identity, [*literals, *names])
            raise SpaceError(f"no handle is called {identity!r}", hint=hint or "inspect lists all handles.")
    if _CORRIDOR in ids and isinstance(strategy.rebalance.corridor, int | float):
        declared.append(Variable(_CORRIDOR, (strategy.rebalance.corridor,), strategy.rebalance.corridor))
        strategy = replace(strategy, rebalance=replace(strategy.rebalance, corridor=Var(_CORRIDOR)))
    return replace(
        strategy,
        root=_rebuilt(things, seen[0], changes),  # type: ignore[arg-type]  # a node stays a node
        variables=(*strategy.variables, *declared),
    )


def _things(root: Item) -> tuple[list[_Thing], list[int]]:
    """The distinct items of a tree, parts before wholes, and their positions in order of first appearance.

    Equal items are found bottom-up: two are equal when their own fields are and their parts are the same
    things. That takes time in proportion to the tree's size, whatever its depth.
    """
    order = list(iterate(root))
    number: dict[int, int] = {}
    known: dict[tuple[object, ...], int] = {}
    things: list[_Thing] = []
    for item in reversed(order):
        if id(item) not in number:
            inner = tuple(None if part is None else number[id(part)] for _, part in parts(item))
            key = (type(item), inner, own_fields(item))
            if key not in known:
                known[key] = len(things)
                things.append(_Thing(item, inner))
            number[id(item)] = known[key]
            things[known[key]].item = item  # the first in the text speaks for all: 79 and 79.0 are equal
    seen: dict[int, None] = {}
    for item in order:
        things[number[id(item)]].uses += 1
        seen[number[id(item)]] = None
    return things, list(seen)


def _literals(things: list[_Thing], seen: list[int], signatures: Signatures | None) -> Iterator[_Literal]:
    """Every literal that can be varied; things that hold variables only are numbered all the same."""
    counts = dict.fromkeys(_LETTERS.values(), 0)
    for position in seen:
        item = things[position].item
        letter = _LETTERS.get(type(item))
        if letter is None:
            continue
        counts[letter] += 1
        for slot in slots(item):
            name = _name(item, slot.path, signatures)
            if name is not None and not isinstance(slot.value, Var):
                yield f"{letter}{counts[letter]}.{name}", position, slot.path, slot.value


def _name(item: Item, path: Path, signatures: Signatures | None) -> str | None:
    """What the literal at this place is called; None where none is offered."""
    if len(path) == 1:
        return str(path[0])
    if path[0] == "weights":
        return f"weight{int(path[1]) + 1}"
    operand = getattr(item, str(path[0]))
    if isinstance(operand, Constant):
        both = path[0] == "left" and isinstance(getattr(item, "right", None), Constant)
        return "left_threshold" if both else "threshold"
    prefix = "right_" if path[0] == "right" and isinstance(getattr(item, "left", None), Reading) else ""
    name = _reading_name(operand, path[1:], signatures)
    return None if name is None else prefix + name


def _reading_name(reading: Reading, path: Path, signatures: Signatures | None) -> str | None:
    field = str(path[0])
    if field == "params":
        if len(reading.params) == 1:
            return "window"
        signature = (signatures or {}).get(str(reading.indicator))
        k = int(path[1])
        return f"param{k + 1}" if signature is None else signature.parameters[k].name
    if field == "indicator" or getattr(reading, field) == _WHEN_SET.get(field):
        return None
    return field


def _kind(identity: str) -> str:
    name = identity.partition(".")[2].removeprefix("right_").removeprefix("left_").removeprefix("volatility_")
    return "weight" if re.fullmatch(r"weight[0-9]+", name) else name


def _rebuilt(things: list[_Thing], root: int, changes: Mapping[int, Mapping[Path, Scalar]]) -> Item:
    """The tree with some of its things changed wherever they occur; equal items become one object."""
    built: list[Item] = []
    for position, thing in enumerate(things):
        done = {
            id(part): built[k]
            for (_, part), k in zip(parts(thing.item), thing.inner, strict=True)
            if k is not None
        }
        built.append(with_parts(fill(thing.item, changes.get(position, {})), done))
    return built[root]


# How a thing is described


def _text(item: Item) -> str:
    text = _TEXTS[type(item)](item)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _lasting_text(item: Lasting) -> str:
    return spelling.short_condition(item, _LONGEST_TEXT) or f"… for {spelling.number(item.sessions)} sessions"


def _scale_text(item: Scale) -> str:
    low, high = spelling.number(item.low), spelling.number(item.high)
    return f"scale {spelling.reading(item.reading)} between {low} and {high}"


def _inverse_volatility_text(item: InverseVolatility) -> str:
    return f"inverse_volatility({spelling.number(item.window)}) {_of(item.children)}"


def _weighted_text(item: Specified) -> str:
    pairs = zip(item.weights[:_MOST_CHILDREN], item.children, strict=False)
    words = [f"{spelling.share(weight)} {_word(child)}" for weight, child in pairs]
    return ", ".join(words) + (", …" if len(item.children) > _MOST_CHILDREN else "")


def _of(children: Sequence[Node]) -> str:
    words = [_word(child) for child in children[:_MOST_CHILDREN]]
    return "of " + ", ".join(words) + (", …" if len(children) > _MOST_CHILDREN else "")


def _word(node: Node) -> str:
    """A node in a word: its ticker, its name, or its kind."""
    if isinstance(node, Asset):
        return spelling.ticker(node.ticker)
    return f'"{node.name}"' if isinstance(node, Group) else type(node).__name__.lower()


_TEXTS: dict[type[Item], Callable[[Any], str]] = {
    Compare: spelling.compare,
    Lasting: _lasting_text,
    Filter: lambda item: f"{spelling.ranking(item)} {_of(item.children)}",
    Scale: _scale_text,
    InverseVolatility: _inverse_volatility_text,
    Specified: _weighted_text,
    Asset: lambda item: spelling.ticker(item.ticker),
}
