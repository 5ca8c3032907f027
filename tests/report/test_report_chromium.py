"""Every page in a real browser: it complains of nothing and asks the network for nothing."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from report_cases import TREE, market, parsed, result_of

from browser_samples import BROWSER, FLAGS, Browser, browsing
from test_report_pages import HOSTILE, check_inert
from treefolio.engine.question import Question
from treefolio.report import SweepSummary, compare_page, run_page, sweep_page, walk_page
from treefolio.report.walk_page import whole_sample
from treefolio.sweep.entrants import Asked, together
from treefolio.sweep.lengths import Length
from treefolio.sweep.many import Planned, plan_sweep
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme
from treefolio.sweep.walkforward.plan import plan_walk

pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome in the PATH")


def opened(page: str, folder: Path, *flags: str) -> tuple[list[str], str]:
    """What the browser logs of a page as its own console, and the document after it was laid out."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags]
    made = subprocess.run(
        [*command, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return re.findall(r"CONSOLE[^\n]*", made.stderr), made.stdout


def comparison_page() -> str:
    panel = market()
    question = Question(panel=panel, benchmark="B")
    named = [Asked(source=name, strategy=parsed(text), question=question) for name, text in (
        (f"one {HOSTILE}", TREE.replace("Case", "One")), ("two", TREE.replace("> 75", "> 60")),
        ("three", "tree: A"),
    )]  # fmt: skip
    comparison, _ = together(named)
    return compare_page(comparison)


SWEPT = """
variables: {hot: 45:76:1, days: 2:9:1, fund: [B, C]}
tree: {if: "rsi(A, $days) > $hot", then: $fund, else: D}
"""


def planned() -> Planned:
    strategy = parsed(f"name: {json.dumps(HOSTILE)}{SWEPT}")
    return plan_sweep(strategy, Question(panel=market(sessions=400), benchmark="B"))


def sweep_of() -> str:
    swept = planned().run()
    return sweep_page(
        SweepSummary(
            rows=swept.rows,
            variables=swept.space.axes,
            manifest=swept.manifest,
            counts={"ok": swept.space.size},
            selection=swept.selection,
            synthetic=True,
        )
    )


def walk_of(scheme: Scheme) -> str:
    plan = plan_walk(planned(), scheme)
    result = plan.run()
    return walk_page(result, whole_sample(plan, result))


ROLLING = Rolling(train=Length(sessions=90), test=Length(sessions=30), step=Length(sessions=30))

PAGES = {
    "run": lambda: run_page(result_of(), market().sessions[150].item()),
    "long run": lambda: run_page(result_of(panel=market(sessions=6_000))),
    "comparison": comparison_page,
    "sweep": sweep_of,
    "walk-forward": lambda: walk_of(ROLLING),
    "cross-validation": lambda: walk_of(Combinatorial(groups=6)),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_a_complaint(name: str, scheme: str, tmp_path: Path):
    """No console message, and everything is drawn: the foot of the page is there."""
    page = PAGES[name]()
    check_inert(page)
    flags = ["--force-dark-mode"] if scheme == "dark" else []
    console, document = opened(page, tmp_path, *flags)
    assert console == []
    assert document.count("<svg") == page.count("<svg") > 1
    assert "A backtest is not a promise." in document


def test_no_page_names_an_address_that_would_be_fetched():
    for make in PAGES.values():
        page = make()
        assert not re.findall(r"(?:src|srcset|data|action)=[\"']", page)
        assert not re.findall(r"<link|@import|url\((?!#)", page)
        links = re.findall(r"href=\"([^\"]*)\"", page)
        assert all(link.startswith("#") for link in links)


def test_the_console_is_really_heard(tmp_path: Path):
    """A page that tries to run and to fetch something is told no, and that is seen here."""
    alive = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><script>1</script>"
    console, _ = opened(f"<!doctype html>{alive}<img src='http://127.0.0.1:9/x.png'>", tmp_path)
    assert len(console) >= 2


@pytest.mark.parametrize("name", ["run", "sweep", "walk-forward", "cross-validation"])
@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_is_wider_than_the_window(name: str, width: int, tmp_path: Path):
    """Tables and charts scroll by themselves; the page does not.

    The page is put into a frame of that width, whose document says how far it reaches.
    """
    (tmp_path / "inner.html").write_text(PAGES[name](), encoding="utf-8")
    probe = (
        f"<!doctype html><iframe id=f src=inner.html width={width} height=900></iframe><p id=out></p><script>"
        "f.onload=()=>{const d=f.contentDocument.documentElement;"
        "out.textContent='reach '+d.scrollWidth+' of '+d.clientWidth}</script>"
    )
    _, document = opened(probe, tmp_path, "--allow-file-access-from-files", "--virtual-time-budget=4000")
    found = re.search(r"reach (\d+) of (\d+)", document)
    assert found is not None
    assert int(found[1]) <= int(found[2])


@contextmanager
def shown(page: str, width: int, folder: Path) -> Iterator[Browser]:
    """The page in a window of this width."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    with browsing(folder / "profile") as browser:
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        browser.open((folder / "page.html").as_uri(), "document.querySelector('footer')")
        yield browser


PARTS = "[...document.querySelectorAll('.scroll,figure>div')]"
CUT = "e.scrollWidth > e.clientWidth"
FADED = "parseFloat(getComputedStyle(e).getPropertyValue('--after')) > 1"


@pytest.mark.parametrize("name", ["run", "sweep", "walk-forward"])
def test_what_is_cut_off_fades_there(name: str, tmp_path: Path):
    """At 500 pixels some parts reach beyond the window, until their end is scrolled to, and some do not."""
    with shown(PAGES[name](), 500, tmp_path) as browser:
        assert browser.js(f"{PARTS}.some(e => {CUT}) && {PARTS}.some(e => !({CUT}))")
        browser.until(f"{PARTS}.every(e => ({CUT}) === ({FADED}))")
        browser.js(f"e = {PARTS}.find(e => {CUT}), e.scrollIntoView(), e.scrollLeft = 9999")
        browser.until(f"!({FADED})")


LONG_NAMES = """
name: Long names
variables: {first_threshold: 45:76:10, second_threshold: 20:40:10, c1_right_window: 2:6:2}
tree:
  if: "rsi(A, $c1_right_window) > $first_threshold"
  then: B
  else: {if: "rsi(B, 5) < $second_threshold", then: C, else: D}
"""


def test_the_folds_of_three_variables_fit_on_a_page(tmp_path: Path):
    """No column is cut off where the window has room for the whole page."""
    strategy = parsed(LONG_NAMES)
    plan = plan_walk(plan_sweep(strategy, Question(panel=market(sessions=400), benchmark="B")), ROLLING)
    result = plan.run()
    page = walk_page(result, whole_sample(plan, result))
    with shown(page, 1200, tmp_path) as browser:
        reach, room = browser.js(
            "(e => [e.scrollWidth, e.clientWidth])(document.querySelector('#folds .scroll'))"
        )
    assert 900 < reach <= room
