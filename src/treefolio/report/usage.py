"""Which branches of the tree decided anything: on how many sessions each got a share of the portfolio.

`usage` walks the tree once, from the root down. A branch comes with the sessions that reach it, as (n,)
bools; a condition's mask divides them between *then* and *else*, a ranking or weighting by whose share is
not 0 on which session. The masks and scores are those that the run itself was computed from, so nothing is
decided again. What no session reaches is not walked through: it is a dead branch, and counted whole.

Wrappers are left out: groups lend their names to what they hold, weightings of one child are that child, and
an *if* in an *else* stands beside its parent as *else if*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.compiled import Prepared
from treefolio.engine.program import Mask, Program, State
from treefolio.engine.shares import argument_rows, divide, parameters
from treefolio.engine.verdicts import condition_text
from treefolio.kernels import kernel
from treefolio.strategy import spelling
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
    Node,
    Scale,
    Specified,
    Switch,
    count_nodes,
)

Reach = NDArray[np.bool_]
NAMED = 8
"""Tickers of a weighting that are listed in its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One branch of the tree.

    Attributes:
        level: how deep its line is indented.
        parent: the position of the line above it that it belongs to; −1 for the root.
        label: which branch of its parent it is: ``if rsi(SPY, 10) > 70``, ``else``, ``35%``.
        text: what it holds or how it goes on.
        sessions: on how many it got a share.
        nodes: of a branch that never did, how many nodes it has; else 0.
        node: the tree's node at its top.
    """

    level: int
    parent: int
    label: str
    text: str
    sessions: int
    nodes: int
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """All branches down to the dead ones, parents first.

    Attributes:
        sessions: on how many the tree was looked at.
        nodes: of the whole tree, conditions not counted.
    """

    branches: tuple[Branch, ...]
    sessions: int
    nodes: int

    @property
    def dead(self) -> list[Branch]:
        """The branches that decided nothing, the largest first."""
        return sorted((each for each in self.branches if each.nodes), key=lambda each: -each.nodes)


@kernel
def mark_kept(program: Program, state: State, i: int, first: int, kept: Mask) -> None:
    """Sets ``kept`` (children, n) to 1 where weighting instruction i's child has a share, else 0."""
    rows, numbers = argument_rows(program, state, i), parameters(program, state, i)
    shares = state.shares
    for k in range(kept.shape[1]):
        for c in range(divide(program.ops[i], state.table, state.work, rows, numbers, first + k, shares)):
            kept[c, k] = shares[c] != 0.0


class Seen:
    """The series of a prepared strategy without variables, on the sessions on which its tree is looked at."""

    def __init__(self, prepared: Prepared) -> None:
        self.node_of = prepared.built.node_of
        self.nodes = prepared.plan.graph.nodes
        self.window = prepared.window
        self.looks = prepared.market.looks != 0
        self.made = {node: stage for stage in prepared.tables.stages for node in stage[0].stage.nodes}
        self._kept: dict[int, NDArray[np.bool_]] = {}

    def mask(self, node: int) -> Reach:
        """A mask of the graph, on each session that is looked at."""
        part, state = self.made[node]
        whole = state.mask_work[-1 - part.where[node]]
        found: Reach = whole[self.window.first : self.window.last + 1][self.looks] != 0
        return found

    def holds(self, condition: Condition) -> Reach:
        """Where the condition is true."""
        return self.mask(self.node_of[id(condition)])

    def kept(self, item: Item, children: int) -> NDArray[np.bool_]:
        """(children, sessions) where each child of a weighting has a share."""
        node = self.node_of[id(item)]
        if node not in self._kept:
            part, state = self.made[node]
            out = np.zeros((children, self.window.sessions), np.uint8)
            mark_kept(part.program, state, int(part.program.instruction[node]), self.window.first, out)
            self._kept[node] = out[:, self.looks] != 0
        return self._kept[node]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Where the walk goes on: a node, the sessions that reach it, and how its line begins."""

    node: Node
    reach: Reach
    label: str
    level: int
    parent: int


def usage(prepared: Prepared) -> Usage:
    """How often each branch was used in the window of a prepared strategy without variables."""
    seen = Seen(prepared)
    every = np.ones(int(seen.looks.sum()), np.bool_)
    found: list[Branch] = []
    root = prepared.strategy.root
    stack = [_Ahead(root, every, "", 0, -1)]
    while stack:
        ahead = stack.pop()
        names, node = _unwrapped(ahead.node)
        sessions = int(ahead.reach.sum())
        if sessions and isinstance(node, If) and ahead.label == "else" and not names:
            stack.extend(reversed(list(_if(seen, node, ahead, "else if"))))
            continue
        text = " · ".join([*(f"“{name}”" for name in names), *([words] if (words := _words(node)) else [])])
        found.append(
            Branch(
                level=ahead.level,
                parent=ahead.parent,
                label=ahead.label,
                text=text,
                sessions=sessions,
                nodes=0 if sessions else count_nodes(ahead.node),
                node=ahead.node,
            )
        )
        if sessions:
            inside = _Ahead(node, ahead.reach, "", ahead.level + 1, len(found) - 1)
            stack.extend(reversed(list(_below(seen, node, inside))))
    return Usage(branches=tuple(found), sessions=len(every), nodes=count_nodes(root))


def _unwrapped(node: Node) -> tuple[list[str], Node]:
    """The names of groups around a node, and the node; weightings of one child are passed through."""
    names: list[str] = []
    while True:
        if isinstance(node, Group):
            names.append(node.name)
            node = node.child
        elif isinstance(node, Equal | Specified) and len(node.children) == 1:
            node = node.children[0]
        else:
            return names, node


def _below(seen: Seen, node: Node, inside: _Ahead) -> Iterator[_Ahead]:
    """What the walk goes on with below a node that some session reaches."""
    ahead = _AHEAD.get(type(node))
    return iter(()) if ahead is None else ahead(seen, node, inside)


def _if(seen: Seen, item: If, at: _Ahead, word: str = "if") -> Iterator[_Ahead]:
    holds = seen.holds(item.condition)
    label = f"{word} {condition_text(item.condition)}"
    yield _Ahead(item.then, at.reach & holds, label, at.level, at.parent)
    yield _Ahead(item.otherwise, at.reach & ~holds, "else", at.level, at.parent)


def _enter_exit(seen: Seen, item: EnterExit, at: _Ahead) -> Iterator[_Ahead]:
    latch = seen.nodes[seen.node_of[id(item)]].args[0]
    holds = seen.mask(latch)
    label = f"from {condition_text(item.enter)} until {condition_text(item.exit)}"
    yield _Ahead(item.then, at.reach & holds, label, at.level, at.parent)
    yield _Ahead(item.otherwise, at.reach & ~holds, "otherwise", at.level, at.parent)


def _switch(seen: Seen, item: Switch, at: _Ahead) -> Iterator[_Ahead]:
    """The slots that hold a branch; a slot that is None belongs to the next lower count."""
    size = len(item.conditions)
    held = np.zeros(len(at.reach), np.int64)
    for condition in item.conditions:
        held += seen.holds(condition)
    most = size
    for k, branch in enumerate(item.branches):
        if branch is not None:
            least = size - k
            count = str(least) if least == most else f"{least} to {most}"
            reach = at.reach & (held >= least) & (held <= most)
            yield _Ahead(branch, reach, f"{count} of {size} hold", at.level, at.parent)
            most = least - 1


def _weighted(seen: Seen, item: Equal | Specified | InverseVolatility, at: _Ahead) -> Iterator[_Ahead]:
    """Its children, unless all are leaves: then its own line lists them."""
    if all(isinstance(_unwrapped(child)[1], Asset | Cash) for child in item.children):
        return iter(())
    return _children(seen, item, at, _parts(item))


def _filter(seen: Seen, item: Filter, at: _Ahead) -> Iterator[_Ahead]:
    return _children(seen, item, at, ["kept"] * len(item.children))


def _scale(seen: Seen, item: Scale, at: _Ahead) -> Iterator[_Ahead]:
    kept = seen.kept(item, 2)
    yield _Ahead(item.start, at.reach & kept[0], "from", at.level, at.parent)
    yield _Ahead(item.end, at.reach & kept[1], "to", at.level, at.parent)


def _children(seen: Seen, item: Any, at: _Ahead, labels: list[str]) -> Iterator[_Ahead]:
    kept = seen.kept(item, len(item.children))
    for k, (child, label) in enumerate(zip(item.children, labels, strict=True)):
        if isinstance(child, Empty):
            continue  # it never gets a share, which says nothing about the tree
        yield _Ahead(child, at.reach & kept[k], label, at.level, at.parent)


def _parts(item: Equal | Specified | InverseVolatility) -> list[str]:
    """How the line of each child begins."""
    if isinstance(item, Specified):
        numbers = [float(weight) for weight in item.weights if isinstance(weight, int | float)]
        return [f"{100 * weight / sum(numbers):.4g}%" for weight in numbers]
    return [f"1/{len(item.children)}" if isinstance(item, Equal) else "part"] * len(item.children)


_AHEAD: dict[type[Node], Callable[[Seen, Any, _Ahead], Iterator[_Ahead]]] = {
    If: _if,
    EnterExit: _enter_exit,
    Switch: _switch,
    Equal: _weighted,
    Specified: _weighted,
    InverseVolatility: _weighted,
    Filter: _filter,
    Scale: _scale,
}


def _words(node: Node) -> str:
    """A node on its line; of an if, what is said stands on the lines of its branches."""
    if isinstance(node, Asset):
        return spelling.ticker(node.ticker)
    if isinstance(node, Filter):
        return f"{spelling.ranking(node)} of {len(node.children)}"
    if isinstance(node, Scale):
        low, high = spelling.number(node.low), spelling.number(node.high)
        return f"scale {spelling.reading(node.reading)} between {low} and {high}"
    if isinstance(node, Equal | Specified | InverseVolatility):
        return _weights_words(node)
    return "" if isinstance(node, If | Switch | EnterExit) else type(node).__name__.lower()


def _weights_words(node: Equal | Specified | InverseVolatility) -> str:
    head = {Equal: "equal", Specified: "weighted", InverseVolatility: "inverse volatility"}[type(node)]
    leaves = [_unwrapped(child)[1] for child in node.children]
    if not all(isinstance(leaf, Asset | Cash) for leaf in leaves):
        return f"{head}, {len(leaves)} parts"
    named = ", ".join(_words(leaf) for leaf in leaves[:NAMED])
    more = f" and {len(leaves) - NAMED} more" if len(leaves) > NAMED else ""
    return f"{head}: {named}{more}"
