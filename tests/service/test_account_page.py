"""The page for people: a browser runs its own script and style, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from account_samples import House


def test_the_way_to_it(here: House) -> None:
    """Who types the service's name alone comes to it."""
    answer = here.browser().get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/welcome")


def test_its_policy(here: House) -> None:
    """Allows the one script and the one style that stand in it, by their hashes, and nothing else."""
    answer = here.browser().get("/welcome")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    rules = dict(
        rule.strip().partition(" ")[::2] for rule in answer.headers["Content-Security-Policy"].split(";")
    )
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        found = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{found}'"
    assert rules.pop("connect-src") == "'self'"
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_nothing_in_it_needs_more(here: House) -> None:
    """No handler or style within a tag, no address of elsewhere, nothing that makes text to code."""
    page = here.browser().get("/welcome").text
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\s(on\w+|style|src|href|action)\s*=", markup)
    assert not re.search(r"https?://|//\w", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", page)


def test_it_asks_for_routes_that_there_are(here: House) -> None:
    """By their methods; and it stands in the wheel, beside its module."""
    page = here.browser().get("/welcome").text
    asked = set(re.findall(r'ask\("(\w+)", "([^"]+)"', page))
    paths = here.browser().get("/api/v1/openapi.json").json()["paths"]
    assert {("POST", "/links"), ("POST", "/login"), ("POST", "/tokens"), ("POST", "/logout")} <= asked
    for method, path in asked:
        assert method.lower() in paths[f"/api/v1{path}"]
    from treefolio.service.accounts import page as module  # noqa: PLC0415 - where it stands

    assert Path(module.__file__).with_name("welcome.html").read_text(encoding="utf-8") == page
