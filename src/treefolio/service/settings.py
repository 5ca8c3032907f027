"""The settings of the service: environment variables, as one table; and all tables together."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from treefolio.errors import did_you_mean
from treefolio.jobs.settings import JobSettings
from treefolio.market.settings import MarketSettings
from treefolio.settings import PREFIX
from treefolio.settings.table import Table

log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
RATES = {"login": 5, "submit": 60, "export": 120, "aggregate": 300, "check": 120, "upload": 30}


def proxies_of(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between. Raises ValueError."""
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())


class ServiceSettings(Table):
    """What the service takes and keeps."""

    upload_megabytes: int = Field(default=500, gt=0, description="An uploaded snapshot is no larger.")
    request_megabytes: int = Field(default=20, gt=0, description="What a job is asked is no larger.")
    body_seconds: float = Field(
        default=10.0,
        gt=0,
        description="A body may take as long, and a second more for each 20 KB of it that came.",
    )
    rows_megabytes: int = Field(
        default=4_000,
        gt=0,
        description="Rows of jobs that are looked at are kept on disk, no more than that.",
    )
    users: bool = Field(default=False, description="Several users, who log in; `serve --users` sets it.")
    public_url: str | None = Field(
        default=None, description="Where users find the service, such as `https://treefolio.example.org`."
    )
    allowed_users: str | None = Field(
        default=None, description="Names, with commas: nobody else may log in, but for administrators."
    )
    session_idle_hours: float = Field(
        default=12.0, gt=0, description="A login that was not used for so long has ended."
    )
    session_hours: float = Field(default=168.0, gt=0, description="No login lasts longer.")
    rates: dict[str, Annotated[int, Field(gt=0, le=100_000)]] = Field(
        default=RATES, description="How often a minute each may be asked, as JSON; by name and user."
    )
    database_seconds: float = Field(
        default=120.0, gt=0, description="A request waits as long for a database that says nothing."
    )
    streams: int = Field(
        default=50, gt=0, description="Streams of events and sockets that a user may have open at once."
    )
    trusted_proxies: str = Field(
        default="127.0.0.1, ::1",
        description="Addresses and networks whose `X-Forwarded-For` is believed, with commas.",
    )
    discord_client_id: str | None = Field(
        default=None, description="Of the application at Discord by which users may log in."
    )
    discord_client_secret: SecretStr | None = Field(default=None, description="Its secret.")
    discord_url: str = Field(default="https://discord.com", description="Discord.")
    discord_seconds: float = Field(
        default=10.0, gt=0, description="Discord has as long for an answer at a login."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, given: str) -> str:
        proxies_of(given)
        return given

    @field_validator("rates")
    @classmethod
    def _all_rates(cls, given: dict[str, int]) -> dict[str, int]:
        """Those that are given, and the usual ones of the others."""
        if unknown := sorted(set(given) - set(RATES)):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(RATES)}")
        return {**RATES, **given}


TABLES: Mapping[str, type[Table]] = {
    "Market data": MarketSettings,
    "Jobs": JobSettings,
    "The service": ServiceSettings,
}
"""By their titles in docs/settings.md."""
COMMAND_LINE: Mapping[str, str] = {
    f"{PREFIX}URL": "The service that is meant without `--url`.",
    f"{PREFIX}TOKEN": "The token that is sent without `--token`.",
    f"{PREFIX}LOG": "Log lines from this level on: `debug`, `info`, `warning` or `error`.",
    f"{PREFIX}TRACEBACK": "If there is anything in it, a fault of Treefolio itself shows how it came about.",
    f"{PREFIX}WORKERS": "How many workers `deploy/compose.yaml` starts.",
}
"""What is read without a table, and what it is for."""
_INTERNAL = (f"{PREFIX}SUPERVISED", f"{PREFIX}SHARED")
"""Those of processes that `serve` starts, and of the tests."""


def heed_settings() -> None:
    """Warns of what looks like a setting and is none. Raises UsageError: the value of one cannot be used."""
    for said in strangers(os.environ):
        log.warning("%s", said, extra={"action": "settings.unknown"})
    for table in TABLES.values():
        table()


def strangers(names: Iterable[str]) -> list[str]:
    """A sentence or two for each of these variables that begins as settings do and is none."""
    known = {name for table in TABLES.values() for name, _ in table.variables()}
    known |= {*COMMAND_LINE, *_INTERNAL}
    found = sorted({name.upper() for name in names if name.upper().startswith(PREFIX)} - known)
    return [f"{name} is no setting. {_near(name, known)}" for name in found]


def _near(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known, prefix=PREFIX) or "docs/settings.md lists them."
