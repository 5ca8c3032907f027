"""How much a strategy's text may hold before anybody reads it.

Readers keep a few hundred bytes for each bracket, comma, colon, dash and line. The largest strategy that we
know has 160,000 of them; a text of 20 MB could have as many as bytes, and would fill the memory.
"""

from __future__ import annotations

MOST_MARKS = 400_000
_MARKS = "[{(,:-\n"


def bearable(text: str) -> str:
    """The text. Raises ValueError when reading it would take too much memory."""
    if sum(map(text.count, _MARKS)) > MOST_MARKS:
        raise ValueError(f"it has more than {MOST_MARKS:,} brackets, commas, colons, dashes and lines")
    return text
