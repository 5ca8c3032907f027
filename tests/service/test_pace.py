"""How often to ask."""

from __future__ import annotations

import pytest

from treefolio.service.pace import retry_after


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (0, 1),
        (29.9, 1),
        (30, 2),
        (59, 2),
        (60, 5),
        (119, 5),
        (120, 10),
        (300, 30),
        (599, 30),
        (600, 60),
        (1e9, 60),
    ],
)
def test_ever_less_often(age: float, pause: int) -> None:
    """A second at first, a minute at last."""
    assert retry_after(age) == pause
