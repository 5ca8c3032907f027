"""The section on strategies of docs/service.md: its commands work, one after the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from strategies_cases import HOT

from account_samples import Answering
from cli_samples import Program, write_prices
from treefolio.client import Client

PAGE = (Path(__file__).parents[3] / "docs" / "service.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Strategies") :].partition("\n## ")[0]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert found is not None
    return found[1]


def test_commands(
    here: Answering,
    client: Client,
    token: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a folder with the files that they name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREEFOLIO_URL", here.origin)
    monkeypatch.setenv("TREEFOLIO_TOKEN", token)
    (tmp_path / "strategy.yaml").write_text(HOT, encoding="utf-8")
    (tmp_path / "edited.yaml").write_text(HOT.replace("70", "75"), encoding="utf-8")
    write_prices(tmp_path)
    program = Program(capsys)
    lines = [shlex.split(line) for line in block("sh").splitlines()]
    assert len(lines) > 5
    for name, *arguments in lines:
        assert name == "treefolio"
        called = program(*arguments)
        assert called.status == 0, (arguments, called.err)
    assert (tmp_path / "first.yaml").exists()
    assert client.strategies.find("Hot or not").newest.number == 2
    assert client.jobs().total == 1
