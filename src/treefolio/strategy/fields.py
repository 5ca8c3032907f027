"""What stands under the keys of a document, read with errors that say where.

`Fields` knows the file's name and the way down the tree, so that each error has source, line, column and
path. The readers of the header (`text`) and of the tree (`nodes`, `kinds`) share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from treefolio.errors import StrategyError, did_you_mean
from treefolio.strategy import expression, operands
from treefolio.strategy.document import Document, Mapping, Scalar, Sequence
from treefolio.strategy.signature import Signatures
from treefolio.strategy.tree import NumberLike
from treefolio.strategy.validate import keep

Value = TypeVar("Value")


@dataclass(slots=True)
class Fields:
    """Reads the fields of documents.

    Attributes:
        signatures: of all indicators.
        source: the file's name.
        trail: labels of the nodes and conditions that are being read, from the root down.
        problems: collects errors, so that reading goes on after them; None: the first one ends it.
    """

    signatures: Signatures
    source: str | None
    trail: list[str] = field(default_factory=list)
    problems: list[StrategyError] | None = None

    def check_keys(
        self, document: Mapping, required: Iterable[str], optional: Iterable[str], *, what: str
    ) -> None:
        """The mapping has all required keys, and none that is unknown.

        Raises:
            StrategyError: otherwise; unknown keys are collected where errors are.
        """
        known = (*required, *optional)
        for key, _ in document.pairs.values():
            if key.text not in known:
                hint = operands.UNQUOTED if ")" in key.text else did_you_mean(key.text, known)
                hint = hint or f"Known keys are {', '.join(known)}."
                keep(self.error(f"{what} has no key {key.text!r}", key, hint=hint), self.problems)
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

    def kept(self, act: Callable[[], Value], instead: Value) -> Value:
        """What `act` gives, or ``instead`` when an error was collected.

        Raises:
            StrategyError: errors are not collected.
        """
        try:
            return act()
        except StrategyError as error:
            keep(error, self.problems)
            return instead

    def error(self, message: str, document: Document, *, hint: str | None = None) -> StrategyError:
        """The error to raise at a document."""
        line, column = document.place() or (None, None)
        return StrategyError(
            message, path=self.path(), line=line, column=column, source=self.source, hint=hint
        )

    def path(self) -> str | None:
        """Where in the tree the reader is; None outside of it."""
        return " > ".join(self.trail) or None
