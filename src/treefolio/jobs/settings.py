"""The settings of jobs: environment variables, as one table."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from treefolio.settings import PREFIX, home


class JobSettings(BaseSettings):
    """Where jobs are kept and how workers behave. A field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True)

    home: Path = Field(default_factory=home, description="Caches, snapshots and ledgers.")
    database_url: str | None = Field(
        default=None, description="The Postgres that keeps jobs; without it one runs below the home folder."
    )
    chunk_timeout_s: float = Field(
        default=600.0, gt=0, description="A chunk that takes longer is abandoned, and tried again."
    )
    chunk_seconds: float = Field(default=2.0, gt=0, description="A chunk of a sweep takes about as long.")
    chunk_tries: int = Field(default=3, gt=0, description="A chunk that fails so often is given up.")
    beat_s: float = Field(default=2.0, gt=0, description="A worker says so often that it is there.")
    lease_s: float = Field(
        default=10.0, gt=0, description="A worker that was silent for so long loses its chunk."
    )
    look_s: float = Field(default=5.0, gt=0, description="Workers look so often for chunks without a worker.")
    tiers: dict[str, float] = Field(
        default={"free": 1.0, "paid": 2.0}, description="Weight of each tier's users, as JSON."
    )
