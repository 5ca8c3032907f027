"""YAML text → `treefolio.strategy.document`, from the parser's events, without recursion.

Anchors and aliases are followed, and an alias shares what it names. Merge keys, tags and several documents
in one text are refused: a strategy needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from treefolio.errors import FormatError, LimitError
from treefolio.strategy.document import Document, Mapping, Place, Scalar, Sequence

_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml where the wheel has it: ten times faster


DEEPEST = 25_000
"""Lists and mappings within each other: the parser's time grows with the square of it, here to a second."""


def from_yaml(text: str, *, source: str | None = None, depth: int = DEEPEST) -> Document:
    """The document that a YAML text holds.

    Args:
        depth: how deep lists and mappings may nest.

    Raises:
        FormatError: damaged text, or a feature of YAML that strategies do not use; with line and column.
        LimitError: it nests deeper.
    """
    reader = _Reader(source, depth)
    try:
        for event in _events(text):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(part) for part in (error.problem, error.context) if part)
        raise reader.error(f"damaged YAML: {problem}", mark) from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise FormatError(f"damaged YAML: {str(error).splitlines()[0]}", source=source) from None
    if reader.top is None:
        raise FormatError("the text is empty", source=source)
    return reader.top


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text.removeprefix("\ufeff"), Loader=_LOADER)


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended yet; a mapping's key waits for its value."""

    made: Sequence | Mapping
    anchor: str | None
    key: Scalar | None = None


@dataclass(slots=True)
class _Reader:
    source: str | None
    depth: int
    top: Document | None = None
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, Document] = field(default_factory=dict)

    def take(self, event: Any) -> None:
        """One event: a value begins, ends, or is named again."""
        if isinstance(event, yaml.AliasEvent):
            self._put(self._named(event), event.start_mark)
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            scalar = _scalar(event)
            self._put(scalar, event.start_mark)
            if event.anchor:
                self.anchors[event.anchor] = scalar
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self.open.pop()
            if ended.anchor:
                self.anchors[ended.anchor] = ended.made
        elif isinstance(event, yaml.DocumentStartEvent) and self.top is not None:
            raise self.error("a second document begins here", event.start_mark)

    def _begin(self, event: Any) -> None:
        self._refuse_tag(event)
        place = _place(event.start_mark)
        made = Sequence(place) if isinstance(event, yaml.SequenceStartEvent) else Mapping(place)
        self._put(made, event.start_mark)
        self.anchors.pop(event.anchor, None)
        self.open.append(_Open(made, event.anchor))
        if len(self.open) > self.depth:
            line, column = place() or (None, None)
            raise LimitError(
                f"the text nests more than {self.depth:,} levels deep",
                source=self.source,
                line=line,
                column=column,
                hint="Write a deeper strategy as JSON.",
            )

    def _put(self, value: Document, mark: Any) -> None:
        if not self.open:
            self.top = value
            return
        around = self.open[-1]
        if isinstance(around.made, Sequence):
            around.made.items.append(value)
        elif around.key is None:
            around.key = self._key(value, around.made, mark)
        else:
            around.made.pairs[around.key.text] = (around.key, value)
            around.key = None

    def _key(self, value: Document, mapping: Mapping, mark: Any) -> Scalar:
        if not isinstance(value, Scalar):
            raise self.error("a key must be a word", mark)
        if value.text == "<<" and not value.quoted:
            raise self.error("merge keys are not supported", mark, hint="Write the keys out.")
        if value.text in mapping.pairs:
            raise self.error(f"the key {value.text!r} is given twice", mark)
        return value

    def _named(self, event: Any) -> Document:
        if any(one.anchor == event.anchor for one in self.open) and event.anchor not in self.anchors:
            raise self.error(f"*{event.anchor} stands inside what it names", event.start_mark)
        if event.anchor not in self.anchors:
            raise self.error(f"*{event.anchor} names nothing above it", event.start_mark)
        return self.anchors[event.anchor]

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            raise self.error(f"tags such as {event.tag} are not supported", event.start_mark)

    def error(self, message: str, mark: Any, *, hint: str | None = None) -> FormatError:
        """The error to raise at a mark, if there is one."""
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        return FormatError(message, source=self.source, line=line, column=column, hint=hint)


def _place(mark: Any, shift: int = 1) -> Place:
    line, column = mark.line + 1, mark.column + shift
    return lambda: (line, column)


def _scalar(event: Any) -> Scalar:
    """A scalar with the place of its first character, behind the quotation mark if there is one."""
    quoted = event.style in ("'", '"')
    one_line = event.start_mark.line == event.end_mark.line
    place = _place(event.start_mark, 2 if quoted and one_line else 1)
    return Scalar(event.value, place, quoted=quoted, exact=one_line)
