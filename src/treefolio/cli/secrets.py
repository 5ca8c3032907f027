"""``treefolio secrets``: the keys that encrypt what users keep. It speaks to the database itself."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from treefolio.cli import show
from treefolio.cli.flags import AsJson
from treefolio.cli.stored import Home, opened_store
from treefolio.errors import VaultError

if TYPE_CHECKING:
    from treefolio.jobs.vault import Checked, Vault

app = typer.Typer(
    help="Keys that encrypt the brokers' and vendors' keys of users: check them, change them.",
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("check")
def check(home: Home = None, as_json: AsJson = False) -> int:
    """Open everything that is kept, and say how that went."""
    with _vault(home) as vault:
        found, place = vault.check(), vault.keyring.place
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(found), indent=2) + "\n")
    else:
        show.say(f"{found.kept} kept; {found.newest} encrypted with the first key of {place}")
    if found.broken:
        raise VaultError(
            f"{found.broken} of {found.kept} open with none of the keys",
            hint="Put back the keys that encrypted them, or have their users set them again.",
        )
    return 0


@app.command("rotate")
def rotate(home: Home = None) -> int:
    """Encrypt everything with a new key, and drop the old one."""
    with _vault(home) as vault:
        before = vault.check()
        if vault.keyring.from_environment:
            _rotate_environment(vault, before)
        elif not vault.keyring.there and not before.kept:
            show.say("Nothing is kept yet, so there is no key to change.")
        else:
            count = vault.rotate()
            show.say(f"{count} encrypted with a new key; the old one is gone from {vault.keyring.place}.")
            show.say("Backups from before need it still, where the file is in them.")
    return 0


def _rotate_environment(vault: Vault, before: Checked) -> None:
    """Encrypts with the first key; or says with which one to begin, when there is no newer one."""
    keys = vault.keyring.keys()
    if len(keys) > 1 or before.newest < before.kept:
        count = vault.rotate()
        show.say(f"{count} encrypted with the first key of {vault.keyring.place}.")
        show.say("Leave out the others now, everywhere, and start the service and its workers again.")
        return
    from treefolio.jobs.keyring import new_key  # noqa: PLC0415 - heavy

    show.say(f"Nothing is changed yet: {vault.keyring.place} has one key, and nothing else may write it.")
    show.say("1. Put the key below before it, with a comma between, wherever it is set.")
    show.say("2. Start the service and its workers again, then `treefolio secrets rotate`.")
    show.say(new_key())


@contextmanager
def _vault(home: Path | None) -> Iterator[Vault]:
    """The vault in the database of this machine's service. Raises DatabaseError."""
    from treefolio.jobs.keyring import Keyring  # noqa: PLC0415 - heavy
    from treefolio.jobs.vault import Vault  # noqa: PLC0415 - with the others

    with opened_store(home) as store:
        yield Vault(store.engine, Keyring(store.settings))
