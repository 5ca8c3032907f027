"""The settings of the service: environment variables, as one table."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from treefolio.settings import PREFIX

MEGABYTE = 1_000_000


class ServiceSettings(BaseSettings):
    """What the service takes and keeps. A field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, populate_by_name=True)

    upload_megabytes: int = Field(default=500, gt=0, description="An uploaded snapshot is no larger.")
    request_megabytes: int = Field(default=20, gt=0, description="What a job is asked is no larger.")
    rows_megabytes: int = Field(
        default=4_000,
        gt=0,
        description="Rows of jobs that are looked at are kept on disk, no more than that.",
    )
