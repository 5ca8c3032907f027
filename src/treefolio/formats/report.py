"""What an import has to say beside the strategy: notes on what was ignored, approximated, unsupported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["ignored", "approximated", "unsupported"]


@dataclass(frozen=True, slots=True)
class Note:
    """One remark about the import.

    Attributes:
        path: the place in the document that it was first made about.
        message: what was done, as a sentence without a full stop.
        count: how many places it was made about.
    """

    path: str
    message: str
    count: int = 1

    def __str__(self) -> str:
        times = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.message}: at {self.path}{times}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that an import did not take over as it stood.

    Attributes:
        ignored: left-overs without meaning, and settings that are no part of a strategy.
        approximated: what was read as something near it, and choices that no evidence settles.
        unsupported: what was left out, by leave of ``lenient``.
    """

    ignored: tuple[Note, ...] = ()
    approximated: tuple[Note, ...] = ()
    unsupported: tuple[Note, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ignored or self.approximated or self.unsupported)


@dataclass(slots=True)
class Notebook:
    """Collects notes; equal messages of one kind become one note with a count."""

    _first: dict[tuple[Kind, str], tuple[object, int]] = field(default_factory=dict)

    def add(self, kind: Kind, message: str, place: object) -> None:
        """Note ``message`` about ``place`` (anything whose `str` is a path; asked for only in `report`)."""
        first, count = self._first.get((kind, message), (place, 0))
        self._first[kind, message] = (first, count + 1)

    def report(self) -> Report:
        """All notes so far, in the order in which they were first made."""
        notes: dict[Kind, list[Note]] = {"ignored": [], "approximated": [], "unsupported": []}
        for (kind, message), (place, count) in self._first.items():
            notes[kind].append(Note(str(place), message, count))
        return Report(**{kind: tuple(found) for kind, found in notes.items()})
