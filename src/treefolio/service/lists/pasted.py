"""Lists as people paste them → values, and back: ``TQQQ, SOXL``, ``70:85:1``, ``2020-01-01:2020-12-31:1m``.

Pieces stand apart by white space, commas or semicolons. Numbers are written as in strategies, ``5%`` too.
A range has both ends when its steps meet them; those of dates are ``d``, ``w``, ``m`` or ``y`` of the
calendar, counted from its first day. Each value counts once, where it first stands.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import numpy as np

from treefolio.errors import SpaceError
from treefolio.service.lists.models import MOST_VALUES, Kind
from treefolio.strategy.places import Literal
from treefolio.strategy.variables import piece_values, spec_of
from treefolio.sweep.lengths import months_after

MOST_PROBLEMS = 100
_PIECE = re.compile(r"[^\s,;]+(?:\s*:\s*[^\s,;]+)*")
_TICKER = re.compile(r"[\w^](?:[\w.:/^=-]*\w)?")
_LONGEST_TICKER = 40
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_STEP = re.compile(r"([1-9]\d{0,3})([dwmy])")
_UNITS = {"d": (0, 1), "w": (0, 7), "m": (1, 0), "y": (12, 0)}
"""Calendar months and days of each."""
_NUMBER = re.compile(r"[+-]?\.?\d[\d.eE+-]*%?")
_LARGEST = 2**53
"""Beyond it, whole numbers and floats are no longer the same."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A piece that is no value. line, column: of its beginning, counted from 1."""

    line: int
    column: int
    piece: str
    message: str
    hint: str | None


@dataclass(slots=True, kw_only=True)
class Pasted:
    """What a text says. values: dates as YYYY-MM-DD. faults: at most `MOST_PROBLEMS`."""

    kind: Kind
    values: list[Literal] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def parse(text: str, kind: Kind | None = None) -> Pasted:
    """The values in a text, and what in it is none.

    Args:
        kind: None to find it out: it is what the first piece looks like, and what looks otherwise is a fault.
    """
    pieces = [(found.start(), re.sub(r"\s*:\s*", ":", found[0])) for found in _PIECE.finditer(text)]
    meant = kind or (_looks(pieces[0][1]) if pieces else Kind.TICKER)
    found = Pasted(kind=meant)
    values: dict[Literal, None] = {}
    room = MOST_VALUES
    for at, piece in pieces:
        try:
            if kind is None:
                _require_look(piece, meant)
            some = list(islice(_READERS[meant](piece), room + 1))
            room -= len(some)
            if room < 0:
                raise SpaceError(f"more than {MOST_VALUES:,} values", hint="Make two lists of them.")
            values.update(dict.fromkeys(some))
        except SpaceError as error:
            found.faults.append(_fault(text, at, piece, error))
            if room < 0 or len(found.faults) == MOST_PROBLEMS:
                break
    found.values = list(values)
    return found


def written(kind: Kind, values: Sequence[Literal]) -> str:
    """The values as text that `parse` reads as exactly these: a range where that is one."""
    if kind is Kind.NUMBER:
        return spec_of(values) or ", ".join(map(repr, values))
    return ", ".join(map(str, values))


def _fault(text: str, at: int, piece: str, error: SpaceError) -> Fault:
    return Fault(
        line=text.count("\n", 0, at) + 1,
        column=at - text.rfind("\n", 0, at),
        piece=piece if len(piece) <= _SHOWN else piece[: _SHOWN - 1] + "…",
        message=error.message,
        hint=error.hint,
    )


def _looks(piece: str) -> Kind:
    begin = piece.partition(":")[0]
    if _DAY.fullmatch(begin):
        return Kind.DATE
    return Kind.NUMBER if _NUMBER.fullmatch(begin) else Kind.TICKER


def _require_look(piece: str, first: Kind) -> None:
    look = _looks(piece)
    if look is not first:
        raise SpaceError(
            f"this is a {look}, and the list begins with a {first}",
            hint="Make two lists of them; if all are tickers, say so: kind ticker.",
        )


# One piece.


def _tickers(piece: str) -> Iterable[Literal]:
    if len(piece) > _LONGEST_TICKER or not _TICKER.fullmatch(piece):
        raise SpaceError("this is no ticker", hint="Write TQQQ, SOXL.")
    return (piece,)


def _numbers(piece: str) -> Iterator[Literal]:
    for value in piece_values(piece):
        if isinstance(value, str) or abs(value) > _LARGEST:
            raise SpaceError("this is no number", hint="Write 5, 10, 14 or 70:85:1.")
        yield value


def _dates(piece: str) -> Iterator[Literal]:
    fields = piece.split(":")
    if len(fields) == 1:
        yield _day(piece).isoformat()
        return
    step = _STEP.fullmatch(fields[2]) if len(fields) == 3 else None
    if step is None:
        raise SpaceError("this is no range of dates", hint="Write 2020-01-01:2020-12-31:1m.")
    first, last = _day(fields[0]), _day(fields[1])
    if first > last:
        turned = f"{fields[1]}:{fields[0]}:{step[0]}"
        raise SpaceError(f"{fields[0]} is after {fields[1]}", hint=f"Write {turned}.")
    months, days = (int(step[1]) * unit for unit in _UNITS[step[2]])
    day = first
    for k in count(1):
        if day > last:
            return
        yield day.isoformat()
        day = _months_after(first, k * months) if months else day + dt.timedelta(days)


def _months_after(day: dt.date, months: int) -> dt.date:
    """The same day of the month so many months later; the month's last where it is shorter."""
    return dt.date.fromisoformat(str(months_after(np.datetime64(day, "D"), months)))


def _day(text: str) -> dt.date:
    try:
        found = dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        hint = f"Dates are written YYYY-MM-DD, from {_FIRST_YEAR} to {_LAST_YEAR}."
        raise SpaceError(f"{text[:_SHOWN]!r} is no date", hint=hint)
    return found


_READERS: Mapping[Kind, Callable[[str], Iterable[Literal]]] = {
    Kind.TICKER: _tickers,
    Kind.NUMBER: _numbers,
    Kind.DATE: _dates,
}
