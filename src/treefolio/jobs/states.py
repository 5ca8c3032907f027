"""The life of a job as a table: `step(state, event)` gives the next state and what is to be done.

    queued ──begin──▶ running ──finish──▶ done, partial or failed
      │                │    ▲
      │ pause    pause │    │ resume
      ▼                ▼    │
    paused ◀──idle── pausing          cancel: cancelling ──idle──▶ cancelled

There is no input or output here. `treefolio.jobs.ledger` applies it to rows of the database.
"""

from __future__ import annotations

from enum import StrEnum

from treefolio.errors import Refused


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    """It waits for a worker."""
    RUNNING = "running"
    """A worker has begun with it."""
    PAUSING = "pausing"
    """No chunk of it is begun any more; those under way come to their end."""
    PAUSED = "paused"
    """Nothing of it is under way, and what is done is kept."""
    CANCELLING = "cancelling"
    """Its chunks under way are being let go."""
    CANCELLED = "cancelled"
    DONE = "done"
    PARTIAL = "partial"
    """It came to its end, and some chunks failed; their rows say why."""
    FAILED = "failed"


class Event(StrEnum):
    """What happens to a job."""

    BEGIN = "begin"
    """A worker takes its first chunk."""
    IDLE = "idle"
    """None of its chunks is under way any more."""
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"
    """Its result is there, and whole."""
    FINISH_PARTLY = "finish_partly"
    """Its result is there, and some chunks failed."""
    FAIL = "fail"
    """It cannot have a result."""


class Action(StrEnum):
    """What a step asks for, in the same transaction."""

    ENQUEUE = "enqueue"
    """Its waiting chunks go to the workers."""
    WITHDRAW = "withdraw"
    """Its waiting chunks are taken back."""
    DROP = "drop"
    """What its chunks left is not needed any more."""


ENDED = frozenset({State.CANCELLED, State.DONE, State.PARTIAL, State.FAILED})
"""A job in these states stays there."""
WORKING = frozenset({State.QUEUED, State.RUNNING})
"""Chunks of a job in these states may be begun."""
COUNTING = WORKING | {State.PAUSING}
"""What comes of chunks of a job in these states counts."""
USER_EVENTS = (Event.PAUSE, Event.RESUME, Event.CANCEL)

Step = tuple[State, tuple[Action, ...]]

_ENDINGS: dict[Event, Step] = {
    Event.FINISH: (State.DONE, (Action.DROP,)),
    Event.FINISH_PARTLY: (State.PARTIAL, (Action.DROP,)),
    Event.FAIL: (State.FAILED, (Action.WITHDRAW, Action.DROP)),
}
_TABLE: dict[State, dict[Event, Step]] = {
    State.QUEUED: {
        Event.BEGIN: (State.RUNNING, ()),
        Event.PAUSE: (State.PAUSED, (Action.WITHDRAW,)),
        Event.CANCEL: (State.CANCELLED, (Action.WITHDRAW, Action.DROP)),
        **_ENDINGS,
    },
    State.RUNNING: {
        Event.PAUSE: (State.PAUSING, (Action.WITHDRAW,)),
        Event.CANCEL: (State.CANCELLING, (Action.WITHDRAW,)),
        **_ENDINGS,
    },
    State.PAUSING: {
        Event.IDLE: (State.PAUSED, ()),
        Event.RESUME: (State.RUNNING, (Action.ENQUEUE,)),
        Event.CANCEL: (State.CANCELLING, ()),
        **_ENDINGS,
    },
    State.PAUSED: {
        Event.RESUME: (State.QUEUED, (Action.ENQUEUE,)),
        Event.CANCEL: (State.CANCELLED, (Action.DROP,)),
    },
    State.CANCELLING: {
        Event.IDLE: (State.CANCELLED, (Action.DROP,)),
    },
}
_ALREADY: dict[Event, frozenset[State]] = {
    Event.PAUSE: frozenset({State.PAUSING, State.PAUSED}),
    Event.RESUME: WORKING,
    Event.CANCEL: frozenset({State.CANCELLING, State.CANCELLED}),
}
"""Where a job stands when what a user asks for is so already."""


def step(state: State, event: Event) -> Step:
    """The next state, and what is to be done in its order.

    What has no meaning in a state leaves it as it is when it only happens (a chunk ends late), and when what
    a user asks for is so already.

    Raises:
        Refused: a user asks for what the state rules out.
    """
    found = _TABLE.get(state, {}).get(event)
    if found is not None:
        return found
    if event in USER_EVENTS and state not in _ALREADY[event]:
        raise Refused(f"a job that is {state} cannot be asked to {event}", hint=_hint(state, event))
    return state, ()


def _hint(state: State, event: Event) -> str:
    if state in ENDED and event is Event.RESUME:
        return "It has ended: submit it again."
    if state in ENDED:
        return "There is nothing to stop. `treefolio jobs remove ID` removes it with its results."
    return "Wait until it is cancelled, then submit it again."
