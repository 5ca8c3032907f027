"""Documents → nodes: the tree of a text, item by item.

`TreeReader.read` walks the document on a stack of its own. For each place a row of `kinds.KINDS` (or one of
the short forms: a word, a list, a condition) gives a `Plan`: which documents are read first, and what is
then made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from treefolio.errors import LimitError, did_you_mean
from treefolio.strategy import expression
from treefolio.strategy.document import Document, Mapping, Scalar, Sequence
from treefolio.strategy.fields import Fields
from treefolio.strategy.kinds import KINDS, Plan, Role, Want, children, conditions_of
from treefolio.strategy.tokens import VARIABLE_NAME
from treefolio.strategy.tree import (
    AllOf,
    Asset,
    Cash,
    Condition,
    Empty,
    Equal,
    Item,
    Lasting,
    Node,
    Var,
    iterate,
)
from treefolio.strategy.validate import Checker, Limits

BARE_TICKER = re.compile(r"[\w^](?:[\w.:/^=-]*\w)?")
"""Tickers that stand as nodes without further ado; others are written ``{asset: "…"}``."""
WORDS: dict[str, Node] = {"cash": Cash(), "empty": Empty()}
_EMPTY = "Write empty for an empty branch."
_VARIABLE = re.compile(rf"\${VARIABLE_NAME}")


@dataclass(slots=True)
class _Frame:
    """A document whose parts are being read.

    Attributes:
        values: parts that are complete, in the order of the plan's wants.
        size: items below it so far, itself included, shared ones counted each time.
    """

    want: Want
    plan: Plan
    values: list[Any] = field(default_factory=list)
    size: int = 1


class TreeReader:
    """Reads a strategy's tree from a document.

    Where errors are collected, an empty branch stands in for a damaged node, and for a damaged condition one
    that always holds.

    Args:
        fields: reads what stands under keys; told here where in the tree that is.
        checker: knows the declared variables; sees every item as soon as it is made.
    """

    def __init__(self, fields: Fields, checker: Checker, limits: Limits) -> None:
        self.fields = fields
        self.checker = checker
        self.limits = limits
        self._frames: list[_Frame] = []
        self._done: dict[tuple[int, Role], tuple[Item | None, int]] = {}
        self._expressions: dict[str, tuple[Condition, int]] = {}

    def read(self, document: Document) -> Node:
        """The node that the document says, with everything below it.

        Raises:
            StrategyError: with source, line, column and path.
            LimitError: more items or levels than the limits allow; aliases count each time.
        """
        want = Want(document, "node", "root")
        self._open(want)
        while self._frames:
            frame = self._frames[-1]
            if len(frame.values) < len(frame.plan.wants):
                self._advance(frame, frame.plan.wants[len(frame.values)])
            else:
                self._close(frame)
        return cast(Node, self._done[id(document), "node"][0])

    def _advance(self, frame: _Frame, want: Want) -> None:
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

    def _open(self, want: Want) -> None:
        self._frames.append(_Frame(want, Plan([], lambda _: None)))
        self.fields.trail.append(want.label)
        if len(self._frames) > self.limits.depth:
            raise self._too_large(f"the tree is more than {self.limits.depth:,} levels deep", want.document)
        plan = self._condition if want.role == "condition" else self._node
        stands_in = AllOf(()) if want.role == "condition" else Empty()
        self._frames[-1].plan = self.fields.kept(lambda: plan(want), Plan([], lambda _: stands_in))

    def _close(self, frame: _Frame) -> None:
        document = frame.want.document
        made = frame.plan.make(frame.values)
        if made is not None and not (isinstance(made, Condition) and isinstance(document, Scalar)):
            self.fields.kept(lambda: self.fields.told(document, lambda: self.checker.item(made)), None)
        self._done[id(document), frame.want.role] = (made, frame.size)
        self._frames.pop()
        self.fields.trail.pop()

    # What a place holds

    def _node(self, want: Want) -> Plan:
        document = want.document
        if isinstance(document, Scalar):
            made = None if want.role == "slot" and document.null else self._word(document)
            return Plan([], lambda _: made)
        if isinstance(document, Sequence):
            return Plan(children(document), lambda values: Equal(tuple(values)))
        return self._kind(document)

    def _word(self, document: Scalar) -> Node:
        """A ticker, a variable, ``cash`` or ``empty``."""
        text = document.text
        if text in WORDS:
            return WORDS[text]
        if _VARIABLE.fullmatch(text):
            return Asset(Var(text[1:]))
        if document.null:
            raise self.fields.error("a node is missing here", document, hint=_EMPTY)
        if not BARE_TICKER.fullmatch(text):
            raise self.fields.error(
                f"{text[:60]!r} is not a ticker",
                document,
                hint='Write {if: …, then: …} for a rule, {asset: "…"} for an unusual ticker.',
            )
        return Asset(text)

    def _kind(self, document: Mapping) -> Plan:
        """The plan of the row of `KINDS` whose first key the mapping has."""
        for name, kind in KINDS.items():
            if name in document.pairs:
                self.fields.check_keys(document, kind.required, kind.optional, what=name)
                if name == "group":
                    self.fields.trail[-1] += f' "{self.fields.text(document, "group")}"'
                return kind.plan(self.fields, document)
        if not document.pairs:
            raise self.fields.error("a node is missing here", document, hint=_EMPTY)
        key, _ = next(iter(document.pairs.values()))
        hint = did_you_mean(key.text, KINDS) or f"A node is one of {', '.join(KINDS)}, a ticker, a list."
        raise self.fields.error(f"unknown node {key.text!r}", key, hint=hint)

    def _condition(self, want: Want) -> Plan:
        document = want.document
        if isinstance(document, Scalar):
            condition, size = self._expression(document)
            self._frames[-1].size = size
            return Plan([], lambda _: condition)
        if isinstance(document, Mapping):
            for name, combine in expression.COMBINERS.items():
                if name in document.pairs:
                    self.fields.check_keys(document, (name,), ("for",), what=name)
                    return self._combination(document, name, combine)
        raise self.fields.error(
            "a condition is a text or one of all, any, none with a list",
            document,
            hint="Write if: rsi(TQQQ, 10) > 79.",
        )

    def _combination(
        self, document: Mapping, name: str, combine: Callable[[tuple[Condition, ...]], Condition]
    ) -> Plan:
        wants = conditions_of(self.fields.sequence(document, name))
        if "for" not in document.pairs:
            return Plan(wants, lambda values: combine(tuple(values)))
        sessions = self.fields.number(document, "for")
        self._frames[-1].size += 1
        return Plan(wants, lambda values: Lasting(combine(tuple(values)), sessions))

    def _expression(self, document: Scalar) -> tuple[Condition, int]:
        if document.text not in self._expressions:
            made = self.fields.parsed(
                document, lambda text: expression.condition(text, self.fields.signatures)
            )
            items = list(iterate(made))
            for item in items:
                self.fields.told(document, lambda item=item: self.checker.item(item))  # type: ignore[misc]
            self._expressions[document.text] = (made, len(items))
        return self._expressions[document.text]

    def _too_large(self, message: str, document: Document) -> LimitError:
        line, column = document.place() or (None, None)
        return LimitError(message, line=line, column=column, source=self.fields.source)
