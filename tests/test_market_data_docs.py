"""docs/market-data.md: its commands work with a server that speaks Alpaca's wire; it names what there is."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from test_docs import ROOT, STRATEGY, blocks, run_console
from treefolio.market.sources.table import SOURCES
from treefolio.service.docs import page
from treefolio.testing.vendors.alpaca_wire import AlpacaWire
from treefolio.testing.vendors.served import made_up
from treefolio.testing.vendors.server import VendorServer

PAGE = ROOT / "docs" / "market-data.md"
TICKERS = ("BIL", "GLD", "QQQ", "SPY", "TLT")


def test_commands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They run one after the other, and print what the page shows."""
    shutil.copy(STRATEGY, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APCA_API_KEY_ID", "your-key")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "your-secret")
    served = made_up(TICKERS, date(2016, 1, 4), date(2024, 12, 31))
    with VendorServer(AlpacaWire(served, keys={"your-key": "your-secret"})) as server:
        monkeypatch.setenv("TREEFOLIO_ALPACA_DATA_URL", server.url)
        bodies = [each.body for each in blocks(PAGE) if each.language == "console"]
        assert bodies
        for body in bodies:
            run_console(body, capsys)


def test_every_source_has_its_row() -> None:
    """With its feeds."""
    text = PAGE.read_text(encoding="utf-8")
    for name, row in SOURCES.items():
        line = re.search(rf"^\| `{name}`.*$", text, flags=re.MULTILINE)
        assert line, name
        assert all(f"`{feed}`" in line[0] for feed in row.feeds if feed), name


def test_settings_page_is_the_table_s() -> None:
    """`make docs` makes it."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page()
