"""What `treefolio doctor` finds of one thing, and how a check says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from treefolio.errors import TreefolioError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one thing. state: ``ok``, ``missing``, or ``note`` for what can be done without."""

    what: str
    state: str
    said: str
    remedy: str | None = None


class Missing(Exception):  # noqa: N818 - it is what was found
    """Something is not there that is needed."""

    def __init__(self, said: str, remedy: str) -> None:
        super().__init__(said)
        self.said = said
        self.remedy = remedy


class Noted(Exception):  # noqa: N818 - it is what was found
    """Something is not there that can be done without."""


def finding(what: str, check: Callable[[], str]) -> Finding:
    """What a check returned, or raised: `Missing`, `Noted`, an error with its hint, or one of a file."""
    try:
        return Finding(what=what, state="ok", said=check())
    except Noted as note:
        return Finding(what=what, state="note", said=str(note))
    except Missing as error:
        return Finding(what=what, state="missing", said=error.said, remedy=error.remedy)
    except TreefolioError as error:
        return Finding(what=what, state="missing", said=error.message, remedy=error.hint)
    except OSError as error:
        return Finding(what=what, state="missing", said=f"{error.filename}: {error.strerror}")
