"""What the tables of settings have in common: how they are read, and what is said of a wrong value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from treefolio.settings import PREFIX, unusable


class Table(BaseSettings):
    """Settings, a field for each. A field's description is its documentation.

    What is not given is read from the environment. Raises UsageError that names the variable whose value is
    wrong.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    @classmethod
    def variables(cls) -> Iterator[tuple[str, FieldInfo]]:
        """Each field, with its name in the environment."""
        for name, field in cls.model_fields.items():
            yield str(field.validation_alias or f"{PREFIX}{name.upper()}"), field

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment."""
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, _Environment(settings_cls)

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, given: Any, made: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return made(given)
        except ValidationError as error:
            first = error.errors()[0]
        name, *inside = (f"its value {part + 1}" if isinstance(part, int) else part for part in first["loc"])
        variable = name if name.isupper() else f"{PREFIX}{name.upper()}"
        said = first["msg"].removeprefix("Value error, ")
        why = ": ".join([*inside, f"{said[0].lower()}{said[1:]}"])
        field = dict(cls.variables()).get(variable)
        raise unusable(variable, why, "" if field is None else str(field.description))


class _Environment(EnvSettingsSource):
    """The environment. What should be JSON and is none goes on as it is, and is refused like other values."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The value of a table or a list."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
