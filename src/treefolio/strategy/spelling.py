"""Conditions, readings, rankings and constraints → text that `treefolio.strategy.expression` reads back.

Reading what is written here gives an equal value, always: numbers are written so that no bit is lost, and
parentheses stand where they are needed, and only there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from treefolio.strategy.tokens import is_word
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Constraint,
    Filter,
    Lasting,
    NoneOf,
    NumberLike,
    Operand,
    Reading,
    Term,
    Var,
    Word,
)

_OR, _AND, _NOT, _FOR, _PRIMARY = range(5)  # how tightly each form of condition binds
_LONGEST_SHARE = 7


def number(value: NumberLike) -> str:
    """``70``, ``0.1``, ``$hot``: reading it back gives the same int or float."""
    return str(value) if isinstance(value, Var) else repr(value)


def share(value: NumberLike) -> str:
    """A fraction as a percentage where that is short: ``60%``; otherwise as `number`."""
    if isinstance(value, float) and 0 < value <= 1:
        percent = f"{(Decimal(repr(value)) * 100).normalize():f}%"
        if len(percent) <= _LONGEST_SHARE:
            return percent
    return number(value)


def ticker(value: Word) -> str:
    """The ticker, quoted where it would not be read as one word."""
    if isinstance(value, Var):
        return str(value)
    return value if is_word(value) else json.dumps(value, ensure_ascii=False)


def reading(value: Reading) -> str:
    """``2 * rsi(SPY, 10)[1] + 1``."""
    arguments = [] if value.ticker is None else [ticker(value.ticker)]
    arguments += [number(param) for param in value.params]
    bare = not arguments and not isinstance(value.indicator, Var)
    text = str(value.indicator) if bare else f"{value.indicator}({', '.join(arguments)})"
    if value.sessions_ago != 0:
        text += f"[{number(value.sessions_ago)}]"
    return _linear(text, value.scale, value.offset)


def _linear(text: str, scale: NumberLike, offset: NumberLike) -> str:
    if scale != 1:
        text = f"{number(scale)} * {text}"
    if offset == 0:
        return text
    if isinstance(offset, Var) or offset > 0:
        return f"{text} + {number(offset)}"
    return f"{text} - {number(-offset)}"


def operand(value: Operand) -> str:
    """A reading or a number."""
    return reading(value) if isinstance(value, Reading) else number(value.value)


def compare(value: Compare) -> str:
    """``rsi(TQQQ, 10) > 79``."""
    return f"{operand(value.left)} {value.comparator} {operand(value.right)}"


def condition(root: Condition) -> str:
    """The condition on one line, with as few parentheses as its meaning allows."""
    return "".join(_written(root))


def short_condition(root: Condition, longest: int) -> str | None:
    """As `condition`, or None (without writing all of it) when that has more than ``longest`` characters."""
    written: list[str] = []
    length = 0
    for piece in _written(root):
        written.append(piece)
        length += len(piece)
        if length > longest:
            return None
    return "".join(written)


def _written(root: Condition) -> Iterator[str]:
    """The pieces of a condition's text, in order."""
    stack: list[str | tuple[Condition, int]] = [(root, _OR)]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            yield piece
            continue
        item, needed = piece
        tightness, pieces = _pieces(item)
        if tightness < needed:
            pieces = ["(", *pieces, ")"]
        stack.extend(reversed(pieces))


def _pieces(item: Condition) -> tuple[int, list[str | tuple[Condition, int]]]:
    """How tightly the form of `item` binds, and its text, the conditions inside it still unwritten."""
    match item:
        case AnyOf(conditions) if len(conditions) > 1:
            return _OR, _separated(conditions, " or ", _AND)
        case AllOf(conditions) if len(conditions) > 1:
            return _AND, _separated(conditions, " and ", _NOT)
        case NoneOf((only,)):
            return _NOT, ["not ", (only, _NOT)]
        case Lasting(inner, sessions):
            unit = "session" if sessions == 1 else "sessions"
            return _FOR, [(inner, _FOR), f" for {number(sessions)} {unit}"]
        case AllOf(conditions) | AnyOf(conditions) | NoneOf(conditions):
            name = {AllOf: "all(", AnyOf: "any(", NoneOf: "none("}[type(item)]
            return _PRIMARY, [name, *_separated(conditions, ", ", _OR), ")"]
        case Compare():
            return _PRIMARY, [compare(item)]
    raise TypeError(f"not a condition: {item!r}")


def _separated(
    conditions: tuple[Condition, ...], separator: str, needed: int
) -> list[str | tuple[Condition, int]]:
    pieces: list[str | tuple[Condition, int]] = []
    for k, inner in enumerate(conditions):
        pieces += [separator, (inner, needed)] if k else [(inner, needed)]
    return pieces


def ranking(value: Filter) -> str:
    """The head of a filter: ``top 2 by rsi(10)``."""
    return f"{value.direction} {number(value.count)} by {reading(value.by)}"


def term(value: Term) -> str:
    """One side of a constraint."""
    return _linear(number(value.value), value.scale, value.offset)


def constraint(value: Constraint) -> str:
    """``$fast < $slow``."""
    return f"{term(value.left)} {value.comparator} {term(value.right)}"
