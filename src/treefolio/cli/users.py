"""``treefolio users``: who may log in to the service of this machine. It speaks to the database itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from treefolio.cli import show
from treefolio.cli.flags import AsJson
from treefolio.cli.stored import Home, opened_store
from treefolio.settings import PREFIX

if TYPE_CHECKING:
    from treefolio.service.accounts.store import Accounts, Link, User

app = typer.Typer(
    help="Users of the service on this machine: make, list, disable; links by which they log in.",
    add_completion=False,
    rich_markup_mode=None,
)
Name = Annotated[str, Argument(metavar="NAME", help="Of the user, such as ann or ann@example.org.")]
Url = Annotated[
    str | None, Option("--url", metavar="URL", help="Of the service [TREEFOLIO_PUBLIC_URL, TREEFOLIO_URL].")
]
Tier = Annotated[
    str | None,
    Option("--tier", metavar="TIER", help="One of TREEFOLIO_TIERS [free; of administrators paid]."),
]


@app.command("add")
def add(
    name: Name,
    administrator: Annotated[bool, Option("--administrator", help="May change users.")] = False,
    tier: Tier = None,
    home: Home = None,
    url: Url = None,
) -> int:
    """Make a user, and print the link by which they set a password."""
    base = _base(url)
    with _accounts(home) as accounts:
        user = accounts.enter(name, administrator=administrator, tier=tier)
        made = accounts.link(user.id)
        _note(accounts, "user.made", user, name=user.name, administrator=administrator, tier=user.tier)
    _say_link(made, base)
    return 0


@app.command("link")
def link(name: Name, home: Home = None, url: Url = None) -> int:
    """Print another link for a user who has lost the password."""
    base = _base(url)
    with _accounts(home) as accounts:
        made = accounts.link(accounts.named(name).id)
        _note(accounts, "link.made", made.user)
    _say_link(made, base)
    return 0


@app.command("list")
def listed(home: Home = None, as_json: AsJson = False) -> int:
    """List the users."""
    with _accounts(home) as accounts:
        found = accounts.users()
    if as_json:
        from treefolio.service.accounts.models import User, Users  # noqa: PLC0415 - heavy

        shown = Users(users=[User.model_validate(each, from_attributes=True) for each in found])
        sys.stdout.write(shown.model_dump_json(indent=2) + "\n")
        return 0
    show.plain_table(("name", "tier", "state", "since", "id"), [_line(each) for each in found], left=5)
    return 0


@app.command("disable")
def disable(name: Name, home: Home = None) -> int:
    """Log a user out everywhere, and keep them out."""
    found = _change(home, name, disabled=True)
    show.say(f"{found.name} is logged out, and kept out; jobs go on.")
    return 0


@app.command("enable")
def enable(name: Name, home: Home = None) -> int:
    """Let a user in again who was disabled."""
    found = _change(home, name, disabled=False)
    show.say(f"{found.name} may log in again.")
    return 0


@app.command("tier")
def change_tier(
    name: Name,
    tier: Annotated[str, Argument(metavar="TIER", help="One of TREEFOLIO_TIERS.")],
    home: Home = None,
) -> int:
    """Change how much of the workers a user gets."""
    found = _change(home, name, tier=tier)
    show.say(f"{found.name} is in the tier {found.tier}.")
    return 0


def _change(home: Path | None, name: str, *, tier: str | None = None, disabled: bool | None = None) -> User:
    """The user of this name, changed."""
    with _accounts(home) as accounts:
        found = accounts.change(accounts.named(name).id, tier=tier, disabled=disabled)
        said = {"tier": tier} if disabled is None else {"disabled": disabled}
        _note(accounts, "user.changed", found, **said)
    return found


def _note(accounts: Accounts, act: str, user: User, **what: object) -> None:
    """Adds to the log of acts that it was done from here."""
    from treefolio.jobs.acts import Act  # noqa: PLC0415 - heavy
    from treefolio.service.audit.store import Audit  # noqa: PLC0415 - with the others

    Audit(accounts.engine).note_operator(Act(act), user.id, **what)


@contextmanager
def _accounts(home: Path | None) -> Iterator[Accounts]:
    """The accounts in the database of this machine's service. Raises DatabaseError."""
    from treefolio.service.accounts.store import accounts_of  # noqa: PLC0415 - heavy
    from treefolio.service.settings import ServiceSettings  # noqa: PLC0415 - with the others

    with opened_store(home) as store:
        yield accounts_of(store, ServiceSettings())


def _base(url: str | None) -> str:
    """Where the service is found, for links. Raises UsageError."""
    from treefolio.client import DEFAULT_URL  # noqa: PLC0415 - heavy
    from treefolio.service.address import address_of  # noqa: PLC0415 - with the others
    from treefolio.service.settings import ServiceSettings  # noqa: PLC0415 - with the others

    public = ServiceSettings().public_url
    return address_of(url or public or os.environ.get(f"{PREFIX}URL") or DEFAULT_URL).origin


def _say_link(found: Link, base: str) -> None:
    """Prints a link; it stands alone on the last line."""
    until = show.when(found.expires_at)
    show.say(f"{found.user.name} sets a password with this link, once, until {until}:")
    show.say(found.url(base))


def _line(user: User) -> tuple[str, ...]:
    states = (
        ("disabled", user.disabled),
        ("administrator", user.administrator),
        ("no password yet", not user.has_password),
    )
    state = ", ".join(word for word, holds in states if holds)
    return user.name, user.tier, state, user.created_at.astimezone().strftime("%Y-%m-%d"), user.id
