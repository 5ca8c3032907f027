"""What is sent and answered about accounts."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, StrictStr

from treefolio.service.accounts import names, passwords
from treefolio.service.callers import By, Scope
from treefolio.service.models import Answer, Body

_USER = "6d0c2f7e5b1a4c39a8f2e1d0b7c6a594"
_ID = "0b2f6b52-6f2d-4a6f-9a38-6d5b1c7f2e11"
_WHEN = "2026-03-02T21:15:04Z"
_LONGEST_NAME = 2 * names.LONGEST
_MOST_DAYS = 3_650
Name = Annotated[StrictStr, Field(min_length=1, max_length=_LONGEST_NAME)]
Password = Annotated[StrictStr, Field(max_length=2 * passwords.LONGEST)]


def _example(**value: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": value})


class Login(Body):
    """Who one is."""

    model_config = _example(name="ann", password="several words of mine")
    name: Name
    password: Password


class Opening(Body):
    """Uses a one-time link."""

    model_config = _example(secret="Zr0…", password="several words of mine")
    secret: Annotated[StrictStr, Field(max_length=100, description="What follows the # of the link.")]
    password: Password = Field(description=f"{passwords.SHORTEST} to {passwords.LONGEST:,} characters.")
    name: Name | None = Field(default=None, description="Another name than the administrator gave.")


class NewPassword(Body):
    """Another password."""

    model_config = _example(current="several words of mine", password="some other words of mine")
    current: Password | None = Field(default=None, description="The present one, if there is one.")
    password: Password


class NewToken(Body):
    """A token that is wished for."""

    model_config = _example(name="notebook", scopes=["read", "write"], expires_in_days=90)
    name: Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
    scopes: frozenset[Scope] = Field(default=frozenset({Scope.READ}), description="`write` has `read` in it.")
    expires_in_days: Annotated[int, Field(ge=1, le=_MOST_DAYS)] | None = Field(
        default=None, description="It lasts until it is revoked, when left out."
    )


class NewUser(Body):
    """A user who is wished for."""

    model_config = _example(name="ann", tier="paid")
    name: Name
    administrator: StrictBool = False
    tier: Annotated[StrictStr, Field(max_length=100)] | None = Field(
        default=None, description="`free`, and of administrators `paid`, when left out."
    )


class UserChange(Body):
    """What is changed of a user; what is left out stays."""

    model_config = _example(tier="paid")
    tier: Annotated[StrictStr, Field(max_length=100)] | None = None
    administrator: StrictBool | None = None
    disabled: StrictBool | None = Field(default=None, description="Logged out, and kept out.")


class Me(Answer):
    """Who asks."""

    model_config = _example(
        user=_USER, name="ann", administrator=False, by="session", scopes=["read", "write"], csrf="9f0c…"
    )
    user: str
    name: str
    administrator: bool
    by: By = Field(description="`house`: this service has one user, and no login.")
    scopes: list[Scope]
    csrf: str | None = Field(
        default=None, description="Of a session: `X-CSRF-Token` of requests that change something."
    )


_TOKEN = {
    "id": _ID,
    "name": "notebook",
    "shown": "tf_Zr0aB",
    "scopes": ["read", "write"],
    "created_at": _WHEN,
    "expires_at": None,
    "used_at": None,
}


class Token(Answer):
    """A token, without its secret."""

    model_config = _example(**_TOKEN)
    id: UUID
    name: str
    shown: str = Field(description="How it begins.")
    scopes: list[Scope]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    used_at: dt.datetime | None = Field(description="When it was used last, to the minute.")


class MadeToken(Answer):
    """A new token, with its secret, which is not shown again."""

    model_config = _example(token=_TOKEN, secret="tf_Zr0aB…")
    token: Token
    secret: str


class Tokens(Answer):
    """The user's tokens, the newest first."""

    tokens: list[Token]


class Session(Answer):
    """A login that lasts."""

    model_config = _example(id=_ID, agent="Firefox", created_at=_WHEN, seen_at=_WHEN, current=True)
    id: UUID
    agent: str = Field(description="The browser, as it calls itself.")
    created_at: dt.datetime
    seen_at: dt.datetime = Field(description="When it was used last, to the minute.")
    current: bool = Field(description="It is the one that asks.")


class Sessions(Answer):
    """The user's logins, the one that was used last first."""

    sessions: list[Session]


_PERSON = {
    "id": _USER,
    "name": "ann",
    "tier": "free",
    "administrator": False,
    "disabled": False,
    "has_password": False,
    "created_at": _WHEN,
}


class User(Answer):
    """A user, as administrators see them."""

    model_config = _example(**_PERSON)
    id: str
    name: str
    tier: str
    administrator: bool
    disabled: bool
    has_password: bool = Field(description="False until a link was used.")
    created_at: dt.datetime


class Users(Answer):
    """All users, by name."""

    users: list[User]


class Link(Answer):
    """A link by which a user sets a password, once. It is not shown again."""

    model_config = _example(user=_PERSON, url="https://treefolio.example.org/welcome#Zr0…", expires_at=_WHEN)
    user: User
    url: str
    expires_at: dt.datetime
