"""The settings of jobs: environment variables, as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from treefolio.settings import home
from treefolio.settings.table import Table

TRANSACTION_S = 20.0
Weight = Annotated[float, Field(gt=0)]
Most = Annotated[int, Field(ge=0)]


class JobSettings(Table):
    """Where jobs are kept and how workers behave."""

    home: Path = Field(default_factory=home, description="Caches, snapshots and ledgers.")
    database_url: str | None = Field(
        default=None, description="The Postgres that keeps jobs; without it one runs below the home folder."
    )
    secret_keys: SecretStr | None = Field(
        default=None,
        description="Keys that encrypt users' keys, with commas between; the first encrypts.",
    )
    flat_files: Path | None = Field(
        default=None, description="The folder of Massive's flat files that import jobs read."
    )
    chunk_timeout_s: float = Field(
        default=600.0, gt=0, description="A chunk that takes longer is abandoned, and tried again."
    )
    chunk_seconds: float = Field(default=2.0, gt=0, description="A chunk of a sweep takes about as long.")
    chunk_tries: int = Field(default=3, gt=0, description="A chunk that fails so often is given up.")
    chunk_pauses_s: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        default=(1.0, 5.0),
        min_length=1,
        description="Seconds until a chunk that failed is tried again, as JSON; a worker without work looks"
        " for it every `TREEFOLIO_LOOK_S` only.",
    )
    beat_s: float = Field(default=2.0, gt=0, description="A worker says so often that it is there.")
    lease_s: float = Field(
        default=10.0, gt=0, description="A worker that was silent for so long loses its chunk."
    )
    transaction_s: float = Field(
        default=TRANSACTION_S,
        gt=0,
        le=86_400,
        description="The database ends a transaction in which nothing is asked for so long: whoever began it"
        " was stopped, or is gone, and others wait for what it holds.",
    )
    look_s: float = Field(
        default=5.0,
        gt=0,
        description="Workers look so often for chunks without a worker, and for those whose pause is over.",
    )
    snapshots_megabytes: int = Field(
        default=4_000,
        gt=0,
        description="Prices that workers looked at are kept below their home folder, no more than that.",
    )
    tiers: dict[str, Weight] = Field(
        default={"free": 1.0, "paid": 2.0}, min_length=1, description="Weight of each tier's users, as JSON."
    )
    limit_running: dict[str, Annotated[int, Field(gt=0)]] = Field(
        default={"free": 2, "paid": 8},
        description="Jobs of a user under way at once, by tier; more of them wait.",
    )
    limit_combinations: dict[str, Most] = Field(
        default={"free": 20_000, "paid": 1_000_000}, description="Combinations of a job, by tier."
    )
    limit_combinations_a_day: dict[str, Most] = Field(
        default={"free": 100_000, "paid": 5_000_000},
        description="Combinations that a user submits in a day, by tier.",
    )
    limit_megabytes: dict[str, Most] = Field(
        default={"free": 1_000, "paid": 20_000}, description="Prices and results of a user, by tier."
    )
    limit_schedules: dict[str, Most] = Field(
        default={"free": 3, "paid": 50}, description="Schedules of a user, by tier."
    )
    keep_days: int | None = Field(
        default=None, gt=0, description="Jobs are removed so many days after their end; without it, never."
    )
    house_schedules: bool = Field(
        default=True,
        description="By itself the service purges its prices, and warms them where it has a key.",
    )
