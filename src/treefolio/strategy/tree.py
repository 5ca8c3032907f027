"""The strategy as frozen values: nodes say what to hold, conditions say when.

Every class here is immutable and compared by value. `parts` lists what an item is made of, so that all
walks (`walk`, `rebuild`, equality, hashing) are written once, below, and none of them recurses: depth is
bounded by memory alone. What each word means is in `docs/semantics.md`.

A *scalar* is a number, a word, or a variable that stands for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import Any, ClassVar, Literal, TypeVar, cast

from treefolio.errors import UsageError

Number = int | float
Rebalancing = Literal["daily", "weekly", "monthly", "quarterly", "yearly", "never", "threshold"]
EmptyPolicy = Literal["redistribute", "cash"]

COMPARATORS = (">", "<", ">=", "<=", "==", "!=")
DIRECTIONS = ("top", "bottom")
REBALANCINGS = ("daily", "weekly", "monthly", "quarterly", "yearly", "never", "threshold")


@dataclass(frozen=True, slots=True)
class Var:
    """A variable's place in the tree: ``$name`` in the text form."""

    name: str

    def __str__(self) -> str:
        return f"${self.name}"


Scalar = int | float | str | Var
NumberLike = int | float | Var
Word = str | Var


@dataclass(frozen=True, slots=True)
class Reading:
    """An indicator of a ticker: ``scale · indicator(ticker, params) [sessions_ago] + offset``.

    Attributes:
        indicator: canonical name in the table of indicators.
        params: one scalar for each of the indicator's parameters, in its order, defaults filled in.
        ticker: None means "the branch that is being ranked" (only inside `Filter.by`).
        sessions_ago: 0 is the session of the decision itself.
    """

    indicator: Word
    params: tuple[NumberLike, ...] = ()
    ticker: Word | None = None
    sessions_ago: NumberLike = 0
    scale: NumberLike = 1
    offset: NumberLike = 0

    def __gt__(self, other: Operand | NumberLike) -> Compare:
        return Compare(self, ">", as_operand(other))

    def __lt__(self, other: Operand | NumberLike) -> Compare:
        return Compare(self, "<", as_operand(other))

    def __ge__(self, other: Operand | NumberLike) -> Compare:
        return Compare(self, ">=", as_operand(other))

    def __le__(self, other: Operand | NumberLike) -> Compare:
        return Compare(self, "<=", as_operand(other))

    def __mul__(self, factor: NumberLike) -> Reading:
        if self.scale != 1 or self.offset != 0:
            raise UsageError("a reading is multiplied once, before anything is added to it")
        return replace(self, scale=factor)

    __rmul__ = __mul__

    def __add__(self, summand: NumberLike) -> Reading:
        if self.offset != 0 or isinstance(summand, Reading):
            raise UsageError("one number can be added to a reading, and nothing else")
        return replace(self, offset=summand)

    def __sub__(self, subtrahend: Number) -> Reading:
        return self + -subtrahend


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or the variable that stands for it, as one side of a comparison."""

    value: NumberLike


Operand = Reading | Constant


def as_operand(value: Operand | NumberLike) -> Operand:
    """The value itself when it is an operand already, else a `Constant` of it."""
    return value if isinstance(value, Reading | Constant) else Constant(value)


class Item:
    """What nodes and conditions share: parts, and equality by value without recursion."""

    __slots__ = ()
    PARTS: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that hold other items: one item, a tuple of items, or None in a slot."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Item):
            return NotImplemented
        return self is other or all(a == b for a, b in zip_longest(_tokens(self), _tokens(other)))

    def __hash__(self) -> int:
        return hash(tuple(_tokens(self)))

    def __repr__(self) -> str:
        name = type(self).__name__
        inner = ", ".join(
            f"{f.name}={'…' if f.name in self.PARTS else repr(getattr(self, f.name))}"
            for f in fields(cast(Any, self))
        )
        return f"{name}({inner})"


ItemT = TypeVar("ItemT", bound=Item)


class Condition(Item):
    """True or false on each session; false where an operand has no value."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise UsageError(
            "a condition has no truth value of its own",
            hint="Join conditions by & and |, negate with ~, and write both sides of 30 < x < 70 apart.",
        )

    def __and__(self, other: Condition) -> AllOf:
        return AllOf((self, other))

    def __or__(self, other: Condition) -> AnyOf:
        return AnyOf((self, other))

    def __invert__(self) -> NoneOf:
        return NoneOf((self,))


class Node(Item):
    """Says, for each session, what to hold."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Compare(Condition):
    """``left comparator right``, exact and strict as written."""

    left: Operand
    comparator: Word
    right: Operand


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AllOf(Condition):
    """All of the conditions hold; an empty one holds always."""

    PARTS: ClassVar[tuple[str, ...]] = ("conditions",)
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnyOf(Condition):
    """At least one of the conditions holds; an empty one never holds."""

    PARTS: ClassVar[tuple[str, ...]] = ("conditions",)
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NoneOf(Condition):
    """None of the conditions holds; an empty one holds always."""

    PARTS: ClassVar[tuple[str, ...]] = ("conditions",)
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lasting(Condition):
    """The condition held on each of the last ``sessions`` sessions, today's included."""

    PARTS: ClassVar[tuple[str, ...]] = ("condition",)
    condition: Condition
    sessions: NumberLike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Asset(Node):
    """Hold one ticker."""

    ticker: Word


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cash(Node):
    """Hold nothing; earns 0 or `Execution.cash_rate`."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Empty(Node):
    """An empty branch: its allocation goes to its siblings, or to cash (`Strategy.empty`)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Group(Node):
    """A label on a branch; it changes nothing."""

    PARTS: ClassVar[tuple[str, ...]] = ("child",)
    name: str
    child: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Equal(Node):
    """1/n to each child."""

    PARTS: ClassVar[tuple[str, ...]] = ("children",)
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Specified(Node):
    """The given shares, one for each child, renormalised to 1."""

    PARTS: ClassVar[tuple[str, ...]] = ("children",)
    children: tuple[Node, ...]
    weights: tuple[NumberLike, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseVolatility(Node):
    """Each child in proportion to 1 / the standard deviation of its last ``window`` daily returns."""

    PARTS: ClassVar[tuple[str, ...]] = ("children",)
    children: tuple[Node, ...]
    window: NumberLike


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class If(Node):
    """``condition`` ? ``then`` : ``otherwise``."""

    PARTS: ClassVar[tuple[str, ...]] = ("condition", "then", "otherwise")
    condition: Condition
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Switch(Node):
    """The branch is chosen by how many of the n conditions hold.

    ``branches`` has n + 1 slots: the first for all n, the last for none. A slot that is None falls back
    to the next lower count; the last slot is never None (use `Empty`).
    """

    PARTS: ClassVar[tuple[str, ...]] = ("conditions", "branches")
    conditions: tuple[Condition, ...]
    branches: tuple[Node | None, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Filter(Node):
    """Rank the children by an indicator, keep the top or bottom ``count``, weight the kept ones.

    Attributes:
        by: a reading whose ticker is None; an asset is ranked on its prices, any other child on its own
            value series.
        direction: ``top`` or ``bottom``.
        weights: one scalar for each child, renormalised over the kept ones; empty for equal weights.
        volatility_window: set to weight the kept ones by inverse volatility instead.
        keep_ties: scores within 1e-9 share a place, and a place keeps all of them (elements format);
            otherwise ties go to the earlier child.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("children",)
    children: tuple[Node, ...]
    by: Reading
    direction: Word
    count: NumberLike
    weights: tuple[NumberLike, ...] = ()
    volatility_window: NumberLike | None = None
    keep_ties: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scale(Node):
    """1 − f to ``start``, f to ``end``, where f = clamp((reading − low)/(high − low), 0, 1).

    low > high inverts; low = high is an error. QuantMage's Mixed is this node.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("start", "end")
    reading: Reading
    low: NumberLike
    high: NumberLike
    start: Node
    end: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EnterExit(Node):
    """Stateful: ``then`` from the session on which ``enter`` holds until one on which ``exit`` holds.

    Outside, ``otherwise`` is held. On a session on which it is outside, only ``enter`` is looked at; on
    one on which it is inside, only ``exit``. It begins outside, on the first session of history.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("enter", "exit", "then", "otherwise")
    enter: Condition
    exit: Condition
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Variable:
    """A declared variable: its name, the values it may take, and the one taken when none is chosen."""

    name: str
    values: tuple[int | float | str, ...]
    default: int | float | str

    def __post_init__(self) -> None:
        if self.default not in self.values:
            object.__setattr__(self, "values", (self.default, *self.values))


@dataclass(frozen=True, slots=True)
class Term:
    """``scale · value + offset`` in a constraint."""

    value: NumberLike
    scale: Number = 1
    offset: Number = 0


@dataclass(frozen=True, slots=True)
class Constraint:
    """A comparison that a combination of variables must satisfy, such as ``$fast < $slow``."""

    left: Term
    comparator: str
    right: Term


@dataclass(frozen=True, slots=True)
class Rebalance:
    """When to trade: by period, never, or when some holding drifts more than ``corridor``.

    Attributes:
        corridor: absolute fraction of the portfolio (0.05 is five percentage points); only for threshold.
    """

    rule: Rebalancing = "daily"
    corridor: NumberLike | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A tree with its name, variables and rules of trading."""

    name: str
    root: Node
    variables: tuple[Variable, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    rebalance: Rebalance = Rebalance()
    empty: EmptyPolicy = "redistribute"
    description: str = ""


def parts(item: Item) -> list[tuple[str, Item | None]]:
    """What an item is made of, in order, each with the label that paths use."""
    found: list[tuple[str, Item | None]] = []
    for field in item.PARTS:
        value = getattr(item, field)
        label = _LABELS.get(field, field)
        if isinstance(value, tuple):
            found.extend((f"{label}[{k}]", part) for k, part in enumerate(value, start=1))
        else:
            found.append((label, value))
    return found


_LABELS = {"children": "child", "conditions": "condition", "branches": "branch", "otherwise": "else"}


def walk(root: Item) -> Iterator[tuple[str, Item]]:
    """Every item below and including the root, parents first, each with its path."""
    stack: list[tuple[str, Item]] = [("root", root)]
    while stack:
        path, item = stack.pop()
        yield path, item
        prefix = f'{path} "{item.name}"' if isinstance(item, Group) else path
        stack.extend(
            (f"{prefix} > {label}", part) for label, part in reversed(parts(item)) if part is not None
        )


def path_of(root: Item, position: int) -> str:
    """The path of the item that `iterate` gives at ``position``, counted from 0, as `walk` words it."""
    stack: list[tuple[Item, tuple[object, ...]]] = [(root, (None, "root"))]
    for _ in range(position):
        item, trail = stack.pop()
        if isinstance(item, Group):
            trail = (trail[0], f'{trail[1]} "{item.name}"')
        stack.extend((part, (trail, label)) for label, part in reversed(parts(item)) if part is not None)
    labels: list[str] = []
    step: object = stack[-1][1]
    while isinstance(step, tuple):
        step, label = step
        labels.append(label)
    return " > ".join(reversed(labels))


def depth(root: Node) -> int:
    """The largest number of nodes on a way from the root down, conditions not counted."""
    deepest = 0
    stack: list[tuple[int, Item]] = [(1, root)]
    while stack:
        level, item = stack.pop()
        if isinstance(item, Node):
            deepest = max(deepest, level)
            stack.extend((level + 1, part) for _, part in parts(item) if part is not None)
    return deepest


def count_nodes(root: Node) -> int:
    """The number of nodes in the tree, conditions not counted."""
    return sum(isinstance(item, Node) for item in iterate(root))


def iterate(root: Item) -> Iterator[Item]:
    """Every item below and including the root, parents first, without paths (so without their cost)."""
    stack = [root]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(part for _, part in reversed(parts(item)) if part is not None)


def rebuild(root: ItemT, change: Callable[[Item], Item]) -> ItemT:
    """The tree with ``change`` applied to every item, parts first. What does not change is shared."""
    done: dict[int, Item] = {}
    for item in reversed(list(iterate(root))):
        if id(item) not in done:
            done[id(item)] = change(with_parts(item, done))
    return cast(ItemT, done[id(root)])


def with_parts(item: Item, done: dict[int, Item]) -> Item:
    """``item`` with its parts replaced by what ``done`` maps their `id` to."""
    changed: dict[str, object] = {}
    for field in item.PARTS:
        old = getattr(item, field)
        if isinstance(old, tuple):
            new = tuple(None if part is None else done[id(part)] for part in old)
            if any(a is not b for a, b in zip(old, new, strict=True)):
                changed[field] = new
        elif done[id(old)] is not old:
            changed[field] = done[id(old)]
    return cast(Item, replace(cast(Any, item), **changed)) if changed else item


def _tokens(root: Item) -> Iterator[tuple[object, ...]]:
    """The tree as a flat sequence of hashable tokens: equal trees, and only they, have equal ones."""
    for item in iterate(root):
        slots = tuple(part is None for _, part in parts(item))
        yield (type(item), own_fields(item), slots)


def own_fields(item: Item) -> tuple[object, ...]:
    """The values of an item's fields that are not its parts, hashable."""
    return tuple(getattr(item, f.name) for f in fields(cast(Any, item)) if f.name not in item.PARTS)
