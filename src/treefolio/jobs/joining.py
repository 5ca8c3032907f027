"""Small parts that touch, taken together: each table, and each file, takes as long as hundreds of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar


class Stretch(Protocol):
    """The rows [first, last) of a sweep."""

    @property
    def first(self) -> int:
        """See Stretch."""
        ...

    @property
    def last(self) -> int:
        """See Stretch."""
        ...


Part = TypeVar("Part", bound=Stretch)
MOST = 256
"""Parts of a list: each is 50 KB longer than its rows are, and they are in memory at once."""


def joined(parts: Iterable[Part], rows: int) -> Iterator[list[Part]]:
    """The parts, which come in the order of their rows, in lists of some that touch.

    A list ends with the part by which it has so many rows, or `MOST` parts.
    """
    found: list[Part] = []
    for part in parts:
        if found and (part.first != found[-1].last or _enough(found, rows)):
            yield found
            found = []
        found.append(part)
    if found:
        yield found


def _enough(found: Sequence[Stretch], rows: int) -> bool:
    return len(found) == MOST or found[-1].last - found[0].first >= rows
