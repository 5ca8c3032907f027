"""``treefolio keys``: set by typing or by standard input, listed, removed; a key is never shown."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cli_samples import Called, Program, done
from service_samples import DEADLINE_SECONDS, Served
from treefolio.client import Client

KEY_ID, SECRET, KEY = "PKTESTTESTTEST01WXYZ", "s3cr3t-of-alpaca-0123456789", "m4ssive-0123456789"
_ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """The service has no keys before and after."""
    with served.client() as client:
        _clear(client)
        yield client
        _clear(client)


def _clear(client: Client) -> None:
    for each in client.keys.all():
        client.keys.remove(each.kind)


class Piped(Program):
    """The command line, with something on its standard input."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(capsys)
        self.monkeypatch = monkeypatch

    def given(self, data: bytes, *arguments: str) -> Called:
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return self(*arguments)


@pytest.fixture
def program(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, served: Served
) -> Piped:
    assert not client.keys.all()
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    return Piped(capsys, monkeypatch)


def test_set_listed_removed(program: Piped, client: Client) -> None:
    """From standard input, whatever ends its lines; what is shown is what the service shows."""
    assert done(program("keys", "list")).out.startswith("No keys; `treefolio keys set")
    said = done(program.given(f"{KEY_ID}\r\n\n {SECRET}".encode(), "keys", "set", "alpaca")).out
    assert said == "The keys at alpaca of a paper account are kept.\n"
    said += done(program.given(f"{KEY_ID}\n{SECRET}\n".encode(), "keys", "set", "alpaca", "--live")).out
    assert said.endswith("The keys at alpaca of a live account are kept, in place of the earlier ones.\n")
    said += done(program.given(f"{KEY}\n".encode(), "keys", "set", "massive")).out
    assert said.endswith("The keys at massive are kept.\n")
    said += (listed := done(program("keys", "list")).out)
    alpaca, massive = (f"{each.changed_at.astimezone():%Y-%m-%d %H:%M %Z}" for each in client.keys.all())
    assert [re.split(r"\s{3,}", line.strip()) for line in listed.splitlines() if ":" in line] == [
        ["alpaca", "WXYZ", "live", alpaca],
        ["massive", massive],
    ]
    said += (found := done(program("keys", "list", "--json")).out)
    assert [(each["kind"], each["ends"], each["live"]) for each in json.loads(found)["keys"]] == [
        ("alpaca", "WXYZ", True),
        ("massive", None, None),
    ]
    assert done(program("keys", "remove", "alpaca")).out == "The keys at alpaca are removed.\n"
    assert [each.kind for each in client.keys.all()] == ["massive"]
    assert not [secret for secret in (KEY_ID, SECRET, KEY) if secret in said]


def typed(served: Served, *answers: bytes) -> tuple[int, bytes]:
    """The status, and all that a terminal shows, when these are typed at the prompts of ``set alpaca``."""
    asked = (sys.executable, "-m", "treefolio", "keys", "set", "alpaca", "--url", served.url)
    with subprocess.Popen(
        [sys.executable, "-c", _ON_A_TERMINAL, *asked],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"NO_COLOR": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        shown = b""
        try:
            for answer in answers:
                while not shown.endswith(b": "):
                    piece = os.read(process.stdout.fileno(), 1000)
                    assert piece, shown
                    shown += piece
                process.stdin.write(answer)
                process.stdin.flush()
                shown += b"\n"
            rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
        finally:
            process.kill()  # the terminal goes with it, and with that whoever still waits there
        return process.returncode, shown + rest


def test_typed_unseen(client: Client, served: Served) -> None:
    """A terminal shows the questions, and not what is typed."""
    status, shown = typed(served, f"{KEY_ID}\n".encode(), f"{SECRET}\n".encode())
    assert (status, b"are kept" in shown) == (0, True), shown
    assert shown.count(b"alpaca, key id: ") == shown.count(b"alpaca, secret: ") == 1
    assert KEY_ID.encode() not in shown
    assert SECRET.encode() not in shown
    assert [each.ends for each in client.keys.all()] == ["WXYZ"]


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ((f"{KEY_ID}\n".encode(), b"\x03"), 130, b"Error: stopped"),
        ((b"\x04",), 2, b"nothing was typed"),
    ],
)
def test_typing_nothing(
    client: Client, served: Served, answers: tuple[bytes, ...], status: int, said: bytes
) -> None:
    """Or Ctrl-C, which ends it at once: nothing is kept."""
    assert (found := typed(served, *answers))[0] == status, found
    assert said in found[1]
    assert client.keys.all() == []


@pytest.mark.parametrize(
    ("data", "arguments", "status", "said"),
    [
        ("", ("set", "alpacca"), 2, "One of alpaca, massive."),
        ("", ("set", "alpaca", SECRET), 2, "never taken as arguments"),
        ("", ("set", "alpaca", f"--secret={SECRET}"), 2, "No such option: --secret"),
        (KEY, ("set", "massive", "--live"), 2, "--live is of alpaca"),
        (KEY_ID, ("set", "alpaca"), 2, "lines on standard input: 1; alpaca takes 2"),
        (f"{KEY}\n{KEY}\n", ("set", "massive"), 2, "lines on standard input: 2; massive takes 1"),
        (f"{KEY_ID}\nshort\n", ("set", "alpaca"), 2, "the secret is too short"),
        (f"{KEY_ID}X X\n{SECRET}\n", ("set", "alpaca"), 2, "the key id is too short"),
        ("short", ("set", "massive"), 2, "the key is too short"),
        ("\udcff", ("set", "massive"), 2, "no text in UTF-8"),
        ("x" * 10_000_001, ("set", "massive"), 2, "longer than"),
        ("", ("remove", "massive"), 2, "no keys at massive are kept"),
        ("", ("remove", "all"), 2, "One of alpaca, massive."),
    ],
)
def test_what_is_refused(
    program: Piped, client: Client, data: str, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """With what to do on the last line, and without the keys; nothing is kept."""
    called = program.given(data.encode(errors="surrogateescape"), "keys", *arguments)
    assert (called.status, said in called.err) == (status, True), called.err
    assert called.err.splitlines()[-1][-1] in "?."
    assert not [secret for secret in (KEY_ID, SECRET, KEY) if secret in called.out + called.err]
    assert client.keys.all() == []


def test_the_help_says_why(program: Piped) -> None:
    """A key is no argument and no option."""
    said = " ".join(done(program("keys", "set", "--help")).out.split())
    assert "never an argument or an option: all programs of a machine can read those" in said
