"""Each shipped strategy does what it did: its statistics and the decisions behind them."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import numpy as np
import pytest

import treefolio as tf

EXAMPLES = Path(__file__).parents[1] / "examples"
DEMO = Path(__file__).parents[1] / "src" / "treefolio" / "cli" / "demo.yaml"
EXPECTED: dict[str, tuple[float, float, str]] = {
    "crash_guard.yaml": (1.0707936270263976, 0.21417495709372736, "d63a8b4e2c84"),
    "hot_or_not.yaml": (1.1886514544755657, 0.6880586987842678, "fdf41242a8fc"),
    "sector_rotation.yaml": (0.4294130251964304, 0.22456077312514722, "b88be5dcfe60"),
    "demo.yaml": (0.5371666297129266, 0.5939046772117351, "d237af8abeb8"),
}
"""File → Sharpe ratio, largest drawdown, and the beginning of the hash of its decisions."""


def test_every_example_is_expected() -> None:
    """And there are at least three."""
    assert {path.name for path in (*EXAMPLES.glob("*.yaml"), DEMO)} == set(EXPECTED)
    assert len(EXPECTED) > 3


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_does_what_it_did(name: str) -> None:
    """On the made-up market of seed 7 over the years 2015 to 2019, in both engines."""
    path = DEMO if name == DEMO.name else EXAMPLES / name
    panel = tf.synthetic_panel(seed=7, start="2012-01-03", end="2019-12-31")
    sharpe, drawdown, digest = EXPECTED[name]
    for engine in ("compiled", "reference"):
        result = tf.run(path, panel, start="2015-01-02", engine=engine)
        decided = np.round(result.run.targets, 9).tobytes()
        assert result.metrics["sharpe"] == pytest.approx(sharpe, rel=1e-9)
        assert result.metrics["max_drawdown"] == pytest.approx(drawdown, rel=1e-9)
        assert hashlib.sha256(decided).hexdigest()[:12] == digest


def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """From top to bottom, and says that its prices are made up."""
    runpy.run_path(str(EXAMPLES / "notebook.py"))
    assert "synthetic: True" in capsys.readouterr().out
