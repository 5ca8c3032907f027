"""The settings of the service: environment variables, as one table."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from treefolio.settings import PREFIX

MEGABYTE = 1_000_000
RATES = {"login": 5, "submit": 60, "export": 120, "aggregate": 300, "check": 120, "upload": 30}


class ServiceSettings(BaseSettings):
    """What the service takes and keeps. A field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True)

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

    @field_validator("rates")
    @classmethod
    def _all_rates(cls, given: dict[str, int]) -> dict[str, int]:
        """Those that are given, and the usual ones of the others."""
        if unknown := sorted(set(given) - set(RATES)):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(RATES)}")
        return {**RATES, **given}
