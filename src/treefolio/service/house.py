"""What all routes share: the ledger, the shelf of rows, the bell, settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treefolio.jobs.ledger.store import Store
from treefolio.jobs.vault import Vault
from treefolio.service.accounts.store import Accounts
from treefolio.service.address import Address
from treefolio.service.audit.store import Audit
from treefolio.service.bell import Bell
from treefolio.service.limits import Limits
from treefolio.service.settings import ServiceSettings
from treefolio.service.shelf import Shelf

Responses = dict[int | str, dict[str, Any]]
"""Of a route: status → what is documented of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """See the module.

    Attributes:
        folder: for files that come and go.
        accounts: None where nobody logs in.
    """

    store: Store
    shelf: Shelf
    bell: Bell
    settings: ServiceSettings
    folder: Path
    address: Address
    accounts: Accounts | None
    vault: Vault
    audit: Audit
    limits: Limits
