"""Composer's conditions: the ``condition`` block where there is one, else the ``lhs-`` and ``rhs-`` keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias

from treefolio.errors import did_you_mean
from treefolio.formats.desk import Branches, Desk, Place, Seed, as_conditions
from treefolio.formats.dialect import COMPARATORS, Read, Side, compare, indicator_named, parameters
from treefolio.formats.scalars import exact, flag, mapping, sequence, shown, ticker, to_exact, whole, word
from treefolio.strategy.tree import AllOf, AnyOf, Compare, Condition, Item, NumberLike

_SIDES = frozenset(
    f"{side}-{key}" for side in ("lhs", "rhs") for key in ("fn", "fn-params", "window-days", "val")
) | {"rhs-fixed-value?", "comparator"}
CONDITION_KEYS = _SIDES | {"condition", "is-else-condition?"}
"""The keys of an if-child that make its condition."""

_EVERY_TICKER = "%"
_OPERATORS: Mapping[str, Callable[[tuple[Condition, ...]], Condition]] = {"any": AnyOf, "all": AllOf}


def condition_seed(case: dict[str, object], desk: Desk, place: Place) -> Seed:
    """The condition of an if-child, to be grown. Stale sides beside a ``condition`` block are noted."""
    reader = _Conditions(desk)
    block = case.get("condition")
    if block is None:
        return Seed(case, place, reader.flat, is_node=False)
    note_stale_sides(case, "condition block", desk, place)
    return Seed(block, Place(place.label, place.around, block), reader.block, is_node=False)


def note_stale_sides(case: Mapping[str, object], beside: str, desk: Desk, place: Place) -> None:
    """Note the sides of a comparison that stand where they have no meaning."""
    if any(case.get(key) is not None for key in _SIDES):
        desk.note("ignored", f"a stale comparison beside the {beside}", place)


class _Conditions:
    """Reads the conditions of one document."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def flat(self, value: object, place: Place) -> Item:
        """``lhs-fn(lhs-val) comparator rhs``."""
        case = mapping(value, self.desk, place, "a branch")
        sign = word(case.get("comparator"), COMPARATORS, self.desk, place, "the comparator")
        left = self.flat_read(case, "lhs", place)
        return compare(left, sign, self.flat_right(case, place))

    def flat_right(self, case: Mapping[str, object], place: Place) -> Side:
        """A number when it is said to be one; otherwise an indicator when there is a function."""
        value, function = case.get("rhs-val"), case.get("rhs-fn")
        number = to_exact(value)
        fixed = flag(case.get("rhs-fixed-value?"), self.desk, place, "rhs-fixed-value?")
        if fixed or function is None:
            if fixed and function is not None:
                self.desk.note("ignored", "a left-over rhs-fn beside a fixed value", place)
            return exact(value, self.desk, place, "rhs-val")
        if number is not None:
            self.desk.note(
                "approximated", "rhs-val is a number beside an rhs-fn; it is read as a fixed value", place
            )
            return number
        return self.flat_read(case, "rhs", place)

    def flat_read(self, case: Mapping[str, object], side: str, place: Place) -> Read:
        return self.read(
            case.get(f"{side}-fn"), case.get(f"{side}-val"), windows_of(case, side, self.desk, place), place
        )

    def read(self, called: object, symbol: object, given: Mapping[str, NumberLike], place: Place) -> Read:
        """An indicator of a ticker."""
        indicator = indicator_named(called, "composer", self.desk, place)
        name = ticker(symbol, self.desk, place)
        if not indicator.parameters:
            if given:
                self.desk.note("ignored", f"{called} takes no window; one is left over", place)
            return Read(indicator=indicator, params=(), ticker=name)
        params = parameters(indicator, given, self.desk, place, called=called)
        return Read(indicator=indicator, params=params, ticker=name)

    def block(self, value: object, place: Place) -> Item | Branches:
        """A ``condition`` block."""
        block = mapping(value, self.desk, place, "a condition")
        kind = block.get("condition-type")
        form = _FORMS.get(kind) if isinstance(kind, str) else None
        if form is None:
            hint = did_you_mean(kind, _FORMS) if isinstance(kind, str) else None
            self.desk.unsupported(f"the condition type {shown(kind)} is not known", place, hint=hint)
        read, keys = form
        for key in block:
            if key not in keys and key not in ("condition-type", "id"):
                self.desk.unknown_key(str(key), place, hint=did_you_mean(str(key), keys))
        return read(self, block, place)

    def binary(self, block: dict[str, object], place: Place) -> Item:
        return self.comparison(block, None, place)

    def compound(self, block: dict[str, object], place: Place) -> Branches:
        join = word(block.get("operator"), _OPERATORS, self.desk, place, "the operator")
        inner = sequence(block.get("conditions"), self.desk, place, "the conditions")
        if not inner:
            self.desk.unsupported("a compound condition holds no conditions", place)
        return Branches(
            [
                Seed(part, place.at(f"condition[{k}]", part), self.block, is_node=False)
                for k, part in enumerate(inner, 1)
            ],
            lambda items: join(as_conditions(items)),
        )

    def broadcast(self, block: dict[str, object], place: Place) -> Item:
        """One comparison for each of several tickers; ``%`` is the ticker's place."""
        join = word(block.get("operator"), _OPERATORS, self.desk, place, "the operator")
        tickers = sequence(block.get("tickers"), self.desk, place, "the tickers")
        if not tickers:
            self.desk.unsupported("a binary-compound condition names no tickers", place)
        made = []
        for symbol in tickers:
            self.desk.count(place)
            made.append(self.comparison(block, symbol, place))
        return made[0] if len(made) == 1 else join(tuple(made))

    def comparison(self, block: Mapping[str, object], symbol: object, place: Place) -> Compare:
        sign = word(block.get("comparator"), COMPARATORS, self.desk, place, "the comparator")
        sides = [self.side(block.get(side), symbol, place.at(side)) for side in ("lhs", "rhs")]
        return compare(sides[0], sign, sides[1])

    def side(self, value: object, symbol: object, place: Place) -> Side:
        """``{constant}``, or ``{fn, ticker, params}``."""
        side = mapping(value, self.desk, place, f"the {place.label}")
        if "constant" in side:
            self.only({"constant"}, side, place)
            return exact(side["constant"], self.desk, place, "the constant")
        self.only({"fn", "ticker", "params"}, side, place)
        name = side.get("ticker")
        if name == _EVERY_TICKER:
            if symbol is None:
                self.desk.fail("the ticker % stands for each of several, and none are named", place)
            name = symbol
        given = windows_of({"x-fn-params": side.get("params")}, "x", self.desk, place)
        return self.read(side.get("fn"), name, given, place)

    def only(self, keys: set[str], side: Mapping[str, object], place: Place) -> None:
        for key in side:
            if key not in keys:
                self.desk.unknown_key(str(key), place, hint=did_you_mean(str(key), keys))


_Form: TypeAlias = tuple[Callable[[_Conditions, dict[str, object], Place], Item | Branches], frozenset[str]]
_FORMS: Mapping[str, _Form] = {
    "binary": (_Conditions.binary, frozenset({"lhs", "comparator", "rhs"})),
    "compound": (_Conditions.compound, frozenset({"operator", "conditions"})),
    "binary-compound": (
        _Conditions.broadcast,
        frozenset({"operator", "tickers", "lhs", "comparator", "rhs"}),
    ),
}
"""The kinds of condition block, and the keys of each."""


def windows_of(node: Mapping[str, object], side: str, desk: Desk, place: Place) -> dict[str, NumberLike]:
    """The parameters of ``lhs``, ``rhs`` or ``sort-by``: its fn-params, else its window-days."""
    given = mapping(node.get(f"{side}-fn-params"), desk, place, f"{side}-fn-params")
    days = node.get(f"{side}-window-days")
    found: dict[str, NumberLike] = {}
    for name, value in given.items():
        if value not in (None, ""):
            number: Fraction = exact(value, desk, place, f"the parameter {name}")
            found[str(name)] = int(number) if number.denominator == 1 else float(number)
    if days in (None, ""):
        return found
    window = whole(days, desk, place, f"{side}-window-days", minimum=0)
    if not found:
        return {"window": window}
    if found.get("window") != window:
        desk.note("ignored", f"{side}-window-days beside {side}-fn-params has no effect", place)
    return found
