"""Robustness of one strategy: how much of its result hangs on what could as well have been otherwise.

Each part asks one question of one run, and none of them chooses anything:

* ``monte_carlo``   what else could have come of days like these?
* ``literals``      which number of the tree is a cliff? (``steps`` and ``ladder``: how far
                    a number is moved; ``fragility``: what that says)
* ``starts``        what if it had begun another month?
* ``costs``         how much slippage does it bear? (``timing``: and what if it trades later?)
* ``random_picks``  would the same holdings have done as well on other days?

``examine`` asks those that are wanted, and ``output`` writes the folder. Annual returns are ``cagr`` of the
table of metrics throughout: growth^(252 / n) − 1.
"""

from __future__ import annotations

from treefolio.sweep.robustness.examine import PARTS, Robustness, Wish, examine

__all__ = ["PARTS", "Robustness", "Wish", "examine"]
