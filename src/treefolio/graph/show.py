"""A graph as lines that people can read: ``treefolio inspect --graph``.

One line for each node, arguments first: its number, what it gives, what it does, how often others take it.

    12  mask    2×  rsi(TQQQ, 10) > 79
    13  return  1×  if #12 then TQQQ else #9
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from treefolio.graph.graph import Graph, Node, Param
from treefolio.graph.ops import Op
from treefolio.strategy.tree import Var

LONGEST = 200
_INLINE = {Op.READING, Op.FILL, Op.CASH, Op.EMPTY}
"""What is written out where it is taken; a holding is by its ticker, everything else by its number."""


def show(graph: Graph) -> Iterator[str]:
    """The lines, one for each node; the last says which is the root."""
    uses = [0] * len(graph)
    for node in graph.nodes:
        for a in node.args:
            uses[a] += 1
    width = len(str(len(graph)))
    for k, node in enumerate(graph.nodes):
        text = describe(graph, k)
        short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
        yield f"{'#' + str(k):>{width + 1}}  {node.kind.value:<6}  {uses[k]:>3}×  {short}"
    yield f"root: #{graph.root}"


def describe(graph: Graph, position: int) -> str:
    """What the node at this position does, in a line."""
    node = graph.nodes[position]
    return _WORDS[node.op](graph, node)


def _number(param: Param) -> str:
    return f"{param:.12g}" if isinstance(param, float) else str(param)


def _call(name: Param, arguments: Sequence[Param]) -> str:
    inner = ", ".join(map(_number, arguments))
    return f"{name}({inner})" if inner else str(name)


def _arg(graph: Graph, a: int) -> str:
    node = graph.nodes[a]
    if node.op is Op.HOLD:
        return str(node.params[0])
    return describe(graph, a) if node.op in _INLINE else f"#{a}"


def _all(graph: Graph, args: Sequence[int]) -> list[str]:
    return [_arg(graph, a) for a in args]


def _args(node: Node) -> str:
    return ", ".join(f"#{a}" for a in node.args)


def _affine(graph: Graph, node: Node) -> str:
    scale, offset = map(_number, node.params)
    return f"{scale} · {_arg(graph, node.args[0])} + {offset}"


def _compare(graph: Graph, node: Node) -> str:
    sides = [_arg(graph, a) for a in node.args] + [_number(p) for p in node.params[1:]]
    return f"{sides[0]} {node.params[0]} {sides[1]}"


def _select(graph: Graph, node: Node) -> str:
    condition, then, otherwise = _all(graph, node.args)
    return f"if {condition} then {then} else {otherwise}"


def _mix(graph: Graph, node: Node) -> str:
    weights = node.params[1:]
    pairs = zip(weights, _all(graph, node.args), strict=True)
    shares = " + ".join(f"{_number(weight)} · {child}" for weight, child in pairs)
    return f"{shares} (renormalised)" if any(isinstance(w, Var) for w in weights) else shares


def _filter(graph: Graph, node: Node) -> str:
    args = _all(graph, node.args)
    of = ", ".join(f"{child} by {score}" for child, score in zip(args[::2], args[1::2], strict=True))
    weights = f", weights {', '.join(map(_number, node.params[3:]))}" if node.params[3:] else ""
    return f"{_kept(node)} of {of}{weights}"


def _filter_volatility(graph: Graph, node: Node) -> str:
    args = _all(graph, node.args)
    groups = zip(args[::3], args[1::3], args[2::3], strict=True)
    of = ", ".join(f"{child} by {score} / {spread}" for child, score, spread in groups)
    return f"{_kept(node)} of {of}, by inverse volatility"


def _kept(node: Node) -> str:
    ties = ", ties kept," if node.params[2] else ""
    return f"{node.params[0]} {_number(node.params[1])}{ties}"


def _inverse_volatility(graph: Graph, node: Node) -> str:
    args = _all(graph, node.args)
    pairs = zip(args[::2], args[1::2], strict=True)
    return "inverse volatility of " + ", ".join(f"{child} / {spread}" for child, spread in pairs)


def _scale(graph: Graph, node: Node) -> str:
    x, start, end = _all(graph, node.args)
    low, high = map(_number, node.params)
    return f"from {start} to {end} as {x} goes from {low} to {high}"


_WORDS: dict[Op, Callable[[Graph, Node], str]] = {
    Op.HOLD: lambda _, node: f"hold {node.params[0]}",
    Op.CASH: lambda _, __: "cash",
    Op.EMPTY: lambda _, __: "empty",
    Op.READING: lambda _, node: _call(node.params[0], node.params[1:]),
    Op.FILL: lambda _, node: _number(node.params[0]),
    Op.AFFINE: _affine,
    Op.SHIFT: lambda graph, node: f"{_arg(graph, node.args[0])}, {_number(node.params[0])} sessions ago",
    Op.DEFINED: lambda graph, node: f"{_arg(graph, node.args[0])} where {_arg(graph, node.args[1])} is known",
    Op.VALUE: lambda graph, node: f"value of {_arg(graph, node.args[0])}",
    Op.INDICATOR: lambda _, node: f"{_call(node.params[0], node.params[1:])} of #{node.args[0]}",
    Op.THRESHOLD: _compare,
    Op.COMPARE: _compare,
    Op.ALL: lambda _, node: f"all of {_args(node)}",
    Op.ANY: lambda _, node: f"any of {_args(node)}",
    Op.NONE: lambda _, node: f"none of {_args(node)}",
    Op.COUNT: lambda _, node: f"exactly {_number(node.params[0])} of {_args(node)}",
    Op.LASTING: lambda _, node: f"#{node.args[0]} for {_number(node.params[0])} sessions",
    Op.LATCH: lambda _, node: f"on from #{node.args[0]} until #{node.args[1]}",
    Op.SELECT: _select,
    Op.MIX: _mix,
    Op.INVERSE_VOLATILITY: _inverse_volatility,
    Op.FILTER: _filter,
    Op.FILTER_VOLATILITY: _filter_volatility,
    Op.SCALE: _scale,
}
