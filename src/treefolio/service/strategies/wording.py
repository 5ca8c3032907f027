"""How a part of a tree is said on one line, for the difference of two versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from treefolio.strategy import spelling
from treefolio.strategy.tree import (
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
    Scale,
    Specified,
    Switch,
    Variable,
)

LONGEST = 200
_MOST_CHILDREN = 3


def cut(text: str) -> str:
    """The text, or its beginning."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def said(item: Item | None) -> str:
    """The part on one line, with a few words of what is in it."""
    if item is None:
        return "nothing"
    if isinstance(item, Condition):
        return spelling.short_condition(item, LONGEST) or f"a condition of more than {LONGEST} characters"
    return cut(_SAID[type(item)](item))


def head(item: Item) -> tuple[str, str]:
    """What kind of value an item has of its own, and that value; its parts and weights are not in it."""
    kind, words = _HEADS.get(type(item), ("branch", lambda _: ""))
    return kind, cut(words(item))


def weight(item: Item, position: int) -> str | None:
    """The weight of the child at this position; None where children have none of their own."""
    weights = item.weights if isinstance(item, Specified | Filter) else ()
    return spelling.share(weights[position]) if position < len(weights) else None


def variable(value: Variable) -> str:
    """Its default, its values, and how many there are."""
    values = ", ".join(map(str, value.values[:LONGEST]))
    return cut(f"{value.default}, of {len(value.values):,}: {values}")


def _filter(item: Filter) -> str:
    ties = ", ties kept" if item.keep_ties else ""
    window = item.volatility_window
    volatility = "" if window is None else f", inverse_volatility({spelling.number(window)})"
    return spelling.ranking(item) + volatility + ties


def _scale(item: Scale) -> str:
    low, high = spelling.number(item.low), spelling.number(item.high)
    return f"scale {spelling.reading(item.reading)} between {low} and {high}"


def _of(item: Any) -> str:
    words = [_word(child) for child in item.children[:_MOST_CHILDREN]]
    return ", ".join(words) + (", …" if len(item.children) > _MOST_CHILDREN else "")


def _word(item: Item) -> str:
    """A child in a word: its ticker, its name, or its kind."""
    if isinstance(item, Asset):
        return spelling.ticker(item.ticker)
    return f'"{item.name}"' if isinstance(item, Group) else type(item).__name__.lower()


def _switch(item: Switch) -> str:
    return f"switch on {len(item.conditions)} conditions"


def _window(item: InverseVolatility) -> str:
    return f"inverse_volatility({spelling.number(item.window)})"


_HEADS: dict[type[Item], tuple[str, Callable[[Any], str]]] = {
    Asset: ("ticker", lambda item: spelling.ticker(item.ticker)),
    Group: ("group", lambda item: item.name),
    InverseVolatility: ("window", _window),
    Filter: ("filter", _filter),
    Scale: ("scale", _scale),
    Lasting: ("sessions", lambda item: spelling.number(item.sessions)),
}
_SAID: dict[type[Item], Callable[[Any], str]] = {
    Asset: lambda item: spelling.ticker(item.ticker),
    Cash: lambda _: "cash",
    Empty: lambda _: "empty",
    Group: lambda item: f'group "{item.name}"',
    Equal: lambda item: f"equal of {_of(item)}",
    Specified: lambda item: f"weighted of {_of(item)}",
    InverseVolatility: lambda item: f"{_window(item)} of {_of(item)}",
    Filter: lambda item: f"{_filter(item)} of {_of(item)}",
    If: lambda item: f"if {said(item.condition)}",
    EnterExit: lambda item: f"enter {said(item.enter)}",
    Switch: _switch,
    Scale: _scale,
}
