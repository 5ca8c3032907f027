"""Why it held what it held: the decision of one session, step by step.

`trace` builds the strategy's graph up to that session, computes it once (`sight`), and walks the tree from
the root down the branches that get a share: each condition with its operands and how near it was
(`verdicts`), each ranking with its scores, each weighting with its shares, and the weights at the end. The
numbers are the engine's own, so the weights are those of a run.

A trace is plain values; the verb ``treefolio explain`` prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from treefolio.engine.run import Missing
from treefolio.engine.sight import Sight
from treefolio.engine.verdicts import Verdict, condition_text, defined, verdicts
from treefolio.market.panel import Panel
from treefolio.strategy import spelling
from treefolio.strategy.tree import (
    Asset,
    Cash,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Node,
    Scale,
    Specified,
    Strategy,
    Switch,
)

Kind = Literal["asset", "cash", "empty", "group", "if", "switch", "enter/exit", "weights", "filter", "scale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A child that was weighted.

    Attributes:
        name: its ticker, its group's name, or its kind.
        share: of its parent; 0 when it was not kept, or is absent.
        score: what a filter ranks it by; None where undefined or not ranked.
        volatility: what it is weighted by, in inverse proportion.
    """

    name: str
    share: float
    score: float | None = None
    volatility: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node on the way.

    Attributes:
        level: how deep it stands on the way down, the root being 0.
        label: which part of its parent it is: ``then``, ``child[2]``; ``root`` for the root.
        text: what it is, in the words of the text form.
        share: of the whole portfolio that reaches it.
        verdicts: of its conditions, parts behind wholes.
        candidates: the children among which it divides, if it does.
        chosen: the branch taken by an if, a switch or an enter/exit: ``then``, ``else``, ``branch[2]``.
    """

    level: int
    label: str
    kind: Kind
    text: str
    share: float
    verdicts: tuple[Verdict, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The decision of one session.

    Attributes:
        session: ``YYYY-MM-DD``.
        steps: from the root down, in the tree's order, only what gets a share.
        weights: ticker → target weight, those that are not 0; the rest is cash.
        near: the verdicts among the steps that were near.
    """

    strategy: str
    session: str
    steps: tuple[Step, ...]
    weights: Mapping[str, float]

    @property
    def near(self) -> tuple[Verdict, ...]:
        """The comparisons that a little would have turned around, each once."""
        found = (verdict for step in self.steps for verdict in step.verdicts if verdict.near)
        return tuple({verdict.text: verdict for verdict in found}.values())


def trace(
    strategy: Strategy,
    panel: Panel,
    session: int,
    missing: Missing = "error",
    *,
    cash_rate: float = 0.0,
) -> Trace:
    """How a strategy without variables decides at the close of ``session``, a position in the panel.

    Nothing after that session is looked at.

    Raises:
        StrategyError: as for a run. MissingPrices: tickers without prices, with ``missing="error"``.
        WindowError: some indicator has no value yet, with ``missing="error"``.
    """
    return traces(strategy, panel, [session], missing, cash_rate=cash_rate)[0]


def traces(
    strategy: Strategy,
    panel: Panel,
    sessions: Sequence[int],
    missing: Missing = "error",
    *,
    cash_rate: float = 0.0,
) -> list[Trace]:
    """The same for several sessions, with the graph computed once. Nothing after the last is looked at."""
    if not len(sessions):
        return []
    sight = Sight(strategy, panel, min(sessions), max(sessions), missing, cash_rate)
    return [_seen(sight, strategy, session) for session in sessions]


def _seen(sight: Sight, strategy: Strategy, session: int) -> Trace:
    """The way from the root down to what is held on ``session``."""
    sight.t = session
    steps: list[Step] = []
    stack: list[tuple[Node, int, str, float]] = [(strategy.root, 0, "root", 1.0)]
    while stack:
        node, level, label, share = stack.pop()
        seen = _VIEWS[type(node)](sight, node)
        steps.append(
            Step(
                level=level,
                label=label,
                kind=seen.kind,
                text=seen.text,
                share=share,
                verdicts=seen.verdicts,
                candidates=seen.candidates,
                chosen=seen.chosen,
            )
        )
        ahead = [(child, level + 1, name, share * part) for child, name, part in seen.ahead if part != 0]
        stack.extend(reversed(ahead))
    return Trace(
        strategy=strategy.name,
        session=str(sight.panel.sessions[session]),
        steps=tuple(steps),
        weights=sight.weights(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What a node shows, and where the way goes on: (child, label, its share)."""

    kind: Kind
    text: str
    verdicts: tuple[Verdict, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: str | None = None
    ahead: tuple[tuple[Node, str, float], ...] = ()


def _asset(_: Sight, item: Asset) -> _View:
    return _View(kind="asset", text=spelling.ticker(item.ticker))


def _cash(_: Sight, __: Cash) -> _View:
    return _View(kind="cash", text="cash")


def _empty(_: Sight, __: Empty) -> _View:
    return _View(kind="empty", text="empty")


def _group(_: Sight, item: Group) -> _View:
    return _View(kind="group", text=f'group "{item.name}"', ahead=((item.child, "of", 1.0),))


def _if(sight: Sight, item: If) -> _View:
    holds = sight.holds(item.condition)
    taken = (item.then, "then", 1.0) if holds else (item.otherwise, "else", 1.0)
    return _View(
        kind="if",
        text=f"if {condition_text(item.condition)}",
        verdicts=tuple(verdicts(sight, item.condition)),
        chosen=taken[1],
        ahead=(taken,),
    )


def _enter_exit(sight: Sight, item: EnterExit) -> _View:
    latch = sight.tables.plan.graph.nodes[sight.node(item)].args[0]
    inside = sight.truth(latch)[-1]
    taken = (item.then, "then", 1.0) if inside else (item.otherwise, "else", 1.0)
    state = "inside" if inside else "outside"
    return _View(
        kind="enter/exit",
        text=f"enter {condition_text(item.enter)}, exit {condition_text(item.exit)}: {state}",
        verdicts=(*verdicts(sight, item.enter), *verdicts(sight, item.exit)),
        chosen=taken[1],
        ahead=(taken,),
    )


def _switch(sight: Sight, item: Switch) -> _View:
    held = sum(sight.holds(condition) for condition in item.conditions)
    position = len(item.conditions) - held
    while item.branches[position] is None:  # an empty slot falls back to the next lower count
        position += 1
    branch = item.branches[position]
    assert branch is not None
    found = [verdict for condition in item.conditions for verdict in verdicts(sight, condition)]
    return _View(
        kind="switch",
        text=f"switch: {held} of {len(item.conditions)} conditions hold",
        verdicts=tuple(found),
        chosen=f"branch[{position + 1}]",
        ahead=((branch, f"branch[{position + 1}]", 1.0),),
    )


def _weighted(sight: Sight, item: Equal | Specified) -> _View:
    alone = len(item.children) == 1  # its parent's node is its own
    shares = [1.0] if alone else sight.shares(sight.node(item))
    text = "equal" if isinstance(item, Equal) else "weighted"
    return _divided("weights", text, item.children, shares)


def _inverse_volatility(sight: Sight, item: InverseVolatility) -> _View:
    node = sight.node(item)
    scores = sight.tables.plan.graph.nodes[node].args[1::2]
    volatility = [defined(sight.value(score)) for score in scores]
    text = f"inverse volatility over {spelling.number(item.window)} sessions"
    return _divided("weights", text, item.children, sight.shares(node), volatility=volatility)


def _filter(sight: Sight, item: Filter) -> _View:
    node = sight.node(item)
    args = sight.tables.plan.graph.nodes[node].args
    size = len(args) // len(item.children)
    scores = [defined(sight.value(score)) for score in args[1::size]]
    volatility = [defined(sight.value(score)) for score in args[2::size]] if size == 3 else None
    text = spelling.ranking(item)
    return _divided("filter", text, item.children, sight.shares(node), scores=scores, volatility=volatility)


def _scale(sight: Sight, item: Scale) -> _View:
    node = sight.node(item)
    x = defined(sight.value(sight.tables.plan.graph.nodes[node].args[0]))
    low, high = spelling.number(item.low), spelling.number(item.high)
    shown = "undefined" if x is None else f"{x:.6g}"
    text = f"scale {spelling.reading(item.reading)} = {shown} between {low} and {high}"
    shares = sight.shares(node)
    candidates = tuple(
        Candidate(name=name_of(child), share=share)
        for child, share in zip((item.start, item.end), shares, strict=True)
    )
    ahead = ((item.start, "from", shares[0]), (item.end, "to", shares[1]))
    return _View(kind="scale", text=text, candidates=candidates, ahead=ahead)


def _divided(
    kind: Kind,
    text: str,
    children: tuple[Node, ...],
    shares: list[float],
    *,
    scores: list[float | None] | None = None,
    volatility: list[float | None] | None = None,
) -> _View:
    nothing: list[float | None] = [None] * len(children)
    rows = zip(children, shares, scores or nothing, volatility or nothing, strict=True)
    return _View(
        kind=kind,
        text=text,
        candidates=tuple(
            Candidate(name=name_of(child), share=share, score=score, volatility=spread)
            for child, share, score, spread in rows
        ),
        ahead=tuple(
            (child, f"child[{k}]", share)
            for k, (child, share) in enumerate(zip(children, shares, strict=True), start=1)
        ),
    )


_VIEWS: dict[type[Node], Callable[[Sight, Any], _View]] = {
    Asset: _asset,
    Cash: _cash,
    Empty: _empty,
    Group: _group,
    If: _if,
    EnterExit: _enter_exit,
    Switch: _switch,
    Equal: _weighted,
    Specified: _weighted,
    InverseVolatility: _inverse_volatility,
    Filter: _filter,
    Scale: _scale,
}


def name_of(node: Node) -> str:
    """A node in a word: its ticker, its group's name, or its kind."""
    if isinstance(node, Asset):
        return str(node.ticker)
    return node.name if isinstance(node, Group) else type(node).__name__.lower()
