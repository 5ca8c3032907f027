"""Variables: what a specification says they may be, and strategies with their values put in.

`parse_spec` reads ``70:85:1``, ``5,10,14`` and pasted lists; `bind` replaces every variable by a value;
`used` lists those that matter; `constraints_hold` says whether a combination is wanted.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from treefolio.errors import SpaceError, StrategyError, did_you_mean
from treefolio.strategy.places import CORRIDOR, Kind, Literal, Path, fill, slots
from treefolio.strategy.signature import Signatures
from treefolio.strategy.signature import bind as bind_parameters
from treefolio.strategy.tokens import NUMBER, to_number
from treefolio.strategy.tree import (
    Constraint,
    Item,
    Node,
    Number,
    Rebalance,
    Scalar,
    Strategy,
    Term,
    Var,
    iterate,
    rebuild,
)
from treefolio.strategy.validate import check_own

MOST_VALUES = 10_000_000
"""Values of one variable."""

_SHORTEST_RANGE = 4
_NUMBER = re.compile(rf"[+-]?{NUMBER}")
_NO_NUMBERS = ("nan", "inf", "infinity")
_A_NUMBER = "Write a number, such as 14, 0.5 or 5%."
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def parse_value(text: str) -> Literal:
    """``10`` as int, ``0.5`` and ``5%`` as float, anything else as the word itself.

    Raises:
        SpaceError: nothing, NaN or an infinity.
    """
    text = text.strip()
    if not text:
        raise SpaceError("a value is missing")
    if text.lstrip("+-") in _NO_NUMBERS:
        raise SpaceError(f"{text} is not a finite number", hint=_A_NUMBER)
    if not _NUMBER.fullmatch(text):
        return text
    try:
        return to_number(text)
    except ValueError:
        raise SpaceError(f"{text[:40]} is not a finite number", hint=_A_NUMBER) from None


def parse_spec(text: str) -> tuple[Literal, ...]:
    """The values that a specification lists, in its order, each once.

    Pieces are separated by white space, commas or semicolons. A piece ``start:stop:step`` is a range with
    both ends included; it is stepped through in decimals, so ``0.1:0.5:0.1`` is (0.1, 0.2, 0.3, 0.4, 0.5).

    Raises:
        SpaceError: no value, a damaged range, NaN, or more than `MOST_VALUES`.
    """
    pieces = re.split(r"[\s,;]+", re.sub(r"\s*:\s*", ":", text.strip()))
    values: dict[Literal, None] = {}
    for piece in pieces:
        if piece:
            values.update(dict.fromkeys(piece_values(piece)))
        if len(values) > MOST_VALUES:
            raise SpaceError(f"more than {MOST_VALUES:,} values")
    if not values:
        raise SpaceError("no value is listed", hint="Write 70:85:1 or 5,10,14 or TQQQ,SOXL.")
    return tuple(values)


def piece_values(piece: str) -> Iterable[Literal]:
    """The values of one piece of a specification, one after the other.

    Raises:
        SpaceError: a damaged range, NaN, or more than `MOST_VALUES`.
    """
    fields = piece.split(":")
    if len(fields) == 1 or (fields[0] and isinstance(parse_value(fields[0]), str)):
        return (parse_value(piece),)
    if len(fields) != 3 or not all(fields):
        raise SpaceError(f"{piece} is not a range", hint="Write start:stop:step, such as 70:85:1.")
    return _range(piece, fields)


def _range(piece: str, fields: list[str]) -> Iterable[Literal]:
    """From the first field to the second by the third, both ends included."""
    numbers = [parse_value(field) for field in fields]
    if any(isinstance(number, str) for number in numbers):
        raise SpaceError(f"{piece} is not a range of numbers", hint="Write start:stop:step, such as 70:85:1.")
    start, stop, step = (_decimal(field) for field in fields)
    if step == 0:
        raise SpaceError(f"{piece} has step 0", hint=f"Write {fields[0]}:{fields[1]}:1, or another step.")
    if (stop - start) * step < 0:
        raise SpaceError(f"{piece} leads away from its end", hint=f"Write {fields[0]}:{fields[1]}:{-step}.")
    count = int((stop - start) / step) + 1
    if count > MOST_VALUES:
        raise SpaceError(
            f"{piece} has {count:,} values; at most {MOST_VALUES:,}",
            hint="Take a larger step, or a shorter range.",
        )
    kind = int if all(isinstance(number, int) for number in numbers) else float
    return (kind(start + k * step) for k in range(count))


def _decimal(field: str) -> Decimal:
    return Decimal(field[:-1]).scaleb(-2) if field.endswith("%") else Decimal(field)


def spec_of(values: Sequence[Literal]) -> str | None:
    """The range ``start:stop:step`` that `parse_spec` reads as exactly these values; None without one."""
    if len(values) < _SHORTEST_RANGE or not all(type(value) is type(values[0]) for value in values):
        return None
    first, second, last = values[0], values[1], values[-1]
    if isinstance(first, str) or isinstance(second, str):
        return None
    step = Decimal(repr(second)) - Decimal(repr(first))
    if step == 0 or (Decimal(repr(last)) - Decimal(repr(first))) / step != len(values) - 1:
        return None
    text = f"{first!r}:{last!r}:{step:f}"
    return text if parse_spec(text) == tuple(values) else None


def used(strategy: Strategy) -> tuple[str, ...]:
    """Names of the variables that the tree or the rule of rebalancing uses, in order of first use."""
    found: dict[str, None] = {}
    for item in iterate(strategy.root):
        found.update((slot.value.name, None) for slot in slots(item) if isinstance(slot.value, Var))
    if isinstance(strategy.rebalance.corridor, Var):
        found[strategy.rebalance.corridor.name] = None
    return tuple(found)


def bind(
    strategy: Strategy,
    assignment: Mapping[str, Literal],
    signatures: Signatures | None = None,
    keep: Collection[str] = (),
) -> Strategy:
    """The strategy with every variable replaced by its value, and so without variables and constraints.

    Args:
        assignment: values by name; variables that it does not name take their defaults. They need not be
            among the declared values.
        keep: variables that stay variables.
        signatures: when given, indicators that were variables get their parameters checked, and their
            defaults filled in.

    Raises:
        SpaceError: a name that is not declared, or a value that has no meaning where it stands.
    """
    values = {variable.name: variable.default for variable in strategy.variables}
    for name in assignment:
        if name not in values:
            raise SpaceError(f"unknown variable {name!r}", hint=did_you_mean(name, values))
    values.update(assignment)

    def change(item: Item) -> Item:
        changes: dict[Path, Scalar] = {
            slot.path: _value(values, slot.value, slot.kind)
            for slot in slots(item)
            if isinstance(slot.value, Var) and slot.value.name not in keep
        }
        return _changed(item, changes, signatures) if changes else item

    root: Node = rebuild(strategy.root, change)
    corridor = strategy.rebalance.corridor
    kept_corridor = isinstance(corridor, Var) and corridor.name in keep
    return replace(
        strategy,
        root=root,
        variables=tuple(variable for variable in strategy.variables if variable.name in keep),
        constraints=(),
        rebalance=strategy.rebalance if kept_corridor else _rebalance(strategy.rebalance, values),
    )


def check_values(
    strategy: Strategy, values: Mapping[str, Sequence[Literal]]
) -> dict[str, tuple[Literal, ...]]:
    """The values of each variable in the type that its places in the tree need: 10.0 is 10 for a window.

    Raises:
        SpaceError: a value that has no meaning where its variable stands.
    """
    kinds: dict[str, dict[str, Kind]] = {name: {} for name in values}
    for item in iterate(strategy.root):
        for slot in slots(item):
            if isinstance(slot.value, Var) and slot.value.name in kinds:
                kinds[slot.value.name][slot.kind.name] = slot.kind
    corridor = strategy.rebalance.corridor
    if isinstance(corridor, Var) and corridor.name in kinds:
        kinds[corridor.name][CORRIDOR.name] = CORRIDOR
    checked: dict[str, tuple[Literal, ...]] = {}
    for name, given in values.items():
        checked[name] = tuple(given)
        for kind in kinds[name].values():
            checked[name] = tuple(_value({name: value}, Var(name), kind) for value in checked[name])
    return checked


def _value(values: Mapping[str, Literal], variable: Var, kind: Kind) -> Literal:
    if variable.name not in values:
        raise SpaceError(f"unknown variable {variable.name!r}", hint=did_you_mean(variable.name, values))
    value = values[variable.name]
    try:
        return kind.check(value)
    except StrategyError as error:
        raise SpaceError(f"{variable} = {value!r}: {error.message}", hint=error.hint) from None


def _changed(item: Item, changes: dict[Path, Scalar], signatures: Signatures | None) -> Item:
    """The item with values put in; what only their combination shows to be wrong is an error."""
    filled = fill(item, changes)
    try:
        if signatures is not None:
            filled = _with_defaults(filled, changes, signatures)
        check_own(filled)
    except StrategyError as error:
        chosen = {slot.value: changes[slot.path] for slot in slots(item) if slot.path in changes}
        words = ", ".join(f"{variable} = {value!r}" for variable, value in chosen.items())
        raise SpaceError(f"{error.message} (with {words})", hint=error.hint) from None
    return filled


def _with_defaults(item: Item, changes: Mapping[Path, Scalar], signatures: Signatures) -> Item:
    """Readings of which something changed, with their parameters checked and completed."""
    for name in {str(path[0]) for path in changes if path[1:2] in (("indicator",), ("params",))}:
        reading = getattr(item, name)
        params = bind_parameters(signatures, reading.indicator, reading.params)
        item = replace(item, **{name: replace(reading, params=params)})  # type: ignore[type-var]
    return item


def _rebalance(rebalance: Rebalance, values: Mapping[str, Literal]) -> Rebalance:
    if not isinstance(rebalance.corridor, Var):
        return rebalance
    corridor = _value(values, rebalance.corridor, CORRIDOR)
    return replace(rebalance, corridor=corridor)  # type: ignore[arg-type]  # CORRIDOR lets numbers pass only


def constraints_hold(constraints: Iterable[Constraint], assignment: Mapping[str, Literal]) -> bool:
    """The combination satisfies all of the constraints. Words can be compared for equality only.

    Raises:
        SpaceError: a constraint names a variable without value, or orders words.
    """
    return all(_holds(constraint, assignment) for constraint in constraints)


def _holds(constraint: Constraint, assignment: Mapping[str, Literal]) -> bool:
    left, right = _evaluated(constraint.left, assignment), _evaluated(constraint.right, assignment)
    if isinstance(left, str) or isinstance(right, str):
        if constraint.comparator not in ("==", "!="):
            raise SpaceError(f"words have no order: {left!r} {constraint.comparator} {right!r}")
        return (left == right) == (constraint.comparator == "==")
    return _COMPARE[constraint.comparator](left, right)


def _evaluated(term: Term, assignment: Mapping[str, Literal]) -> Number | str:
    if not isinstance(term.value, Var):
        value: Literal = term.value
    elif term.value.name in assignment:
        value = assignment[term.value.name]
    else:
        hint = did_you_mean(term.value.name, assignment)
        raise SpaceError(f"a constraint needs a value for {term.value}", hint=hint)
    if isinstance(value, str):
        if term.scale != 1 or term.offset != 0:
            raise SpaceError(f"{term.value} = {value!r} is a word; a constraint cannot calculate with it")
        return value
    return term.scale * value + term.offset
