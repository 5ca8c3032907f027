"""docs/security.md: each test that it names is there, and each item has a test or says why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
FILES = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", PAGE)))
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE[PAGE.index("## V2") :].splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| | | shown by"))
]
WITHOUT = ("not done", "in part", "not applicable because", "there is no code")


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_it_is_there(file: str, test: str) -> None:
    """Under this name, in this file."""
    tree = ast.parse(FILES[file].read_text(encoding="utf-8"))
    tests = {
        each.name for each in tree.body if isinstance(each, ast.FunctionDef) and each.name[:5] == "test_"
    }
    assert tests
    assert not test or test in tests


def test_every_item() -> None:
    """Says what is true of it, and names a test or the reason why there is none."""
    assert len(ROWS) > 80
    for row in ROWS:
        assert len(row) == 3, row
        assert row[1]
        assert "`test_" in row[2] or row[2].startswith(WITHOUT), row


def test_chapters() -> None:
    """Those of the standard that a service like this one is about."""
    chapters = {row[0].partition(".")[0] for row in ROWS if row[0]}
    assert {"2", "3", "4", "5", "6", "7", "8", "12", "13"} <= chapters


def test_every_test_of_the_guard_is_named() -> None:
    """The files about guarding are on the page, so that nobody looks for a point in vain."""
    assert {
        "test_vault.py",
        "test_keys.py",
        "test_discord.py",
        "test_audit.py",
        "test_rates.py",
        "test_hostile.py",
        "test_uploads.py",
        "test_account_borders.py",
    } <= {file for file, _ in NAMED}
