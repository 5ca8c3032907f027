"""The settings of market data: environment variables, as one table."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from treefolio.settings import home
from treefolio.settings.table import Table

MEGABYTE = 1_000_000


class MarketSettings(Table):
    """Where prices come from and where they are kept."""

    home: Path = Field(default_factory=home, description="Caches, snapshots and ledgers.")
    redis_url: str | None = Field(default=None, description="A price cache that several machines share.")
    cache_megabytes: int = Field(
        default=20_000,
        gt=0,
        description="The price cache holds no more: what was not used longest goes first.",
    )
    alpaca_data_url: str = Field(default="https://data.alpaca.markets", description="Alpaca's market data.")
    massive_url: str = Field(default="https://api.massive.com", description="Massive's REST service.")
    requests_per_minute: int = Field(
        default=180,
        gt=0,
        description="At most as many requests to a vendor, over all processes with the same key.",
    )
    connect_seconds: float = Field(default=5.0, gt=0, description="A vendor that does not answer the door.")
    read_seconds: float = Field(default=30.0, gt=0, description="A vendor that stops speaking.")
    tries: int = Field(default=6, gt=0, description="How often a read is tried before it is given up.")
    entitlement: str = Field(
        default="default", description="Names your plan with a vendor, where two plans see different prices."
    )
    alpaca_key: SecretStr | None = Field(
        default=None, validation_alias="APCA_API_KEY_ID", description="Alpaca key."
    )
    alpaca_secret: SecretStr | None = Field(
        default=None, validation_alias="APCA_API_SECRET_KEY", description="Alpaca secret."
    )
    massive_key: SecretStr | None = Field(
        default=None, validation_alias="MASSIVE_API_KEY", description="Massive key."
    )
