"""The log of sensitive acts: what is in it, and how a line is added. The database lets nobody change one.

Lines say who did what, and to what, never a secret: names of kinds, ids, reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, insert

from treefolio.jobs.tables import audit

Said = Mapping[str, object]
_LONGEST = 200


class Act(StrEnum):
    """What is noted."""

    LOGIN = "login"
    LOGIN_REFUSED = "login.refused"
    LOGOUT = "logout"
    PASSWORD_CHANGED = "password.changed"
    LINK_MADE = "link.made"
    LINK_USED = "link.used"
    TOKEN_MADE = "token.made"
    TOKEN_REVOKED = "token.revoked"
    KEY_SET = "key.set"
    KEY_REMOVED = "key.removed"
    KEY_USED = "key.used"
    """By a job."""
    USER_MADE = "user.made"
    USER_CHANGED = "user.changed"
    JOB_RAISED = "job.raised"
    JOB_REMOVED = "job.removed"
    SHARE_MADE = "share.made"
    SHARE_REVOKED = "share.revoked"
    STRATEGY_REMOVED = "strategy.removed"


def write(
    connection: Connection,
    act: Act,
    *,
    who: str | None,
    what: Said | None = None,
    address: str = "",
    request_id: str = "",
) -> None:
    """Adds a line, in the transaction of what it is about.

    Args:
        who: the user who acts, or whom it is about when nobody is known; None for neither.
        what: short facts: numbers, words, ids, cut at 200 characters.
    """
    values = {
        "who": None if who is None else _short(who),
        "act": act,
        "what": {name: _fact(fact) for name, fact in (what or {}).items()},
        "address": _short(address),
        "request_id": _short(request_id),
    }
    connection.execute(insert(audit).values(values))


def _fact(fact: object) -> str | int | None:
    return fact if fact is None or isinstance(fact, int) else _short(str(fact))


def _short(text: str) -> str:
    """What the database can hold of a text that a stranger may have sent."""
    return text[:_LONGEST].replace("\0", "�").encode("utf-8", "replace").decode()
