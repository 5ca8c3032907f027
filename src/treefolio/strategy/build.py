"""Strategies built in Python, with the words of the text form.

    If(rsi("TQQQ", 10) > 79, "UVXY", equal("TQQQ", "BIL"))

A string stands for a ticker, a list for its equally weighted members, `var` for a variable. Readings such as
``rsi("TQQQ", 10)`` come from `reading` with the indicator's signature; the package `treefolio` offers one
function for each row of the table of indicators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from treefolio.errors import SpaceError, UsageError
from treefolio.strategy import expression
from treefolio.strategy.places import Literal
from treefolio.strategy.signature import Signature, bind
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Cash,
    Compare,
    Condition,
    Empty,
    EmptyPolicy,
    EnterExit,
    Equal,
    Filter,
    Group,
    InverseVolatility,
    Lasting,
    Node,
    NoneOf,
    NumberLike,
    Operand,
    Reading,
    Rebalance,
    Scale,
    Specified,
    Strategy,
    Switch,
    Var,
    Variable,
    Word,
    as_operand,
)
from treefolio.strategy.tree import If as IfNode
from treefolio.strategy.validate import validate
from treefolio.strategy.variables import parse_spec

Branch: TypeAlias = "Node | Word | Sequence[Node | Word]"
"""A node, a ticker, or a list of these that is weighted equally."""
Weights: TypeAlias = "Mapping[str, NumberLike] | Iterable[tuple[NumberLike, Branch]]"
"""``{"TQQQ": 0.6, "BIL": 0.4}``, or pairs of a weight and a branch."""

cash = Cash()
empty = Empty()


def node(branch: Branch) -> Node:
    """The node that a branch stands for.

    Raises:
        UsageError: it stands for none.
    """
    if isinstance(branch, Node):
        return branch
    if isinstance(branch, str | Var):
        return Asset(branch)
    if isinstance(branch, list | tuple):
        return Equal(_leaves(branch))
    raise UsageError(f"a node, a ticker or a list of these is expected, not {branch!r}")


def _leaves(branches: Iterable[Branch]) -> tuple[Node, ...]:
    """Nodes of branches that are nodes or tickers; lists within lists are written with `equal`."""
    found = []
    for branch in branches:
        if isinstance(branch, list | tuple):
            raise UsageError("a list within a list", hint="Write equal(...) for the inner one.")
        found.append(node(branch))
    return tuple(found)


def _nodes(branches: Iterable[Branch]) -> tuple[Node, ...]:
    return tuple(node(branch) for branch in branches)


def var(name: str) -> Var:
    """The variable ``$name``, for any number, ticker, indicator, comparator or direction."""
    return Var(name.removeprefix("$"))


def reading(signature: Signature, *args: Word | NumberLike, **parameters: NumberLike) -> Reading:
    """An indicator of a ticker, ``reading(rsi, "TQQQ", 10)``, or of a ranked branch, ``reading(rsi, 10)``.

    A first argument that is a string is the ticker. So is a variable that comes first, when all parameters
    are given behind it.

    Raises:
        UsageError: a word where a number belongs.
        StrategyError: a parameter that is missing, unknown or out of range.
    """
    ticker: Word | None = None
    rest = args
    if args and (isinstance(args[0], str) or _is_ticker(signature, args, parameters)):
        ticker, rest = args[0], args[1:]  # type: ignore[assignment]  # a string or a variable
    for value in rest:
        if isinstance(value, str):
            raise UsageError(f"{signature.name}: a number is expected, not {value!r}")
    params = bind({signature.name: signature}, signature.name, rest, parameters)  # type: ignore[arg-type]
    return Reading(signature.name, params, ticker)


def _is_ticker(signature: Signature, args: Sequence[object], parameters: Mapping[str, object]) -> bool:
    """A variable that comes first stands for the ticker: the parameters are complete without it."""
    given = len(args) - 1 + len(parameters)
    return isinstance(args[0], Var) and given == len(signature.parameters)


def ago(of: Reading, sessions: NumberLike) -> Reading:
    """The same reading so many sessions earlier."""
    return replace(of, sessions_ago=sessions)


def compare(left: Operand | NumberLike, comparator: Word, right: Operand | NumberLike) -> Compare:
    """A comparison with any comparator, ``==`` and variables included."""
    return Compare(as_operand(left), comparator, as_operand(right))


def all_of(*conditions: Condition) -> AllOf:
    """All of the conditions hold."""
    return AllOf(conditions)


def any_of(*conditions: Condition) -> AnyOf:
    """At least one of the conditions holds."""
    return AnyOf(conditions)


def none_of(*conditions: Condition) -> NoneOf:
    """None of the conditions holds."""
    return NoneOf(conditions)


def held_for(condition: Condition, sessions: NumberLike) -> Lasting:
    """The condition held on each of the last sessions, today's included."""
    return Lasting(condition, sessions)


def If(condition: Condition, then: Branch, otherwise: Branch = empty) -> IfNode:  # noqa: N802 - `if` is taken
    """``condition`` ? ``then`` : ``otherwise``."""
    return IfNode(condition, node(then), node(otherwise))


def group(name: str, child: Branch) -> Group:
    """A label on a branch."""
    return Group(name, node(child))


def equal(*children: Branch) -> Equal:
    """1/n to each child."""
    return Equal(_nodes(children))


def weighted(weights: Weights) -> Specified:
    """The given shares: ``weighted({"TQQQ": 0.6, "BIL": 0.4})`` or ``weighted([(0.6, "TQQQ"), …])``."""
    if isinstance(weights, Mapping):
        pairs: list[tuple[NumberLike, Branch]] = [(weight, child) for child, weight in weights.items()]
    else:
        pairs = list(weights)
    return Specified(_nodes(child for _, child in pairs), tuple(weight for weight, _ in pairs))


def inverse_volatility(window: NumberLike, *children: Branch) -> InverseVolatility:
    """Each child in proportion to 1 / the standard deviation of its last ``window`` daily returns."""
    return InverseVolatility(_nodes(children), window)


def top(
    count: NumberLike,
    *,
    by: Reading,
    of: Iterable[Branch],
    weights: Sequence[NumberLike] = (),
    volatility_window: NumberLike | None = None,
    keep_ties: bool = False,
) -> Filter:
    """The ``count`` children with the highest indicator, such as ``top(2, by=rsi(10), of=[…])``."""
    return Filter(_nodes(of), by, "top", count, tuple(weights), volatility_window, keep_ties)


def bottom(
    count: NumberLike,
    *,
    by: Reading,
    of: Iterable[Branch],
    weights: Sequence[NumberLike] = (),
    volatility_window: NumberLike | None = None,
    keep_ties: bool = False,
) -> Filter:
    """The ``count`` children with the lowest indicator."""
    return Filter(_nodes(of), by, "bottom", count, tuple(weights), volatility_window, keep_ties)


def scale(by: Reading, low: NumberLike, high: NumberLike, *, start: Branch, end: Branch) -> Scale:
    """All in ``start`` at ``low``, all in ``end`` at ``high``, in proportion between the two."""
    return Scale(by, low, high, node(start), node(end))


def switch(conditions: Iterable[Condition], branches: Iterable[Branch | None]) -> Switch:
    """The branch for the number of conditions that hold: the first for all of them, the last for none."""
    slots = tuple(None if branch is None else node(branch) for branch in branches)
    return Switch(tuple(conditions), slots)


def enter_exit(enter: Condition, exit_: Condition, then: Branch, otherwise: Branch = empty) -> EnterExit:
    """``then`` from when ``enter`` holds until ``exit`` does."""
    return EnterExit(enter, exit_, node(then), node(otherwise))


def strategy(
    name: str,
    root: Branch,
    *,
    variables: Mapping[str, str | Iterable[Literal] | Variable] | None = None,
    constraints: Iterable[str] = (),
    rebalance: str = "daily",
    empty_policy: EmptyPolicy = "redistribute",
    description: str = "",
) -> Strategy:
    """A strategy, checked: ``strategy("Hot", If(…), variables={"hot": "70:85:1"}, rebalance="weekly")``.

    Args:
        variables: names with their values, the first being the default, or with a whole `Variable`.
        constraints: as the text form writes them: ``$fast < $slow``.
        rebalance: as the text form writes it: ``threshold(5%)``.

    Raises:
        StrategyError, SpaceError: something in it has no meaning.
    """
    call = expression.call(rebalance)
    made = Strategy(
        name=name,
        root=node(root),
        variables=tuple(_variable(key, values) for key, values in (variables or {}).items()),
        constraints=tuple(expression.constraint(each) for each in constraints),
        rebalance=Rebalance(call.name, *call.arguments),  # type: ignore[arg-type]  # validate sees to it
        empty=empty_policy,
        description=description,
    )
    validate(made)
    return made


def _variable(name: str, values: str | Iterable[Literal] | Variable) -> Variable:
    if isinstance(values, Variable):
        return values
    listed = parse_spec(values) if isinstance(values, str) else tuple(values)
    if not listed:
        raise SpaceError(f"the variable {name!r} has no value")
    return Variable(name, listed, listed[0])
