"""Where axes are marked, and with what words: dates, money on a log scale, plain steps."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator

import numpy as np

Ticks = list[tuple[float, str]]
"""Positions, each with its label, ascending."""

_MOST = 8
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""What a decade is marked with: each of these spreads the marks evenly on a log scale."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600)


def dates(first: np.datetime64, last: np.datetime64) -> Ticks:
    """Marks between two days, as days since 1970-01-01: firsts of months, labelled by year where it changes.

    Short spans, which hold fewer than two firsts of months, are marked by their days.
    """
    low, high = _day(first), _day(last)
    for step in _MONTH_STEPS:
        marks = [day for day in _months(low, high, step) if low <= day]
        if len(marks) <= 1.5 * _MOST:
            break
    if len(marks) < 2:
        stride = max(1, math.ceil(((high - low).days + 1) / _MOST))
        days = [low + dt.timedelta(days=n) for n in range(0, (high - low).days + 1, stride)]
        return [(_number(day), f"{day.day} {_MONTHS[day.month - 1]} {day.year}") for day in days]
    return [(_number(day), str(day.year) if day.month == 1 else _MONTHS[day.month - 1]) for day in marks]


def logarithmic(low: float, high: float, word: Callable[[float], str]) -> Ticks:
    """Round numbers between two positive ones on a log scale, evenly spread.

    They are finer where the two are near each other; over very many decades only some powers of ten are left.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = sum(low <= 10.0**k <= high for k in range(first, last + 1))
    stride = max(1, math.ceil(powers / _MOST))
    best: list[float] = []
    for mantissas in _MANTISSAS if stride == 1 else _MANTISSAS[:1]:
        marks = [m * 10.0**k for k in range(first, last + 1, stride) for m in mantissas]
        marks = [mark for mark in marks if low <= mark <= high]
        if len(marks) > _MOST:
            break
        best = marks
    if len(best) < 3:
        best = [mark for mark in _steps(low, high, 5) if mark > 0]
    return [(mark, word(mark)) for mark in best]


def linear(
    low: float, high: float, word: Callable[[float], str], *, about: int = 5, whole: bool = False
) -> Ticks:
    """Round numbers in equal steps between two numbers; ``whole`` leaves out those with decimals."""
    return [(mark, word(mark)) for mark in _steps(low, high, about) if not whole or mark == round(mark)]


def _steps(low: float, high: float, about: int) -> list[float]:
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _months(low: dt.date, high: dt.date, step: int) -> Iterator[dt.date]:
    """Firsts of months, every ``step`` of them counted from year 0, up to ``high``."""
    last = high.year * 12 + high.month - 1
    for month in range(-((low.year * 12 + low.month - 1) // -step) * step, last + 1, step):
        yield dt.date(month // 12, month % 12 + 1, 1)


def _day(day: np.datetime64) -> dt.date:
    return dt.date.fromisoformat(str(day.astype("datetime64[D]")))


def _number(day: dt.date) -> float:
    return float((day - dt.date(1970, 1, 1)).days)
