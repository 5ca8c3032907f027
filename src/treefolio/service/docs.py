"""``python -m treefolio.service.docs`` prints docs/settings.md, made from the tables of settings."""

from __future__ import annotations

from treefolio.service.settings import COMMAND_LINE, TABLES

HEAD = """\
# Settings

Environment variables. This page is made from the tables in the code (`make docs`).
"""


def page() -> str:
    """The page: every setting once, with its default and what it does."""
    parts, seen = [HEAD], set()
    for title, table in TABLES.items():
        lines = [f"\n## {title}\n\n| variable | default | |\n|---|---|---|\n"]
        for variable, field in table.variables():
            default = "" if field.default is None else f"`{field.default}`"
            if variable == "TREEFOLIO_HOME":
                default = "the platform's user data folder"
            elif field.default_factory is not None:
                default = ""
            if variable not in seen:
                lines.append(f"| `{variable}` | {default} | {field.description} |\n")
            seen.add(variable)
        parts += lines
    parts += ["\n## The command line\n\n| variable | |\n|---|---|\n"]
    parts += [f"| `{variable}` | {purpose} |\n" for variable, purpose in COMMAND_LINE.items()]
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
