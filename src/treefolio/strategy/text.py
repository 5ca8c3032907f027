"""The native text form: YAML or JSON ↔ Strategy. `docs/strategies.md` describes it.

`parse` reads a text: first its structure (`yaml_text`, or `json_text` when it begins as JSON does), then
its header here, then its tree (`nodes`), with every condition in it (`expression`). `write`, which stands
in `treefolio.strategy.write`, is its inverse: ``parse(write(s), signatures) == s``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from treefolio.errors import FormatError, SpaceError, StrategyError
from treefolio.strategy import expression, validate
from treefolio.strategy.document import Document, Mapping, Scalar, Sequence, from_json
from treefolio.strategy.fields import Fields
from treefolio.strategy.nodes import TreeReader
from treefolio.strategy.places import Literal
from treefolio.strategy.signature import Signatures
from treefolio.strategy.tree import (
    REBALANCINGS,
    Asset,
    Constraint,
    Empty,
    EmptyPolicy,
    Node,
    Rebalance,
    Strategy,
    Variable,
    iterate,
)
from treefolio.strategy.validate import EMPTY_POLICIES, Checker, Limits
from treefolio.strategy.variables import parse_spec, parse_value
from treefolio.strategy.write import write
from treefolio.strategy.yaml_text import DEEPEST, from_yaml

__all__ = ["KEYS", "is_json", "parse", "write"]

Value = TypeVar("Value")
_NOTHING: Node = Empty()
KEYS = ("name", "description", "rebalance", "empty", "variables", "constraints")
"""What stands around the tree; all of it may be left out."""
_JSON_START = re.compile(r'\ufeff?\s*(?:\{\s*["}]|\[)')


def is_json(text: str) -> bool:
    """The text begins as a JSON object or list does; anything else is read as YAML."""
    return _JSON_START.match(text) is not None


def parse(
    text: str,
    signatures: Signatures,
    *,
    source: str | None = None,
    limits: Limits | None = None,
    problems: list[StrategyError] | None = None,
) -> Strategy:
    """The strategy that a text in the native form says, checked as `validate` checks.

    Args:
        signatures: of all indicators; fill in default parameters.
        source: the file's name, for errors, and for the strategy's name where the text gives none.
        problems: gets what is wrong, at most `validate.MOST_PROBLEMS`, and reading goes on as far as it can;
            what is then returned is no strategy. Without it the first error is raised.

    Raises:
        FormatError: damaged YAML or JSON.
        StrategyError: no meaning; with source, line, column, path and mostly a hint.
        LimitError: larger than the limits.
    """
    limits = limits or Limits()
    if is_json(text):
        document = from_json(text, source=source)
    else:
        document = from_yaml(text, source=source, depth=min(4 * limits.depth, DEEPEST))
    return _Header(Fields(signatures, source, problems=problems), limits).strategy(document)


class _Header:
    """Reads everything around the tree, and has the tree read once the variables are known."""

    def __init__(self, fields: Fields, limits: Limits) -> None:
        self.fields = fields
        self.limits = limits
        self.damaged: list[str] = []

    def strategy(self, document: Document) -> Strategy:
        if not isinstance(document, Mapping):
            raise FormatError(
                "a strategy is a mapping with the key tree", source=self.fields.source, line=1, column=1
            )
        self.fields.check_keys(document, ("tree",), KEYS, what="a strategy")
        kept = self.fields.kept
        variables = self._variables(document)
        return Strategy(
            name=kept(lambda: self._text(document, "name", self._file_name()), ""),
            description=kept(lambda: self._text(document, "description", ""), ""),
            rebalance=kept(lambda: self._rebalance(document, variables), Rebalance()),
            empty=kept(lambda: self._empty(document), EMPTY_POLICIES[0]),
            variables=variables,
            constraints=kept(lambda: self._constraints(document, variables), ()),
            root=self.fields.kept(lambda: self._root(document, variables), _NOTHING),
        )

    def _file_name(self) -> str:
        return PurePath(self.fields.source or "strategy").stem

    def _root(self, document: Mapping, variables: tuple[Variable, ...]) -> Node:
        tree = document.pairs["tree"][1]
        checker = Checker(variables, self.fields.signatures, self.damaged)
        root = TreeReader(self.fields, checker, self.limits).read(tree)
        if not (self.fields.problems or any(isinstance(item, Asset) for item in iterate(root))):
            raise self.fields.error("the strategy never holds anything", tree, hint="Name a ticker.")
        return root

    def _text(self, document: Mapping, key: str, default: str) -> str:
        return self.fields.text(document, key) if key in document.pairs else default

    def _empty(self, document: Mapping) -> EmptyPolicy:
        for policy in EMPTY_POLICIES:
            if self._text(document, "empty", EMPTY_POLICIES[0]) == policy:
                return policy
        raise self.fields.error(
            f"unknown policy for empty branches {self.fields.text(document, 'empty')!r}",
            document.pairs["empty"][1],
            hint=f"One of {', '.join(EMPTY_POLICIES)}.",
        )

    def _rebalance(self, document: Mapping, variables: tuple[Variable, ...]) -> Rebalance:
        if "rebalance" not in document.pairs:
            return Rebalance()
        found = self.fields.scalar(document.pairs["rebalance"][1])
        call = self.fields.parsed(found, expression.call)
        if len(call.arguments) > 1:
            raise self.fields.error("threshold has one corridor", found, hint="Write threshold(5%).")
        corridor = call.arguments[0] if call.arguments else None
        rules = {rule: rule for rule in REBALANCINGS}
        made = Rebalance(rules.get(call.name, call.name), corridor)  # type: ignore[arg-type]  # checked next
        self.fields.told(found, lambda: validate.check_rebalance(made, variables))
        return made

    def _variables(self, document: Mapping) -> tuple[Variable, ...]:
        if "variables" not in document.pairs:
            return ()
        found = document.pairs["variables"][1]
        if not isinstance(found, Mapping):
            raise self.fields.error("variables need names", found, hint="Write variables: {hot: 70:85:1}.")
        made: list[Variable] = []
        for key, value in found.pairs.values():
            variable = self.fields.kept(partial(self._checked, key, value), None)
            if variable is None:
                self.damaged.append(key.text)
            made.append(variable or Variable(key.text, (1,), 1))
        return tuple(made)

    def _checked(self, key: Scalar, document: Document) -> Variable | None:
        made = self._variable(key, document)
        self.fields.told(key, lambda: validate.check_variable(made))
        return made

    def _variable(self, key: Scalar, document: Document) -> Variable:
        """``70:85:1``, a list, or a mapping of default and values; the first value is the default."""
        if not isinstance(document, Mapping):
            values = self._values(document)
            return Variable(key.text, values, values[0])
        self.fields.check_keys(document, ("default",), ("values",), what=f"the variable {key.text!r}")
        default = self._literal(self.fields.scalar(document.pairs["default"][1]))
        values = self._values(document.pairs["values"][1]) if "values" in document.pairs else (default,)
        return Variable(key.text, values, default)

    def _values(self, document: Document) -> tuple[Literal, ...]:
        if isinstance(document, Scalar):
            return self._spaced(document, lambda: parse_spec(document.text))
        if isinstance(document, Sequence) and document.items:
            return tuple(self._literal(self.fields.scalar(each)) for each in document.items)
        raise self.fields.error("a variable needs values", document, hint="Write 70:85:1 or [5, 10, 14].")

    def _literal(self, document: Scalar) -> Literal:
        """A number when it looks like one and has no quotation marks, else a word."""
        return (
            document.text if document.quoted else self._spaced(document, lambda: parse_value(document.text))
        )

    def _spaced(self, document: Scalar, read: Callable[[], Value]) -> Value:
        try:
            return read()
        except SpaceError as error:
            raise self.fields.error(error.message, document, hint=error.hint) from None

    def _constraints(self, document: Mapping, variables: tuple[Variable, ...]) -> tuple[Constraint, ...]:
        if "constraints" not in document.pairs:
            return ()
        made = [
            self.fields.kept(partial(self._constraint, each, variables), None)
            for each in self.fields.sequence(document, "constraints").items
        ]
        return tuple(constraint for constraint in made if constraint is not None)

    def _constraint(self, document: Document, variables: tuple[Variable, ...]) -> Constraint | None:
        scalar = self.fields.scalar(document)
        made = self.fields.parsed(scalar, expression.constraint)
        self.fields.told(scalar, lambda: validate.check_constraint(made, variables))
        return made
