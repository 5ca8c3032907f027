"""QuantMage's trees of incantations → strategy.

`INCANTATIONS` is the table of node kinds. Two facts about these files are easily missed: numbers went
through 32-bit floats (0.009999999776482582 is 0.01), and a Switch lists its branches from all conditions
down to none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from treefolio.errors import did_you_mean
from treefolio.formats.composer_words import is_branch
from treefolio.formats.desk import (
    Branches,
    Desk,
    Place,
    Seed,
    as_condition,
    as_conditions,
    as_node,
    as_nodes,
    grow,
)
from treefolio.formats.dialect import in_fractions, note_level
from treefolio.formats.keys import pass_over
from treefolio.formats.quantmage_conditions import condition_seed, indicator_and_params, read_ticker
from treefolio.formats.scalars import (
    exact,
    flag,
    mapping,
    plain,
    sequence,
    shown,
    single_precision,
    text,
    whole,
    word,
)
from treefolio.strategy.tree import (
    Asset,
    Empty,
    EnterExit,
    Equal,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    Node,
    NumberLike,
    Reading,
    Rebalance,
    Rebalancing,
    Scale,
    Specified,
    Strategy,
    Switch,
)

_DEFAULT_NAME = "Untitled"
_OPEN_NULL = (
    "a null branch is empty: its share goes to its siblings [open: no evidence settles what QuantMage does; "
    "the strategy's policy for empty branches says it]"
)
_KINDS = {"equal": "equal", "custom": "custom", "inversevolatility": "inverse"}
_PERIODS: Mapping[str, Rebalancing] = {
    "daily": "daily",
    "weekly": "weekly",
    "monthly": "monthly",
    "quarterly": "quarterly",
    "yearly": "yearly",
    "annually": "yearly",
    "none": "never",
    "never": "never",
    "threshold": "threshold",
}
_DOCUMENT_KEYS = ("name", "description", "incantation", "trading_type", "threshold", "version")
_COMMENTS = {"comment", "comments", "then_comment", "else_comment", "from_comment", "to_comment"}
_COMMENTS |= {"enter_comment", "exit_comment"}


def read_quantmage(document: dict[str, object], desk: Desk) -> Strategy:
    """The strategy of a QuantMage document, or of a bare incantation.

    Raises:
        FormatError: as described in `docs/formats.md`, with path, line and column.
        LimitError: more nodes than the limit.
    """
    place = Place("root", None, document)
    bare = "incantation" not in document
    tree = document if bare else document["incantation"]
    reader = _Reader(desk)
    root = grow(Seed(tree, Place("root", None, tree or document), reader.expand), desk)
    if not bare:
        _note_settings(document, desk, place)
    return Strategy(
        name=text(document.get("name"), desk, place, "the name") or _DEFAULT_NAME,
        description=text(document.get("description"), desk, place, "the description"),
        root=root,
        rebalance=Rebalance() if bare else _rebalance(document, desk, place),
    )


def _rebalance(document: Mapping[str, object], desk: Desk, place: Place) -> Rebalance:
    """``trading_type`` Threshold trades by drift; ``threshold`` counts percentage points."""
    kind, width = document.get("trading_type"), document.get("threshold")
    if kind is None:
        desk.note("approximated", "no trading_type is given; daily is assumed", place)
        return Rebalance()
    rule = word(kind, _PERIODS, desk, place, "the trading_type")
    if rule != "threshold":
        if width:
            desk.note("ignored", f"a threshold beside {rule} trading has no effect", place)
        return Rebalance(rule)
    points = exact(single_precision(width), desk, place, "the threshold")
    if not 0 <= points <= 100:
        desk.fail(f"the threshold must be from 0 to 100 percentage points, not {shown(width)}", place)
    return Rebalance("threshold", plain(points / 100))


def _note_settings(document: Mapping[str, object], desk: Desk, place: Place) -> None:
    """Settings of a run, which a strategy has none of."""
    settings = [
        f"{key} {shown(value)}" for key, value in document.items() if key not in _DOCUMENT_KEYS and value
    ]
    if settings:
        desk.note("ignored", f"settings of a run, no part of the strategy: {', '.join(settings)}", place)


@dataclass(frozen=True, slots=True)
class Incantation:
    """How one kind of node is read, and the keys that have a meaning in it."""

    read: Callable[[_Reader, dict[str, object], Place], Item | Branches]
    keys: frozenset[str]


class _Reader:
    """Reads the incantations of one document."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def expand(self, value: object, place: Place) -> Item | Branches:
        """The node that an incantation stands for."""
        if value is None:
            self.desk.note("approximated", _OPEN_NULL, place)
            return Empty()
        node = mapping(value, self.desk, place, "an incantation")
        kind = node.get("incantation_type")
        known = INCANTATIONS.get(kind) if isinstance(kind, str) else None
        if known is None:
            hint = did_you_mean(kind, INCANTATIONS) if isinstance(kind, str) else None
            self.desk.unsupported(f"the incantation_type {shown(kind)} is not known", place, hint=hint)
        for key, held in node.items():
            if key in known.keys or key in ("incantation_type", "name", "id") or key in _COMMENTS:
                continue
            pass_over(key, held, known.keys, self.desk, place)
        return known.read(self, node, place)

    def seeds(self, node: Mapping[str, object], place: Place, label: str = "child") -> list[Seed]:
        """The incantations inside one."""
        inner = sequence(node.get("incantations"), self.desk, place, "the incantations")
        return [
            Seed(child, place.at(f"{label}[{k}]", child), self.expand) for k, child in enumerate(inner, 1)
        ]

    def branch(self, node: Mapping[str, object], name: str, place: Place) -> Seed:
        """The incantation in a named slot."""
        child = node.get(f"{name}_incantation")
        return Seed(child, place.at(name, child), self.expand)

    def named(self, node: Mapping[str, object], made: Node, place: Place) -> Node:
        """The node under its name, when it has one."""
        name = text(node.get("name"), self.desk, place, "the name")
        return Group(name, made) if name else made

    def ticker(self, node: dict[str, object], place: Place) -> Item:
        return Asset(read_ticker(node.get("symbol"), self.desk, place))

    def weighted(self, node: dict[str, object], place: Place) -> Branches:
        kind = word(node.get("type", "Equal"), _KINDS, self.desk, place, "the kind of weights")
        children = self.seeds(node, place)
        weights = self.weights(node, len(children), place) if kind == "custom" else ()
        window = self.window(node, place) if kind == "inverse" else None

        def join(items: list[Item]) -> Item:
            nodes = as_nodes(items)
            if not nodes:
                made: Node = self.nothing(place)
            elif window is not None:
                made = InverseVolatility(nodes, window)
            else:
                made = Specified(nodes, weights) if weights else Equal(nodes)
            return self.named(node, made, place)

        return Branches(children, join)

    def nothing(self, place: Place) -> Empty:
        """An incantation with nothing in it."""
        self.desk.note("approximated", _OPEN_NULL, place)
        return Empty()

    def weights(self, node: Mapping[str, object], count: int, place: Place) -> tuple[NumberLike, ...]:
        """Custom weights, one for each child, in percent; here as fractions."""
        given = sequence(node.get("weights"), self.desk, place, "the weights")
        if len(given) != count:
            self.desk.unsupported(f"there are {len(given)} weights for {count} branches", place)
        shares = [exact(single_precision(share), self.desk, place, "a weight") for share in given]
        if shares and (min(shares) < 0 or sum(shares) == 0):
            self.desk.fail("the weights must not be negative, nor all zero", place)
        return tuple(plain(share / 100) for share in shares)

    def window(self, node: Mapping[str, object], place: Place) -> int:
        return whole(
            node.get("inverse_volatility_window"),
            self.desk,
            place,
            "the window of inverse volatility",
            minimum=2,
        )

    def filtered(self, node: dict[str, object], place: Place) -> Branches:
        indicator, params = indicator_and_params(node.get("sort_indicator"), self.desk, place)
        bottom = flag(node.get("bottom"), self.desk, place, "bottom")
        count = whole(node.get("count"), self.desk, place, "the count")
        kind = word(node.get("weight_type", "Equal"), _KINDS, self.desk, place, "the weight_type")
        children = self.seeds(node, place)
        weights = self.weights(node, len(children), place) if kind == "custom" else ()
        if weights:
            self.desk.note(
                "approximated",
                "custom weights of a filter are taken to belong to its branches, not to their ranks [open]",
                place,
            )
        window = self.window(node, place) if kind == "inverse" else None

        def join(items: list[Item]) -> Item:
            nodes = as_nodes(items)
            if not nodes:
                return self.named(node, self.nothing(place), place)
            note_level(indicator, any(map(is_branch, nodes)), self.desk, place)
            by = Reading(indicator.name, params)
            direction = "bottom" if bottom else "top"
            return self.named(node, Filter(nodes, by, direction, count, weights, window), place)

        return Branches(children, join)

    def if_else(self, node: dict[str, object], place: Place) -> Branches:
        return Branches(
            [
                condition_seed(node.get("condition"), self.desk, place, "condition"),
                self.branch(node, "then", place),
                self.branch(node, "else", place),
            ],
            lambda items: self.named(
                node, If(as_condition(items[0]), as_node(items[1]), as_node(items[2])), place
            ),
        )

    def switch(self, node: dict[str, object], place: Place) -> Branches:
        """n conditions, n + 1 slots; a null slot falls to the next one, the last is the base."""
        conditions = sequence(node.get("conditions"), self.desk, place, "the conditions")
        slots = sequence(node.get("incantations"), self.desk, place, "the incantations")
        if not conditions or len(slots) != len(conditions) + 1:
            self.desk.fail(
                f"a Switch with {len(conditions)} conditions has {len(slots)} branches, "
                f"not {len(conditions) + 1}",
                place,
            )
        seeds = [
            condition_seed(condition, self.desk, place, f"condition[{k}]")
            for k, condition in enumerate(conditions, 1)
        ]
        last = len(slots)
        taken = [k for k, slot in enumerate(slots, 1) if slot is not None or k == last]
        seeds += [Seed(slots[k - 1], place.at(f"branch[{k}]", slots[k - 1]), self.expand) for k in taken]
        count = len(conditions)

        def join(items: list[Item]) -> Item:
            grown = dict(zip(taken, as_nodes(items[count:]), strict=True))
            branches = tuple(grown.get(k) for k in range(1, last + 1))
            return self.named(node, Switch(as_conditions(items[:count]), branches), place)

        return Branches(seeds, join)

    def mixed(self, node: dict[str, object], place: Place) -> Branches:
        """Like a scale: all ``from`` at from_value, all ``to`` at to_value."""
        indicator, params = indicator_and_params(node.get("indicator"), self.desk, place)
        ticker = read_ticker(node.get("ticker_symbol"), self.desk, place)
        low, high = (self.number(node.get(key), key, place) for key in ("from_value", "to_value"))
        if low == high:
            self.desk.fail("from_value and to_value of a Mixed must differ", place)
        reading = Reading(indicator.name, params, ticker)
        return Branches(
            [self.branch(node, "from", place), self.branch(node, "to", place)],
            lambda items: self.named(
                node,
                Scale(
                    reading,
                    in_fractions(low, indicator),
                    in_fractions(high, indicator),
                    as_node(items[0]),
                    as_node(items[1]),
                ),
                place,
            ),
        )

    def enter_exit(self, node: dict[str, object], place: Place) -> Branches:
        return Branches(
            [
                condition_seed(node.get("enter_condition"), self.desk, place, "enter"),
                condition_seed(node.get("exit_condition"), self.desk, place, "exit"),
                self.branch(node, "enter", place),
                self.branch(node, "exit", place),
            ],
            lambda items: self.named(
                node,
                EnterExit(
                    as_condition(items[0]), as_condition(items[1]), as_node(items[2]), as_node(items[3])
                ),
                place,
            ),
        )

    def number(self, value: object, what: str, place: Place) -> Fraction:
        return exact(single_precision(value), self.desk, place, what)


_LISTS = frozenset({"incantations", "inverse_volatility_window", "weights"})

INCANTATIONS: Mapping[str, Incantation] = {
    "Ticker": Incantation(_Reader.ticker, frozenset({"symbol"})),
    "Weighted": Incantation(_Reader.weighted, _LISTS | {"type"}),
    "Filtered": Incantation(_Reader.filtered, _LISTS | {"sort_indicator", "bottom", "count", "weight_type"}),
    "IfElse": Incantation(_Reader.if_else, frozenset({"condition", "then_incantation", "else_incantation"})),
    "Switch": Incantation(_Reader.switch, frozenset({"conditions", "incantations"})),
    "Mixed": Incantation(
        _Reader.mixed,
        frozenset(
            {"indicator", "ticker_symbol", "from_value", "to_value", "from_incantation", "to_incantation"}
        ),
    ),
    "EnterExit": Incantation(
        _Reader.enter_exit,
        frozenset({"enter_condition", "exit_condition", "enter_incantation", "exit_incantation"}),
    ),
}
"""What each kind of node means."""
