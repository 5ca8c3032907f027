"""A text's structure before it means anything: scalars, sequences and mappings, each with its place.

YAML (`treefolio.strategy.yaml_text`) and JSON (`treefolio.strategy.json_text`) both become this, and
`treefolio.strategy.text` gives it meaning. A scalar stays the text that was written: no word turns into a
truth value, a date or a number by itself, so the tickers NO and ON are safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from treefolio.errors import FormatError
from treefolio.strategy.json_text import Positions, parse_json

Place = Callable[[], tuple[int, int] | None]
"""Gives line and column, counted from 1; asked only when there is an error to report."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A word, number or expression.

    Attributes:
        quoted: it stood in quotation marks, so it is a word even when it looks like a number or null.
        exact: it stands on one line at `place`, so an offset in it is an offset in the line.
    """

    text: str
    place: Place
    quoted: bool = False
    exact: bool = False

    @property
    def null(self) -> bool:
        """Nothing is written here: ``null``, ``~`` or no text at all."""
        return not self.quoted and self.text in ("", "~", "null")


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    place: Place
    items: list[Document] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys with values, in the order of the text; no key occurs twice."""

    place: Place
    pairs: dict[str, tuple[Scalar, Document]] = field(default_factory=dict)


Document = Scalar | Sequence | Mapping


def from_json(text: str, *, source: str | None = None) -> Document:
    """The document that a JSON text holds. Scalars have the place of the object or list around them.

    Raises:
        FormatError: damaged text, or true or false, which no strategy contains.
    """
    value, positions = parse_json(text, source=source)
    top: list[Document] = []
    stack: list[tuple[object, Place, Callable[[Document], object]]] = [(value, lambda: None, top.append)]
    while stack:
        part, around, put = stack.pop()
        if isinstance(part, dict):
            place = _place(positions, part)
            mapping = Mapping(place)
            put(mapping)
            for key, inner in part.items():
                mapping.pairs[key] = (Scalar(key, place, quoted=True), Scalar("", place))
                stack.append((inner, place, _setter(mapping, key)))
        elif isinstance(part, list):
            sequence = Sequence(_place(positions, part))
            put(sequence)
            stack.extend((inner, sequence.place, sequence.items.append) for inner in reversed(part))
        else:
            put(_json_scalar(part, around, source))
    return top[0]


def _place(positions: Positions, container: object) -> Place:
    return lambda: positions.of(container)


def _setter(mapping: Mapping, key: str) -> Callable[[Document], object]:
    """Puts a value under a key that is there already, so that the order of keys stays."""

    def put(value: Document) -> None:
        mapping.pairs[key] = (mapping.pairs[key][0], value)

    return put


def _json_scalar(value: object, place: Place, source: str | None) -> Scalar:
    if isinstance(value, str):
        return Scalar(value, place, quoted=True)
    if isinstance(value, bool):
        line, column = place() or (1, 1)
        raise FormatError(
            f"{str(value).lower()} has no meaning in a strategy", source=source, line=line, column=column
        )
    return Scalar("null" if value is None else repr(value), place)
