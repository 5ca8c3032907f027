"""README.md: submit, watch, rows, as a newcomer types them, print what the page shows."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

import treefolio as tf
from cli_samples import Program
from service_samples import Served
from treefolio.market.frames import to_frame

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
TICKERS = ("BIL", "GLD", "QQQ", "SPY", "TLT")
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b")


def shown() -> list[tuple[list[str], list[str]]]:
    """Each command of the block, and the lines below it."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    block = page[page.index("## Submit, walk away") :].partition("```text\n")[2].partition("```")[0]
    parts = re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]
    return [(shlex.split(part.splitlines()[0]), part.splitlines()[1:]) for part in parts]


def matches(lines: list[str], printed: str) -> bool:
    """What is shown stands there in this order; … stands for anything, spaces count once."""
    wanted = " ".join(" ".join(lines).split())
    pattern = ".*".join(map(re.escape, wanted.split("…")))
    return re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL) is not None


def test_submit_watch_rows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the job's own id for the one on the page, and the time that it took."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    monkeypatch.setenv("COLUMNS", "200")
    shutil.copy(ROOT / "tests" / "data" / "my_strategy.json", tmp_path)
    panel = tf.synthetic_panel(seed=7, start="2007-01-03", tickers=TICKERS)
    to_frame(panel).write_parquet(tmp_path / "prices.parquet")
    (serve, said), *others = shown()
    assert serve == ["treefolio", "serve"]
    assert matches(said, "".join(served.said).replace(served.url, "http://127.0.0.1:8000"))
    assert [arguments[1:3] for arguments, _ in others] == [
        ["jobs", "submit"],
        ["jobs", "watch"],
        ["jobs", "rows"],
    ]
    page, ours = ID.findall("\n".join(others[0][1]))[0], ""
    for arguments, lines in others:
        called = Program(capsys)(*(ours if each == page[:8] else each for each in arguments[1:]))
        assert called.status == 0, called.err
        ours = ours or called.out.splitlines()[-1]
        wanted = [re.sub(r"in [\d.]+ s$", "in … s", line.replace(page, ours)) for line in lines]
        assert matches(wanted, called.out), called.out
    assert ID.fullmatch(ours)
