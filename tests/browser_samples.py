"""A real browser for the tests of pages: Chromium, driven over its own protocol for developers."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from service_samples import DEADLINE_SECONDS, wait_for

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
)
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}
"""Their codes, and what they type."""


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser that lasts as long as the block, with its profile in a folder."""
    flags = (*FLAGS, f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank")
    process = subprocess.Popen([str(BROWSER), *flags], stderr=subprocess.DEVNULL)
    try:
        said = folder / "DevToolsActivePort"
        port = wait_for(lambda: said.exists() and said.read_text().partition("\n")[0], "the browser")
        tabs = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
        (tab,) = (each["webSocketDebuggerUrl"] for each in tabs if each["type"] == "page")
        with connect(tab, max_size=None, proxy=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


class Browser:
    """One tab of a headless Chromium.

    Attributes:
        complaints: what the browser had to say of pages: what their policy forbids, errors of scripts.
        asked: what pages asked in a dialog, which was answered with yes.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.sent = 0
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """The answer; what happens meanwhile is kept."""
        number = self._send(method, given)
        while (said := json.loads(self.socket.recv(DEADLINE_SECONDS))).get("id") != number:
            self._happened(said.get("method"), said.get("params", {}))
        assert "result" in said, said
        return said["result"]

    def _send(self, method: str, given: dict[str, Any]) -> int:
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": given}))
        return self.sent

    def _happened(self, what: str | None, how: dict[str, Any]) -> None:
        if what == "Page.javascriptDialogOpening":
            self.asked.append(how["message"])
            self._send("Page.handleJavaScriptDialog", {"accept": True})
        elif what == "Log.entryAdded" and how["entry"]["source"] != "network":  # refusals are no fault
            self.complaints.append(how["entry"]["text"])
        elif what in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(how))

    def js(self, expression: str) -> Any:
        """Its value in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, url: str, until: str) -> None:
        """Goes there, and waits until an expression is true in the page."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        self.until(f"location.origin !== 'null' && document.readyState === 'complete' && ({until})")

    def until(self, expression: str) -> None:
        """Waits until it is true in the page."""
        wait_for(lambda: self.js(f"!!({expression})"), expression)

    def type(self, *what: str) -> None:
        """What somebody types, one after the other; `Tab`, `Enter` and a space are keys."""
        for each in what:
            if each not in _KEYS:
                self.call("Input.insertText", text=each)
                continue
            code, text = _KEYS[each]
            for kind in ("keyDown", "keyUp"):
                self.call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=each,
                    windowsVirtualKeyCode=code,
                    **({"text": text} if text and kind == "keyDown" else {}),
                )
