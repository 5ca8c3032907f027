"""What administrators do: users, their tiers, and links for them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from treefolio.jobs.acts import Act
from treefolio.service.accounts import store
from treefolio.service.accounts.models import Link, NewUser, User, UserChange, Users
from treefolio.service.accounts.store import Accounts
from treefolio.service.callers import administrator, in_person
from treefolio.service.house import House, Responses
from treefolio.service.models import Problem
from treefolio.service.problems import Declined
from treefolio.service.whence import From

NO_ACCOUNTS: Responses = {
    409: {"model": Problem, "description": "This service has one user, and no login."},
}
_NO_USER: Responses = {404: {"model": Problem, "description": "There is no such user."}}
_CONFLICT: Responses = {
    409: {"model": Problem, "description": "The name is taken, or nobody would be administrator any more."}
}

_MANAGE = (Depends(in_person), Depends(administrator))
Id = Annotated[str, Path(pattern=r"^[0-9a-z]{1,64}$", description="Of the user.")]


def accounts_of(house: House) -> Accounts:
    """The accounts. Raises Declined where nobody logs in."""
    if house.accounts is None:
        raise no_accounts()
    return house.accounts


def no_accounts() -> Declined:
    """The service has one user, and no login."""
    return Declined(
        "this service has one user, and no login",
        code="no_accounts",
        status=409,
        hint="`treefolio serve --users` serves several.",
    )


def add(routes: APIRouter, house: House) -> None:
    """The routes."""
    _users(routes, house)
    _links(routes, house)


def _users(routes: APIRouter, house: House) -> None:
    @routes.get("/users", response_model=Users, dependencies=_MANAGE)
    def users() -> Users:
        """All users, by name."""
        return Users(users=[shown(each) for each in accounts_of(house).users()])

    @routes.post("/users", status_code=201, response_model=Link, responses=_CONFLICT, dependencies=_MANAGE)
    def add_user(body: NewUser, request: Request, whence: From) -> Link:
        """A new user, and the link by which they set a password. It is shown once, and lasts a day."""
        accounts = accounts_of(house)
        made = accounts.enter(body.name, administrator=body.administrator, tier=body.tier)
        house.audit.note(None, Act.USER_MADE, whence, what={"user": made.id, "name": made.name})
        return linked(accounts.link(made.id), house, request)

    @routes.patch(
        "/users/{user}", response_model=User, responses={**_NO_USER, **_CONFLICT}, dependencies=_MANAGE
    )
    def change_user(user: Id, body: UserChange, whence: From) -> User:
        """Changes a user. Who is disabled is logged out at once, and their tokens open nothing."""
        found = accounts_of(house).change(
            user, tier=body.tier, administrator=body.administrator, disabled=body.disabled
        )
        what = {"user": user, **body.model_dump(exclude_unset=True)}
        house.audit.note(None, Act.USER_CHANGED, whence, what=what)
        return shown(found)


def _links(routes: APIRouter, house: House) -> None:
    @routes.post("/users/{user}/link", response_model=Link, responses=_NO_USER, dependencies=_MANAGE)
    def link_user(user: Id, request: Request, whence: From) -> Link:
        """Another link for a user, who has lost the password; the one before opens nothing any more."""
        made = accounts_of(house).link(user)
        house.audit.note(None, Act.LINK_MADE, whence, what={"user": user})
        return linked(made, house, request)


def shown(user: store.User) -> User:
    """A user as the service shows them."""
    return User.model_validate(user, from_attributes=True)


def linked(link: store.Link, house: House, request: Request) -> Link:
    """A link as the service shows it."""
    base = house.address.base(request.headers.get("host"))
    return Link(user=shown(link.user), url=link.url(base), expires_at=link.expires_at)
