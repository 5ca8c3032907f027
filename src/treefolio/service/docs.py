"""``python -m treefolio.service.docs`` prints docs/settings.md, made from the tables of settings."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from treefolio.jobs.settings import JobSettings
from treefolio.market.settings import MarketSettings
from treefolio.service.settings import ServiceSettings
from treefolio.settings import PREFIX

HEAD = """\
# Settings

Environment variables. This page is made from the tables in the code (`make docs`).
"""
TABLES: dict[str, type[BaseSettings]] = {
    "Market data": MarketSettings,
    "Jobs": JobSettings,
    "The service": ServiceSettings,
}


def page() -> str:
    """The page: every setting once, with its default and what it does."""
    parts, seen = [HEAD], set()
    for title, table in TABLES.items():
        lines = [f"\n## {title}\n\n| variable | default | |\n|---|---|---|\n"]
        for name, field in table.model_fields.items():
            variable = str(field.validation_alias or f"{PREFIX}{name.upper()}")
            default = "" if field.default is None else f"`{field.default}`"
            if name == "home":
                default = "the platform's user data folder"
            elif field.default_factory is not None:
                default = ""
            if variable not in seen:
                lines.append(f"| `{variable}` | {default} | {field.description} |\n")
            seen.add(variable)
        parts += lines
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
