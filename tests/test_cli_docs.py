"""The page of the command line: its commands work, and it names every verb and file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli_samples import STRATEGY, Program, write_prices, write_strategy
from treefolio.cli.app import VERBS

PAGE = (Path(__file__).parents[1] / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The lines of all blocks of shell."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_the_commands_of_the_page_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, in a folder with the files that they name."""
    monkeypatch.chdir(tmp_path)
    write_strategy(tmp_path, STRATEGY, "strategy.yaml")
    write_prices(tmp_path)
    (tmp_path / "combinations.csv").write_text("hot,c1.window\n65,5\n75,9\n", encoding="utf-8")
    program = Program(capsys)
    assert len(commands()) > 8
    for command in commands():
        name, *arguments = shlex.split(command)
        assert name == "treefolio"
        called = program(*arguments)
        assert called.status == 0, (command, called.err)


def test_every_verb_is_on_the_page() -> None:
    """In its table, and in a command."""
    for module in VERBS:
        name = module.__name__.rpartition(".")[2].rstrip("_")
        assert f"| `{name}` |" in PAGE
        assert any(command.startswith(f"treefolio {name}") for command in commands())
