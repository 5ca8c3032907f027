"""Keys of users over HTTP: set, listed by what may be seen of them, removed; nobody else's, no token's."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from account_samples import Answering, refused
from cli_samples import Program
from treefolio.jobs.keyring import FILE, Keyring
from treefolio.jobs.vault import AlpacaKeys, MassiveKey, Vault
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

KEY_ID, SECRET = "PKTESTTESTTEST01WXYZ", "s3cr3t-of-alpaca-0123456789"
ALPACA = {"key_id": KEY_ID, "secret": SECRET, "live": True}
MASSIVE = {"key": "m4ssive-0123456789"}
JOB = UUID(int=7)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with (
        PostgresServer() as server,
        Answering(
            server.database(),
            tmp_path_factory.mktemp("home"),
            ServiceSettings(users=True, rates={"login": 1000}),
        ) as answering,
    ):
        yield answering


@pytest.fixture(scope="module")
def ann(service: Answering) -> Iterator[httpx.Client]:
    with service.person("ann") as client:
        yield client


@pytest.fixture(scope="module")
def ben(service: Answering) -> Iterator[httpx.Client]:
    with service.person("ben") as client:
        yield client


@pytest.fixture
def vault(service: Answering) -> Vault:
    return Vault(service.store.engine, Keyring(service.store.settings))


@pytest.fixture(autouse=True)
def _clean(ann: httpx.Client, ben: httpx.Client) -> Iterator[None]:
    yield
    for client in (ann, ben):
        for kind in ("alpaca", "massive"):
            client.delete(f"/keys/{kind}")


def user(client: httpx.Client) -> str:
    return str(client.get("/session").json()["user"])


def kinds(client: httpx.Client) -> list[str]:
    return [each["kind"] for each in client.get("/keys").json()["keys"]]


def test_set_listed_used_removed(ann: httpx.Client, ben: httpx.Client, vault: Vault) -> None:
    """By their owner; another user has none of them, and can remove none."""
    made = ann.put("/keys/alpaca", json=ALPACA)
    assert (made.status_code, made.json()["ends"], made.json()["live"]) == (200, "WXYZ", True)
    assert ann.put("/keys/massive", json=MASSIVE).json()["ends"] is None
    assert (kinds(ann), kinds(ben)) == (["alpaca", "massive"], [])
    refused(ben.delete("/keys/alpaca"), 404, "not_found")
    found = vault.of(user(ann), AlpacaKeys, job=JOB)
    assert found is not None
    assert found.secret.get_secret_value() == SECRET
    assert vault.of(user(ben), AlpacaKeys, job=JOB) is None
    assert ann.delete("/keys/alpaca").status_code == 204
    refused(ann.delete("/keys/alpaca"), 404, "not_found")
    assert kinds(ann) == ["massive"]
    assert vault.of(user(ann), AlpacaKeys, job=JOB) is None
    assert vault.of(user(ann), MassiveKey, job=JOB) is not None


def test_never_with_a_token(service: Answering, ann: httpx.Client) -> None:
    """Whatever it may else: who has a script's token can neither see nor change keys."""
    ann.put("/keys/alpaca", json=ALPACA)
    with service.script(ann, "read", "write") as script:
        assert script.get("/jobs").status_code == 200
        refused(script.get("/keys"), 403, "in_person")
        refused(script.put("/keys/alpaca", json=ALPACA), 403, "in_person")
        refused(script.delete("/keys/alpaca"), 403, "in_person")
    with service.stranger() as stranger:
        refused(stranger.get("/keys"), 401, "login")
    assert kinds(ann) == ["alpaca"]


@pytest.mark.parametrize("verb", [("list",), ("set", "alpaca"), ("remove", "alpaca")])
@pytest.mark.parametrize("scopes", [(), ("read",), ("read", "write")])
def test_what_the_command_line_says(
    service: Answering,
    ann: httpx.Client,
    capsys: pytest.CaptureFixture[str],
    verb: tuple[str, ...],
    scopes: tuple[str, ...],
) -> None:
    """To a token, and without one, before it asks for keys: on which page that is done, and there it is."""
    with service.script(ann, *scopes) if scopes else service.stranger() as script:
        token = script.headers.get("Authorization", "").removeprefix("Bearer ")
    called = Program(capsys)("keys", "--url", service.origin, "--token", token, *verb)
    assert (called.status, "never with a token" in called.err) == (1, True), called.err
    found = re.search(r"Do it on the page (\S+)\.$", called.err, re.MULTILINE)
    assert found is not None, called.err
    assert '<h2 id="keys"' in ann.get(found[1]).text


def test_never_returned_never_logged(
    service: Answering, ann: httpx.Client, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by an answer to a right or a wrong question, nor in a log, nor in the log of acts."""
    with caplog.at_level(logging.DEBUG):
        answers = [
            ann.put("/keys/alpaca", json=ALPACA),
            ann.put("/keys/massive", json=ALPACA),
            ann.put("/keys/alpaca", json={**ALPACA, "key_id": f"{SECRET}\r\n"}),
            ann.put("/keys/alpaca", json={**ALPACA, SECRET: 1}),
            ann.put("/keys/alpaca", json={"secret": SECRET}),
            ann.put("/keys/alpaca", json=[SECRET]),
            ann.put("/keys/alpaca", content=f'{{"secret": "{SECRET}"', headers=JSON),
            ann.put("/keys/nobody", json=ALPACA),
            ann.get("/keys"),
            ann.get("/audit"),
            ann.get("/openapi.json"),
        ]
        vault.of(user(ann), AlpacaKeys, job=JOB)
        (service.store.settings.home / FILE).chmod(0o644)
        try:
            answers += [ann.put("/keys/alpaca", json=ALPACA), ann.get("/keys")]
        finally:
            (service.store.settings.home / FILE).chmod(0o600)
    assert [each.status_code for each in answers[1:8]] == [422, 422, 422, 422, 422, 400, 422]
    refused(answers[-2], 503, "vault")
    everything = "\n".join([caplog.text, *(each.text + str(each.headers) for each in answers)])
    said = everything.replace(f"body.AlpacaKeys.{SECRET}", "")
    for value in (KEY_ID, SECRET, str(service.store.settings.home)):
        assert value not in said


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"key": "short"},
        {"key": "x" * 201},
        {"key": "line\r\nX-Evil: 1"},
        {"key": 12345678901234},
        {"key": None},
        {"key": "m4ssive-0123456789", "url": "http://169.254.169.254/latest/meta-data"},
        {"key_id": KEY_ID, "secret": "nul\0nul\0nul\0nul"},
    ],
)
def test_no_keys(ann: httpx.Client, body: dict[str, object]) -> None:
    """Are refused, and nothing is kept."""
    refused(ann.put("/keys/massive", json=body), 422, "invalid")
    assert kinds(ann) == []


def test_the_log_of_acts(ann: httpx.Client, ben: httpx.Client, vault: Vault) -> None:
    """Says when keys were set, by which job they were used, and when they were removed."""
    ann.put("/keys/alpaca", json=ALPACA)
    vault.of(user(ann), AlpacaKeys, job=JOB)
    ann.delete("/keys/alpaca")
    said = [(each["act"], each["what"]) for each in ann.get("/audit", params={"limit": 3}).json()["acts"]]
    assert said == [
        ("key.removed", {"kind": "alpaca"}),
        ("key.used", {"kind": "alpaca", "job": str(JOB)}),
        ("key.set", {"kind": "alpaca", "live": True}),
    ]
    assert user(ann) not in {each["user"] for each in ben.get("/audit").json()["acts"]}


def test_at_rest(service: Answering, ann: httpx.Client) -> None:
    """Not a word of them is in the files of the home folder."""
    ann.put("/keys/alpaca", json=ALPACA)
    files = [each for each in Path(service.store.settings.home).rglob("*") if each.is_file()]
    assert files
    for each in files:
        assert SECRET.encode() not in each.read_bytes()
