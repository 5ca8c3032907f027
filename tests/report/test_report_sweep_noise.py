"""The story of docs/is-the-winner-real.md is what its example tells."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from test_report_pages import check_inert

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "is-the-winner-real.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names of the example, and what it found under ``story``: on a machine without earlier trials."""
    names = runpy.run_path(str(ROOT / "examples" / "noise.py"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TREEFOLIO_HOME", str(tmp_path_factory.mktemp("home")))
        return names | {"story": names["tell"]()}


def test_the_figures_are_those_of_the_page(example: dict[str, Any]):
    """To the last digit, line by line."""
    shown = PAGE.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    assert list(example["lines"](example["story"])) == shown.splitlines()


def test_the_winner_is_as_good_as_it_is_meaningless(example: dict[str, Any]):
    """It looks like skill by itself, and none of the numbers that count trials takes it for skill."""
    said = example["story"].swept.selection
    assert said["best"]["psr"] > 0.999
    assert said["best"]["dsr"] < 0.95
    assert said["best"]["sharpe"] < said["expected_max_sharpe"]
    assert said["pbo"] > 0.4


def test_its_report_says_so(example: dict[str, Any]):
    page = check_inert(example["report"](example["story"]))
    against = "luck, deflated Sharpe ratio, overfitting, history"
    assert f"Do not take the best row for skill. Against it: {against}." in page.text


def test_the_picture_is_drawn(example: dict[str, Any], tmp_path: Path):
    example["picture"](example["story"], tmp_path / "noise.png")
    made = (tmp_path / "noise.png").read_bytes()
    assert made.startswith(b"\x89PNG")
    assert len(made) < 300_000
