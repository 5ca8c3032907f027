"""Start-time fair queueing, without a database."""

from __future__ import annotations

import heapq
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from treefolio.jobs.fairness import UNIT, cost, places, rank

WEIGHTS = {"ann": 1.0, "bob": 2.0, "eve": 3.0}


def served(counts: dict[str, int], weights: dict[str, float]) -> list[str]:
    """Whose chunks are taken, in order, when all submit at once."""
    queue = []
    for user, count in counts.items():
        found = places(0, 0, count, weights[user])
        queue += [(-rank(tag), k, user) for k, tag in enumerate(found.tags)]
    heapq.heapify(queue)
    return [heapq.heappop(queue)[2] for _ in range(len(queue))]


def test_shares_are_those_of_the_weights() -> None:
    """While all have chunks, each share of what is done is within 10 % of its weight."""
    order = served(dict.fromkeys(WEIGHTS, 600), WEIGHTS)
    for taken in (60, 300, 900):
        counts = Counter(order[:taken])
        for user, weight in WEIGHTS.items():
            share = weight / sum(WEIGHTS.values())
            assert abs(counts[user] / taken - share) <= 0.1 * share


def test_who_comes_later_is_neither_first_nor_last() -> None:
    """A newcomer begins now: he does not catch up on what others had, and does not wait for their end."""
    first = places(0, 0, 100, 1.0)
    now = first.tags[50]
    assert places(now, 0, 3, 1.0).tags == [now, now + UNIT, now + 2 * UNIT]


def test_a_users_second_job_is_behind_the_first() -> None:
    """The places of one user follow each other, whatever job they are of."""
    first = places(0, 0, 5, 2.0)
    second = places(0, first.served, 5, 2.0)
    assert second.tags[0] == first.tags[-1] + cost(2.0)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(-3, 3), st.integers(-3, 3))
def test_ranks(tag: int, other: int, priority: int, another: int) -> None:
    """A smaller tag is taken first; a job's own priority counts before all tags."""
    if priority == another:
        assert (rank(tag, priority) > rank(other, another)) == (tag < other)
    else:
        assert (rank(tag, priority) > rank(other, another)) == (priority > another)


@given(st.integers(-(10**9), 10**9), st.integers(-100, 100))
def test_ranks_fit_their_column(tag: int, priority: int) -> None:
    """Postgres has 32 bits for a rank."""
    assert -(2**31) <= rank(tag, priority) < 2**31
