"""How numbers read: one function for each unit, the same on every page. Undefined is a dash."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from treefolio.metrics import Metric

UNDEFINED = "–"
HUGE = 1e9
"""From here on numbers are written with a power of ten."""

_MULTIPLES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def percent(value: float) -> str:
    """A fraction in percent, with two decimals where that is neither too few nor too many: ``12.34%``."""
    size = abs(value)
    decimals = 3 if 0 < size < 0.001 else 2 if size < 10 else 0
    return _signed(100 * value, decimals) + "%"


def share(value: float) -> str:
    """A part of a whole in percent with one decimal: ``97.2%``; a little is never shown as nothing."""
    if 0 < value < 0.0005:
        return "<0.1%"
    return _signed(100 * value, 1) + "%"


def tenths(value: float) -> str:
    """A fraction in percent with one decimal and without the sign ``%``, for narrow cells."""
    return _signed(100 * value, 1)


def ratio(value: float) -> str:
    """A plain number: ``1.23``."""
    size = abs(value)
    return _signed(value, 3 if size < 0.01 else 2 if size < 1_000 else 0)


def count(value: float) -> str:
    """``12,345``, or with one decimal where it is a mean: ``2.3``."""
    return _signed(value, 0 if value == round(value) or abs(value) >= 1_000 else 1)


def percent_mark(value: float, widest: float) -> str:
    """A mark on an axis of fractions that reaches over ``widest``: no more decimals than it needs."""
    return _signed(100 * value, 0 if widest >= 0.04 else 1 if widest >= 0.004 else 2) + "%"


def probability(value: float) -> str:
    """In percent: ``97.50%``."""
    return _signed(100 * value, 2) + "%"


def money(value: float) -> str:
    """``$12,345``; cents below 100 USD."""
    text = _signed(abs(value), 2 if abs(value) < 100 and value != round(value) else 0)
    return ("−$" if value < 0 and text.strip("0.") else "$") + text


def short_money(value: float) -> str:
    """``$1.5M``, ``$20k``: for axes and headlines."""
    lettered = _lettered(abs(value))
    return money(value) if lettered is None else ("−$" if value < 0 else "$") + lettered


def multiple(value: float) -> str:
    """``1.5×``, ``20k×``: for axes of growth."""
    return (_lettered(value) or f"{value:,.4g}") + "×"


def _lettered(size: float) -> str | None:
    """``1.5M``; None for a size that is short as it is."""
    for unit, letter in _MULTIPLES:
        if size >= unit and (unit > 1e3 or size >= 1e4):
            return f"{size / unit:.4g}{letter}"
    return None


def plain(value: object) -> str:
    """A variable's value or a setting as the user would write it: ``14``, ``0.5``, ``TQQQ``."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


UNITS: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        "fraction": percent,
        "ratio": ratio,
        "sessions": count,
        "count": count,
        "probability": probability,
    }
)
"""Unit of a metric → how its numbers read."""


def marked(metric: Metric, value: float, widest: float) -> str:
    """A mark on an axis of a metric that reaches over ``widest``."""
    return percent_mark(value, widest) if metric.unit == "fraction" else shown(metric, value)


def shown(metric: Metric, value: float | None) -> str:
    """A metric's number in its unit, or a dash where it is undefined."""
    return UNDEFINED if value is None or not math.isfinite(value) else UNITS[metric.unit](value)


def _signed(value: float, decimals: int) -> str:
    """With separators and a true minus sign; never ``−0.0``."""
    text = f"{value:.2e}" if abs(value) >= HUGE else f"{value:,.{decimals}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else "−" + text[1:]
    return text
