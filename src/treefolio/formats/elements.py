"""The elements format (the card builder's documents) → strategy.

`ELEMENTS` is the table of element types. Scalars and variables are read by `elements_fields`. Returns and
volatility are fractions here, so nothing is converted. Weights are percent of the parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from treefolio.errors import did_you_mean
from treefolio.formats.composer_words import DEFAULT_NAME, is_branch
from treefolio.formats.desk import Branches, Desk, Place, Seed, as_conditions, as_node, as_nodes, grow
from treefolio.formats.dialect import note_level
from treefolio.formats.elements_fields import Fields
from treefolio.formats.keys import pass_over
from treefolio.formats.scalars import mapping, plain, sequence, shown, text, word
from treefolio.indicators import INDICATORS
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Asset,
    Compare,
    Condition,
    Constant,
    Empty,
    Equal,
    Filter,
    Group,
    If,
    Item,
    Node,
    NoneOf,
    NumberLike,
    Operand,
    Reading,
    Scale,
    Specified,
    Strategy,
    Var,
)

_DOCUMENT_KEYS = ("name", "description", "elements", "variables")
_FOR_DISPLAY = ("version", "versioningEnabled", "strategyVersion", "createdAt", "updatedAt", "id")
_TOLERANCE = 0.01
_FULL = 100
_MODES: Mapping[str, Callable[[tuple[Condition, ...]], Condition]] = {
    "if": lambda conditions: conditions[0],
    "if_all": AllOf,
    "if_any": AnyOf,
    "if_none": NoneOf,
}
_WEIGHT_MODES = {"equal": "equal", "defined": "defined"}
_COMPARED = {"indicator": "indicator", "threshold": "threshold", "value": "threshold"}


def read_elements(document: dict[str, object], desk: Desk) -> Strategy:
    """The strategy of an elements document.

    Raises:
        FormatError: as described in `docs/formats.md`, with path, line and column.
        LimitError: more nodes than the limit.
    """
    place = Place("root", None, document)
    for key, value in document.items():
        if key not in _DOCUMENT_KEYS and key not in _FOR_DISPLAY:
            pass_over(key, value, _DOCUMENT_KEYS, desk, place)
    reader = _Reader(desk)
    reader.fields.declare(document.get("variables"), place)
    root = grow(Seed(document, place, reader.expand_document), desk)
    if not (desk.problems or reader.tickers):
        desk.fail("the strategy holds no ticker", place, hint="Add at least one ticker.")
    return Strategy(
        name=text(document.get("name"), desk, place, "the name") or DEFAULT_NAME,
        description=text(document.get("description"), desk, place, "the description"),
        root=root,
        variables=reader.fields.variables(),
        empty="redistribute",
    )


@dataclass(frozen=True, slots=True)
class Element:
    """How one type of element is read, and the keys that have a meaning in it."""

    read: Callable[[_Reader, dict[str, object], Place], Item | Branches]
    keys: frozenset[str]


class _Reader:
    """Reads the elements of one document."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = Fields(desk)
        self.tickers = 0

    def expand_document(self, value: object, place: Place) -> Branches:
        """The root elements by their own weights; a single one takes all."""
        document = mapping(value, self.desk, place, "the document")
        seeds = self.seeds(document.get("elements"), place, "element")
        if not seeds:
            self.desk.fail("the document has no elements", place, hint="Add at least one ticker.")
        weights = self.weights(seeds, place, "the root elements") if len(seeds) > 1 else ()
        return Branches(seeds, lambda items: _by_weights(as_nodes(items), weights))

    def expand(self, value: object, place: Place) -> Item | Branches:
        """The node that an element stands for."""
        element = mapping(value, self.desk, place, "an element")
        kind = element.get("type")
        known = ELEMENTS.get(kind) if isinstance(kind, str) else None
        if known is None:
            hint = did_you_mean(kind, ELEMENTS) if isinstance(kind, str) else None
            self.desk.unsupported(f"the type {shown(kind)} is not known", place, hint=hint)
        if element.get("id") in (None, ""):
            self.desk.fail("the element has no id", place, hint="Every element needs an id.")
        for key, held in element.items():
            if key not in known.keys and key not in ("id", "type", "weight", "name"):
                pass_over(key, held, known.keys, self.desk, place)
        return known.read(self, element, place)

    def seeds(self, listed: object, place: Place, label: str = "child") -> list[Seed]:
        return [
            Seed(child, place.at(_label(child, f"{label}[{k}]"), child), self.expand)
            for k, child in enumerate(sequence(listed, self.desk, place, f"the {label} list"), 1)
        ]

    def weights(self, seeds: Sequence[Seed], place: Place, whose: str) -> tuple[NumberLike, ...]:
        """The elements' weights as fractions (as percent when some are variables), which sum to 1.

        Raises:
            FormatError: one is missing or not from 0 to 100, or they do not sum to 100.
        """
        found = [self.weight(seed, required=True) for seed in seeds]
        numbers = [weight for weight in found if not isinstance(weight, Var)]
        if len(numbers) < len(found):
            return tuple(found)
        if abs(sum(numbers) - _FULL) > _TOLERANCE:
            self.desk.fail(f"the weights of {whose} sum to {sum(numbers):g}, not to 100", place)
        return tuple(plain(Fraction(str(weight)) / _FULL) for weight in numbers)

    def weight(self, seed: Seed, *, required: bool) -> NumberLike:
        """One element's own weight in percent; 0 for a missing one that is not required."""
        given = seed.value.get("weight") if isinstance(seed.value, dict) else None
        if given in (None, "") and not required:
            return 0
        weight = self.fields.number(given, "the weight", seed.place)
        if not isinstance(weight, Var) and not 0 <= weight <= _FULL:
            self.desk.fail(f"the weight must be from 0 to 100, not {shown(given)}", seed.place)
        return weight

    def shares(self, seeds: Sequence[Seed]) -> tuple[NumberLike, ...]:
        """The weights of several elements, whatever their sum; none when no element has any."""
        found = tuple(self.weight(seed, required=False) for seed in seeds)
        return found if any(isinstance(weight, Var) or weight > 0 for weight in found) else ()

    def named(self, element: Mapping[str, object], made: Node, place: Place) -> Node:
        """The node under its name, when it has one."""
        name = text(element.get("name"), self.desk, place, "the name")
        return Group(name, made) if name else made

    def ticker(self, element: dict[str, object], place: Place) -> Item:
        self.tickers += 1
        return Asset(self.fields.ticker(element.get("ticker"), place))

    def weighted(self, element: dict[str, object], place: Place) -> Branches:
        mode = word(element.get("weightMode", "equal"), _WEIGHT_MODES, self.desk, place, "the weightMode")
        seeds = self.seeds(element.get("children"), place)
        weights = self.weights(seeds, place, "the children") if seeds and mode == "defined" else ()
        return Branches(seeds, lambda items: self.named(element, _shared(as_nodes(items), weights), place))

    def gate(self, element: dict[str, object], place: Place) -> Branches:
        join = word(element.get("conditionMode", "if"), _MODES, self.desk, place, "the conditionMode")
        listed = sequence(element.get("conditions"), self.desk, place, "the conditions")
        if not listed and element.get("condition") is not None:
            listed = [element["condition"]]
        if not listed:
            self.desk.fail("the gate has no condition", place, hint="A gate needs a condition.")
        if join is _MODES["if"] and len(listed) > 1:
            self.desk.note("ignored", "in mode if, conditions after the first have no effect", place)
            listed = listed[:1]
        conditions = [
            Seed(condition, place.at(f"condition[{k}]", condition), self.condition, is_node=False)
            for k, condition in enumerate(listed, 1)
        ]
        branches = [self.branch(element, name, place) for name in ("then", "else")]
        if not (element.get("thenChildren") or element.get("elseChildren")):
            self.desk.note("approximated", "both branches of a gate are empty", place)
        count = len(conditions)
        return Branches(
            [*conditions, *branches],
            lambda items: self.named(
                element,
                If(join(as_conditions(items[:count])), as_node(items[count]), as_node(items[count + 1])),
                place,
            ),
        )

    def branch(self, element: Mapping[str, object], name: str, place: Place) -> Seed:
        """A list of children that share what the branch gets."""
        listed = element.get(f"{name}Children")
        return Seed(listed, place.at(name, listed), self.expand_branch)

    def expand_branch(self, value: object, place: Place) -> Branches:
        """One child gets everything, whatever its weight; several share by their weights."""
        seeds = self.seeds(value, place)
        shares = self.shares(seeds) if len(seeds) > 1 else ()
        return Branches(seeds, lambda items: _by_weights(as_nodes(items), shares))

    def condition(self, value: object, place: Place) -> Item:
        condition = mapping(value, self.desk, place, "a condition")
        for key, held in condition.items():
            if key not in _CONDITION_KEYS and key != "id":
                pass_over(key, held, _CONDITION_KEYS, self.desk, place)
        left = self.reading(condition, ("ticker", "indicator", "params", "period"), place)
        comparator = self.fields.comparator(condition.get("operator"), place)
        return Compare(left, comparator, self.right_side(condition, place))

    def right_side(self, condition: Mapping[str, object], place: Place) -> Operand:
        """The threshold or the other indicator, as ``compareTo`` says."""
        threshold = condition.get("threshold")
        compared = condition.get("compareTo")
        if compared in (None, ""):
            compared = "indicator" if threshold in (None, "") else "threshold"
        if word(compared, _COMPARED, self.desk, place, "the compareTo") == "threshold":
            return Constant(self.fields.number(threshold, "the threshold", place))
        names = ("rightTicker", "rightIndicator", "rightParams", "rightPeriod")
        return self.reading(condition, names, place)

    def reading(
        self, holder: Mapping[str, object], names: tuple[str, str, str, str], place: Place
    ) -> Reading:
        """The indicator of a ticker that four keys name."""
        ticker, indicator, params, period = (holder.get(name) for name in names)
        symbol = self.fields.ticker(ticker, place)
        name, values = self.fields.indicator(indicator, params, period, place)
        self.note_start(name, place)
        return Reading(name, values, symbol)

    def note_start(self, name: object, place: Place) -> None:
        if name == "return_since_start":
            message = "CUMULATIVE_RETURN counts from the first price of the data"
            self.desk.note("approximated", message, place)

    def scale(self, element: dict[str, object], place: Place) -> Branches:
        inner = place.at("config", element.get("config"))
        config = mapping(element.get("config"), self.desk, inner, "the config")
        for key, held in config.items():
            if key not in _CONFIG_KEYS and key != "id":
                pass_over(key, held, _CONFIG_KEYS, self.desk, inner)
        if not element.get("fromChildren") or not element.get("toChildren"):
            self.desk.fail("the scale needs two branches", place, hint="Fill both from and to.")
        reading = self.reading(config, ("ticker", "indicator", "params", "period"), inner)
        low = self.fields.number(config.get("rangeMin"), "rangeMin", inner)
        high = self.fields.number(config.get("rangeMax"), "rangeMax", inner)
        if low == high:
            self.desk.fail("rangeMin and rangeMax of a scale must differ", inner)
        return Branches(
            [self.branch(element, name, place) for name in ("from", "to")],
            lambda items: self.named(
                element, Scale(reading, low, high, as_node(items[0]), as_node(items[1])), place
            ),
        )

    def sort(self, element: dict[str, object], place: Place) -> Branches:
        """Ranks the children; the winners share by their weights, equally when none has one."""
        seeds = self.seeds(element.get("children"), place)
        if not seeds:
            self.desk.fail("the sort has no child", place, hint="A sort needs at least one child.")
        direction = self.fields.direction(element.get("direction"), place)
        if element.get("count") in (None, ""):
            self.desk.fail("the sort has no count", place, hint="Say how many to keep.")
        count = self.fields.whole(element.get("count"), "the count", place)
        name, params = self.fields.indicator(
            element.get("indicator"), element.get("params"), element.get("period"), place
        )
        self.note_start(name, place)
        shares = self.shares(seeds)

        def join(items: list[Item]) -> Item:
            nodes = as_nodes(items)
            if isinstance(name, str):
                note_level(INDICATORS[name], any(map(is_branch, nodes)), self.desk, place)
            by = Reading(name, params)
            return self.named(element, Filter(nodes, by, direction, count, shares, keep_ties=True), place)

        return Branches(seeds, join)


def _by_weights(nodes: Sequence[Node], weights: tuple[NumberLike, ...]) -> Node:
    """One node alone, several by their weights."""
    return nodes[0] if len(nodes) == 1 else _shared(nodes, weights)


def _shared(nodes: Sequence[Node], weights: tuple[NumberLike, ...]) -> Node:
    """By the weights, equally without them; nothing without nodes."""
    if not nodes:
        return Empty()
    return Specified(tuple(nodes), weights) if weights else Equal(tuple(nodes))


def _label(child: object, label: str) -> str:
    name = child.get("name") if isinstance(child, dict) else None
    return f'{label} "{name}"' if isinstance(name, str) and name else label


_READING = frozenset({"indicator", "params", "period"})
_CONFIG_KEYS = _READING | {"ticker", "rangeMin", "rangeMax"}
_CONDITION_KEYS = _READING | {
    *("ticker", "operator", "compareTo", "threshold"),
    *("rightTicker", "rightIndicator", "rightParams", "rightPeriod"),
}

ELEMENTS: Mapping[str, Element] = {
    "ticker": Element(_Reader.ticker, frozenset({"ticker"})),
    "weight": Element(_Reader.weighted, frozenset({"weightMode", "children"})),
    "gate": Element(
        _Reader.gate,
        frozenset({"conditionMode", "conditions", "condition", "thenChildren", "elseChildren"}),
    ),
    "scale": Element(_Reader.scale, frozenset({"config", "fromChildren", "toChildren"})),
    "sort": Element(_Reader.sort, _READING | {"direction", "count", "children"}),
}
"""What each type of element means."""
