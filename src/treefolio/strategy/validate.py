"""What must be true of a strategy, wherever it comes from: Python, a text, an import.

`validate` checks a whole strategy; `Checker.item` one item of the tree, which is what readers of text call
so that an error has a line; `check_own` what holds for an item whatever its variables are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from treefolio.errors import LimitError, StrategyError, did_you_mean
from treefolio.strategy.places import CORRIDOR, NUMBER, Kind, Literal, operands, slots
from treefolio.strategy.signature import Signatures, bind
from treefolio.strategy.tokens import VARIABLE_NAME, finite
from treefolio.strategy.tree import (
    COMPARATORS,
    REBALANCINGS,
    Asset,
    Condition,
    Constraint,
    EmptyPolicy,
    Equal,
    Filter,
    Group,
    InverseVolatility,
    Item,
    Node,
    NumberLike,
    Reading,
    Rebalance,
    Scalar,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    Variable,
    parts,
    path_of,
)

MOST_PROBLEMS = 100
"""Problems of one text that are collected."""
EMPTY_POLICIES: tuple[EmptyPolicy, ...] = ("redistribute", "cash")
LONGEST_NAME = 200
"""Characters of a variable's name."""
_VARIABLE_NAME = re.compile(VARIABLE_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a strategy may be.

    Attributes:
        items: nodes and conditions, each use of a shared one counted.
        depth: nodes and conditions on the longest way down from the root.
    """

    items: int = 1_000_000
    depth: int = 100_000


def validate(strategy: Strategy, signatures: Signatures | None = None, limits: Limits | None = None) -> None:
    """Nothing, when the strategy has a meaning.

    Args:
        signatures: when given, indicators and their parameters are checked against them.

    Raises:
        StrategyError: it has none; the path says where in the tree.
        LimitError: it is larger than the limits.
    """
    check_header(strategy)
    checker = Checker(strategy.variables, signatures)
    holds = False
    for position, item in enumerate(_checked_items(strategy.root, limits or Limits())):
        holds = holds or isinstance(item, Asset)
        try:
            checker.item(item)
        except StrategyError as error:
            error.path = path_of(strategy.root, position)
            raise
    if not holds:
        raise StrategyError("the strategy never holds anything", path="root", hint="Name a ticker.")


def keep(error: StrategyError, problems: list[StrategyError] | None) -> None:
    """Puts an error with the others, so that reading can go on.

    Raises:
        StrategyError: the error itself, when errors are not collected (``problems`` is None), when there are
            enough of them, or when it is a limit.
    """
    if problems is None or len(problems) >= MOST_PROBLEMS or isinstance(error, LimitError):
        raise error
    problems.append(error)


def _checked_items(root: Node, limits: Limits) -> Iterable[Item]:
    """What `tree.iterate` gives, once it is sure that each part is what it must be."""
    if not isinstance(root, Node):
        raise StrategyError(f"the tree must be a node, not {root!r}", path="root")
    stack: list[tuple[int, Item]] = [(1, root)]
    count = 0
    while stack:
        level, item = stack.pop()
        count += 1
        if count > limits.items:
            raise LimitError(f"the tree has more than {limits.items:,} nodes and conditions")
        if level > limits.depth:
            raise LimitError(f"the tree is more than {limits.depth:,} levels deep")
        try:
            check_parts(item)
        except StrategyError as error:
            error.path = path_of(root, count - 1)
            raise
        yield item
        stack.extend((level + 1, part) for _, part in reversed(parts(item)) if part is not None)


_CONDITIONS = ("condition", "conditions", "enter", "exit")


def check_parts(item: Item) -> None:
    """Conditions stand where conditions belong, nodes where nodes belong.

    Raises:
        StrategyError: something else does.
    """
    for name in item.PARTS:
        value = getattr(item, name)
        wanted, word = (Condition, "condition") if name in _CONDITIONS else (Node, "node")
        for part in value if isinstance(value, tuple) else (value,):
            if not isinstance(part, wanted) and not (part is None and isinstance(item, Switch)):
                raise StrategyError(
                    f"{type(item).__name__}: {name} must be a {word}, not {part!r}",
                    hint='Write Asset("TQQQ") for a ticker.' if isinstance(part, str) else None,
                )


@dataclass(slots=True)
class Checker:
    """Checks items against the declared variables and the known indicators.

    Attributes:
        variables: the declared ones.
        signatures: of all indicators; None leaves them unchecked.
        excused: names of variables that are damaged themselves: nothing more is said of their uses.
    """

    variables: Iterable[Variable]
    signatures: Signatures | None = None
    excused: Collection[str] = ()
    _declared: dict[str, Variable] = field(init=False)
    _passed: set[tuple[str, str]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._declared = {variable.name: variable for variable in self.variables}

    def item(self, item: Item) -> None:
        """Nothing, when the item has a meaning; its parts are not looked into.

        Raises:
            StrategyError: without a place, which the caller knows.
        """
        for slot in slots(item):
            if isinstance(slot.value, Var):
                self.variable(slot.value, slot.kind)
            else:
                slot.kind.check(slot.value)
        check_own(item)
        if self.signatures is not None:
            for _, operand in operands(item):
                if isinstance(operand, Reading):
                    self._parameters(operand, self.signatures)

    def variable(self, variable: Var, kind: Kind) -> None:
        """The variable is declared, and all of its values may stand in a place of this kind."""
        if (variable.name, kind.name) in self._passed or variable.name in self.excused:
            return
        for value in self._declaration(variable).values:
            try:
                kind.check(value)
            except StrategyError as error:
                error.message = f"{variable} cannot stand here: {error.message}"
                raise
        self._passed.add((variable.name, kind.name))

    def _declaration(self, variable: Var) -> Variable:
        if variable.name not in self._declared:
            hint = did_you_mean(variable.name, self._declared) or "Declare it under variables."
            raise StrategyError(f"unknown variable {variable.name!r}", hint=hint)
        return self._declared[variable.name]

    def _parameters(self, reading: Reading, signatures: Signatures) -> None:
        """Every indicator that may stand here exists and takes every value that its parameters may have."""
        for name in self._values(reading.indicator):
            params = bind(signatures, str(name), reading.params)
            if len(params) != len(reading.params) and not isinstance(reading.indicator, Var):
                needed = len(params)
                raise StrategyError(f"{name} needs {needed} parameters, not {len(reading.params)}")
            for k, param in enumerate(reading.params):
                if isinstance(param, Var):
                    self._each_value(param, k, reading, str(name), signatures)

    def _each_value(
        self, param: Var, position: int, reading: Reading, name: str, signatures: Signatures
    ) -> None:
        key = (param.name, f"{name}:{position}")
        if key in self._passed or param.name in self.excused:
            return
        for value in self._declaration(param).values:
            params: list[Any] = list(reading.params)
            params[position] = value
            bind(signatures, name, params)
        self._passed.add(key)

    def _values(self, scalar: Scalar) -> tuple[Literal, ...]:
        if not isinstance(scalar, Var):
            return (scalar,)
        return () if scalar.name in self.excused else self._declaration(scalar).values


def check_own(item: Item) -> None:
    """What must hold between the fields of one item.

    Raises:
        StrategyError: without a place, which the caller knows.
    """
    check = _CHECKS.get(type(item))
    if check is not None:
        check(item)
    for name, operand in operands(item):
        if isinstance(operand, Reading) and (operand.ticker is None) != (name == "by"):
            wanted = "must not name a ticker: it is of the branch" if name == "by" else "needs a ticker"
            raise StrategyError(f"the indicator {operand.indicator} {wanted}")


def _check_children(item: Any) -> None:
    if not item.children:
        raise StrategyError(
            f"{_NAMES[type(item)]} needs at least one child", hint="Write empty for an empty branch."
        )


def _check_weights(name: str, weights: tuple[NumberLike, ...], children: int) -> None:
    if len(weights) != children:
        raise StrategyError(f"{name} has {len(weights)} weights for {children} children")
    if not any(isinstance(weight, Var) or weight > 0 for weight in weights):
        raise StrategyError(f"{name} has no weight above 0", hint="At least one weight must be positive.")


def _check_specified(item: Specified) -> None:
    _check_children(item)
    _check_weights("weighted", item.weights, len(item.children))


def _check_filter(item: Filter) -> None:
    _check_children(item)
    if item.weights:
        _check_weights("filter", item.weights, len(item.children))
        if item.volatility_window is not None:
            raise StrategyError("filter has weights, and inverse volatility too", hint="Choose one of them.")


def _check_switch(item: Switch) -> None:
    if not item.conditions:
        raise StrategyError("switch needs at least one condition")
    if len(item.branches) != len(item.conditions) + 1:
        raise StrategyError(
            f"switch has {len(item.branches)} branches for {len(item.conditions)} conditions",
            hint=f"It needs {len(item.conditions) + 1}: the first for all conditions, the last for none.",
        )
    if item.branches[-1] is None:
        raise StrategyError("the last branch of a switch cannot be null", hint="Write empty.")


def _check_scale(item: Scale) -> None:
    if item.low == item.high:
        raise StrategyError(
            f"scale needs two different ends, not {item.low} twice", hint="Write between: [30, 70]."
        )


def _check_group(item: Group) -> None:
    if not isinstance(item.name, str):
        raise StrategyError(f"a group's name must be a text, not {item.name!r}")


_NAMES = {
    Equal: "equal",
    Specified: "weighted",
    InverseVolatility: "inverse_volatility",
    Filter: "filter",
}
_CHECKS: dict[type[Item], Callable[[Any], None]] = {
    Equal: _check_children,
    InverseVolatility: _check_children,
    Specified: _check_specified,
    Filter: _check_filter,
    Switch: _check_switch,
    Scale: _check_scale,
    Group: _check_group,
}


def check_header(strategy: Strategy) -> None:
    """Everything but the tree: name, variables, constraints, rule of rebalancing, policy.

    Raises:
        StrategyError: some of it has no meaning.
    """
    for what, value in (("name", strategy.name), ("description", strategy.description)):
        if not isinstance(value, str):
            raise StrategyError(f"the {what} must be a text, not {value!r}")
    if strategy.empty not in EMPTY_POLICIES:
        hint = f"One of {', '.join(EMPTY_POLICIES)}."
        raise StrategyError(f"unknown policy for empty branches {strategy.empty!r}", hint=hint)
    seen: set[str] = set()
    for variable in strategy.variables:
        check_variable(variable)
        if variable.name in seen:
            raise StrategyError(f"the variable {variable.name!r} is declared twice")
        seen.add(variable.name)
    for constraint in strategy.constraints:
        check_constraint(constraint, strategy.variables)
    check_rebalance(strategy.rebalance, strategy.variables)


def check_variable(variable: Variable) -> None:
    """The name can be written, and the values are different numbers or words.

    Raises:
        StrategyError: otherwise.
    """
    name = variable.name
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not _VARIABLE_NAME.fullmatch(name):
        hint = "Use letters, digits and underscores."
        raise StrategyError(f"{name!r} cannot name a variable", hint=hint)
    for value in variable.values:
        number = not isinstance(value, bool) and isinstance(value, int | float) and finite(value)
        word = isinstance(value, str) and bool(value.strip())
        if not (number or word):
            raise StrategyError(f"${variable.name}: a value must be a finite number or a word, not {value!r}")
    if len(set(variable.values)) < len(variable.values):
        twice = next(value for value in variable.values if variable.values.count(value) > 1)
        raise StrategyError(f"${variable.name} lists {twice!r} twice")


def check_constraint(constraint: Constraint, variables: Iterable[Variable]) -> None:
    """It compares declared variables and finite numbers.

    Raises:
        StrategyError: otherwise.
    """
    declared = {variable.name for variable in variables}
    if constraint.comparator not in COMPARATORS:
        raise StrategyError(
            f"unknown comparator {constraint.comparator!r}", hint=f"One of {' '.join(COMPARATORS)}."
        )
    for term in (constraint.left, constraint.right):
        for value in (term.value, term.scale, term.offset):
            if not isinstance(value, Var):
                NUMBER.check(value)
        if isinstance(term.value, Var) and term.value.name not in declared:
            name = term.value.name
            raise StrategyError(f"unknown variable {name!r}", hint=did_you_mean(name, declared))


def check_rebalance(rebalance: Rebalance, variables: Iterable[Variable]) -> None:
    """A known rule, with a corridor when, and only when, it is ``threshold``.

    Raises:
        StrategyError: otherwise.
    """
    if rebalance.rule not in REBALANCINGS:
        hint = did_you_mean(str(rebalance.rule), REBALANCINGS) or f"One of {', '.join(REBALANCINGS)}."
        raise StrategyError(f"unknown rule of rebalancing {rebalance.rule!r}", hint=hint)
    if (rebalance.corridor is None) != (rebalance.rule != "threshold"):
        raise StrategyError(
            "threshold needs a corridor, and no other rule has one", hint="Write threshold(5%)."
        )
    if isinstance(rebalance.corridor, Var):
        Checker(variables).variable(rebalance.corridor, CORRIDOR)
    elif rebalance.corridor is not None:
        CORRIDOR.check(rebalance.corridor)
