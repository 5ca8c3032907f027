"""Strategy → the native text form, as YAML or JSON; `treefolio.strategy.text.parse` reads it back.

First the strategy becomes an outline of plain dictionaries, lists and scalars, then the outline becomes
lines. Neither step recurses. YAML's indentation grows with the depth, so its size with the depth's square:
a tree deeper than `DEEPEST_YAML` is written as JSON on one line instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from treefolio.strategy import spelling
from treefolio.strategy.nodes import BARE_TICKER, WORDS
from treefolio.strategy.tokens import NUMBER
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Condition,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Lasting,
    Node,
    NoneOf,
    NumberLike,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    Variable,
    parts,
)
from treefolio.strategy.variables import spec_of

DEEPEST_YAML = 400
"""Levels of nodes and conditions."""
_LONGEST_LINE = 90
_LONGEST_CONDITION = 80
_DEEPEST_CONDITION = 3  # mappings within mappings; what is below is written on one line


class Code(str):
    """Text in the expression language: it may stand without quotation marks even where it is a number."""

    __slots__ = ()


Outline: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | None"


def write(strategy: Strategy, *, as_json: bool = False) -> str:
    """The strategy as text that says exactly this strategy; it ends with a line break.

    Args:
        as_json: JSON instead of YAML.
    """
    outline = _outline(strategy)
    deep = _depth(strategy.root) > DEEPEST_YAML
    return _json(outline, indent=not deep) if as_json or deep else _yaml(outline)


def _depth(root: Node) -> int:
    """The largest number of nodes and conditions on a way down."""
    deepest = 0
    stack: list[tuple[int, Item]] = [(1, root)]
    while stack:
        level, item = stack.pop()
        deepest = max(deepest, level)
        stack.extend((level + 1, part) for _, part in parts(item) if part is not None)
    return deepest


def _outline(strategy: Strategy) -> dict[str, Outline]:
    made: dict[str, Outline] = {"name": strategy.name}
    if strategy.description:
        made["description"] = strategy.description
    made["rebalance"] = Code(strategy.rebalance.rule)
    if strategy.rebalance.corridor is not None:
        made["rebalance"] = Code(f"{strategy.rebalance.rule}({spelling.share(strategy.rebalance.corridor)})")
    made["empty"] = Code(strategy.empty)
    if strategy.variables:
        made["variables"] = {variable.name: _variable(variable) for variable in strategy.variables}
    if strategy.constraints:
        made["constraints"] = [Code(spelling.constraint(each)) for each in strategy.constraints]
    made["tree"] = _tree(strategy.root)
    return made


def _variable(variable: Variable) -> Outline:
    values: Outline = Code(spec_of(variable.values) or "") or list(variable.values)
    if variable.default == variable.values[0] and type(variable.default) is type(variable.values[0]):
        return values
    return {"default": variable.default, "values": values}


# Nodes and conditions → outline

_Slot: TypeAlias = "tuple[Item | None, int, Callable[[Outline], object]]"
"""An item to outline, how many conditions it is inside of, and where its outline goes."""


def _tree(root: Node) -> Outline:
    made: list[Outline] = []
    stack: list[_Slot] = [(root, 0, made.append)]
    while stack:
        item, level, put = stack.pop()
        if item is None:
            put(None)
        elif isinstance(item, Condition):
            stack.extend(reversed(_condition(item, level, put)))
        else:
            outline, inner = _OUTLINES[type(item)](item)
            put(outline)
            stack.extend(reversed(inner))
    return made[0]


def _condition(item: Condition, level: int, put: Callable[[Outline], object]) -> list[_Slot]:
    """Puts the condition's outline; gives the conditions that it still lacks."""
    inner = item.condition if isinstance(item, Lasting) else item
    line = spelling.short_condition(item, _LONGEST_CONDITION)
    if line is None and isinstance(inner, AllOf | AnyOf | NoneOf) and level < _DEEPEST_CONDITION:
        name = {AllOf: "all", AnyOf: "any", NoneOf: "none"}[type(inner)]
        conditions: list[Outline] = []
        outline: dict[str, Outline] = {name: conditions}
        if isinstance(item, Lasting):
            outline["for"] = _number(item.sessions)
        put(outline)
        return [(each, level + 1, conditions.append) for each in inner.conditions]
    put(Code(line if line is not None else spelling.condition(item)))
    return []


def _number(value: NumberLike) -> Outline:
    return Code(value) if isinstance(value, Var) else value


def _word(ticker: str | Var) -> Outline:
    if isinstance(ticker, Var):
        return Code(ticker)
    if BARE_TICKER.fullmatch(ticker) and ticker not in WORDS and ticker != "null":
        return Code(ticker)
    return {"asset": Code(spelling.ticker(ticker))}


_Outlined: TypeAlias = "tuple[Outline, list[_Slot]]"


def _listed(children: tuple[Node | None, ...]) -> tuple[list[Outline], list[_Slot]]:
    made: list[Outline] = []
    return made, [(child, 0, made.append) for child in children]


def _filled(made: dict[str, Outline], **later: Item) -> _Outlined:
    """A mapping whose values in ``later`` are outlined afterwards; a key ends with _ to spare a keyword."""
    inner: list[_Slot] = []
    for key, item in later.items():
        name = key.rstrip("_")
        made[name] = None
        inner.append((item, 0, cast(Any, _setter(made, name))))
    return made, inner


def _setter(made: dict[str, Outline], key: str) -> Callable[[Outline], None]:
    return lambda outline: made.update({key: outline})


def _if(item: If) -> _Outlined:
    if isinstance(item.otherwise, Empty):
        return _filled({}, if_=item.condition, then=item.then)
    return _filled({}, if_=item.condition, then=item.then, else_=item.otherwise)


def _enter(item: EnterExit) -> _Outlined:
    if isinstance(item.otherwise, Empty):
        return _filled({}, enter=item.enter, exit=item.exit, then=item.then)
    return _filled({}, enter=item.enter, exit=item.exit, then=item.then, else_=item.otherwise)


def _scale(item: Scale) -> _Outlined:
    head: dict[str, Outline] = {
        "scale": Code(spelling.reading(item.reading)),
        "between": [_number(item.low), _number(item.high)],
    }
    return _filled(head, from_=item.start, to=item.end)


def _weighted(item: Specified) -> _Outlined:
    made: list[Outline] = []
    inner: list[_Slot] = []
    for weight, child in zip(item.weights, item.children, strict=True):
        entry: dict[str, Outline] = {spelling.share(weight): None}
        made.append(entry)
        inner.append((child, 0, _setter(entry, spelling.share(weight))))
    return {"weighted": made}, inner


def _inverse_volatility(item: InverseVolatility) -> _Outlined:
    made, inner = _listed(item.children)
    return {"inverse_volatility": _number(item.window), "of": made}, inner


def _equal(item: Equal) -> _Outlined:
    made, inner = _listed(item.children)
    return {"equal": made}, inner


def _filter(item: Filter) -> _Outlined:
    made, inner = _listed(item.children)
    outline: dict[str, Outline] = {"filter": Code(spelling.ranking(item)), "of": made}
    if item.weights:
        outline["weights"] = [Code(spelling.share(weight)) for weight in item.weights]
    if item.volatility_window is not None:
        outline["weights"] = Code(f"inverse_volatility({spelling.number(item.volatility_window)})")
    if item.keep_ties:
        outline["ties"] = Code("keep")
    return outline, inner


def _switch(item: Switch) -> _Outlined:
    conditions: list[Outline] = []
    branches, inner = _listed(item.branches)
    heads: list[_Slot] = [(each, 0, conditions.append) for each in item.conditions]
    return {"switch": conditions, "branches": branches}, [*heads, *inner]


_OUTLINES: dict[type[Item], Callable[[Any], _Outlined]] = {
    Asset: lambda item: (_word(item.ticker), []),
    Cash: lambda _: (Code("cash"), []),
    Empty: lambda _: (Code("empty"), []),
    Group: lambda item: _filled({"group": item.name}, of=item.child),
    Equal: _equal,
    Specified: _weighted,
    InverseVolatility: _inverse_volatility,
    If: _if,
    Switch: _switch,
    Filter: _filter,
    Scale: _scale,
    EnterExit: _enter,
}


# Outline → YAML

_PLAIN = re.compile(r"(?!(?:~|null)$)(?:[A-Za-z0-9_$(]|-[0-9])[ -~]*")
_UNSAFE = re.compile(r": |:$| #| $")
_FLOW = re.compile(r"[A-Za-z0-9_$-][\w.$%-]*", re.ASCII)
_NUMERIC = re.compile(rf"[+-]?{NUMBER}")
_ESCAPED = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff"\\]')


def _yaml(outline: dict[str, Outline]) -> str:
    """Block style, two spaces a level; a list of short words stays on its line."""
    lines: list[str] = []
    stack: list[tuple[str, int, Outline]] = [("", 0, outline)]
    while stack:
        lead, indent, value = stack.pop()
        flow = _flow(value)
        if flow is not None and len(lead) + len(flow) > _LONGEST_LINE and isinstance(value, list):
            flow = None
        if flow is not None:
            lines.append(f"{lead} {flow}" if lead.endswith(":") else lead + flow)
            continue
        if lead.endswith(":"):
            lines.append(lead)
            lead = " " * indent
        stack.extend(reversed(_entries(lead, indent, value)))
    return "\n".join(lines) + "\n"


def _entries(lead: str, indent: int, value: Outline) -> list[tuple[str, int, Outline]]:
    """The lines of a mapping or list: how each begins, how deep its content stands, and what it says."""
    margin = " " * indent
    if isinstance(value, dict):
        leads = [f"{_yaml_scalar(Code(key))}:" for key in value]
        values: list[Outline] = list(value.values())
    else:
        values = cast(list[Outline], value)
        leads = ["- "] * len(values)
    return [
        ((lead if k == 0 else margin) + each, indent + 2, inner)
        for k, (each, inner) in enumerate(zip(leads, values, strict=True))
    ]


def _flow(value: Outline) -> str | None:
    """The value on one line; None where it takes several."""
    if isinstance(value, list):
        items = [None if isinstance(each, list | dict) else _yaml_scalar(each) for each in value]
        if all(each is not None and _FLOW.fullmatch(each) for each in items):
            return f"[{', '.join(cast(list[str], items))}]"
        return None if value else "[]"
    return None if isinstance(value, dict) else _yaml_scalar(value)


def _yaml_scalar(value: str | int | float | None) -> str:
    if value is None:
        return "null"
    if not isinstance(value, str):
        return repr(value)
    plain = _PLAIN.fullmatch(value) and not _UNSAFE.search(value)
    if plain and (isinstance(value, Code) or not _NUMERIC.fullmatch(value)):
        return str(value)
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return "\\" + character if character in '"\\' else f"\\u{ord(character):04x}"


# Outline → JSON


def _json(outline: dict[str, Outline], *, indent: bool) -> str:
    """Indented by two spaces a level, or on one line."""
    pieces: list[str] = []
    stack: list[tuple[int, Outline] | str] = [(0, outline)]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            pieces.append(part)
        elif isinstance(part[1], dict | list) and part[1] and not _short(part[1]):
            stack.extend(reversed(_json_pieces(part[0], part[1], indent=indent)))
        else:
            pieces.append(json.dumps(part[1], ensure_ascii=False))
    return "".join(pieces) + "\n"


def _short(value: dict[str, Outline] | list[Outline]) -> bool:
    """A list of a few words or numbers, which stays on its line."""
    if isinstance(value, dict) or any(isinstance(each, dict | list) for each in value):
        return False
    return sum(len(str(each)) + 4 for each in value) <= _LONGEST_LINE


def _json_pieces(
    level: int, value: dict[str, Outline] | list[Outline], *, indent: bool
) -> list[tuple[int, Outline] | str]:
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    margin, end = ("\n" + "  " * (level + 1), "\n" + "  " * level) if indent else ("", "")
    pieces: list[tuple[int, Outline] | str] = [opening]
    keys = list(value) if isinstance(value, dict) else [None] * len(value)
    inners = value.values() if isinstance(value, dict) else value
    for k, (key, inner) in enumerate(zip(keys, inners, strict=True)):
        pieces.append(("," if k else "") + margin)
        if key is not None:
            pieces.append(json.dumps(key, ensure_ascii=False) + ": ")
        pieces.append((level + 1, inner))
    return [*pieces, end + closing]
