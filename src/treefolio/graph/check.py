"""The executable grammar: what every graph must satisfy, checked node by node.

Types and numbers of arguments come from `ops.RULES`; causality holds because every operation reads only
the past (`ops`), so what remains to be checked of it is that no parameter points forward.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from treefolio.errors import SpaceError, StrategyError, did_you_mean
from treefolio.graph.build import COMPARATOR_CODES, DIRECTION_CODES
from treefolio.graph.derive import Values, choices, own_variables
from treefolio.graph.graph import Graph, Node
from treefolio.graph.ops import RULES, Kind, Op
from treefolio.indicators import INDICATORS, branch_supported
from treefolio.strategy.signature import check_parameter

MOST_COUNTED = 255
"""Conditions of a switch: they are counted in a byte."""
Test = Callable[[Node, Values], None]
"""Of a node's parameters; it raises StrategyError."""


def check(graph: Graph, values: Values) -> None:
    """Nothing, when the graph is sound for every value of its variables.

    Raises:
        StrategyError: it says which node and what is wrong with it.
        SpaceError: the same, where a variable's value is wrong: it says which.
    """
    for position, node in enumerate(graph.nodes):
        _check_types(graph, position, node)
        test = _TESTS.get(node.op)
        if test is None:
            continue
        try:
            test(node, values)
        except StrategyError as error:
            raise _of_values(test, node, values) or error from None
    if not graph.nodes or graph.nodes[graph.root].kind is not Kind.RETURN:
        raise StrategyError("the strategy holds nothing")


def _of_values(test: Test, node: Node, values: Values) -> SpaceError | None:
    """What is wrong with the first values of the node's variables that fail; None when it has none."""
    own = sorted(own_variables(node))
    if not own:
        return None
    chosen = dict(values)
    for name in own:
        failing = ((v,) for v in values[name] if _fault(test, node, {**chosen, name: (v,)}))
        if (found := next(failing, None)) is None:
            return None
        chosen[name] = found
    to_blame = [
        name
        for name in own
        if any(_fault(test, node, {**chosen, name: (other,)}) is None for other in values[name])
    ]
    blamed = to_blame or own
    said = " and ".join(f"{name} = {chosen[name][0]!r}" for name in blamed)
    flags = " or ".join(f"--vary {name}=…" for name in blamed)
    listed = "" if all("." in name for name in blamed) else ", or of the values that the strategy lists"
    return SpaceError(f"{said}: {_fault(test, node, chosen)}", hint=f"Leave it out of {flags}{listed}.")


def _fault(test: Test, node: Node, values: Values) -> str | None:
    """What the test says against the node, or None."""
    try:
        test(node, values)
    except StrategyError as error:
        return error.message
    return None


def _check_types(graph: Graph, position: int, node: Node) -> None:
    rule = RULES[node.op]
    expected = rule.takes
    if rule.repeats:
        groups, rest = divmod(len(node.args), len(rule.takes))
        expected = rule.takes * groups
        if rest:
            raise StrategyError(f"{node.op.name} takes arguments in groups of {len(rule.takes)}")
    if any(not 0 <= a < position for a in node.args):
        raise StrategyError(f"{node.op.name} stands before its arguments")
    found = tuple(graph.nodes[a].kind for a in node.args)
    if found != expected:
        raise StrategyError(
            f"{node.op.name} takes {[k.value for k in expected]}, not {[k.value for k in found]}"
        )


def _finite(node: Node, values: Values) -> None:
    for param in node.params:
        for value in choices(param, values):
            if isinstance(value, str) or not math.isfinite(value):
                raise StrategyError(f"{value!r} stands where a finite number is needed")


def _sessions(node: Node, values: Values) -> None:
    least = 0 if node.op is Op.SHIFT else 1
    for value in choices(node.params[0], values):
        if isinstance(value, str) or value != int(value) or value < least:
            raise StrategyError(
                f"a number of sessions must be whole and at least {least}, not {value!r}",
                hint="Decisions may only look back.",
            )


def _indicator(node: Node, values: Values) -> None:
    on_branch = node.op is Op.INDICATOR
    given = node.params[1 if on_branch else 2 :]
    for name in choices(node.params[0], values):
        row = INDICATORS.get(str(name))
        if row is None:
            raise StrategyError(f"unknown indicator {name!r}", hint=did_you_mean(str(name), INDICATORS))
        if len(given) != len(row.parameters):
            raise StrategyError(f"{name} takes {len(row.parameters)} parameters, not {len(given)}")
        for parameter, param in zip(row.parameters, given, strict=True):
            for value in choices(param, values):
                if isinstance(value, str):
                    raise StrategyError(f"{name}: {parameter.name} must be a number, not {value!r}")
                check_parameter(str(name), parameter, value)
        if on_branch and not branch_supported(str(name), [float(max(choices(p, values))) for p in given]):
            raise StrategyError(
                f"{name} needs more than closing prices, and a branch has nothing else",
                hint="Rank branches by rsi, cumulative_return, stdev_return or another indicator of closes.",
            )


def _word(known: dict[str, int], what: str) -> Test:
    def test(node: Node, values: Values) -> None:
        for word in choices(node.params[0], values):
            if word not in known:
                raise StrategyError(f"unknown {what} {word!r}", hint=f"One of {', '.join(known)}.")

    return test


def _weights(weights: tuple[object, ...], values: Values) -> None:
    bounds = [choices(w, values) for w in weights]
    for value in (v for b in bounds for v in b):
        if isinstance(value, str) or not math.isfinite(value) or value < 0:
            raise StrategyError(f"a weight must be a number, 0 or more, not {value!r}")
    if bounds and not any(float(max(b)) > 0 for b in bounds):
        raise StrategyError("the weights sum to 0", hint="Give at least one child a weight above 0.")


def _mix(node: Node, values: Values) -> None:
    if len(node.params) != len(node.args) + 1:
        raise StrategyError(f"{len(node.args)} children have {len(node.params) - 1} weights")
    _weights(node.params[1:], values)


def _filter(node: Node, values: Values) -> None:
    _word(DIRECTION_CODES, "direction")(node, values)
    for count in choices(node.params[1], values):
        if isinstance(count, str) or count != int(count) or count < 1:
            raise StrategyError(f"a filter keeps a whole number of children, at least 1, not {count!r}")
    children = len(node.args) // len(RULES[node.op].takes)
    weights = node.params[3:]
    if len(weights) not in (0, children):
        raise StrategyError(f"{children} children have {len(weights)} weights")
    _weights(weights, values)


def _scale(node: Node, values: Values) -> None:
    _finite(node, values)
    if node.params[0] == node.params[1]:
        raise StrategyError(
            f"a scale from {node.params[0]} to {node.params[1]} has no width",
            hint="Give it two different bounds; low above high inverts it.",
        )


def _threshold(node: Node, values: Values) -> None:
    _word(COMPARATOR_CODES, "comparator")(node, values)
    _finite(Node(node.op, (), node.params[1:]), values)


def _count(node: Node, _: Values) -> None:
    if len(node.args) > MOST_COUNTED:
        raise StrategyError(
            f"a switch counts {len(node.args)} conditions, more than {MOST_COUNTED}",
            hint="Split it into several switches.",
        )


_TESTS: dict[Op, Test] = {
    Op.FILL: _finite,
    Op.AFFINE: _finite,
    Op.SHIFT: _sessions,
    Op.LASTING: _sessions,
    Op.READING: _indicator,
    Op.INDICATOR: _indicator,
    Op.THRESHOLD: _threshold,
    Op.COMPARE: _word(COMPARATOR_CODES, "comparator"),
    Op.COUNT: _count,
    Op.MIX: _mix,
    Op.FILTER: _filter,
    Op.FILTER_VOLATILITY: _filter,
    Op.SCALE: _scale,
}
