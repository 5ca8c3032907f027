"""The page for people: a browser runs its own script and style, and nothing else; users set keys there."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from account_samples import House, Person
from browser_samples import BROWSER, Browser, browsing
from treefolio.jobs.keyring import FILE, Keyring
from treefolio.jobs.vault import AlpacaKeys, MassiveKey, Vault

KEY_ID, SECRET, KEY = "PKTESTTESTTEST01WXYZ", "s3cr3t-of-alpaca-0123456789", "m4ssive-0123456789"
ALPACA = {"key_id": KEY_ID, "secret": SECRET}
IN = "!document.getElementById('none').hidden || document.querySelector('#kept li')"
"""Somebody is logged in, and the page has asked for their keys."""
driven = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome in the PATH")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def ann(here: House, admin: Person) -> Person:
    return admin.invited(here.browser(), "ann")


@pytest.fixture
def page(here: House, ann: Person, browser: Browser) -> Iterator[Browser]:
    """Ann has logged in; she has no keys before and after. The browser complains of nothing."""
    browser.open(f"{here.url}/welcome", "!document.getElementById('login').hidden")
    browser.type("ann", "Tab", ann.password, "Enter")
    browser.until(IN)
    yield browser
    browser.call("Network.clearBrowserCookies")
    for kind in ("alpaca", "massive"):
        ann.delete(f"/keys/{kind}")
    assert browser.complaints == []


def text(page: Browser, where: str) -> str:
    """What stands there, with spaces as people type them."""
    return str(page.js(f"document.querySelector('{where}').innerText")).replace("\xa0", " ")


def typed(page: Browser) -> list[str]:
    """What stands in the fields of secrets."""
    found = page.js(
        "[...document.querySelectorAll('[type=password]')].map((each) => each.value).filter(Boolean)"
    )
    return list(found)


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
    found = re.findall(r'ask\("(\w+)", (?:"([^"]+)"|`([^`]+)`)', page)
    asked = {(method, plain or filled.replace("${", "{")) for method, plain, filled in found}
    paths = here.browser().get("/api/v1/openapi.json").json()["paths"]
    assert {("POST", "/links"), ("POST", "/login"), ("POST", "/tokens"), ("POST", "/logout")} <= asked
    assert {("GET", "/keys"), ("PUT", "/keys/{kind}"), ("DELETE", "/keys/{kind}")} <= asked
    for method, path in asked:
        assert method.lower() in paths[f"/api/v1{path}"]
    from treefolio.service.accounts import page as module  # noqa: PLC0415 - where it stands

    assert Path(module.__file__).with_name("welcome.html").read_text(encoding="utf-8") == page


def test_its_fields(here: House) -> None:
    """Each has a label around it; no browser keeps a key."""
    markup = here.browser().get("/welcome").text.partition("<script>")[0]
    labelled = re.findall(r"<label(?: class=\"box\")?>[^\n]*?(<input [^>]*>)[^\n]*?</label>", markup)
    assert sorted(labelled) == sorted(re.findall(r"<input [^>]*>", markup))
    keys = [each for each in labelled if re.search(r'name="(key_id|secret|key)"', each)]
    assert len(keys) == 3
    assert all('type="password"' in each and 'autocomplete="off"' in each for each in keys)


@driven
def test_keys_by_the_keyboard_alone(here: House, ann: Person, page: Browser) -> None:
    """Set as they were pasted, replaced, removed; the page says so, keeps none, and loses no place."""
    vault = Vault(here.store.engine, Keyring(here.store.settings))
    page.type("Tab", "Tab", "Tab", "Enter", "Tab", KEY_ID, "Tab", f" {SECRET}  ", "Tab", " ", "Enter")
    page.until("document.getElementById('done').textContent")
    assert (text(page, "#done"), text(page, "#said")) == ("The keys at alpaca are kept.", "")
    assert re.fullmatch(
        r"Alpaca\nends with WXYZ · live · since \d{1,2} \w+ 20\d\d\nRemove", text(page, "#kept")
    )
    found = vault.of(ann.id, AlpacaKeys, job=UUID(int=1))
    assert found is not None
    assert found.revealed() == {**ALPACA, "live": True}
    assert typed(page) == []
    assert page.js("document.activeElement.textContent") == "Set keys at Alpaca"

    page.type("Enter", "Tab", KEY_ID, "Tab", SECRET, "Enter")
    page.until("document.getElementById('kept').textContent.includes('paper')")
    page.type("Tab", "Enter", "Tab", KEY, "Enter")
    page.until("document.querySelectorAll('#kept li').length === 2")
    assert re.search(r"\nMassive\nsince \d", text(page, "#kept"))
    assert vault.of(ann.id, MassiveKey, job=UUID(int=1)) == MassiveKey.model_validate({"key": KEY})

    page.js("document.querySelector('[aria-label=\"Remove the keys at alpaca\"]').focus()")
    page.type("Enter")
    page.until("document.querySelectorAll('#kept li').length === 1")
    assert page.asked == ["Remove your keys at alpaca from this service? There they stay valid."]
    assert page.js("document.activeElement.id") == "keys"
    assert [each["kind"] for each in ann.get("/keys").json()["keys"]] == ["massive"]
    ann.delete("/keys/massive")
    page.js("document.querySelector('#kept button').click()")
    page.until("!document.getElementById('none').hidden")
    assert text(page, "#done") == "The keys at massive are removed."


@driven
def test_what_is_wrong_is_said(here: House, ann: Person, browser: Browser) -> None:
    """With what to do about it; where one was is where one is."""
    browser.open(f"{here.url}/welcome", "!document.getElementById('login').hidden")
    browser.type("ann", "Tab", f"not {ann.password}", "Tab", "Enter")
    browser.until("document.getElementById('said').textContent")
    assert (
        text(browser, "#said") == "name or password is wrong. Try again, or ask an administrator for a link."
    )
    assert browser.js("document.activeElement.textContent") == "Log in"


@driven
def test_keys_that_are_refused(here: House, ann: Person, page: Browser) -> None:
    """By the browser, when they cannot be any; by the service, whyever: none stays, in the page neither."""
    ann.put("/keys/alpaca", ALPACA)
    page.type("Tab", "Tab", "Tab", "Tab", "Enter", "Tab")
    for wrong in ("short", f"{KEY} {KEY}", "x" * 201):
        page.js("document.activeElement.value = ''")
        page.type(wrong, "Enter")
        assert page.js("document.activeElement.validity.patternMismatch"), wrong
    page.js("document.activeElement.value = ''")
    (here.store.settings.home / FILE).chmod(0o644)
    try:
        page.type(KEY, "Enter")
        page.until("document.getElementById('said').textContent")
    finally:
        (here.store.settings.home / FILE).chmod(0o600)
    assert typed(page) == []
    page.call("Network.clearBrowserCookies")
    page.type(KEY, "Enter")
    page.until("!document.getElementById('login').hidden")
    assert text(page, "#said") == "Your login has ended. Log in again."
    assert typed(page) == []
    assert [each["kind"] for each in ann.get("/keys").json()["keys"]] == ["alpaca"]


@driven
def test_nothing_stays_of_who_has_left(page: Browser) -> None:
    """Neither their keys' ends, nor a token, nor what they typed and did not send."""
    page.type("Tab", "Tab", "Enter")
    page.until("!document.getElementById('made').hidden")
    page.js("document.querySelector('summary').focus()")
    page.type("Enter", "Tab", KEY_ID, "Tab", SECRET, "Enter")
    page.until("document.querySelector('#kept li')")
    page.type("Enter", "Tab", KEY_ID)
    assert typed(page) == [KEY_ID]
    page.js("document.getElementById('logout').click()")
    page.until("!document.getElementById('login').hidden")
    assert typed(page) == []
    assert (
        page.js("document.getElementById('kept').textContent + document.getElementById('secret').value") == ""
    )
    assert page.js("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0


@driven
@pytest.mark.parametrize("width", [320, 375, 900])
def test_nothing_is_wider_than_the_window(ann: Person, page: Browser, width: int) -> None:
    """With keys, and with a form open; what is wrong is seen wherever one has scrolled to."""
    ann.put("/keys/alpaca", {**ALPACA, "live": True})
    size = {"width": width, "height": 400, "deviceScaleFactor": 1, "mobile": width < 500}
    page.call("Emulation.setDeviceMetricsOverride", **size)
    page.js("location.reload()")
    page.until("document.querySelector('#kept li')")
    page.js("document.querySelector('summary').click()")
    assert page.js("document.documentElement.scrollWidth") <= width
    page.js("say('Wrong', '')")
    page.js("scrollTo(0, 0)")
    assert page.js("document.getElementById('said').getBoundingClientRect().bottom") <= 400
