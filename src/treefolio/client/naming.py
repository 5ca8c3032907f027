"""Which one of the things that a service keeps is meant by a name or an id."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from treefolio.errors import UsageError, did_you_mean

_BEGINNING = re.compile(r"[0-9a-f]{8}[0-9a-f-]*", re.IGNORECASE)
"""Enough of an id to name what has it."""
_CUT = "…"
"""So ends an id in a table that is wider than the terminal."""


class Named(Protocol):
    """What has a name and an id."""

    @property
    def id(self) -> UUID:
        """By which it is asked for."""

    @property
    def name(self) -> str:
        """As people call it."""


Thing = TypeVar("Thing", bound=Named)


def find(
    name: str,
    *,
    get: Callable[[UUID], Thing],
    near: Callable[[], Sequence[Thing]],
    noun: str,
    group: str,
) -> Thing:
    """The one of this name, or of this id or its beginning.

    Args:
        get: the one of an id. near: those that may be of this name, or are offered instead.
        noun, group: what it is, and the verbs for it: ``strategy``, ``strategies``.

    Raises:
        UsageError: there is none of this name, or there are several. What `get` raises.
    """
    try:
        return get(UUID(name))
    except ValueError:
        pass
    known = near()
    found = [each for each in known if each.name == name]
    begun = name.removesuffix(_CUT).casefold()
    if not found and _BEGINNING.fullmatch(begun):
        found = [each for each in known if str(each.id).startswith(begun)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(each.id) for each in found)
        raise UsageError(f"{name!r} is of {len(found)} {group}", hint=f"Name one by its id: {ids}.")
    offer = did_you_mean(name, [each.name for each in known])
    raise UsageError(
        f"there is no {noun} {name!r}",
        hint=offer or f"`treefolio {group} list` shows those that there are.",
    )
