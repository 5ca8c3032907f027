"""Folds: which sessions choose a row, and which then judge it. No prices and no kernels here.

* `Rolling` is walk-forward: train, then test on what follows; the next fold stands a step later. Anchored,
  every training begins with the first session.
* `Combinatorial` is combinatorial purged cross-validation (López de Prado, Advances in Financial Machine
  Learning, 2018, chapter 12): N groups of sessions, every choice of k of them is tested once by what the
  others chose. The tests make C(N, k) · k / N paths, each through the whole data. Groups, splits and paths
  are those of skfolio's CombinatorialPurgedCV.

Both are cut in places: place i is the return that is earned on session i + 1 of the run. The run's first
session earns nothing; a range of places is judged like a run that starts at the close before its first one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.sweep.lengths import Dates, Length, place, place_before

MOST_FOLDS = 10_000
MOST_GROUPS = 64


class Range(NamedTuple):
    """The places from ``first`` up to, and without, ``last``."""

    first: int
    last: int


class Piece(NamedTuple):
    """What a path is made of: a range of places that the winner of one fold earns."""

    fold: int
    places: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One choice and its judgement.

    Attributes:
        train, test: ranges of places, ascending and apart.
        complete: the test is as long as was asked for; the data may end before.
    """

    train: tuple[Range, ...]
    test: tuple[Range, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """All folds of a scheme over one run's sessions.

    Attributes:
        paths: each goes through tested places once, ascending.
        current: the ranges that would choose the row to trade next.
        notes: what the user should be told.
    """

    folds: tuple[Fold, ...]
    paths: tuple[tuple[Piece, ...], ...]
    current: tuple[Range, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """Walk-forward: train, test on what follows, step on. Lengths are as `lengths` says.

    Raises:
        UsageError: a length of 0.
    """

    train: Length
    test: Length
    step: Length
    anchored: bool = False

    def __post_init__(self) -> None:
        for name in ("train", "test", "step"):
            if getattr(self, name) == Length():
                raise UsageError(f"the {name} of a walk-forward is 0 long", hint="Give a length such as 6m.")

    def describe(self) -> dict[str, object]:
        """Plain data for the manifest."""
        lengths = {name: str(getattr(self, name)) for name in ("train", "test", "step")}
        return {"scheme": "walkforward", **lengths, "anchored": self.anchored}

    def cut(self, sessions: Dates) -> Folds:
        """The folds over a run's (n + 1,) sessions.

        The last test is shorter when the data ends before it does. Where tests overlap (step below test), the
        path goes on with the later fold as soon as there is one.

        Raises:
            UsageError: not even one fold fits, or a train or a step holds no session.
        """
        count = len(sessions) - 1
        found: list[Fold] = []
        for k in itertools.count():
            begin, cut = self.step * k, self.train + self.step * k
            middle = place(sessions, cut)
            if middle >= count:
                break
            if len(found) == MOST_FOLDS:
                raise UsageError(f"there are more than {MOST_FOLDS:,} folds", hint="Take a longer --step.")
            end = place(sessions, cut + self.test)
            train = Range(0 if self.anchored else place(sessions, begin), middle)
            test = Range(middle, min(end, count))
            self._check(k, train, test, found, sessions)
            found.append(Fold(train=(train,), test=(test,), complete=end <= count))
        if not found:
            raise UsageError(
                f"no fold fits: training takes {self.train}, and there are {count:,} sessions to earn on, "
                f"to {sessions[-1]}",
                hint="Take a shorter --train, or an earlier --start.",
            )
        path = _path(found)
        current = Range(0 if self.anchored else max(0, place_before(sessions, self.train)), count)
        return Folds(folds=tuple(found), paths=(path,), current=(current,), notes=self._notes(found, path))

    def _check(self, k: int, train: Range, test: Range, before: Sequence[Fold], sessions: Dates) -> None:
        """Nothing, when the fold moves on and has something to train and to test on."""
        day = sessions[min(test.first + 1, len(sessions) - 1)]
        if train.last - train.first < 2 or test.last <= test.first:
            raise UsageError(
                f"fold {k + 1} has {_sessions(train.last - train.first)} to train on and "
                f"{_sessions(test.last - test.first)} to test on, about {day}",
                session=str(day),
                hint="Take longer --train and --test.",
            )
        if before and test.first <= before[-1].test[0].first:
            raise UsageError(
                f"--step {self.step} leads to no new session about {day}",
                session=str(day),
                hint="Take a longer --step.",
            )

    def _notes(self, folds: Sequence[Fold], path: Sequence[Piece]) -> tuple[str, ...]:
        notes = []
        if not folds[-1].complete:
            left = _sessions(length(folds[-1].test))
            notes.append(f"the data ends before the last test does: it has {left}")
        if any(b.test[0].first < a.test[0].last for a, b in itertools.pairwise(folds)):
            notes.append("tests overlap: the stitched curve goes on with the later fold once there is one")
        gaps = sum(b.places.first - a.places.last for a, b in itertools.pairwise(path))
        if gaps:
            notes.append(f"between tests are {_sessions(gaps)} that the stitched curve leaves out")
        return tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combinatorial:
    """Combinatorial purged cross-validation.

    Attributes:
        groups, test_groups: N and k.
        purge: sessions left out of training before and after each test.
        embargo: sessions left out after each test beyond those.

    Raises:
        UsageError: numbers that cannot be.
    """

    groups: int = 10
    test_groups: int = 2
    purge: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.groups <= MOST_GROUPS:
            raise UsageError(
                f"there cannot be {self.groups} groups", hint=f"Take from 2 to {MOST_GROUPS}, such as 10."
            )
        if not 1 <= self.test_groups < self.groups:
            raise UsageError(
                f"{self.test_groups} of {self.groups} groups cannot be tested",
                hint="Test at least one group, and leave at least one to train on.",
            )
        if min(self.purge, self.embargo) < 0:
            raise UsageError("purge and embargo are below 0", hint="Give sessions to leave out, such as 5.")
        if (splits := math.comb(self.groups, self.test_groups)) > MOST_FOLDS:
            raise UsageError(
                f"{self.test_groups} of {self.groups} groups can be chosen in {splits:,} ways",
                hint=f"Take fewer groups: at most {MOST_FOLDS:,} ways are tried.",
            )

    def describe(self) -> dict[str, object]:
        """Plain data for the manifest."""
        return {
            "scheme": "cpcv",
            "groups": self.groups,
            "test_groups": self.test_groups,
            "purge": self.purge,
            "embargo": self.embargo,
        }

    def cut(self, sessions: Dates) -> Folds:
        """The splits over a run's (n + 1,) sessions, in the order of `itertools.combinations`, and the paths.

        Groups are equally long but for the last, which has the rest. Path p tests each group with the p-th
        split that tests it.

        Raises:
            UsageError: the groups are no longer than what is purged around them.
        """
        count = len(sessions) - 1
        size = count // self.groups
        if size < 2 or self.purge + self.embargo >= size - 1:
            raise UsageError(
                f"{count:,} sessions in {self.groups} groups are {size} each, "
                f"of which purge and embargo take {self.purge + self.embargo}",
                hint="Take fewer groups, a shorter --purge and --embargo, or more history.",
            )
        edges = [size * g for g in range(self.groups)] + [count]
        group = [Range(a, b) for a, b in itertools.pairwise(edges)]
        splits = list(itertools.combinations(range(self.groups), self.test_groups))
        folds = tuple(
            Fold(train=self._train([group[g] for g in chosen], count), test=tuple(group[g] for g in chosen))
            for chosen in splits
        )
        by_group = [[k for k, chosen in enumerate(splits) if g in chosen] for g in range(self.groups)]
        paths = tuple(
            tuple(Piece(by_group[g][p], group[g]) for g in range(self.groups))
            for p in range(len(by_group[0]))
        )
        return Folds(folds=folds, paths=paths, current=(Range(0, count),))

    def _train(self, tests: Iterable[Range], count: int) -> tuple[Range, ...]:
        """All places but the tests, what is purged around them and what is under embargo after them."""
        kept = np.ones(count, np.bool_)
        for test in tests:
            kept[max(0, test.first - self.purge) : test.last + self.purge + self.embargo] = False
        return ranges(kept)


Scheme: TypeAlias = Rolling | Combinatorial


def ranges(kept: NDArray[np.bool_]) -> tuple[Range, ...]:
    """The stretches of places that are kept, ascending."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], kept, [False])).astype(np.int8)))
    return tuple(Range(int(a), int(b)) for a, b in edges.reshape(-1, 2))


def length(places: Iterable[Range]) -> int:
    """How many places the ranges have."""
    return sum(each.last - each.first for each in places)


def _sessions(count: int) -> str:
    return f"{count:,} session{'' if count == 1 else 's'}"


def _path(folds: Sequence[Fold]) -> tuple[Piece, ...]:
    """The tests one after the other, each up to where the next one begins."""
    limits = [fold.test[0].first for fold in folds[1:]] + [folds[-1].test[0].last]
    return tuple(
        Piece(k, Range(fold.test[0].first, min(fold.test[0].last, limit)))
        for k, (fold, limit) in enumerate(zip(folds, limits, strict=True))
    )
