"""Composer's Clojure DSL → strategy: ``(defsymphony "Name" {options} tree)``, or the tree alone.

It is read from EDN forms, and from the same forms written as JSON arrays (``["if", [">", …], …]``), where a
list is an operation when it begins with a string. `OPERATIONS` is the table of what stands for a node,
`CONDITIONS` of what stands for a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import NoReturn

from treefolio.errors import did_you_mean
from treefolio.formats import composer_words as words
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
from treefolio.formats.dialect import (
    COMPARATORS,
    Read,
    Side,
    compare,
    indicator_named,
    note_level,
    parameters,
)
from treefolio.formats.scalars import exact, mapping, shown, text, ticker, to_exact, whole
from treefolio.indicators import Indicator
from treefolio.strategy.tree import (
    AllOf,
    AnyOf,
    Condition,
    Filter,
    Group,
    If,
    InverseVolatility,
    Item,
    NoneOf,
    NumberLike,
    Reading,
    Rebalance,
    Strategy,
)

DEFINITION = "defsymphony"
_FOR_DISPLAY = ("asset-class", "asset-classes", "description")
_Form = tuple[str, list[object]]


def operation(value: object) -> _Form | None:
    """The name of an operation and what it is applied to; None for anything else."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0], value[1:]
    return None


def is_dsl(value: object) -> bool:
    """Whether a form is a strategy in this language."""
    form = operation(value)
    return form is not None and (form[0] == DEFINITION or form[0] in OPERATIONS)


def read_dsl(document: object, desk: Desk) -> Strategy:
    """The strategy of a definition, or of a tree alone (without a name, rebalanced daily).

    Raises:
        FormatError: as described in `docs/formats.md`, with path, line and column.
        LimitError: more nodes than the limit.
    """
    place = Place("root", None, document)
    form = operation(document)
    reader = _Reader(desk)
    name, options, trees = words.DEFAULT_NAME, dict[str, object](), [document]
    if form is not None and form[0] == DEFINITION:
        trees = form[1]
        if trees and isinstance(trees[0], str):
            name = text(trees[0], desk, place, "the name") or name
            trees = trees[1:]
        if trees and isinstance(trees[0], dict):
            options = {_bare(key): value for key, value in trees[0].items()}
            trees = trees[1:]
        if not trees:
            desk.fail("the definition holds no tree", place)
    seeds = reader.seeds(trees, place) if len(trees) > 1 else [Seed(trees[0], place, reader.expand)]
    whole_tree = Seed(None, place, lambda _value, _place: reader.together(seeds, place))
    return Strategy(
        name=name,
        description=text(options.get("description"), desk, place, "the description"),
        root=grow(whole_tree, desk),
        rebalance=_rebalance(options, desk, place),
    )


def _rebalance(options: Mapping[str, object], desk: Desk, place: Place) -> Rebalance:
    known = ("rebalance-frequency", "rebalance-threshold", "rebalance", "rebalance-corridor-width")
    for key, value in options.items():
        if key not in (*known, *_FOR_DISPLAY):
            if key.startswith("rebalance"):
                desk.unknown_key(key, place, hint=did_you_mean(key, known))
            desk.note("ignored", f"the option {key} ({shown(value)}) is no part of the tree", place)
    given = {key: options[key] for key in known if options.get(key) is not None}
    rule = given.get("rebalance-frequency", given.get("rebalance"))
    corridor = given.get("rebalance-threshold", given.get("rebalance-corridor-width"))
    return words.rebalance(rule, corridor, desk, place)


class _Reader:
    """Reads the forms of one document."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def expand(self, value: object, place: Place) -> Item | Branches:
        """The node that a form stands for; a vector of several forms weights them equally."""
        if value is None:
            return words.empty(self.desk, place)
        form = operation(value)
        if form is None:
            if isinstance(value, list):
                return self.together(self.seeds([value], place), place)
            self.desk.fail(f"a node is missing; here stands {shown(value)}", place)
        name, arguments = form
        read = OPERATIONS.get(name)
        if read is None:
            self.refuse(name, arguments, OPERATIONS, "operation", place)
        return read(self, arguments, place)

    def refuse(
        self, name: str, arguments: list[object], known: Mapping[str, object], what: str, place: Place
    ) -> NoReturn:
        """Say what an unknown form is."""
        if name == "unimplemented":
            said = " ".join(shown(argument) for argument in arguments)
            self.desk.unsupported(
                f"Composer wrote (unimplemented {said}): it could not state this part in its own language",
                place,
                hint="Export the symphony as JSON instead.",
            )
        self.desk.unsupported(f"the {what} {name} is not known", place, hint=did_you_mean(name, known))

    def seeds(self, forms: list[object], place: Place) -> list[Seed]:
        """One seed for each node among the arguments, through vectors."""
        seeds = []
        for k, form in enumerate(_flat(forms), 1):
            named = operation(form)
            label = f"child[{k}]"
            if named is not None and named[0] == "group" and named[1] and isinstance(named[1][0], str):
                label = f'{label} "{named[1][0]}"'
            seeds.append(Seed(form, place.at(label, form), self.expand))
        return seeds

    def together(self, seeds: list[Seed], place: Place) -> Branches:
        return Branches(seeds, lambda items: words.together(as_nodes(items), self.desk, place))

    def equal(self, arguments: list[object], place: Place) -> Branches:
        return Branches(
            self.seeds(arguments, place), lambda items: words.equal(as_nodes(items), self.desk, place)
        )

    def market_cap(self, arguments: list[object], place: Place) -> Branches:
        self.desk.note("approximated", words.MARKET_CAP, place)
        return self.equal(arguments, place)

    def specified(self, arguments: list[object], place: Place) -> Branches:
        """``weight form weight form …``."""
        flat = list(_flat(arguments))
        if len(flat) % 2:
            self.desk.fail("weight-specified takes a weight before each node", place)
        weights = [exact(weight, self.desk, place, "a weight") for weight in flat[::2]]
        return Branches(
            self.seeds(flat[1::2], place),
            lambda items: words.specified(as_nodes(items), weights, self.desk, place),
        )

    def inverse_volatility(self, arguments: list[object], place: Place) -> Branches:
        given = arguments[0] if arguments else None
        if isinstance(given, dict):
            given = {_bare(key): value for key, value in given.items()}.get("window")
        window = whole(given, self.desk, place, "the window of inverse volatility", minimum=2)
        return Branches(
            self.seeds(arguments[1:], place),
            lambda items: (
                InverseVolatility(as_nodes(items), window) if items else words.empty(self.desk, place)
            ),
        )

    def group(self, arguments: list[object], place: Place) -> Branches:
        if not arguments or not isinstance(arguments[0], str):
            self.desk.fail("a group needs a name", place)
        name = arguments[0].strip()
        return Branches(
            self.seeds(arguments[1:], place),
            lambda items: Group(name, words.together(as_nodes(items), self.desk, place)),
        )

    def asset(self, arguments: list[object], place: Place) -> Item:
        """``(asset ticker name)``; the name is for display."""
        if not arguments:
            self.desk.fail("an asset needs a ticker", place)
        for extra in arguments[1:]:
            if extra is not None and not isinstance(extra, str):
                self.desk.unsupported(f"an asset holds {shown(extra)}", place)
        return words.asset(arguments[0], self.desk, place)

    def empty(self, arguments: list[object], place: Place) -> Item:
        if arguments:
            self.desk.unsupported("an empty node holds something", place)
        return words.empty(self.desk, place)

    def choice(self, arguments: list[object], place: Place) -> Branches:
        """``(if condition then else)``, each branch a form or a vector of them."""
        if len(arguments) not in (2, 3):
            self.desk.fail(
                f"an if takes a condition and one or two branches, not {len(arguments)} parts", place
            )
        condition, then, *other = arguments
        seeds = [
            Seed(condition, place.at("condition", condition), self.condition, is_node=False),
            Seed(then, place.at("then", then), self.expand),
            *(Seed(branch, place.at("else", branch), self.expand) for branch in other),
        ]

        def join(items: list[Item]) -> Item:
            otherwise = as_node(items[2]) if other else words.empty(self.desk, place.at("else"))
            return If(as_condition(items[0]), as_node(items[1]), otherwise)

        return Branches(seeds, join)

    def filter(self, arguments: list[object], place: Place) -> Branches:
        """``(filter (indicator {…}) (select-top n) [nodes])``."""
        by = operation(arguments[0]) if arguments else None
        select = operation(arguments[1]) if len(arguments) > 1 else None
        if by is None or select is None:
            self.desk.fail("a filter takes an indicator, a selection and its nodes", place)
        direction = _SELECTIONS.get(select[0])
        if direction is None or len(select[1]) != 1:
            hint = did_you_mean(select[0], _SELECTIONS) or "Write (select-top n) or (select-bottom n)."
            self.desk.unsupported(f"the selection {select[0]} is not known", place, hint=hint)
        count = whole(select[1][0], self.desk, place, "the number to select")
        indicator, params = self.indicator(by[0], by[1], place)

        def join(items: list[Item]) -> Item:
            nodes = as_nodes(items)
            if not nodes:
                return words.empty(self.desk, place)
            note_level(indicator, any(map(words.is_branch, nodes)), self.desk, place)
            return Filter(nodes, Reading(indicator.name, params), direction, count)

        return Branches(self.seeds(arguments[2:], place), join)

    def condition(self, value: object, place: Place) -> Item | Branches:
        """A comparison, or ``and``, ``or``, ``not`` of conditions."""
        form = operation(value)
        if form is None:
            self.desk.fail(f"a condition is missing; here stands {shown(value)}", place)
        name, arguments = form
        if name in COMPARATORS:
            if len(arguments) != len(("left", "right")):
                self.desk.fail(f"{name} compares two sides, not {len(arguments)}", place)
            left, right = (self.side(argument, place) for argument in arguments)
            return compare(left, COMPARATORS[name], right)
        join = CONDITIONS.get(name)
        if join is None:
            self.refuse(name, arguments, {**COMPARATORS, **CONDITIONS}, "condition", place)
        inner = list(_flat(arguments))
        if not inner:
            self.desk.fail(f"{name} holds no conditions", place)
        return Branches(
            [
                Seed(part, place.at(f"condition[{k}]", part), self.condition, is_node=False)
                for k, part in enumerate(inner, 1)
            ],
            lambda items: join(as_conditions(items)),
        )

    def side(self, value: object, place: Place) -> Side:
        """``(indicator "TICKER" {…})`` or a number."""
        form = operation(value)
        if form is None:
            return exact(value, self.desk, place, "a side of a comparison")
        name, arguments = form
        if not arguments or not isinstance(arguments[0], str):
            if name == "unimplemented":
                self.refuse(name, arguments, {}, "indicator", place)
            self.desk.fail(f"{name} needs a ticker", place)
        indicator, params = self.indicator(name, arguments[1:], place)
        return Read(indicator=indicator, params=params, ticker=ticker(arguments[0], self.desk, place))

    def indicator(
        self, name: str, arguments: list[object], place: Place
    ) -> tuple[Indicator, tuple[NumberLike, ...]]:
        """An indicator and its parameters: a map, or a bare window."""
        if name == "unimplemented":
            self.refuse(name, arguments, {}, "indicator", place)
        indicator = indicator_named(name, "composer", self.desk, place)
        given: dict[str, NumberLike] = {}
        for argument in arguments:
            if to_exact(argument) is not None:
                given["window"] = self.parameter(argument, place)
                continue
            for key, value in mapping(argument, self.desk, place, f"the parameters of {name}").items():
                given[_bare(key)] = self.parameter(value, place)
        if given and not indicator.parameters:
            self.desk.note("ignored", f"{name} takes no window; one is left over", place)
            return indicator, ()
        return indicator, parameters(indicator, given, self.desk, place, called=name)

    def parameter(self, value: object, place: Place) -> NumberLike:
        number: Fraction = exact(value, self.desk, place, "a parameter")
        return int(number) if number.denominator == 1 else float(number)


def _flat(forms: list[object]) -> Iterator[object]:
    """The forms, with those in vectors at any depth in their place."""
    stack = [iter(forms)]
    while stack:
        for form in stack[-1]:
            if isinstance(form, list) and operation(form) is None:
                stack.append(iter(form))
                break
            yield form
        else:
            stack.pop()


def _bare(key: object) -> str:
    """A keyword's name; in the JSON spelling its colon is part of the string."""
    return str(key).removeprefix(":")


_SELECTIONS = {"select-top": "top", "select-bottom": "bottom"}

OPERATIONS: Mapping[str, Callable[[_Reader, list[object], Place], Item | Branches]] = {
    "weight-equal": _Reader.equal,
    "weight-specified": _Reader.specified,
    "weight-inverse-volatility": _Reader.inverse_volatility,
    "weight-inverse-vol": _Reader.inverse_volatility,
    "weight-marketcap": _Reader.market_cap,
    "weight-market-cap": _Reader.market_cap,
    "if": _Reader.choice,
    "filter": _Reader.filter,
    "group": _Reader.group,
    "asset": _Reader.asset,
    "empty": _Reader.empty,
}
"""What stands for a node."""

CONDITIONS: Mapping[str, Callable[[tuple[Condition, ...]], Condition]] = {
    "and": AllOf,
    "or": AnyOf,
    "not": NoneOf,
}
"""What joins conditions."""
