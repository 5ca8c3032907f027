"""Hold-out: the end of the data, kept out of everything until somebody looks at it on purpose.

`hold_out` moves the end of a question back and remembers, for the manifest, what that leaves out. Nothing
behind the new end can be seen: the engine cuts the panel there. `treefolio.sweep.reveal` looks.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np

from treefolio.engine.question import Question
from treefolio.errors import UsageError
from treefolio.sweep.lengths import Length, place_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """What is kept out.

    Attributes:
        length: as asked for.
        first, last, sessions: of what is kept out.
        snapshot: the hash of all prices, those included: with it they can be had again.
    """

    length: Length
    first: dt.date
    last: dt.date
    sessions: int
    snapshot: str

    def describe(self) -> dict[str, object]:
        """Plain data for the manifest."""
        return {
            "length": str(self.length),
            "first": str(self.first),
            "last": str(self.last),
            "sessions": self.sessions,
            "snapshot": self.snapshot,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut(Question):
    """A question whose end leaves out what `holdout` says."""

    holdout: Holdout

    @property
    def note(self) -> str:
        """What the user should be told."""
        kept = self.holdout
        many = "1 session," if kept.sessions == 1 else f"{kept.sessions:,} sessions from {kept.first} to"
        return (
            f"the last {kept.length} are held out, {many} {kept.last}: the end is {self.end}, and `treefolio "
            "reveal` shows the rest"
        )


def hold_out(question: Question, length: Length) -> HeldOut:
    """The question without the last ``length`` before its end.

    Raises:
        UsageError: fewer than two sessions are left.
    """
    sessions = question.panel.sessions
    if question.end is not None:
        sessions = sessions[: int(np.searchsorted(sessions, np.datetime64(question.end), side="right"))]
    first = place_before(sessions, length) + 1 if len(sessions) else 0
    if first < 2:
        raise UsageError(
            f"--holdout {length} leaves nothing of {len(sessions):,} sessions",
            hint="Hold out less, or use prices with more history.",
        )
    if first >= len(sessions):
        raise UsageError(f"--holdout {length} holds no session", hint="Hold out more, such as --holdout 2y.")
    given = {each.name: getattr(question, each.name) for each in fields(Question)}
    kept = Holdout(
        length=length,
        first=sessions[first].item(),
        last=sessions[-1].item(),
        sessions=len(sessions) - first,
        snapshot=question.panel.content_hash,
    )
    given["end"] = sessions[first - 1].item()
    return HeldOut(**given, holdout=kept)


def held_out(question: Question) -> dict[str, object]:
    """The manifest's entry on what is kept out of a result; empty when nothing is."""
    return {"holdout": question.holdout.describe()} if isinstance(question, HeldOut) else {}
