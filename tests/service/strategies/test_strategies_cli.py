"""``treefolio strategies``, and strategies and lists by their names in ``jobs submit``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from strategies_cases import FILES, HOT, HOTTER

from account_samples import Answering
from cli_samples import Called, Program, write_prices
from treefolio.client import Client
from treefolio.service.strategies.models import Strategy


@pytest.fixture
def program(
    here: Answering, token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Program:
    monkeypatch.setenv("TREEFOLIO_URL", here.origin)
    monkeypatch.setenv("TREEFOLIO_TOKEN", token)
    return Program(capsys)


@pytest.fixture
def hot(client: Client) -> Iterator[Strategy]:
    """A strategy with two versions, gone after the test."""
    made = client.strategies.add(HOT).strategy
    yield client.strategies.add_version(made.id, HOTTER).strategy
    client.strategies.remove(made.id)


def done(called: Called) -> str:
    assert called.status == 0, called.err
    return called.out


def test_from_file_to_file(program: Program, client: Client, tmp_path: Path) -> None:
    """Added, with its next version, listed, compared, fetched: what comes back is what `convert` writes."""
    first, second = tmp_path / "hot.yaml", tmp_path / "hotter.yaml"
    first.write_text(HOT, encoding="utf-8")
    second.write_text(HOTTER, encoding="utf-8")
    added = ("--name", "My strategy", "--folder", "a/b", "--tag", "x", "--tag", "y")
    said = done(program("strategies", "add", first, *added)).splitlines()
    assert said[0] == "My strategy: version 1"
    kept = client.strategies.find(said[1])
    assert (kept.name, kept.folder, kept.tags) == ("My strategy", "a/b", ["x", "y"])
    again = ("strategies", "add", second, "--version-of", "My strategy", "--note", "hotter")
    assert done(program(*again)).splitlines()[0] == "My strategy: version 2"
    assert done(program(*again)).splitlines()[0] == "My strategy: version 2, which it was already"
    assert client.strategies.version(kept.id, 2).note == "hotter"

    listed = json.loads(done(program("strategies", "list", "--folder", "a", "--tag", "x", "--json")))
    assert [each["id"] for each in listed["strategies"]] == [said[1]]
    assert "My strategy" in done(program("strategies", "list", "--search", "tqqq"))
    assert "My strategy" not in done(program("strategies", "list", "--search", "nothing"))

    assert done(program("strategies", "diff", "My strategy", "1", "2")).splitlines() == [
        "~ variable 70, of 1: 70 → 75, of 1: 75, at variables > hot",
        "~ ticker BIL → SHV, at root > then",
        "Tickers new: SHV",
        "Tickers no longer there: BIL",
    ]
    assert (
        "+  then: SHV" in done(program("strategies", "diff", "My strategy", "1", "2", "--text")).splitlines()
    )
    assert json.loads(done(program("strategies", "diff", said[1], "2", "2", "--json")))["same"]

    for name, number in (("My strategy", 2), ("My strategy:1", 1)):
        for suffix in ("yaml", "json"):
            ours, theirs = tmp_path / f"ours.{suffix}", tmp_path / f"theirs.{suffix}"
            done(program("strategies", "get", name, "-o", ours))
            done(program("convert", (first, second)[number - 1], "-o", theirs))
            assert ours.read_bytes() == theirs.read_bytes()
    done(program("strategies", "get", "My strategy:1", "-o", tmp_path / "as-it-was.txt", "--original"))
    assert (tmp_path / "as-it-was.txt").read_text(encoding="utf-8") == HOT
    client.strategies.remove(kept.id)


def test_notes_of_an_import_are_said(program: Program, client: Client, tmp_path: Path) -> None:
    """With their places; files may be in UTF-16."""
    path = tmp_path / "two.json"
    text = json.dumps(json.loads(FILES["quantmage-json"][1]) | {"colour": "red"})
    path.write_text(text, encoding="utf-16")
    called = program("strategies", "add", path)
    assert 'ignored: settings of a run, no part of the strategy: colour "red", at root' in called.err
    assert (
        client.strategies.get(client.strategies.find(done(called).splitlines()[-1]).id).name == "Two of three"
    )


def test_sharing(program: Program, here: Answering, hot: Strategy) -> None:
    """The link stands alone on the last line, and shows the strategy."""
    lines = done(program("strategies", "share", f"{hot.id}:1", "--expires", "2199-01-01")).splitlines()
    assert re.fullmatch(rf"{here.origin}/api/v1/shared/[\w-]{{43}}", lines[-1])
    with here.stranger() as stranger:
        assert stranger.get(lines[-1]).json()["version"]["number"] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("diff", "Nobody", "1", "2"), 2, "there is no strategy 'Nobody'"),
        (("diff", "Hot or nit", "1", "2"), 2, "Did you mean Hot or not?"),
        (("diff", "Hot or not", "1", "3"), 1, "there is no version 3"),
        (("get", "Hot or not:7", "-o", "x.yaml"), 1, "there is no version 7"),
        (("get", "Hot or not", "-o", "x.txt"), 2, "neither YAML nor JSON"),
        (("share", "Hot or not", "--expires", "soon"), 2, "is no date"),
        (("share", "Hot or not", "--expires", "2001-01-01"), 1, "is over"),
        (("add", "missing.yaml"), 1, "cannot be read"),
    ],
)
def test_what_is_refused(
    program: Program,
    hot: Strategy,
    arguments: tuple[str, ...],
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what to do; nothing is written."""
    assert hot.name == "Hot or not"
    monkeypatch.chdir(tmp_path)
    called = program("strategies", *arguments)
    assert said in called.err
    assert called.status == status
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken(program: Program, client: Client, hot: Strategy, tmp_path: Path) -> None:
    """Is no other strategy's: the verb for its next version is told."""
    (tmp_path / "hot.yaml").write_text(HOT, encoding="utf-8")
    called = program("strategies", "add", tmp_path / "hot.yaml")
    assert called.status == 1
    what, remedy = called.err.splitlines()
    assert what == "Error: there is a strategy 'Hot or not' already"
    assert remedy.startswith("`treefolio strategies add FILE --version-of NAME` makes it the next version")
    assert client.strategies.list(search="Hot or not").total == 1
    assert client.strategies.get(hot.id) == hot


def test_the_beginning_of_an_id(program: Program, client: Client, hot: Strategy) -> None:
    """Is enough, from eight characters on, also as a table cuts it; a name goes before it."""
    beginning = str(hot.id)[:8]
    for name in (beginning, beginning.upper(), f"{str(hot.id)[:20]}…"):
        assert client.strategies.find(name) == hot
    assert "Tickers new: SHV" in done(program("strategies", "diff", beginning, "1", "2"))
    called = program("strategies", "diff", beginning[:7], "1", "2")
    assert (called.status, f"there is no strategy '{beginning[:7]}'" in called.err) == (2, True)
    other = client.strategies.add(HOT, name=beginning).strategy
    assert client.strategies.find(beginning) == other
    client.strategies.remove(other.id)


def test_jobs_of_what_is_kept(program: Program, client: Client, tmp_path: Path) -> None:
    """Are called as it is, with the version; a job of another text as that text."""
    prices = ("--prices", write_prices(tmp_path))
    kept = client.strategies.add(HOT, name="First").strategy
    second = client.strategies.add(HOT.replace("70", "75"), name="Second").strategy
    client.strategies.add_version(second.id, HOT.replace("70", "60"))
    (tmp_path / "other.yaml").write_text(HOT.replace("70", "71"), encoding="utf-8")
    for strategy in ("@First", "@Second:1", "@Second", tmp_path / "other.yaml"):
        done(program("jobs", "submit", "run", strategy, *prices))
    jobs = client.jobs(limit=4).jobs
    assert [job.name for job in jobs] == ["Hot or not", "Second:2", "Second:1", "First:1"]
    listed = done(program("jobs", "list", "-n", "4"))
    assert all(f"{job.created_at.astimezone():%Y-%m-%d %H:%M %Z}" in listed for job in jobs)
    nightly = client.schedules.make(jobs[-1].id, at="18:30", source="synthetic")
    assert nightly.name == "First:1"
    client.schedules.remove(nightly.id)
    for each in (kept, second):
        client.strategies.remove(each.id)


def test_submitted_by_name(program: Program, client: Client, hot: Strategy, tmp_path: Path) -> None:
    """A sweep over a list of a version, and a run: the job has the version's text and the list's values."""
    prices = ("--prices", write_prices(tmp_path))
    client.lists.add("levels", "60:75:5")
    job = done(program("jobs", "submit", "sweep", "@Hot or not:1", "--vary", "hot=@levels", *prices))
    request = client.transport.http.get(f"/api/v1/jobs/{job.splitlines()[-1]}/request").json()
    assert request["strategy"] == client.strategies.version(hot.id, 1).text
    assert request["vary"] == [["hot", [60, 65, 70, 75]]]
    job = done(program("jobs", "submit", "run", f"@{hot.id}:1", *prices))
    request = client.transport.http.get(f"/api/v1/jobs/{job.splitlines()[-1]}/request").json()
    assert request["strategy"] == client.strategies.version(hot.id, 1).text
    assert request["out_of_sample_from"] == str(hot.out_of_sample_from)
    for arguments, said in (
        (("sweep", "@Nobody", "--vary", "hot=1,2"), "there is no strategy 'Nobody'"),
        (("sweep", "@Hot or not:1", "--vary", "hot=@level"), "Did you mean levels?"),
    ):
        called = program("jobs", "submit", *arguments, *prices)
        assert (called.status, said in called.err) == (2, True), called.err
