"""What the pages say is so: their examples run and print what they show, and nothing they name is missing.

Fenced blocks are run page by page, in order, in a folder that has what a reader would have: a strategy
exported from Composer, a file of prices, the examples of this repository.

* ``console``: lines that begin with ``$ treefolio`` are commands; each must succeed. The lines below one are
  what it prints: all of its lines in order, where spaces do not count and … stands for anything.
* ``python``: run as they are; the blocks of a page share their names.
* ``yaml``: native strategies. One that begins with a comment that names a file is put there.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest

import treefolio as tf
from treefolio.cli import main
from treefolio.indicators import INDICATORS, SIGNATURES
from treefolio.market.frames import to_frame
from treefolio.market.synthetic import synthetic_tickers
from treefolio.metrics import METRICS
from treefolio.strategy import text
from treefolio.strategy.tree import REBALANCINGS

ROOT = Path(__file__).parents[1]
STRATEGY = Path(__file__).parent / "data" / "my_strategy.json"
TICKERS = ("BIL", "GLD", "QQQ", "SPY", "TLT")
DOCS = sorted((ROOT / "docs").glob("**/*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS])
RUN_ELSEWHERE = {
    "cli.md": "test_cli_docs.py",
    "market-data.md": "test_market_data_docs.py",
    "prices.md": "test_market_docs.py",
    "python.md": "test_facade.py",
    "service.md": "service/test_service_docs.py",
    "strategies.md": "test_strategy_docs.py",
}
"""Pages whose examples have tests of their own."""
BLOCK = re.compile(r"^```(console|python|yaml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"`((?:src|docs|tests|examples|benchmarks)/[\w./-]+)`")
MOST_IMAGE_BYTES = 300_000


class Block(NamedTuple):
    """A fenced block."""

    language: str
    body: str


class Command(NamedTuple):
    """A command and the lines that the page shows below it."""

    arguments: list[str]
    shown: list[str]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands(body: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", body.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        line, *shown = part.splitlines()
        program, *arguments = shlex.split(line, comments=True)
        assert program == "treefolio", f"the page calls {program}"
        yield Command(arguments, shown)


def squeezed(lines: list[str]) -> str:
    """The lines that are not empty, spaces inside them counting once."""
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


def matches(shown: list[str], printed: str) -> bool:
    pattern = ".*".join(map(re.escape, squeezed(shown).split("…")))
    return re.fullmatch(pattern, squeezed(printed.splitlines()), re.DOTALL) is not None


def run_console(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(body):
        capsys.readouterr()
        status = main(command.arguments)
        printed = capsys.readouterr()
        assert status == 0, f"{command.arguments}: {printed.err}"
        if command.shown:
            assert matches(command.shown, printed.out), f"{command.arguments} prints\n{printed.out}"


def run_yaml(body: str) -> None:
    named = re.match(r"# ([\w-]+\.ya?ml)\n", body)
    assert text.parse(body, SIGNATURES, source=named[1] if named else "page")
    if named:
        Path(named[1]).write_text(body, encoding="utf-8")


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader calls prices.parquet: a made-up market, all of its history."""
    path = tmp_path_factory.mktemp("prices") / "prices.parquet"
    to_frame(tf.synthetic_panel(seed=7, start="2007-01-03", tickers=TICKERS)).write_parquet(path)
    return path


@pytest.fixture
def desk(tmp_path: Path, prices: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader's folder, which is also where the test is."""
    shutil.copy(prices, tmp_path)
    for name in ("my_strategy.json", "symphony.json"):
        shutil.copy(STRATEGY, tmp_path / name)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page) and page.name not in RUN_ELSEWHERE], ids=name_of
)
@pytest.mark.usefixtures("desk")
def test_examples_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands succeed and print what the page shows, code runs, and strategies are strategies."""
    names: dict[str, object] = {}
    for language, body in blocks(page):
        if language == "console":
            run_console(body, capsys)
        elif language == "python":
            exec(compile(body, name_of(page), "exec"), names)  # the page is ours
        else:
            run_yaml(body)


@pytest.mark.parametrize(("page", "test"), RUN_ELSEWHERE.items())
def test_examples_run_elsewhere(page: str, test: str) -> None:
    """The page is there, and so is the test that runs it."""
    assert (ROOT / "docs" / page).exists()
    assert f'"{page}"' in (Path(__file__).parent / test).read_text(encoding="utf-8")


def test_readme_shows_what_a_stranger_wants() -> None:
    """Commands, code and a picture; and the claim of its first line has rows behind it."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    verbs = [command.arguments[0] for _, body in blocks(ROOT / "README.md") for command in commands(body)]
    assert {"run", "sweep", "inspect", "top", "explain"} <= set(verbs)
    assert page.index("make run") < page.index("make test") < page.index("docs/images/report.png")
    assert f"{len(METRICS)} numbers" in page


def test_output_is_compared() -> None:
    """The comparison can fail: an ellipsis stands for anything, everything else for itself."""
    printed = "one   1\n\n two 2\nthree 3\n"
    assert matches(["one 1", "…", " three   3"], printed)
    assert matches(["one …", "two 2", "three 3"], printed)
    assert not matches(["one 1", "three 3"], printed)
    assert not matches(["one 1", "…", "three 4"], printed)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every file that a page links to, and every heading inside one, is there."""
    body = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", body):
        if re.match(r"\w+://", target):
            continue
        path, _, heading = unquote(target).partition("#")
        found = page.parent / path if path else page
        assert found.exists(), f"{name_of(page)} links to {target}"
        if heading:
            assert heading in headings(found), f"{name_of(page)} links to {target}"


def headings(page: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_exist(page: Path) -> None:
    """Every path in backticks that begins in this repository leads to something."""
    named = PATH.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_pictures_are_small() -> None:
    """A README loads quickly."""
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert all(picture.stat().st_size < MOST_IMAGE_BYTES for picture in pictures)


def test_every_doc_is_linked_from_the_index() -> None:
    """Whatever is written can be found."""
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / target.partition("#")[0]).resolve()
        for target in re.findall(r"\]\(([^)\s]+)\)", index.read_text(encoding="utf-8"))
    }
    assert [name_of(page) for page in DOCS if page != index and page not in linked] == []


class TestArchitecture:
    """The one screen is complete, and in the order that holds."""

    PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    ROWS = tuple(re.findall(r"^\| `(\w+)` \|.*\| .+ \|$", PAGE, flags=re.MULTILINE))

    def test_every_package_has_its_line(self) -> None:
        """And every line its package, or module beside the packages."""
        source = ROOT / "src" / "treefolio"
        modules = {path.stem for path in source.glob("*.py")} - {"__init__", "__main__"}
        packages = {path.parent.name for path in source.glob("*/__init__.py")}
        assert sorted(self.ROWS) == sorted(modules | packages)
        assert all(importlib.util.find_spec(f"treefolio.{name}") for name in self.ROWS)

    def test_order_is_that_of_imports(self) -> None:
        """The table is in processing order, which import-linter holds."""
        settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        layers = re.findall(r'^  "treefolio\.(\w+)",$', settings, flags=re.MULTILINE)
        assert layers
        assert [name for name in self.ROWS if name in layers] == layers[::-1]

    def test_it_names_files(self) -> None:
        """Each step of the idea, and each answer, says where."""
        assert len(PATH.findall(self.PAGE)) > 20

    def test_it_fits_on_a_screen(self) -> None:
        """A large one."""
        assert len(self.PAGE.splitlines()) <= 70


def test_changelog_begins_with_this_version() -> None:
    """What is installed has its entry, and what it counts is so."""
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    newest = re.search(r"^## (\S+)", page, flags=re.MULTILINE)
    assert version
    assert newest
    assert newest[1] == version[1]
    assert f"{len(INDICATORS)} indicators" in page
    assert f"{len(METRICS)} metrics" in page
    assert f"{len(synthetic_tickers())} funds" in page


def test_semantics_leaves_no_word_out() -> None:
    """Every rule of rebalancing, fill and policy is on the page."""
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    for word in (*REBALANCINGS, "close", "next_open", "next_close", "error", "skip", "redistribute", "cash"):
        assert re.search(rf"`{word}\b", page), word


def test_targets_of_the_readme_are_in_the_makefile() -> None:
    """Whatever a page says about make can be made."""
    made = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            assert set(re.findall(r"^make (\w+)", block, flags=re.MULTILINE)) <= made


def test_the_strategy_of_these_pages_is_composers() -> None:
    """The README speaks of a symphony, so the example is one."""
    assert json.loads(STRATEGY.read_text(encoding="utf-8"))["step"] == "root"
    assert tf.read(STRATEGY).format == "composer-json"
