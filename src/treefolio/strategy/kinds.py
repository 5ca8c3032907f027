"""What each kind of node in a text means: one function and one row of `KINDS` for each.

A function gives a `Plan`: which documents are read first, and what is then made of them. It is
`treefolio.strategy.nodes` that reads them, on a stack of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from treefolio.strategy import expression
from treefolio.strategy.document import Document, Mapping, Sequence
from treefolio.strategy.fields import Fields
from treefolio.strategy.tree import (
    Asset,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Node,
    NumberLike,
    Scale,
    Specified,
    Switch,
)

Role = Literal["node", "slot", "condition"]
"""What a document is read as; a slot is a node that may be null."""


@dataclass(slots=True)
class Want:
    """A document that must be read before the one around it can be made."""

    document: Document
    role: Role
    label: str


@dataclass(slots=True)
class Plan:
    """What a document needs, and what it becomes."""

    wants: list[Want]
    make: Callable[[list[Any]], Item | None]


# One function for each kind of node


def _if(_: Fields, document: Mapping) -> Plan:
    wants = [_want(document, "if", "condition", "condition"), _want(document, "then"), *_else(document)]
    return Plan(wants, lambda values: If(values[0], values[1], _or_empty(values, 2)))


def _enter(_: Fields, document: Mapping) -> Plan:
    wants = [
        _want(document, "enter", "enter", "condition"),
        _want(document, "exit", "exit", "condition"),
        _want(document, "then"),
        *_else(document),
    ]
    return Plan(wants, lambda values: EnterExit(values[0], values[1], values[2], _or_empty(values, 3)))


def _group(fields: Fields, document: Mapping) -> Plan:
    name = fields.text(document, "group")
    return Plan([_want(document, "of", "child")], lambda values: Group(name, values[0]))


def _equal(fields: Fields, document: Mapping) -> Plan:
    return Plan(children(fields.sequence(document, "equal")), lambda values: Equal(tuple(values)))


def _weighted(fields: Fields, document: Mapping) -> Plan:
    wants: list[Want] = []
    weights: list[NumberLike] = []
    hint = "Write weighted as a list: - 60%: TQQQ."
    found = document.pairs["weighted"][1]
    if not isinstance(found, Sequence):
        raise fields.error("weighted needs a list", found, hint=hint)
    for k, entry in enumerate(found.items, start=1):
        if not isinstance(entry, Mapping) or len(entry.pairs) != 1:
            raise fields.error("each child of weighted is one weight with one node", entry, hint=hint)
        ((weight, child),) = entry.pairs.values()
        weights.append(fields.to_number(weight))
        wants.append(Want(child, "node", f"child[{k}]"))
    return Plan(wants, lambda values: Specified(tuple(values), tuple(weights)))


def _inverse_volatility(fields: Fields, document: Mapping) -> Plan:
    window = fields.number(document, "inverse_volatility")
    wants = children(fields.sequence(document, "of"))
    return Plan(wants, lambda values: InverseVolatility(tuple(values), window))


def _filter(fields: Fields, document: Mapping) -> Plan:
    head = fields.scalar(document.pairs["filter"][1])
    ranking = fields.parsed(head, lambda text: expression.ranking(text, fields.signatures))
    weights, window = _filter_weights(fields, document)
    keep_ties = "ties" in document.pairs
    if keep_ties and fields.text(document, "ties") != "keep":
        raise fields.error("ties can only be kept", document.pairs["ties"][1], hint="Write ties: keep.")
    return Plan(
        children(fields.sequence(document, "of")),
        lambda values: Filter(
            tuple(values), ranking.by, ranking.direction, ranking.count, weights, window, keep_ties
        ),
    )


def _filter_weights(fields: Fields, document: Mapping) -> tuple[tuple[NumberLike, ...], NumberLike | None]:
    """The weights of a filter, or the window of its inverse volatility, or neither."""
    if "weights" not in document.pairs:
        return (), None
    found = document.pairs["weights"][1]
    if isinstance(found, Sequence):
        return tuple(fields.to_number(each) for each in found.items), None
    call = fields.parsed(fields.scalar(found), expression.call)
    if call.name != "inverse_volatility" or len(call.arguments) != 1:
        raise fields.error(
            "weights are a list of numbers or inverse_volatility(window)",
            found,
            hint="Write weights: inverse_volatility(20).",
        )
    return (), call.arguments[0]


def _switch(fields: Fields, document: Mapping) -> Plan:
    conditions = conditions_of(fields.sequence(document, "switch"))
    branches = [
        Want(each, "slot", f"branch[{k}]")
        for k, each in enumerate(fields.sequence(document, "branches").items, start=1)
    ]
    n = len(conditions)
    return Plan([*conditions, *branches], lambda values: Switch(tuple(values[:n]), tuple(values[n:])))


def _scale(fields: Fields, document: Mapping) -> Plan:
    text = fields.scalar(document.pairs["scale"][1])
    reading = fields.parsed(text, lambda text: expression.reading(text, fields.signatures))
    between = fields.sequence(document, "between")
    if len(between.items) != 2:
        raise fields.error("between needs two numbers", between, hint="Write between: [30, 70].")
    low, high = (fields.to_number(each) for each in between.items)
    wants = [_want(document, "from", "start"), _want(document, "to", "end")]
    return Plan(wants, lambda values: Scale(reading, low, high, values[0], values[1]))


def _asset(fields: Fields, document: Mapping) -> Plan:
    ticker = fields.parsed(fields.scalar(document.pairs["asset"][1]), expression.ticker)
    return Plan([], lambda _: Asset(ticker))


def _want(document: Mapping, key: str, label: str | None = None, role: Role = "node") -> Want:
    return Want(document.pairs[key][1], role, label or key)


def _else(document: Mapping) -> list[Want]:
    return [_want(document, "else")] if "else" in document.pairs else []


def _or_empty(values: list[Any], position: int) -> Node:
    """The branch, or an empty one when the text has none."""
    found: Node = values[position] if len(values) > position else Empty()
    return found


def children(found: Sequence) -> list[Want]:
    """Every document of a list, to be read as a node."""
    return [Want(each, "node", f"child[{k}]") for k, each in enumerate(found.items, start=1)]


def conditions_of(found: Sequence) -> list[Want]:
    """Every document of a list, to be read as a condition."""
    return [Want(each, "condition", f"condition[{k}]") for k, each in enumerate(found.items, start=1)]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of node: the keys that it must and may have, and what to do with them."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    plan: Callable[[Fields, Mapping], Plan]


KINDS: dict[str, Kind] = {
    "if": Kind(("if", "then"), ("else",), _if),
    "group": Kind(("group", "of"), (), _group),
    "equal": Kind(("equal",), (), _equal),
    "weighted": Kind(("weighted",), (), _weighted),
    "inverse_volatility": Kind(("inverse_volatility", "of"), (), _inverse_volatility),
    "filter": Kind(("filter", "of"), ("weights", "ties"), _filter),
    "switch": Kind(("switch", "branches"), (), _switch),
    "scale": Kind(("scale", "between", "from", "to"), (), _scale),
    "enter": Kind(("enter", "exit", "then"), ("else",), _enter),
    "asset": Kind(("asset",), (), _asset),
}
"""The kinds of nodes by the key that marks them, which is the first of `required`."""
