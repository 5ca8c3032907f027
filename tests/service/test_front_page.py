"""The page at `/` of a service without login: what this is, and commands that use it, for this address."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from account_samples import Answering
from browser_samples import BROWSER, browsing
from cli_samples import Program
from treefolio.service.models import API
from treefolio.service.settings import ServiceSettings
from treefolio.testing.postgres import PostgresServer

driven = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome in the PATH")


@pytest.fixture(scope="module")
def service(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with Answering(server.database(), tmp_path_factory.mktemp("home"), ServiceSettings()) as answering:
        yield answering


def front(service: Answering, **headers: str) -> httpx.Response:
    return httpx.get(f"{service.origin}/", headers=headers)


def test_its_commands_work(service: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    """The three that it shows are verbs, which speak to this service."""
    shown = re.findall(r"<pre><code>(.*?)</code></pre>", front(service).text, re.DOTALL)
    assert [each.split()[4] for each in shown] == ["submit", "watch", "rows"]
    assert {each.split()[3] for each in shown} == {service.origin}
    program = Program(capsys)
    for each in shown:
        words = each.replace("\\\n", "").split()[1:]
        verb = words[: 5 if "submit" in words else 4]
        assert program(*verb, "--help").status == 0
    assert "no job's" in program(*shown[1].replace("ID", "abcdef").split()[1:]).err


def test_it_is_one_file_without_scripts(service: Answering) -> None:
    """Its policy allows its style and nothing else; its links lead to what is there."""
    answer = front(service)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    policy = answer.headers["Content-Security-Policy"]
    assert (
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    )
    assert "default-src 'none'; script-src 'none';" in policy
    assert "<script" not in answer.text
    for link in re.findall(r'(?:href|src|action)="([^"]*)"', answer.text):
        assert link.startswith("/")
        assert httpx.get(service.origin + link).status_code == 200
    assert f"{API}/openapi.json" in answer.text
    assert "/welcome" in answer.text


def test_an_address_is_text(service: Answering) -> None:
    """Whatever a request calls the service, it makes no markup."""
    for host in ("<b>@127.0.0.1", "127.0.0.1:<script>"):
        assert f"--url http://{host}" not in front(service, Host=host).text
    assert "--url http://localhost:9" in front(service, Host="localhost:9").text


@driven
@pytest.mark.parametrize("width", [320, 900])
def test_in_a_browser(service: Answering, tmp_path: Path, width: int) -> None:
    """Nothing is wider than the window, and the browser complains of nothing."""
    with browsing(tmp_path) as browser:
        size = {"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.open(f"{service.origin}/", "document.querySelector('h1')")
        assert browser.js("document.documentElement.scrollWidth") <= width
        assert browser.js("getComputedStyle(document.querySelector('main')).borderRadius") == "12px"
        assert browser.complaints == []
