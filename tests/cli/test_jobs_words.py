"""What the verbs of a service say: commands that work as they stand, and what to do in a terminal's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

import treefolio
from cli_samples import Called, Program, done, write_prices, write_strategy
from service_samples import Served
from treefolio.cli import offered
from treefolio.client import ServiceError
from treefolio.errors import MissingPrices

SWEEP = ("--vary", "hot=60:80:5", "--vary", "c1.window=5,10")
LONG = ("--vary", "hot=1:98.9:0.1", "--vary", "c1.window=2:60:1", "--vary", "c2.right_window=5:60:1")
BY_BROWSERS = {f"GET /api/v1/{each}" for each in ("login/discord", "session", "sessions", "tokens")}
BY_THE_CLIENT = {"PUT /api/v1/snapshots/HASH", "POST /lists/parse"}
"""Routes in hints that nobody at a terminal meets, or whose verb says more itself."""


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.delenv("TREEFOLIO_URL", raising=False)
    return Program(capsys)


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_strategy(tmp_path_factory.mktemp("strategy"))


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prices(tmp_path_factory.mktemp("prices"))


@pytest.fixture(scope="module")
def job(served: Served, strategy: Path, prices: Path) -> Iterator[str]:
    """A sweep that is done."""
    from treefolio.cli import main  # noqa: PLC0415 - as the fixture of programs has it for one test alone

    key = uuid4().hex
    asked = (strategy, *SWEEP, "--prices", prices, "--url", served.url, "--key", key)
    assert main(["jobs", "submit", "sweep", *map(str, asked)]) == 0
    with served.client() as client:
        made = client.jobs(limit=1).jobs[0].id
        list(client.watch(made))
        yield str(made)
        client.remove(made)


def hint(called: Called) -> str:
    """The last line of an error."""
    assert called.status
    return called.err.splitlines()[-1]


def test_commands_that_are_offered_name_the_service(
    program: Program, served: Served, strategy: Path, prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command line named it, before or after the verb; not when the environment did."""
    named = ("--url", served.url)
    asked = ("submit", "sweep", strategy, *SWEEP, "--prices", prices, "--key", "words")
    wanted = f"`treefolio jobs --url {served.url} watch "
    assert wanted in done(program("jobs", *named, *asked)).out
    assert wanted in done(program("jobs", *asked, *named)).out
    assert f"`treefolio jobs --url {served.url} list` shows" in hint(
        program("jobs", "watch", "ffffff", *named)
    )
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    assert "`treefolio jobs watch " in done(program("jobs", *asked)).out
    assert "`treefolio jobs list` shows" in hint(program("jobs", "watch", "ffffff"))


@pytest.mark.parametrize(
    ("url", "text", "expected"),
    [
        (None, "`treefolio jobs list` shows", "`treefolio jobs list` shows"),
        ("http://a:1", "`treefolio jobs list` shows", "`treefolio jobs --url http://a:1 list` shows"),
        ("http://a b", "`treefolio lists list`", "`treefolio lists --url 'http://a b' list`"),
        ("http://a", "`treefolio jobs --url http://b list`", "`treefolio jobs --url http://b list`"),
        ("http://a", "`treefolio serve` starts it", "`treefolio serve` starts it"),
    ],
)
def test_the_address_in_a_command(url: str | None, text: str, expected: str) -> None:
    """Stands behind the group of verbs, once, and as a shell takes it; commands of this machine have none."""
    offered.begin()
    offered.note_url(url)
    assert offered.here(text) == expected
    offered.begin()


def test_routes_in_hints_are_verbs() -> None:
    """Every route that a hint of the service names has a verb, or is none that a terminal meets."""
    folder = Path(treefolio.__file__).parent
    sources = [each for part in ("jobs", "service") for each in (folder / part).rglob("*.py")]
    text = "\n".join(each.read_text(encoding="utf-8") for each in sources)
    hints = re.findall(r'"((?:[^"\n]* )?(?:GET|POST|PUT|DELETE) (?:\{API\}|/)[^"\n]* [^"\n]*\.)"', text)
    named = {
        route.replace("{API}", "/api/v1")
        for each in hints
        for route in re.findall(r"(?:GET|POST|PUT|DELETE) (?:\{API\})?/[\w/.-]*\w", each)
    }
    assert named - BY_BROWSERS - BY_THE_CLIENT == set(offered.ROUTES)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("GET /api/v1/jobs lists those that there are.", "`treefolio jobs list` lists those that there are."),
        ("Upload it first: PUT /api/v1/snapshots/HASH.", None),
        ("Ask again in 3 s.", "Ask again in 3 s."),
        (None, None),
    ],
)
def test_a_hint_of_the_service(hint: str | None, said: str | None) -> None:
    """A route for which there is no verb helps nobody here."""
    assert offered.hint_of(ServiceError("no", code="x", hint=hint)) == said


@pytest.mark.parametrize(
    ("code", "path", "said"),
    [
        ("conflict", "body.name", None),
        ("no_snapshot", "asked.snapshot", None),
        ("invalid", "body", None),
        ("invalid", "body.folder", "folder"),
        ("list", "text, line 1, column 3", "text, line 1, column 3"),
        ("strategy", "root", "root"),
        ("conflict", None, None),
    ],
)
def test_the_place_of_an_error(code: str, path: str | None, said: str | None) -> None:
    """Is not said where it is but a field of the request that the message speaks of."""
    assert offered.place_of(ServiceError("no", code=code, path=path)) == said


def test_a_place_that_the_message_has() -> None:
    """Is not said twice."""
    error = MissingPrices("no prices:\n  SHV: used at root > then", path="root > then")
    assert offered.place_of(error) is None
    assert offered.place_of(MissingPrices("no prices", path="root > then")) == "root > then"


def test_what_is_not_there(program: Program, served: Served, strategy: Path) -> None:
    """Is said with the verb that lists what is."""
    named = ("--url", served.url)
    kept = f"Words {uuid4().hex[:6]}"
    done(program("strategies", "add", strategy, "--name", kept, *named))
    for asked, verb in (
        (("strategies", "diff", kept, "1", "9"), "versions NAME` lists"),
        (("strategies", "versions", str(UUID(int=7))), "list` lists"),
    ):
        found = hint(program(*asked, *named))
        assert found.startswith(f"`treefolio strategies --url {served.url} {verb}")
    done(program("strategies", "remove", kept, *named))


def test_jobs_that_have_ended(
    program: Program, served: Served, strategy: Path, prices: Path, job: str, tmp_path: Path
) -> None:
    """What cannot be done with them, and what can."""
    named = ("--url", served.url)
    submitted = program("jobs", "submit", "sweep", strategy, *LONG, "--prices", prices, *named)
    gone = done(submitted).out.splitlines()[-1]
    done(program("jobs", "cancel", gone, *named))
    program("jobs", "watch", gone, *named)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").touch()
    for asked, status, said in (
        (("cancel", job), 1, "remove ID` removes it"),
        (("first", gone), 1, "list --state queued` shows those that wait"),
        (("export", gone, "--out", tmp_path / "new"), 1, "is not kept: submit it again"),
        (("export", job, "--out", tmp_path / "there"), 1, "Choose another --out folder, or remove this one."),
        (("schedule", job, "--at", "18:30"), 1, "Say where fresh ones come from: --source alpaca"),
        (("rows", job, "--by", "shape"), 2, "Did you mean sharpe"),
        (("rows", job, "--where", "shape > 1"), 2, "Did you mean sharpe"),
    ):
        called = program("jobs", *asked, *named)
        assert (called.status, said in hint(called)) == (status, True), called.err


def test_a_job_that_rests(
    program: Program, served: Served, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Has no files yet; its rows can be looked at."""
    named = ("--url", served.url)
    submitted = program("jobs", "submit", "sweep", strategy, *LONG, "--prices", prices, *named)
    job = done(submitted).out.splitlines()[-1]
    done(program("jobs", "pause", job, *named))
    called = program("jobs", "export", job, "--out", tmp_path / "new", *named)
    assert f"`treefolio jobs --url {served.url} rows ID` shows its rows so far." == hint(called)
    done(program("jobs", "cancel", job, *named))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--url", "http://a", "jobs", "list"), "It goes after the verb: `treefolio jobs --url …`."),
        (("--url", "http://a", "lists", "list"), "It goes after the verb: `treefolio lists --url …`."),
        (("jobs", "--state", "done"), "It goes after the verb: `treefolio jobs list --state …`."),
        (("jobs", "export", "abcdef", "--out"), "`treefolio jobs export --help` says what it takes."),
        (("run", "x.yaml", "--prices"), "`treefolio run --help` says what it takes."),
    ],
)
def test_what_the_parser_does_not_take(program: Program, arguments: tuple[str, ...], said: str) -> None:
    """Where it belongs, and the page of the verb that was meant."""
    called = program(*arguments)
    assert (called.status, hint(called).startswith(said)) == (2, True), called.err


def test_https_where_there_is_none(program: Program, served: Served, job: str) -> None:
    """Is tried once, and said at once."""
    before = served.errors().count("Invalid HTTP request")
    for asked in (("list",), ("watch", job)):
        called = program("jobs", *asked, "--url", served.url.replace("http:", "https:"))
        assert (called.status, "speaks no HTTPS" in called.err) == (1, True)
        assert f"Write {served.url}," in hint(called)
    assert served.errors().count("Invalid HTTP request") <= before + 2


def test_ids_in_a_narrow_window(
    program: Program, served: Served, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Are as long as there is room for, and name their job; so does one that a table has cut."""
    named = ("--url", served.url)
    monkeypatch.setenv("COLUMNS", "400")
    assert job in done(program("jobs", "list", "-n", "500", *named)).out
    monkeypatch.setenv("COLUMNS", "80")
    listed = done(program("jobs", "list", "-n", "500", *named)).out
    (line,) = (each for each in listed.splitlines() if job[:8] in each)
    assert job[:8] in line.split()
    assert "…" not in line
    assert f"{job} is done" in done(program("jobs", "watch", f"{job[:12]}…", *named)).out


def test_a_row_that_is_opened(program: Program, served: Served, job: str, tmp_path: Path) -> None:
    """Is said: its number and its combination, by which the run is called; not so its strategy."""
    with served.client() as client:
        page = client.rows(UUID(job), sort=["calmar"], limit=1, offset=1)
        number, (hot, window) = page.numbers[0], page.rows[0][:2]
    called = program(
        *("jobs", "open", job, "--by", "calmar", "--rank", "2", "--out", tmp_path / "run"),
        *("--url", served.url),
    )
    assert done(called).out.splitlines()[0] == f"Row {number}: hot {hot}, c1.window {window}"
    listed = done(program("jobs", "list", "--url", served.url, "-n", "1")).out
    assert f"Hot or not, row {number}" in listed
    assert '"Hot or not"' in (tmp_path / "run" / "manifest.json").read_text(encoding="utf-8")


def test_what_a_sweep_will_take(program: Program, served: Served, strategy: Path, prices: Path) -> None:
    """Is said before it is submitted; where the service fetches the prices, how many combinations."""
    named = ("--url", served.url, "--key", "taken")
    called = done(program("jobs", "submit", "sweep", strategy, *SWEEP, "--prices", prices, *named))
    assert re.search(r"^Estimate: [\d.]+ m?s on 2 workers .*, \d+ MB of memory$", called.out, re.MULTILINE)
    walk = ("--train", "9m", "--test", "3m")
    called = done(
        program("jobs", "submit", "walkforward", strategy, *SWEEP, "--prices", prices, *walk, *named[:2])
    )
    assert "\nEstimate: " in called.out
    there = ("--synthetic", "--on-service", "--url", served.url)
    called = done(program("jobs", "submit", "sweep", strategy, *SWEEP, *there))
    assert called.out.startswith("Hot or not\n10 combinations: hot 5 × c1.window 2\n")
    with served.client() as client:
        assert client.job(UUID(called.out.splitlines()[-1])).rows_total == 10
