"""`serve` and `doctor`: what they refuse, and what they find."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cli_samples import Program
from service_samples import Served, wait_for
from treefolio.errors import UsageError
from treefolio.jobs import embedded
from treefolio.service.serving import Wish, listen, serve, workers_of


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_it_listens_on_this_machine_alone(program: Program, tmp_path: Path, host: str) -> None:
    """Because there is no login; nothing is begun."""
    called = program("serve", "--host", host, "--home", tmp_path / "home", "--port", "0")
    assert (called.status, "there is no login" in called.err) == (2, True)
    assert not (tmp_path / "home").exists()


def test_a_port_that_is_taken(program: Program, tmp_path: Path) -> None:
    """Is said at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        called = program("serve", "--home", tmp_path / "home", "--port", str(port))
    assert (called.status, f"port {port}" in called.err) == (2, True)
    assert called.err.splitlines()[-1] == "Name another port with --port."


def test_a_start_that_failed_leaves_the_folder_free(tmp_path: Path) -> None:
    """At once: also while the failure, and all that it holds, is still looked at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wish = Wish(home=tmp_path / "home", host="127.0.0.1", port=taken.getsockname()[1], workers=0)
        failures = [pytest.raises(UsageError, match="cannot listen") for _ in range(2)]
        for failure in failures:
            with failure:
                serve(wish, pytest.fail)


def test_a_folder_that_cannot_be(program: Program, tmp_path: Path) -> None:
    """A file is none."""
    (tmp_path / "file").write_text("")
    called = program("serve", "--home", tmp_path / "file", "--port", "0")
    assert (called.status, "cannot write" in called.err) == (1, True)


@pytest.mark.parametrize("verb", ["serve", "backup", "doctor"])
def test_a_damaged_database(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Is said once, and nothing is tried again for ever."""
    monkeypatch.delenv("TREEFOLIO_DATABASE_URL", raising=False)
    folder = tmp_path / "home" / "postgres"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("x")
    more = {"serve": ("--port", "0"), "backup": (tmp_path / "all.dump",), "doctor": ()}[verb]
    called = program(verb, "--home", tmp_path / "home", *more)
    assert called.status == 1
    said = f"Postgres cannot start in {folder}: its file PG_VERSION says 'x'"
    assert said in called.err + called.out
    assert called.err.splitlines()[0].startswith("Error: ")
    assert called.err.splitlines()[1:] == [embedded.RESTORE]


def test_a_database_that_was_there(tmp_path: Path) -> None:
    """The service goes on with one that ran before, as soon as it starts again, and says why it does not."""
    with Served(tmp_path / "home", workers=0) as service:
        folder = service.home / "postgres"
        (folder / "PG_VERSION").rename(tmp_path / "kept")
        found = embedded.postmaster(folder)
        assert found is not None
        found.kill()
        wait_for(lambda: "Warning: Postgres cannot start in" in service.errors(), "the warning")
        (tmp_path / "kept").rename(folder / "PG_VERSION")
        with service.client() as client:
            assert client.jobs().jobs == []
        assert not (service.home / "postgres.failed").exists()
        assert service.stop() == 0


def test_a_database_that_is_not_there(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is said, without its password, and the status is 1."""
    monkeypatch.setenv("TREEFOLIO_DATABASE_URL", "postgresql://me:hush@127.0.0.1:1/none")
    for arguments in (("serve", "--home", tmp_path / "home", "--port", "0"), ("doctor",)):
        called = program(*arguments)
        assert called.status == 1, called.out
        assert "hush" not in called.err + called.out
        assert "does not answer" in called.err + called.out


@pytest.mark.parametrize(("text", "count"), [("auto", None), ("0", 0), ("3", 3)])
def test_numbers_of_workers(text: str, count: int | None) -> None:
    """A number, or as many as there is work for."""
    assert workers_of(text) == count


@pytest.mark.parametrize("text", ["", "-1", "1.5", "many", "1001", "²"])
def test_no_number_of_workers(text: str) -> None:
    """Is refused."""
    with pytest.raises(UsageError):
        workers_of(text)


def test_a_socket_of_the_other_protocol() -> None:
    """IPv6 has a name for this machine too."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listening = listen("::1", 0)
    except UsageError:
        pytest.skip("this machine has no IPv6 on its loopback")
    with listening:
        assert listening.getsockname()[0] == "::1"


def test_doctor(program: Program, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finds the database of the service in a folder, and says what can be done without; as JSON too."""
    monkeypatch.delenv("APCA_API_KEY_ID", raising=False)
    monkeypatch.delenv("MASSIVE_API_KEY", raising=False)
    called = program("doctor", "--home", served.home, "--json")
    assert called.status == 0, called.err
    found = {each["what"]: each for each in json.loads(called.out)}
    assert found["database"]["said"] == "embedded, running; its tables are of this version"
    assert found["home folder"]["said"].startswith(f"{served.home}, ")
    elsewhere = json.loads(program("doctor", "--json").out)
    assert [each["said"] for each in elsewhere if each["what"] == "database"] == [
        "embedded; `treefolio serve` starts it"
    ]
    assert found["vendors' keys"]["state"] == "note"
    assert {each["state"] for each in found.values()} <= {"ok", "note"}


def test_doctor_says_what_is_missing(
    program: Program, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it on the last line."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(served.home))
    monkeypatch.setenv("TREEFOLIO_REDIS_URL", "redis://:hush@127.0.0.1:1")
    called = program("doctor")
    assert called.status == 1
    assert "price cache" in called.err
    assert "then the cache is a folder" in called.err.splitlines()[-1]
    assert "hush" not in called.err + called.out
