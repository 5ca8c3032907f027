"""Every page in a real browser: it complains of nothing and asks the network for nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report_cases import TREE, market, parsed, result_of

from test_report_pages import HOSTILE, check_inert
from treefolio.engine.compiled import Question
from treefolio.report import SweepSummary, compare_page, run_page, sweep_page, walk_page
from treefolio.report.walk_page import whole_sample
from treefolio.sweep.entrants import Asked, together
from treefolio.sweep.lengths import Length
from treefolio.sweep.many import Planned, plan_sweep
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling, Scheme
from treefolio.sweep.walkforward.plan import plan_walk

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
