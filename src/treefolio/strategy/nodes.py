"""Documents → nodes: what each key of a text's tree means.

`TreeReader.read` walks the document on a stack of its own. For each place a row of `_KINDS` (or one of the
short forms: a word, a list) gives a `_Plan`: which documents are read first, and what is then made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from treefolio.errors import LimitError, StrategyError, did_you_mean
from treefolio.strategy import expression, operands
from treefolio.strategy.document import Document, Mapping, Scalar, Sequence
from treefolio.strategy.signature import Signatures
from treefolio.strategy.tokens import VARIABLE_NAME
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
    Node,
    NumberLike,
    Scale,
    Specified,
    Switch,
    Var,
    iterate,
)
from treefolio.strategy.validate import Checker, Limits

Role = Literal["node", "slot", "condition"]
"""What a document is read as; a slot is a node that may be null."""

Value = TypeVar("Value")
BARE_TICKER = re.compile(r"[\w^](?:[\w.:/^=-]*\w)?")
"""Tickers that stand as nodes without further ado; others are written ``{asset: "…"}``."""
WORDS: dict[str, Node] = {"cash": Cash(), "empty": Empty()}
_VARIABLE = re.compile(rf"\${VARIABLE_NAME}")


@dataclass(slots=True)
class _Want:
    """A document that must be read before the one around it can be made."""

    document: Document
    role: Role
    label: str


@dataclass(slots=True)
class _Plan:
    """What a document needs, and what it becomes."""

    wants: list[_Want]
    make: Callable[[list[Any]], Item | None]


@dataclass(slots=True)
class _Frame:
    """A document whose parts are being read.

    Attributes:
        values: parts that are complete, in the order of the plan's wants.
        size: items below it so far, itself included, shared ones counted each time.
    """

    want: _Want
    plan: _Plan
    values: list[Any] = field(default_factory=list)
    size: int = 1


class TreeReader:
    """Reads a strategy's tree from a document.

    Args:
        checker: knows the declared variables; sees every item as soon as it is made.
        source: the file's name, for errors.
    """

    def __init__(
        self, *, signatures: Signatures, checker: Checker, limits: Limits, source: str | None
    ) -> None:
        self.signatures = signatures
        self.checker = checker
        self.limits = limits
        self.source = source
        self._frames: list[_Frame] = []
        self._done: dict[tuple[int, Role], tuple[Item | None, int]] = {}
        self._expressions: dict[str, tuple[Condition, int]] = {}

    def read(self, document: Document) -> Node:
        """The node that the document says, with everything below it.

        Raises:
            StrategyError: with source, line, column and path.
            LimitError: more items or levels than the limits allow; aliases count each time.
        """
        want = _Want(document, "node", "root")
        self._open(want)
        while self._frames:
            frame = self._frames[-1]
            if len(frame.values) < len(frame.plan.wants):
                self._advance(frame, frame.plan.wants[len(frame.values)])
            else:
                self._close(frame)
        made = self._done[id(document), "node"][0]
        assert isinstance(made, Node)
        return made

    def _advance(self, frame: _Frame, want: _Want) -> None:
        known = self._done.get((id(want.document), want.role))
        if known is None:
            self._open(want)
            return
        frame.values.append(known[0])
        frame.size += known[1]
        if frame.size > self.limits.items:
            raise self._too_large(
                f"the tree has more than {self.limits.items:,} nodes and conditions", want.document
            )

    def _open(self, want: _Want) -> None:
        self._frames.append(_Frame(want, _Plan([], lambda _: None)))
        if len(self._frames) > self.limits.depth:
            raise self._too_large(f"the tree is more than {self.limits.depth:,} levels deep", want.document)
        plan = self._condition if want.role == "condition" else self._node
        self._frames[-1].plan = plan(want)

    def _close(self, frame: _Frame) -> None:
        document = frame.want.document
        made = frame.plan.make(frame.values)
        if made is not None and not (isinstance(made, Condition) and isinstance(document, Scalar)):
            self.told(document, lambda: self.checker.item(made))
        self._done[id(document), frame.want.role] = (made, frame.size)
        self._frames.pop()

    # What a place holds

    def _node(self, want: _Want) -> _Plan:
        document = want.document
        if isinstance(document, Scalar):
            made = None if want.role == "slot" and document.null else self._word(document)
            return _Plan([], lambda _: made)
        if isinstance(document, Sequence):
            return _Plan(_children(document), lambda values: Equal(tuple(values)))
        return self._kind(document, want)

    def _word(self, document: Scalar) -> Node:
        """A ticker, a variable, ``cash`` or ``empty``."""
        text = document.text
        if text in WORDS:
            return WORDS[text]
        if _VARIABLE.fullmatch(text):
            return Asset(Var(text[1:]))
        if document.null:
            raise self.error("a node is missing here", document, hint="Write empty for an empty branch.")
        if not BARE_TICKER.fullmatch(text):
            raise self.error(
                f"{text[:60]!r} is not a ticker",
                document,
                hint='Write {if: …, then: …} for a rule, {asset: "…"} for an unusual ticker.',
            )
        return Asset(text)

    def _kind(self, document: Mapping, want: _Want) -> _Plan:
        """The plan of the row of `_KINDS` whose first key the mapping has."""
        for name, kind in _KINDS.items():
            if name in document.pairs:
                self.check_keys(document, kind.required, kind.optional, what=name)
                if name == "group":
                    want.label = f'{want.label} "{self.text(document, "group")}"'
                return kind.plan(self, document)
        if not document.pairs:
            raise self.error("a node is missing here", document, hint="Write empty for an empty branch.")
        key, _ = next(iter(document.pairs.values()))
        hint = did_you_mean(key.text, _KINDS) or f"A node is one of {', '.join(_KINDS)}, a ticker, a list."
        raise self.error(f"unknown node {key.text!r}", key, hint=hint)

    def _condition(self, want: _Want) -> _Plan:
        document = want.document
        if isinstance(document, Scalar):
            condition, size = self._expression(document)
            self._frames[-1].size = size
            return _Plan([], lambda _: condition)
        if isinstance(document, Mapping):
            for name, combine in expression.COMBINERS.items():
                if name in document.pairs:
                    self.check_keys(document, (name,), ("for",), what=name)
                    return self._combination(document, name, combine)
        raise self.error(
            "a condition is a text or one of all, any, none with a list",
            document,
            hint="Write if: rsi(TQQQ, 10) > 79.",
        )

    def _combination(
        self, document: Mapping, name: str, combine: Callable[[tuple[Condition, ...]], Condition]
    ) -> _Plan:
        wants = _conditions(self.sequence(document, name))
        if "for" not in document.pairs:
            return _Plan(wants, lambda values: combine(tuple(values)))
        sessions = self.number(document, "for")
        self._frames[-1].size += 1
        return _Plan(wants, lambda values: Lasting(combine(tuple(values)), sessions))

    def _expression(self, document: Scalar) -> tuple[Condition, int]:
        if document.text not in self._expressions:
            made = self.parsed(document, lambda text: expression.condition(text, self.signatures))
            items = list(iterate(made))
            for item in items:
                self.told(document, lambda item=item: self.checker.item(item))  # type: ignore[misc]
            self._expressions[document.text] = (made, len(items))
        return self._expressions[document.text]

    # Fields of mappings

    def check_keys(
        self, document: Mapping, required: Iterable[str], optional: Iterable[str], *, what: str
    ) -> None:
        """The mapping has all required keys, and none that is unknown.

        Raises:
            StrategyError: otherwise.
        """
        known = (*required, *optional)
        for key, _ in document.pairs.values():
            if key.text not in known:
                hint = operands.UNQUOTED if ")" in key.text else did_you_mean(key.text, known)
                hint = hint or f"Known keys are {', '.join(known)}."
                raise self.error(f"{what} has no key {key.text!r}", key, hint=hint)
        for name in required:
            if name not in document.pairs:
                raise self.error(f"{what} needs {name}", document)

    def scalar(self, document: Document) -> Scalar:
        """The document, which must be one word, number or line."""
        if not isinstance(document, Scalar):
            raise self.error("a single value is expected here", document)
        return document

    def text(self, document: Mapping, key: str) -> str:
        """The text under a key, as written."""
        return self.scalar(document.pairs[key][1]).text

    def number(self, document: Mapping, key: str) -> NumberLike:
        """The number or variable under a key."""
        return self.to_number(document.pairs[key][1])

    def to_number(self, document: Document) -> NumberLike:
        """The number or variable that a document says."""
        return self.parsed(self.scalar(document), expression.number)

    def sequence(self, document: Mapping, key: str) -> Sequence:
        """The list under a key."""
        found = document.pairs[key][1]
        if not isinstance(found, Sequence):
            raise self.error(f"{key} needs a list", found, hint=f"Write {key}: [first, second].")
        return found

    def parsed(self, document: Scalar, parse: Callable[[str], Value]) -> Value:
        """What `parse` makes of a text; an error in it gets the place in the file."""
        return self.told(document, lambda: parse(document.text))

    def told(self, document: Document, act: Callable[[], Value]) -> Value:
        """What `act` gives; a StrategyError out of it gets the place in the file and in the tree."""
        try:
            return act()
        except StrategyError as error:
            inner = error.column if isinstance(document, Scalar) and document.exact else None
            line, column = document.place() or (None, None)
            error.source, error.line, error.path = self.source, line, self.path()
            error.column = column + inner - 1 if column is not None and inner is not None else column
            raise

    def error(self, message: str, document: Document, *, hint: str | None = None) -> StrategyError:
        """The error to raise at a document."""
        line, column = document.place() or (None, None)
        return StrategyError(
            message, path=self.path(), line=line, column=column, source=self.source, hint=hint
        )

    def path(self) -> str | None:
        """Where in the tree the reader is; None outside of it."""
        return " > ".join(frame.want.label for frame in self._frames) or None

    def _too_large(self, message: str, document: Document) -> LimitError:
        line, column = document.place() or (None, None)
        return LimitError(message, line=line, column=column, source=self.source)


# One function for each kind of node


def _if(_: TreeReader, document: Mapping) -> _Plan:
    wants = [_want(document, "if", "condition", "condition"), _want(document, "then"), *_else(document)]
    return _Plan(wants, lambda values: If(values[0], values[1], _or_empty(values, 2)))


def _enter(_: TreeReader, document: Mapping) -> _Plan:
    wants = [
        _want(document, "enter", "enter", "condition"),
        _want(document, "exit", "exit", "condition"),
        _want(document, "then"),
        *_else(document),
    ]
    return _Plan(wants, lambda values: EnterExit(values[0], values[1], values[2], _or_empty(values, 3)))


def _group(reader: TreeReader, document: Mapping) -> _Plan:
    name = reader.text(document, "group")
    return _Plan([_want(document, "of", "child")], lambda values: Group(name, values[0]))


def _equal(reader: TreeReader, document: Mapping) -> _Plan:
    return _Plan(_children(reader.sequence(document, "equal")), lambda values: Equal(tuple(values)))


def _weighted(reader: TreeReader, document: Mapping) -> _Plan:
    wants: list[_Want] = []
    weights: list[NumberLike] = []
    hint = "Write weighted as a list: - 60%: TQQQ."
    found = document.pairs["weighted"][1]
    if not isinstance(found, Sequence):
        raise reader.error("weighted needs a list", found, hint=hint)
    for k, entry in enumerate(found.items, start=1):
        if not isinstance(entry, Mapping) or len(entry.pairs) != 1:
            raise reader.error("each child of weighted is one weight with one node", entry, hint=hint)
        ((weight, child),) = entry.pairs.values()
        weights.append(reader.to_number(weight))
        wants.append(_Want(child, "node", f"child[{k}]"))
    return _Plan(wants, lambda values: Specified(tuple(values), tuple(weights)))


def _inverse_volatility(reader: TreeReader, document: Mapping) -> _Plan:
    window = reader.number(document, "inverse_volatility")
    wants = _children(reader.sequence(document, "of"))
    return _Plan(wants, lambda values: InverseVolatility(tuple(values), window))


def _filter(reader: TreeReader, document: Mapping) -> _Plan:
    head = reader.scalar(document.pairs["filter"][1])
    ranking = reader.parsed(head, lambda text: expression.ranking(text, reader.signatures))
    weights, window = _filter_weights(reader, document)
    keep_ties = "ties" in document.pairs
    if keep_ties and reader.text(document, "ties") != "keep":
        raise reader.error("ties can only be kept", document.pairs["ties"][1], hint="Write ties: keep.")
    return _Plan(
        _children(reader.sequence(document, "of")),
        lambda values: Filter(
            tuple(values), ranking.by, ranking.direction, ranking.count, weights, window, keep_ties
        ),
    )


def _filter_weights(
    reader: TreeReader, document: Mapping
) -> tuple[tuple[NumberLike, ...], NumberLike | None]:
    """The weights of a filter, or the window of its inverse volatility, or neither."""
    if "weights" not in document.pairs:
        return (), None
    found = document.pairs["weights"][1]
    if isinstance(found, Sequence):
        return tuple(reader.to_number(each) for each in found.items), None
    call = reader.parsed(reader.scalar(found), expression.call)
    if call.name != "inverse_volatility" or len(call.arguments) != 1:
        raise reader.error(
            "weights are a list of numbers or inverse_volatility(window)",
            found,
            hint="Write weights: inverse_volatility(20).",
        )
    return (), call.arguments[0]


def _switch(reader: TreeReader, document: Mapping) -> _Plan:
    conditions = _conditions(reader.sequence(document, "switch"))
    branches = [
        _Want(each, "slot", f"branch[{k}]")
        for k, each in enumerate(reader.sequence(document, "branches").items, start=1)
    ]
    n = len(conditions)
    return _Plan([*conditions, *branches], lambda values: Switch(tuple(values[:n]), tuple(values[n:])))


def _scale(reader: TreeReader, document: Mapping) -> _Plan:
    text = reader.scalar(document.pairs["scale"][1])
    reading = reader.parsed(text, lambda text: expression.reading(text, reader.signatures))
    between = reader.sequence(document, "between")
    if len(between.items) != 2:
        raise reader.error("between needs two numbers", between, hint="Write between: [30, 70].")
    low, high = (reader.to_number(each) for each in between.items)
    wants = [_want(document, "from", "start"), _want(document, "to", "end")]
    return _Plan(wants, lambda values: Scale(reading, low, high, values[0], values[1]))


def _asset(reader: TreeReader, document: Mapping) -> _Plan:
    ticker = reader.parsed(reader.scalar(document.pairs["asset"][1]), expression.ticker)
    return _Plan([], lambda _: Asset(ticker))


def _want(document: Mapping, key: str, label: str | None = None, role: Role = "node") -> _Want:
    return _Want(document.pairs[key][1], role, label or key)


def _else(document: Mapping) -> list[_Want]:
    return [_want(document, "else")] if "else" in document.pairs else []


def _or_empty(values: list[Any], position: int) -> Node:
    """The branch, or an empty one when the text has none."""
    found: Node = values[position] if len(values) > position else Empty()
    return found


def _children(found: Sequence) -> list[_Want]:
    return [_Want(each, "node", f"child[{k}]") for k, each in enumerate(found.items, start=1)]


def _conditions(found: Sequence) -> list[_Want]:
    return [_Want(each, "condition", f"condition[{k}]") for k, each in enumerate(found.items, start=1)]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of node: the keys that it must and may have, and what to do with them."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    plan: Callable[[TreeReader, Mapping], _Plan]


_KINDS = {
    "if": _Kind(("if", "then"), ("else",), _if),
    "group": _Kind(("group", "of"), (), _group),
    "equal": _Kind(("equal",), (), _equal),
    "weighted": _Kind(("weighted",), (), _weighted),
    "inverse_volatility": _Kind(("inverse_volatility", "of"), (), _inverse_volatility),
    "filter": _Kind(("filter", "of"), ("weights", "ties"), _filter),
    "switch": _Kind(("switch", "branches"), (), _switch),
    "scale": _Kind(("scale", "between", "from", "to"), (), _scale),
    "enter": _Kind(("enter", "exit", "then"), ("else",), _enter),
    "asset": _Kind(("asset",), (), _asset),
}
