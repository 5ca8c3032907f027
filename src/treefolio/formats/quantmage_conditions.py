"""QuantMage's conditions and readings."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from treefolio.errors import did_you_mean
from treefolio.formats.desk import Branches, Desk, Place, Seed, as_conditions
from treefolio.formats.dialect import Read, Side, compare, indicator_named, parameters
from treefolio.formats.keys import pass_over
from treefolio.formats.scalars import exact, flag, mapping, sequence, shown, single_precision, ticker, whole
from treefolio.indicators import Indicator
from treefolio.strategy.tree import AllOf, AnyOf, Item, Lasting, NumberLike

_SINGLE = "SingleCondition"
_JOINED = {"AllOf": AllOf, "AnyOf": AnyOf}
_NUMBER, _BOTH = "IndicatorAndNumber", "BothIndicators"
_KEYS = frozenset(
    f"{side}_{key}" for side in ("lh", "rh") for key in ("indicator", "ticker_symbol", "days_ago")
) | {"condition_type", "type", "greater_than", "for_days", "rh_value", "rh_value_int", "rh_weight", "rh_bias"}
_SUBSPELL = "subspell"


def read_ticker(value: object, desk: Desk, place: Place) -> str:
    """A ticker; ``Subspell "…"`` names a branch instead, which no reading outside a filter can.

    Raises:
        FormatError: it is none.
    """
    if isinstance(value, str) and value.strip().casefold().startswith(_SUBSPELL):
        desk.unsupported(f"a reading of a branch ({value.strip()}) is not supported", place)
    return ticker(value, desk, place)


def indicator_and_params(value: object, desk: Desk, place: Place) -> tuple[Indicator, tuple[NumberLike, ...]]:
    """``{type, window}``. A window that the indicator does not take is left over.

    Raises:
        FormatError: the indicator is unknown, or its window missing or out of range.
    """
    given = mapping(value, desk, place, "an indicator")
    for key in given:
        if key not in ("type", "window"):
            desk.unknown_key(str(key), place, hint=did_you_mean(str(key), ("type", "window")))
    called = given.get("type")
    indicator = indicator_named(called, "quantmage", desk, place)
    window = given.get("window")
    if not indicator.parameters:
        if window:
            desk.note("ignored", f"{called} takes no window; one is left over", place)
        return indicator, ()
    sessions = whole(window, desk, place, f"the window of {called}")
    return indicator, parameters(indicator, {"window": sessions}, desk, place, called=called)


def condition_seed(value: object, desk: Desk, place: Place, label: str) -> Seed:
    """A condition, to be grown."""
    return Seed(value, place.at(label, value), _Conditions(desk).expand, is_node=False)


class _Conditions:
    """Reads the conditions of one document."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def expand(self, value: object, place: Place) -> Item | Branches:
        """A comparison, or all or any of several conditions."""
        if value is None:
            self.desk.fail("a condition is missing", place)
        condition = mapping(value, self.desk, place, "a condition")
        kind = condition.get("condition_type")
        if kind == _SINGLE:
            return self.single(condition, place)
        join = _JOINED.get(kind) if isinstance(kind, str) else None
        if join is None:
            hint = did_you_mean(kind, (*_JOINED, _SINGLE)) if isinstance(kind, str) else None
            self.desk.unsupported(f"the condition_type {shown(kind)} is not known", place, hint=hint)
        for key in condition:
            if key not in ("condition_type", "conditions", "name", "id"):
                pass_over(key, condition[key], ("conditions",), self.desk, place)
        inner = sequence(condition.get("conditions"), self.desk, place, "the conditions")
        if not inner:
            self.desk.fail(f"{kind} holds no conditions", place)
        return Branches(
            [
                Seed(part, place.at(f"condition[{k}]", part), self.expand, is_node=False)
                for k, part in enumerate(inner, 1)
            ],
            lambda items: join(as_conditions(items)),
        )

    def single(self, condition: Mapping[str, object], place: Place) -> Item:
        """``lh_indicator(lh_ticker) > or < right side``, on each of ``for_days`` sessions."""
        for key in condition:
            if key not in _KEYS and key not in ("name", "id"):
                pass_over(key, condition[key], _KEYS, self.desk, place)
        kind = condition.get("type")
        if kind not in (_NUMBER, _BOTH):
            hint = did_you_mean(kind, (_NUMBER, _BOTH)) if isinstance(kind, str) else None
            self.desk.unsupported(f"a condition of type {shown(kind)} is not supported", place, hint=hint)
        left = self.read(condition, "lh", place)
        right = self.read(condition, "rh", place) if kind == _BOTH else self.number(condition, place)
        if condition.get("greater_than") is None:
            self.desk.fail("greater_than is missing", place)
        greater = flag(condition["greater_than"], self.desk, place, "greater_than")
        made = compare(left, ">" if greater else "<", right)
        days = condition.get("for_days")
        sessions = 1 if days is None else whole(days, self.desk, place, "for_days", minimum=0)
        return Lasting(made, sessions) if sessions > 1 else made

    def read(self, condition: Mapping[str, object], side: str, place: Place) -> Read:
        """An indicator of a ticker; the right one as ``rh_weight · indicator + rh_bias``."""
        indicator, params = indicator_and_params(condition.get(f"{side}_indicator"), self.desk, place)
        ago = condition.get(f"{side}_days_ago")
        right = side == "rh"
        if right and condition.get("rh_value"):
            self.desk.note("ignored", "a left-over rh_value beside an indicator", place)
        return Read(
            indicator=indicator,
            params=params,
            ticker=read_ticker(condition.get(f"{side}_ticker_symbol"), self.desk, place),
            sessions_ago=0 if ago is None else whole(ago, self.desk, place, f"{side}_days_ago", minimum=0),
            weight=self.scalar(condition, "rh_weight", Fraction(1), place) if right else Fraction(1),
            bias=self.scalar(condition, "rh_bias", Fraction(0), place) if right else Fraction(0),
        )

    def number(self, condition: Mapping[str, object], place: Place) -> Side:
        """The fixed value; what is left over of a right-hand indicator is noted."""
        left_over = mapping(condition.get("rh_indicator"), self.desk, place, "rh_indicator")
        if condition.get("rh_ticker_symbol") or left_over.get("window"):
            self.desk.note("ignored", "a left-over right-hand indicator beside a number", place)
        for key, neutral in (("rh_weight", 1), ("rh_bias", 0), ("rh_days_ago", 0), ("rh_value_int", 0)):
            if condition.get(key) not in (None, neutral):
                self.desk.note("ignored", f"{key} has no effect beside a number", place)
        return self.scalar(condition, "rh_value", None, place)

    def scalar(
        self, condition: Mapping[str, object], key: str, default: Fraction | None, place: Place
    ) -> Fraction:
        value = condition.get(key)
        if value is None and default is not None:
            return default
        return exact(single_precision(value), self.desk, place, key)
