"""``python -m treefolio.market.docs`` prints docs/settings.md, made from the table of settings."""

from __future__ import annotations

from treefolio.market.settings import MarketSettings
from treefolio.settings import PREFIX

HEAD = """\
# Settings

Environment variables. This page is made from the table in the code (`make docs`).

| variable | default | |
|---|---|---|
"""


def page() -> str:
    """The page: every setting with its default and what it does."""
    lines = []
    for name, field in MarketSettings.model_fields.items():
        variable = str(field.validation_alias or f"{PREFIX}{name.upper()}")
        default = "" if field.default is None else f"`{field.default}`"
        if field.default_factory is not None:
            default = "the platform's user data folder"
        lines.append(f"| `{variable}` | {default} | {field.description} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    print(page(), end="")
