"""Keys of users: encrypted, bound to whom they belong to, readable by nobody else, through every rotation."""

from __future__ import annotations

import logging
import os
import threading
import uuid
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from jobs_cases import OWNER, ledger
from pydantic import SecretStr, ValidationError
from sqlalchemy import delete, select, text, update

from treefolio.errors import VaultError
from treefolio.jobs.keyring import FILE, Keyring, new_key
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.tables import audit, secrets
from treefolio.jobs.vault import AlpacaKeys, Checked, MassiveKey, Vault
from treefolio.testing.postgres import PostgresServer

KEY_ID, SECRET = "PKTESTTESTTEST01WXYZ", "s3cr3t-of-alpaca-0123456789"
ALPACA = AlpacaKeys(key_id=SecretStr(KEY_ID), secret=SecretStr(SECRET), live=True)
MASSIVE = MassiveKey(key=SecretStr("m4ssive-0123456789"))
JOB = uuid.UUID(int=7)
BEN = "ben"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def vault(store: Store, home: Path) -> Vault:
    """With its keys in a file that is not there yet."""
    store.enter_user(BEN)
    return Vault(store.engine, Keyring(JobSettings(home=home)))


def with_keys(store: Store, *keys: str) -> Vault:
    """With its keys in the environment."""
    return Vault(store.engine, Keyring(JobSettings(secret_keys=SecretStr(",".join(keys)))))


def put(vault: Vault, owner: str = OWNER, keys: AlpacaKeys | MassiveKey = ALPACA) -> None:
    with vault.engine.begin() as connection:
        vault.put(connection, owner, keys)


def content(vault: Vault) -> list[bytes]:
    with vault.engine.connect() as connection:
        return [bytes(row.content) for row in connection.execute(select(secrets))]


def test_kept_and_taken(vault: Vault) -> None:
    """A job of the owner gets what was set, nobody else gets anything; the log says which job it was."""
    put(vault)
    found = vault.of(OWNER, AlpacaKeys, job=JOB)
    assert found == ALPACA
    assert vault.of(BEN, AlpacaKeys, job=JOB) is None
    assert vault.of(OWNER, MassiveKey, job=JOB) is None
    with vault.engine.connect() as connection:
        noted = connection.execute(select(audit.c.who, audit.c.act, audit.c.what)).all()
    assert [tuple(row) for row in noted] == [(OWNER, "key.used", {"kind": "alpaca", "job": str(JOB)})]


def test_nothing_of_it_can_be_read(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the database nor in logs, nor where values are printed; the end of the key's id is shown."""
    with caplog.at_level(logging.DEBUG):
        put(vault)
        put(vault, BEN, MASSIVE)
        found = vault.of(OWNER, AlpacaKeys, job=JOB)
    with vault.engine.connect() as connection:
        rows = connection.execute(text("select secrets::text from secrets")).scalars().all()
    everything = "\n".join([*rows, caplog.text, repr(found), str(found), repr(vault.listed(OWNER))])
    for value in (KEY_ID, SECRET, "m4ssive"):
        assert value not in everything
    assert [(each.kind, each.ends, each.live) for each in vault.listed(OWNER)] == [("alpaca", "WXYZ", True)]
    assert [(each.kind, each.ends, each.live) for each in vault.listed(BEN)] == [("massive", None, None)]


def test_set_again(vault: Vault) -> None:
    """The new keys take the old ones' place."""
    put(vault)
    put(vault, keys=AlpacaKeys(key_id=SecretStr("another-id-12345"), secret=SecretStr(SECRET)))
    (shown,) = vault.listed(OWNER)
    assert (shown.ends, shown.live) == ("2345", False)
    assert shown.changed_at > shown.made_at


def test_removed(vault: Vault) -> None:
    """Nothing is left of them; there is nothing to remove twice."""
    put(vault)
    with vault.engine.begin() as connection:
        assert not vault.remove(connection, BEN, "alpaca")
        assert vault.remove(connection, OWNER, "alpaca")
        assert not vault.remove(connection, OWNER, "alpaca")
    assert content(vault) == []
    assert vault.of(OWNER, AlpacaKeys, job=JOB) is None


def test_a_row_in_anothers_place(vault: Vault) -> None:
    """Opens for nobody: neither another owner's content, nor that of another kind."""
    put(vault)
    put(vault, BEN, MASSIVE)
    first, second = content(vault)
    here = secrets.c.owner == BEN
    for values in ({"content": first}, {"content": first, "kind": "alpaca"}):
        with vault.engine.begin() as connection:
            connection.execute(update(secrets).where(here).values(**values))
        with pytest.raises(VaultError):
            vault.of(BEN, MassiveKey if "kind" not in values else AlpacaKeys, job=JOB)
    assert vault.check() == Checked(kept=2, newest=1, broken=1)
    assert second not in content(vault)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tiny5",
        "a" * 201,
        "with a space here",
        "line\r\nX-Evil: 1",
        "ключ-ключ-ключ",
        "nul\0nul\0nul\0nul",
    ],
)
def test_no_key(value: str) -> None:
    """What cannot stand in a header, or is no key, is refused; the refusal does not repeat it."""
    with pytest.raises(ValidationError) as caught:
        MassiveKey(key=SecretStr(value))
    assert len(value) < 2 or value not in str(caught.value)


# The file of keys.


def test_the_file(vault: Vault, home: Path) -> None:
    """Is made when it is needed first, for its owner alone."""
    assert vault.check() == Checked(kept=0, newest=0, broken=0)
    assert not (home / FILE).exists()
    put(vault)
    assert (home / FILE).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in home.iterdir()] == [FILE]
    kept = (home / FILE).read_bytes()
    vault.keyring.make()
    assert (home / FILE).read_bytes() == kept


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o777])
def test_a_file_that_is_open_to_others(vault: Vault, home: Path, mode: int) -> None:
    """Is not used; what to do is said, without the folders of this machine."""
    put(vault)
    (home / FILE).chmod(mode)
    for act in (lambda: put(vault), lambda: vault.of(OWNER, AlpacaKeys, job=JOB), vault.rotate, vault.check):
        with pytest.raises(VaultError) as caught:
            act()
        assert f"{mode:03o}" in caught.value.message
        assert "chmod 600" in (caught.value.hint or "")
        assert str(home) not in str(caught.value)


def test_a_file_that_is_gone(vault: Vault, home: Path) -> None:
    """Is not made anew over what it encrypted."""
    put(vault)
    (home / FILE).unlink()
    for act in (lambda: put(vault, BEN), lambda: vault.of(OWNER, AlpacaKeys, job=JOB), vault.rotate):
        with pytest.raises(VaultError, match="there is no"):
            act()
    assert not (home / FILE).exists()


@pytest.mark.parametrize("inside", [b"", b"\n", b"no key\n", b"\xff\xfe\n"])
def test_a_file_that_holds_no_key(vault: Vault, home: Path, inside: bytes) -> None:
    """Says so."""
    put(vault)
    (home / FILE).write_bytes(inside)
    with pytest.raises(VaultError) as caught:
        vault.of(OWNER, AlpacaKeys, job=JOB)
    assert caught.value.hint


def test_a_home_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    """Says so, and nothing is kept."""
    (tmp_path / "file").write_text("")
    vault = Vault(store.engine, Keyring(JobSettings(home=tmp_path / "file")))
    with pytest.raises(VaultError, match="cannot be written"):
        put(vault)
    assert content(vault) == []


# Rotation.


def test_rotation_of_a_file(vault: Vault, home: Path) -> None:
    """Everything is encrypted anew with a new key, the old one is gone, and what was kept is still there."""
    put(vault)
    put(vault, BEN, MASSIVE)
    before, key = content(vault), (home / FILE).read_text()
    assert vault.rotate() == 2
    assert (home / FILE).stat().st_mode & 0o777 == 0o600
    assert key.strip() not in (home / FILE).read_text()
    assert not set(before) & set(content(vault))
    assert vault.of(OWNER, AlpacaKeys, job=JOB) == ALPACA
    assert vault.of(BEN, MassiveKey, job=JOB) == MASSIVE
    assert vault.check() == Checked(kept=2, newest=2, broken=0)


def test_rotation_with_the_environment(store: Store) -> None:
    """The first key encrypts; when everything is encrypted with it, the others are not needed any more."""
    old, new = new_key(), new_key()
    put(with_keys(store, old))
    both = with_keys(store, new, old)
    assert both.check() == Checked(kept=1, newest=0, broken=0)
    assert both.rotate() == 1
    alone = with_keys(store, new)
    assert alone.of(OWNER, AlpacaKeys, job=JOB) == ALPACA
    assert alone.check() == Checked(kept=1, newest=1, broken=0)
    assert with_keys(store, old).check() == Checked(kept=1, newest=0, broken=1)


def test_a_rotation_that_fails(vault: Vault, home: Path) -> None:
    """Changes no row and drops no key."""
    put(vault)
    put(vault, BEN)
    with vault.engine.begin() as connection:
        stranger = Fernet(Fernet.generate_key()).encrypt(b"{}")
        connection.execute(update(secrets).where(secrets.c.owner == BEN).values(content=stranger))
    before, key = content(vault), (home / FILE).read_text().strip()
    with pytest.raises(VaultError, match=BEN):
        vault.rotate()
    assert content(vault) == before
    assert key in (home / FILE).read_text()
    assert vault.of(OWNER, AlpacaKeys, job=JOB) == ALPACA
    with vault.engine.begin() as connection:
        connection.execute(delete(secrets).where(secrets.c.owner == BEN))
    assert vault.rotate() == 1
    assert vault.check() == Checked(kept=1, newest=1, broken=0)


def test_rotation_while_others_read_and_write(vault: Vault) -> None:
    """Nobody is refused, and nothing is left that no key opens."""
    put(vault)
    put(vault, BEN)
    faults: list[Exception] = []
    done = threading.Event()

    def work(owner: str) -> None:
        while not done.is_set():
            try:
                put(vault, owner)
                assert vault.of(owner, AlpacaKeys, job=JOB) == ALPACA
            except Exception as error:
                faults.append(error)
                return

    threads = [threading.Thread(target=work, args=(owner,)) for owner in (OWNER, BEN)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        vault.rotate()
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert vault.check() == Checked(kept=2, newest=2, broken=0)


def test_two_rotations_at_once(vault: Vault) -> None:
    """They come one after the other: neither drops the key that the other has just made."""
    put(vault)
    put(vault, BEN)
    faults: list[Exception] = []
    together = threading.Barrier(2)

    def rotate() -> None:
        for _ in range(8):
            together.wait()
            try:
                vault.rotate()
            except Exception as error:
                faults.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert vault.check() == Checked(kept=2, newest=2, broken=0)
    assert len(vault.keyring.keys()) == 1


def test_two_machines(server: PostgresServer, tmp_path: Path) -> None:
    """A worker elsewhere needs the same keys, and says so when it has none."""
    store = ledger(server, tmp_path)
    put(with_keys(store, key := new_key()))
    elsewhere = Vault(store.engine, Keyring(JobSettings(home=tmp_path / "elsewhere")))
    with pytest.raises(VaultError) as caught:
        elsewhere.of(OWNER, AlpacaKeys, job=JOB)
    assert "TREEFOLIO_SECRET_KEYS" in (caught.value.hint or "")
    assert with_keys(store, key).of(OWNER, AlpacaKeys, job=JOB) == ALPACA
    assert "TREEFOLIO_SECRET_KEYS" not in os.environ
    store.close()
