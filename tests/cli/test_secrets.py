"""``treefolio secrets``: what encrypts users' keys is checked and changed, and what to do is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from cli_samples import Program
from treefolio.jobs.keyring import FILE, Keyring
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.vault import MassiveKey, Vault
from treefolio.service.entering import enter
from treefolio.testing.postgres import PostgresServer

OWNER = "local"
KEY = MassiveKey(key=SecretStr("m4ssive-0123456789"))


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def home(server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a service whose database runs and has one user."""
    monkeypatch.setenv("TREEFOLIO_DATABASE_URL", url := server.database())
    monkeypatch.delenv("TREEFOLIO_SECRET_KEYS", raising=False)
    enter(url, JobSettings(home=tmp_path / "home")).close()
    return tmp_path / "home"


def vault_of(home: Path) -> Vault:
    settings = JobSettings(home=home)
    store = enter(settings.database_url or "", settings)
    return Vault(store.engine, Keyring(settings))


def keep(home: Path) -> None:
    vault = vault_of(home)
    with vault.engine.begin() as connection:
        vault.put(connection, OWNER, KEY)
    vault.engine.dispose()


def still_there(home: Path) -> bool:
    vault = vault_of(home)
    found = vault.of(OWNER, MassiveKey, job=UUID(int=1))
    vault.engine.dispose()
    return found == KEY


def test_nothing_is_kept(program: Program, home: Path) -> None:
    """There is nothing to check and nothing to change, and no file is made."""
    assert program("secrets", "check", "--home", home).status == 0
    called = program("secrets", "rotate", "--home", home)
    assert (called.status, "Nothing is kept yet" in called.out) == (0, True)
    assert not (home / FILE).exists()


def test_keys_in_the_file(program: Program, home: Path) -> None:
    """A rotation changes the file and nothing that users see; no key is printed."""
    keep(home)
    before = (home / FILE).read_text().strip()
    called = program("secrets", "rotate", "--home", home)
    after = (home / FILE).read_text().strip()
    assert (called.status, called.out.startswith("1 encrypted with a new key")) == (0, True), called.err
    assert before not in after
    assert after not in called.out + called.err
    assert still_there(home)
    checked = program("secrets", "check", "--home", home, "--json")
    assert json.loads(checked.out) == {"kept": 1, "newest": 1, "broken": 0}


def test_keys_in_the_environment(program: Program, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said leads from one key to the next: a new key before it, a rotation, the old one left out."""
    old = Fernet.generate_key().decode()
    monkeypatch.setenv("TREEFOLIO_SECRET_KEYS", old)
    keep(home)
    first = program("secrets", "rotate", "--home", home)
    new = first.out.splitlines()[-1]
    assert (first.status, "Nothing is changed yet" in first.out) == (0, True)
    assert old not in first.out
    monkeypatch.setenv("TREEFOLIO_SECRET_KEYS", f"{new},{old}")
    second = program("secrets", "rotate", "--home", home)
    assert (second.status, "Leave out the others" in second.out) == (0, True)
    monkeypatch.setenv("TREEFOLIO_SECRET_KEYS", new)
    assert still_there(home)
    assert program("secrets", "check", "--home", home).status == 0
    assert not (home / FILE).exists()


def test_keys_that_do_not_fit(program: Program, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are found, nothing is changed, and the status is 1."""
    keep(home)
    monkeypatch.setenv("TREEFOLIO_SECRET_KEYS", Fernet.generate_key().decode())
    called = program("secrets", "check", "--home", home)
    assert (called.status, "1 of 1 open with none" in called.err) == (1, True)
    assert program("secrets", "rotate", "--home", home).status == 1
    monkeypatch.delenv("TREEFOLIO_SECRET_KEYS")
    assert still_there(home)


def test_a_file_that_is_open_to_others(program: Program, home: Path) -> None:
    """Is said with its remedy."""
    keep(home)
    (home / FILE).chmod(0o644)
    for verb in ("check", "rotate"):
        called = program("secrets", verb, "--home", home)
        assert (called.status, "644" in called.err, "chmod 600" in called.err) == (1, True, True)


def test_no_database(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is said."""
    monkeypatch.delenv("TREEFOLIO_DATABASE_URL", raising=False)
    called = program("secrets", "check", "--home", tmp_path)
    assert (called.status, "no database runs" in called.err) == (1, True)
