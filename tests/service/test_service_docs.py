"""docs/service.md and docs/operations.md: their commands and code work, and they name what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import httpx
import pytest
import typer

from cli_samples import Program, write_prices, write_strategy
from service_samples import Served
from treefolio.cli.app import app
from treefolio.jobs.states import State
from treefolio.service.models import API
from treefolio.service.pace import SLOWEST, STEPS

DOCS = Path(__file__).parents[2] / "docs"
SERVICE = (DOCS / "service.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", SERVICE, re.DOTALL)
    assert found
    return found


def test_commands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other; ID is what `submit` printed last."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    write_strategy(tmp_path, name="strategy.yaml")
    write_prices(tmp_path)
    program, job = Program(capsys), ""
    for line in blocks("sh")[0].splitlines():
        name, *arguments = shlex.split(line)
        assert name == "treefolio"
        called = program(*(job if each == "ID" else each for each in arguments))
        assert called.status == 0, (line, called.err)
        job = job or called.out.splitlines()[-1]
    assert (tmp_path / "result" / "rows.parquet").exists()


def test_code(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs, and its assertion holds."""
    for body in blocks("python"):
        exec(compile(body, "docs/service.md", "exec"), {"url": served.url})  # the page is ours
    assert "final" in capsys.readouterr().out


def test_routes(served: Served) -> None:
    """Every route stands there, and no other one."""
    paths = httpx.get(f"{served.url}{API}/openapi.json").json()["paths"]
    there = {f"{verb.upper()} {path.removeprefix(API)}" for path, verbs in paths.items() for verb in verbs}
    named = set(re.findall(r"`((?:GET|HEAD|POST|PUT|PATCH|DELETE) /[^`]*)`", SERVICE)) - {
        f"GET {API}/openapi.json"
    }
    assert named == there


def test_verbs() -> None:
    """Each verb of a service, and of each of these groups, has its row."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    several = ("jobs", "keys", "lists", "secrets", "strategies", "users")
    groups = [f"{group} {each}" for group in several for each in commands[group].commands]
    for name in ("serve", "worker", "doctor", *groups):
        assert f"| `{name}` |" in SERVICE, name


def test_words() -> None:
    """States, and the pace of asking."""
    for state in State:
        assert f"`{state}`" in SERVICE, state
    pace = SERVICE[SERVICE.index("`Retry-After` of progress") :]
    assert re.findall(r"\d+", pace.partition("\n")[0]) == [
        str(number)
        for number in (
            STEPS[0][1],
            30,
            *(n for limit, pause in STEPS[1:] for n in (pause, int(limit))),
            SLOWEST,
        )
    ]


def test_figures(served: Served) -> None:
    """Those that the page names are there, and all of ours are named."""
    text = httpx.get(f"{served.url}{API}/metrics").text
    there = set(re.findall(r"^# TYPE (treefolio_\w+)", text, flags=re.MULTILINE))
    named = {name.removesuffix("_total") for name in re.findall(r"`(treefolio_\w+)", OPERATIONS)}
    assert {name.removesuffix("_created").removesuffix("_total") for name in there} <= named
    assert named <= {name.removesuffix("_total") for name in there}
