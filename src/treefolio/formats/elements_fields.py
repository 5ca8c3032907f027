"""Scalars of an elements document: numbers and words as strings, and ``$name`` for a variable of any kind.

A variable is one `Var` wherever it occurs, whatever the case of its name. Where it stands says what its
values are (tickers, comparators, indicators …), so its declared values are put into the tree's spelling when
the document has been read: `Fields.variables`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from treefolio.errors import SpaceError
from treefolio.formats.desk import Desk, Place
from treefolio.formats.dialect import COMPARATORS, indicator_named, parameters
from treefolio.formats.scalars import exact, mapping, plain, sequence, shown, text, whole, word
from treefolio.formats.scalars import ticker as read_ticker
from treefolio.strategy.tokens import VARIABLE_NAME
from treefolio.strategy.tree import NumberLike, Var, Variable, Word
from treefolio.strategy.variables import parse_spec

_VARIABLE = re.compile(rf"\$({VARIABLE_NAME})")
_SEPARATORS = re.compile(r"[\s,;]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIRECTIONS = {"top": "top", "bottom": "bottom"}
Value = int | float | str


@dataclass(slots=True)
class _Declared:
    """A variable as the document lists it, or as it was first met."""

    name: str
    place: Place
    values: tuple[Value, ...] | None = None
    roles: dict[str, Callable[[Value, Place], Value]] = field(default_factory=dict)


class Fields:
    """Reads the scalars of one document and remembers its variables."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._variables: dict[str, _Declared] = {}

    def declare(self, listed: object, place: Place) -> None:
        """Take in the document's list of variables: ``{name, type, values}`` each.

        Raises:
            FormatError: a name, a type or a value is none.
        """
        for k, entry in enumerate(sequence(listed, self.desk, place, "the variables"), 1):
            here = place.at(f"variable[{k}]", entry)
            fields = mapping(entry, self.desk, here, "a variable")
            name = text(fields.get("name"), self.desk, here, "the name").removeprefix("$")
            if not re.fullmatch(VARIABLE_NAME, name):
                self.desk.fail(f"{shown(name)} cannot name a variable", here)
            if name.casefold() in self._variables:
                self.desk.fail(f"the variable ${name} is listed twice", here)
            read = word(fields.get("type", "number"), _TYPES, self.desk, here, "the type")
            values = tuple(dict.fromkeys(read(self, fields.get("values"), here)))
            if values:
                self._variables[name.casefold()] = _Declared(name, here, values)
            else:
                self.desk.note("approximated", f"the variable ${name} has no values yet", here)

    def variables(self) -> tuple[Variable, ...]:
        """The variables that have values, in the listed order, their values as the tree spells them.

        Raises:
            FormatError: a value cannot stand where its variable does.
        """
        made = []
        for declared in self._variables.values():
            if declared.values is None:
                continue
            values = declared.values
            for role in declared.roles.values():
                values = tuple(dict.fromkeys(role(value, declared.place) for value in values))
            made.append(Variable(declared.name, values, values[0]))
        return tuple(made)

    def values_of(self, variable: Var) -> tuple[Value, ...]:
        """The values that a variable was declared with; none when it was not."""
        return self._variables[variable.name.casefold()].values or ()

    def number(self, value: object, what: str, place: Place) -> NumberLike:
        """A number or a variable."""

        def read(given: object, at: Place) -> int | float:
            return plain(exact(given, self.desk, at, what))

        return self._variable(value, "number", read, place) or read(value, place)

    def whole(self, value: object, what: str, place: Place) -> NumberLike:
        """A whole number from 1 up, or a variable."""

        def read(given: object, at: Place) -> int:
            return whole(given, self.desk, at, what)

        return self._variable(value, "whole number", read, place) or read(value, place)

    def ticker(self, value: object, place: Place) -> Word:
        """A ticker or a variable."""

        def read(given: object, at: Place) -> str:
            return read_ticker(given, self.desk, at)

        return self._variable(value, "ticker", read, place) or read(value, place)

    def comparator(self, value: object, place: Place) -> Word:
        """``gt`` and the like, or a variable."""

        def read(given: object, at: Place) -> str:
            return word(given, COMPARATORS, self.desk, at, "the operator")

        return self._variable(value, "operator", read, place) or read(value, place)

    def direction(self, value: object, place: Place) -> Word:
        """``top`` or ``bottom``, or a variable."""

        def read(given: object, at: Place) -> str:
            return word(given, _DIRECTIONS, self.desk, at, "the direction")

        return self._variable(value, "direction", read, place) or read(value, place)

    def indicator(
        self, value: object, params: object, period: object, place: Place
    ) -> tuple[Word, tuple[NumberLike, ...]]:
        """An indicator (or a variable for one) and its parameters. ``period`` is the window of old files.

        Raises:
            FormatError: it is unknown, needs a window that is not there, or has no such parameter; or the
                indicators that a variable stands for take different parameters.
        """

        def read(given: object, at: Place) -> str:
            return indicator_named(given, "elements", self.desk, at).name

        given = {
            str(name): self.number(held, str(name), place)
            for name, held in mapping(params, self.desk, place, "the params").items()
            if held not in (None, "")
        }
        old = None if period in (None, "", 0) else self.number(period, "the period", place)
        variable = self._variable(value, "indicator", read, place)
        if variable is None:
            return read(value, place), self._parameters(value, given, old, place)
        found = {self._parameters(name, given, old, place) for name in self.values_of(variable)}
        if len(found) > 1:
            self.desk.fail(f"the indicators of {variable} take different parameters here", place)
        return variable, found.pop() if found else self._unbound(given, old)

    def _unbound(self, given: dict[str, NumberLike], period: NumberLike | None) -> tuple[NumberLike, ...]:
        """Parameters as they stand, when it is not known yet which indicator takes them."""
        return tuple(given.values()) if given or period is None else (period,)

    def _parameters(
        self, name: object, given: dict[str, NumberLike], period: NumberLike | None, place: Place
    ) -> tuple[NumberLike, ...]:
        indicator = indicator_named(name, "elements", self.desk, place)
        if not indicator.parameters:
            if given:
                self.desk.note("ignored", f"{name} takes no parameters; some are left over", place)
            return ()
        takes = {parameter.name for parameter in indicator.parameters}
        if period is not None and not given and takes & {"window", "timeperiod"}:
            given = {"window": period}
        return parameters(indicator, given, self.desk, place, called=name)

    def _variable(
        self, value: object, role: str, read: Callable[[object, Place], Value], place: Place
    ) -> Var | None:
        """The variable that the whole of a field names, if it does; the field's role says its values."""
        match = _VARIABLE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return None
        declared = self._variables.setdefault(match[1].casefold(), _Declared(match[1], place))
        declared.roles[role] = read
        others = declared.roles.keys() - {role}
        if others and {role, *others} != {"number", "whole number"}:
            self.desk.fail(
                f"${declared.name} stands for a {role} here and for a {others.pop()} elsewhere", place
            )
        return Var(declared.name)

    def _numbers(self, listed: object, place: Place) -> list[Value]:
        found: list[Value] = []
        for piece in self._pieces(listed, place):
            try:
                values = parse_spec(piece) if isinstance(piece, str) else (piece,)
            except SpaceError as error:
                self.desk.fail(error.message, place, hint=error.hint)
            found += [plain(exact(value, self.desk, place, "a value")) for value in values]
        return found

    def _tickers(self, listed: object, place: Place) -> list[Value]:
        return [read_ticker(str(piece), self.desk, place) for piece in self._pieces(listed, place)]

    def _dates(self, listed: object, place: Place) -> list[Value]:
        dates: list[Value] = []
        for piece in self._pieces(listed, place):
            if not isinstance(piece, str) or not _DATE.fullmatch(piece):
                self.desk.fail(f"{shown(piece)} is no date", place, hint="Write 2024-01-31.")
            dates.append(piece)
        return dates

    def _pieces(self, listed: object, place: Place) -> list[Value]:
        """The values of a list or of a pasted text, split at white space, commas and semicolons."""
        if isinstance(listed, str):
            listed = [listed]
        pieces: list[Value] = []
        for value in sequence(listed, self.desk, place, "the values"):
            if isinstance(value, str):
                pieces += [piece for piece in _SEPARATORS.split(value) if piece]
            elif isinstance(value, int | float) and not isinstance(value, bool):
                pieces.append(value)
            else:
                self.desk.fail(f"a value must be a number or a word, not {shown(value)}", place)
        return pieces


_TYPES: Mapping[str, Callable[[Fields, object, Place], list[Value]]] = {
    "number": Fields._numbers,
    "ticker": Fields._tickers,
    "date": Fields._dates,
}
