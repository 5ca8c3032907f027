"""What all routes share: the ledger, the shelf of rows, the bell, settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treefolio.jobs.ledger.store import Store
from treefolio.service.bell import Bell
from treefolio.service.settings import ServiceSettings
from treefolio.service.shelf import Shelf

Responses = dict[int | str, dict[str, Any]]
"""Of a route: status → what is documented of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """See the module. folder: for files that come and go."""

    store: Store
    shelf: Shelf
    bell: Bell
    settings: ServiceSettings
    folder: Path
