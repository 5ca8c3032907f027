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
from treefolio.errors import DatabaseError
from treefolio.settings import PREFIX

if TYPE_CHECKING:
    from treefolio.service.accounts.store import Accounts, Link, User

app = typer.Typer(
    help="Users of the service on this machine: make, list, disable; links by which they log in.",
    add_completion=False,
    rich_markup_mode=None,
)
Name = Annotated[str, Argument(metavar="NAME", help="Of the user, such as ann or ann@example.org.")]
Home = Annotated[
    Path | None, Option("--home", metavar="DIR", help="That is served, when not [TREEFOLIO_HOME].")
]
Url = Annotated[
    str | None, Option("--url", metavar="URL", help="Of the service [TREEFOLIO_PUBLIC_URL, TREEFOLIO_URL].")
]
Tier = Annotated[str, Option("--tier", metavar="TIER", help="One of TREEFOLIO_TIERS.")]


@app.command("add")
def add(
    name: Name,
    administrator: Annotated[bool, Option("--administrator", help="May change users.")] = False,
    tier: Tier = "free",
    home: Home = None,
    url: Url = None,
) -> int:
    """Make a user, and print the link by which they set a password."""
    base = _base(url)
    with _accounts(home) as accounts:
        user = accounts.enter(name, administrator=administrator, tier=tier)
        _say_link(accounts.link(user.id), base)
    return 0


@app.command("link")
def link(name: Name, home: Home = None, url: Url = None) -> int:
    """Print another link for a user who has lost the password."""
    base = _base(url)
    with _accounts(home) as accounts:
        _say_link(accounts.link(accounts.named(name).id), base)
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
    with _accounts(home) as accounts:
        found = accounts.change(accounts.named(name).id, disabled=True)
    show.say(f"{found.name} is logged out, and kept out; jobs go on.")
    return 0


@app.command("enable")
def enable(name: Name, home: Home = None) -> int:
    """Let a user in again who was disabled."""
    with _accounts(home) as accounts:
        found = accounts.change(accounts.named(name).id, disabled=False)
    show.say(f"{found.name} may log in again.")
    return 0


@app.command("tier")
def change_tier(
    name: Name,
    tier: Annotated[str, Argument(metavar="TIER", help="One of TREEFOLIO_TIERS.")],
    home: Home = None,
) -> int:
    """Change how much of the workers a user gets."""
    with _accounts(home) as accounts:
        found = accounts.change(accounts.named(name).id, tier=tier)
    show.say(f"{found.name} is in the tier {found.tier}.")
    return 0


@contextmanager
def _accounts(home: Path | None) -> Iterator[Accounts]:
    """The accounts in the database that is named, or in the one that runs for the home folder.

    Raises:
        DatabaseError: none runs, or its tables are of another version.
    """
    from treefolio.jobs.embedded import database_url  # noqa: PLC0415 - heavy
    from treefolio.jobs.ledger.store import open_store  # noqa: PLC0415 - with the others
    from treefolio.jobs.settings import JobSettings  # noqa: PLC0415 - with the others
    from treefolio.service.accounts.store import accounts_of  # noqa: PLC0415 - with the others
    from treefolio.service.settings import ServiceSettings  # noqa: PLC0415 - with the others

    settings = JobSettings() if home is None else JobSettings(home=home.expanduser().absolute())
    store = open_store(database_url(settings), settings)
    try:
        if not store.ready():
            raise DatabaseError(
                "the database does not answer, or its tables are of another version",
                hint="`treefolio serve --users` starts it, and brings its tables up to date.",
            )
        yield accounts_of(store, ServiceSettings())
    finally:
        store.close()


def _base(url: str | None) -> str:
    """Where the service is found, for links. Raises UsageError."""
    from treefolio.client import DEFAULT_URL  # noqa: PLC0415 - heavy
    from treefolio.service.address import address_of  # noqa: PLC0415 - with the others
    from treefolio.service.settings import ServiceSettings  # noqa: PLC0415 - with the others

    public = ServiceSettings().public_url
    return address_of(url or public or os.environ.get(f"{PREFIX}URL") or DEFAULT_URL).origin


def _say_link(found: Link, base: str) -> None:
    """Prints a link; it stands alone on the last line."""
    until = found.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
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
