"""deploy/: the tools that will read the files read them, and they name what there is."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from treefolio.cli.app import app
from treefolio.service.models import API
from treefolio.service.settings import strangers
from treefolio.settings import PREFIX

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
FILLED = {
    "POSTGRES_PASSWORD": "of-a-test",
    "TREEFOLIO_SECRET_KEYS": "of-a-test",
    "TREEFOLIO_PUBLIC_URL": "https://treefolio.example.org",
    "APCA_API_KEY_ID": "of-a-test",
}
OURS = ("api", "worker")
UNITS = ("treefolio.service", "treefolio-worker@.service")
PAGES = sorted([*DEPLOY.iterdir(), ROOT / "docs" / "operations.md"])


@functools.cache
def compose_tool() -> list[str] | None:
    """Docker's own compose, version 2 or newer; it needs no daemon to read a file."""
    for tool in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(tool[0]):
            said = subprocess.run([*tool, "version", "--short"], check=False, capture_output=True, text=True)
            if said.returncode == 0 and int(said.stdout.strip().removeprefix("v").partition(".")[0]) >= 2:
                return tool
    return None


def compose(*arguments: str, folder: Path, **filled: str) -> subprocess.CompletedProcess[str]:
    tool = compose_tool()
    if tool is None:
        pytest.skip("needs docker compose")
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in filled.items()))
    usual = {name: value for name, value in os.environ.items() if name not in FILLED}
    return subprocess.run(
        [*tool, "--file", DEPLOY / "compose.yaml", "--env-file", folder / ".env", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=usual,
    )


@pytest.mark.service
def test_compose_reads_it(tmp_path: Path) -> None:
    """With what an administrator writes; each worker gets what it needs."""
    called = compose("config", "--format", "json", folder=tmp_path, **FILLED)
    assert called.returncode == 0, called.stderr
    assert "warn" not in called.stderr.lower()
    found = json.loads(called.stdout)
    assert (found["name"], set(found["services"])) == ("treefolio", {"postgres", "redis", *OURS})
    for name in OURS:
        service = found["services"][name]
        assert service["environment"]["TREEFOLIO_DATABASE_URL"].endswith(":of-a-test@postgres/treefolio")
        assert service["environment"]["APCA_API_KEY_ID"] == "of-a-test"
        assert service["environment"]["MASSIVE_API_KEY"] is None
        assert service["build"] == {"context": str(ROOT), "dockerfile": "deploy/Dockerfile"}


@pytest.mark.service
@pytest.mark.parametrize("missing", ["POSTGRES_PASSWORD", "TREEFOLIO_SECRET_KEYS", "TREEFOLIO_PUBLIC_URL"])
def test_nothing_secret_has_a_default(missing: str, tmp_path: Path) -> None:
    """Without a line for it, or with an empty one, nothing starts, and it is said where to write it."""
    for filled in ({**FILLED, missing: ""}, {name: FILLED[name] for name in FILLED if name != missing}):
        called = compose("config", "--quiet", folder=tmp_path, **filled)
        assert called.returncode != 0
        assert missing in called.stderr
        assert "write one into deploy/.env" in called.stderr


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_services_are_guarded(name: str) -> None:
    """No capabilities, nothing gained, nothing written but volumes; what is published stays here."""
    service = COMPOSE["services"][name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert str(service["user"]).partition(":")[0] not in ("", "0", "root")
    assert "privileged" not in service
    assert ":latest" not in service["image"]
    assert ":" in service["image"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or name == "worker"


def test_what_is_inside_stays_there() -> None:
    """Postgres and Redis are on a network of their own, without a port and without the internet."""
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert COMPOSE["services"][name]["networks"] == ["inside"]
        assert "ports" not in COMPOSE["services"][name]


def test_volumes_are_named() -> None:
    """All that must survive, and no folder of the machine."""
    mounted = {
        volume.partition(":")[0]
        for each in COMPOSE["services"].values()
        for volume in each.get("volumes", [])
    }
    assert mounted == set(COMPOSE["volumes"])


def flags(verb: str) -> set[str]:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]  # it is a group
    return {option for each in command.params for option in each.opts}


def commands() -> dict[str, list[str]]:
    """What is started of ours, by the file and service that does."""
    found = {f"compose.yaml {name}": COMPOSE["services"][name]["command"] for name in OURS}
    for unit in UNITS:
        line = re.search(r"^ExecStart=\S+/treefolio (.+)$", (DEPLOY / unit).read_text(), flags=re.MULTILINE)
        assert line is not None
        found[unit] = shlex.split(line[1])
    return found


@pytest.mark.parametrize(("where", "arguments"), commands().items())
def test_commands_are_ours(where: str, arguments: list[str]) -> None:
    """A verb that there is, with its own flags."""
    assert where
    verb, *rest = arguments
    assert {each for each in rest if each.startswith("--")} <= flags(verb)


def test_health_is_asked_where_it_is() -> None:
    """As `docker compose up --wait` does."""
    assert f"127.0.0.1:8000{API}/health" in COMPOSE["services"]["api"]["healthcheck"]["test"][-1]
    compile(COMPOSE["services"]["api"]["healthcheck"]["test"][-1], "health", "exec")


class TestImage:
    """The Dockerfile, as far as it can be told without building it."""

    LINES = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    def test_what_is_copied_is_there(self) -> None:
        """In the repository, and let through; all that the build needs is."""
        copied = {
            name
            for line in self.LINES
            if line.startswith("COPY ") and "--from" not in line
            for name in line.split()[1:-1]
        }
        assert copied == {line.removeprefix("!") for line in self.IGNORED if line.startswith("!")}
        assert all((ROOT / name).exists() for name in copied)
        assert self.IGNORED[1] == "*"

    def test_it_installs_what_the_tests_did(self) -> None:
        """Pinned versions, wheels alone, the Python of the constraints; kernels are compiled."""
        installs = [line for line in self.LINES if line.startswith("RUN pip install")]
        assert installs
        assert all("-c constraints.txt" in line for line in installs)
        assert "--only-binary :all: --no-build-isolation" in installs[-1]
        assert "RUN python -m treefolio.sweep.warm" in self.LINES
        version = next(line for line in self.LINES if line.startswith("ARG PYTHON="))
        assert version.startswith("ARG PYTHON=3.")

    def test_it_is_nobody_in_particular(self) -> None:
        """The user of the image is the one that compose names."""
        made = next(line for line in self.LINES if line.startswith("RUN useradd"))
        assert "USER treefolio" in self.LINES
        uid = re.search(r"--uid (\d+)", made)
        assert uid is not None
        assert all(COMPOSE["services"][name]["user"] == f"{uid[1]}:{uid[1]}" for name in OURS)


def unit(name: str) -> list[tuple[str, str]]:
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    return [(line.partition("=")[0], line.partition("=")[2]) for line in lines if re.match(r"\w+=", line)]


@pytest.mark.parametrize("name", UNITS)
def test_units_are_hardened(name: str) -> None:
    """Nothing is theirs but their own folders; what ends is started again."""
    found = dict(unit(name))
    for key, value in {
        "User": "treefolio",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "StateDirectory": "treefolio",
        "StateDirectoryMode": "0700",
        "KillMode": "mixed",
        "UMask": "0077",
    }.items():
        assert found[key] == value, key
    assert found["Restart"] in ("always", "on-failure")
    assert "MemoryDenyWriteExecute" not in found


def analyzed(tmp_path: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What systemd says of a unit whose program is there."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze")
    text = (DEPLOY / name).read_text(encoding="utf-8").replace("/opt/treefolio/bin/treefolio", sys.executable)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return subprocess.run([tool, *arguments, tmp_path / name], check=False, capture_output=True, text=True)


@pytest.mark.service
@pytest.mark.parametrize("name", UNITS)
def test_systemd_reads_them(name: str, tmp_path: Path) -> None:
    """Without a word."""
    called = analyzed(tmp_path, name, "verify", "--man=no")
    assert (called.returncode, called.stderr) == (0, "")


@pytest.mark.service
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_them_safe(name: str, tmp_path: Path) -> None:
    """An exposure of 2.0 of 10 at most; a service without hardening has 9.6."""
    called = analyzed(tmp_path, name, "security", "--offline=true", "--threshold=20")
    assert called.returncode == 0, called.stdout[-200:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_are_real(page: Path) -> None:
    """Every variable of ours that a file names is a setting."""
    named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert strangers(named) == []


def test_streams_pass_the_proxies() -> None:
    """Events arrive when they happen, and sockets are upgraded; who never ends a head is not waited for."""
    nginx = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for line in (
        "proxy_buffering off;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Host $host;",
    ):
        assert line in nginx
    assert nginx.count("{") == nginx.count("}")
    caddy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert "flush_interval -1" in caddy
    assert "read_header 30s" in caddy


SKIPPED = """
import pytest

@pytest.mark.service
@pytest.mark.skipif(True, reason="no Postgres here")
def test_by_a_mark(): ...

@pytest.mark.service
def test_by_itself(): pytest.skip("no Redis here")

def test_of_another_kind(): pytest.skip("no browser here")
"""


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 failed, 1 skipped, 1 error"), ("", "3 skipped")])
def test_skipped_where_it_must_run(tmp_path: Path, ci: str, outcome: str) -> None:
    """Continuous integration fails when a test that needs a real service was skipped, and says which."""
    (tmp_path / "test_it.py").write_text(SKIPPED, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = service\n", encoding="utf-8")
    called = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "must_run", "-p", "no:cacheprovider", tmp_path],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT / "tests")},
    )
    assert outcome in called.stdout
    assert called.returncode == (1 if ci else 0)
    assert ("must run where CI is set, and was skipped: Skipped: no Redis here" in called.stdout) == bool(ci)


def test_where_continuous_integration_says_so() -> None:
    """Its script sets what the rule looks at, and brings the tools."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "export CI=true" in script
    assert {"docker-compose", "systemd"} <= set(re.split(r"[\s()]+", script))
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


def served_settings() -> Any:
    """What `environment.example` offers."""
    text = (DEPLOY / "environment.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))


def test_the_example_has_what_compose_asks_for() -> None:
    """Every variable that compose puts in, and no value for a secret one."""
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    offered = served_settings()
    assert asked <= set(offered)
    assert [offered[name] for name in ("POSTGRES_PASSWORD", "TREEFOLIO_SECRET_KEYS")] == ["", ""]
