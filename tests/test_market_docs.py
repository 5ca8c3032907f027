"""What docs/prices.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from treefolio.market.cells import MISSING_WORDS
from treefolio.market.columns import SPELLINGS
from treefolio.market.synthetic import OPENS, synthetic_tickers

PAGE = Path(__file__).parents[1] / "docs" / "prices.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_run(snippet: str) -> None:
    """Each stands on its own, and its assertions hold."""
    exec(compile(snippet, "docs/prices.md", "exec"), {})


def test_page_names_what_the_code_knows() -> None:
    """Columns and their spellings, words for nothing, the size and opening of the synthetic market."""
    page = PAGE.read_text(encoding="utf-8")
    assert SNIPPETS
    for name in (*SPELLINGS, *SPELLINGS["date"], *SPELLINGS["ticker"]):
        assert name in page, name
    for word in filter(None, MISSING_WORDS):
        assert re.search(rf"\b{word}\b", page, flags=re.IGNORECASE), word
    assert f"a market of {len(synthetic_tickers())} funds" in page
    assert str(OPENS) in page
