"""Indicators as dialects name them, and comparisons in their units.

Composer and QuantMage state returns, volatility and drawdown in percent; the tree states fractions. The
conversion happens here, once: `compare` divides the number that a percent indicator is compared with by 100,
leaves two percent indicators alone, and multiplies a percent indicator that is compared with another kind.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from treefolio.errors import StrategyError, did_you_mean
from treefolio.formats.desk import Desk, Place
from treefolio.formats.scalars import plain, shown
from treefolio.indicators import INDICATORS, SIGNATURES, Indicator
from treefolio.strategy.signature import bind
from treefolio.strategy.tree import Compare, Constant, NumberLike, Operand, Reading, Var, Word

Dialect = Literal["composer", "quantmage", "elements"]

COMPARATORS: Mapping[str, str] = {
    **{word: sign for sign, words in {
        ">": ("gt",), "<": ("lt",), ">=": ("gte", "ge"), "<=": ("lte", "le"), "==": ("eq", "="),
        "!=": ("neq", "ne", "not="),
    }.items() for word in (sign, *words)},
}  # fmt: skip
"""What the dialects call the comparators."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "window": ("window", "timeperiod", "fastk_period"),
    "windowdays": ("window", "timeperiod"),
    "period": ("window", "timeperiod", "fastk_period"),
    "length": ("window", "timeperiod"),
    "timeperiod": ("window", "timeperiod"),
    "fast": ("fastperiod",),
    "fastperiod": ("fastperiod",),
    "fastwindow": ("fastperiod",),
    "shortwindow": ("fastperiod",),
    "slow": ("slowperiod",),
    "slowperiod": ("slowperiod",),
    "slowwindow": ("slowperiod",),
    "longwindow": ("slowperiod",),
    "signal": ("signalperiod",),
    "signalperiod": ("signalperiod",),
    "signalwindow": ("signalperiod",),
    "smoothwindow": ("signalperiod",),
    "matype": ("matype", "slowk_matype"),
    "slowkmatype": ("slowk_matype",),
    "stddev": ("nbdevup", "nbdevdn"),
    "standarddeviations": ("nbdevup", "nbdevdn"),
    "nbdevup": ("nbdevup",),
    "nbdevdn": ("nbdevdn",),
    "nbdevdown": ("nbdevdn",),
    "fastk": ("fastk_period",),
    "fastkperiod": ("fastk_period",),
    "k": ("fastk_period",),
    "slowk": ("slowk_period",),
    "slowkperiod": ("slowk_period",),
    "smoothk": ("slowk_period",),
    "slowd": ("slowd_period",),
    "slowdperiod": ("slowd_period",),
    "d": ("slowd_period",),
}
"""Parameters as documents name them (letters and digits only) → as the table of indicators may name them."""

_WINDOWS = ("window", "timeperiod")


@functools.cache
def names(dialect: Dialect) -> dict[str, Indicator]:
    """The indicators by what the dialect calls them, in small letters."""
    return {
        name.casefold(): indicator
        for indicator in INDICATORS.values()
        for name in getattr(indicator, dialect)
    }


def indicator_named(name: object, dialect: Dialect, desk: Desk, place: Place) -> Indicator:
    """The indicator that the dialect calls ``name``.

    Raises:
        FormatError: there is none (under ``lenient`` the part it belongs to is left out).
    """
    known = names(dialect)
    found = known.get(name.strip().casefold()) if isinstance(name, str) else None
    if found is None:
        hint = did_you_mean(name, known) if isinstance(name, str) else None
        desk.unsupported(f"the indicator {shown(name)} is not known", place, hint=hint)
    return found


def parameters(
    indicator: Indicator, given: Mapping[str, NumberLike], desk: Desk, place: Place, *, called: object
) -> tuple[NumberLike, ...]:
    """All parameters of the indicator in order. Windows must be given; the others may fall to their defaults.

    Args:
        given: parameters as the document names them.
        called: the indicator's name in the document, for messages.

    Raises:
        FormatError: one is unknown, missing or out of range.
    """
    keyword: dict[str, NumberLike] = {}
    wanted = {parameter.name for parameter in indicator.parameters}
    for name, value in given.items():
        targets = [target for target in _targets(name) if target in wanted]
        if not targets:
            desk.fail(f"{called} has no parameter {name!r}", place, hint=did_you_mean(name, wanted))
        keyword.update(dict.fromkeys(targets, value))
    for window in _WINDOWS:
        if window in wanted and window not in keyword:
            desk.fail(f"{called} needs a window", place, hint="Give the number of sessions.")
    try:
        return bind(SIGNATURES, indicator.name, (), keyword)
    except StrategyError as error:
        raise desk.located(error, place) from error


def _targets(name: str) -> tuple[str, ...]:
    return _SYNONYMS.get(re.sub(r"[^a-z0-9]", "", name.casefold()), (name,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One side of a comparison that is an indicator: ``weight · indicator + bias`` in the dialect's unit."""

    indicator: Indicator
    params: tuple[NumberLike, ...]
    ticker: Word
    sessions_ago: int = 0
    weight: Fraction = Fraction(1)
    bias: Fraction = Fraction(0)

    def reading(self, *, in_percent: bool) -> Reading:
        """The tree's reading of it, in percent or in fractions (which differ for percent indicators only)."""
        percent = self.indicator.percent
        return Reading(
            self.indicator.name,
            self.params,
            self.ticker,
            self.sessions_ago,
            plain(self.weight * 100 if percent and in_percent else self.weight),
            plain(self.bias / 100 if percent and not in_percent else self.bias),
        )


Side = Read | Fraction | Var


def compare(left: Side, comparator: Word, right: Side) -> Compare:
    """The comparison of two sides that are stated in the dialect's units."""
    reads = [side for side in (left, right) if isinstance(side, Read)]
    in_percent = not all(side.indicator.percent for side in reads)
    return Compare(_operand(left, reads, in_percent), comparator, _operand(right, reads, in_percent))


def in_fractions(value: Fraction, indicator: Indicator) -> NumberLike:
    """A number in the indicator's dialect unit, as the tree states it."""
    return plain(value / 100 if indicator.percent else value)


def _operand(side: Side, reads: list[Read], in_percent: bool) -> Operand:
    if isinstance(side, Read):
        return side.reading(in_percent=in_percent)
    if isinstance(side, Var):
        return Constant(side)
    return Constant(plain(side / 100 if reads and not in_percent else side))


def note_level(indicator: Indicator, is_branch: bool, desk: Desk, place: Place) -> None:
    """Say so when branches are ranked by an indicator whose value depends on where their series begin."""
    if indicator.level and is_branch:
        desk.note(
            "approximated",
            f"branches are ranked by {indicator.name}, a level: it depends on where their value series "
            "begin (at 1.0)",
            place,
        )
