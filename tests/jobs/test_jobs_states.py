"""The life of a job: every state with every event."""

from __future__ import annotations

import pytest

from treefolio.errors import Refused
from treefolio.jobs.states import ENDED, USER_EVENTS, WORKING, Action, Event, State, step

S, E, A = State, Event, Action
ENDINGS = {
    E.FINISH: (S.DONE, (A.DROP,)),
    E.FINISH_PARTLY: (S.PARTIAL, (A.DROP,)),
    E.FAIL: (S.FAILED, (A.WITHDRAW, A.DROP)),
}
EXPECTED = {
    S.QUEUED: {
        E.BEGIN: (S.RUNNING, ()),
        E.PAUSE: (S.PAUSED, (A.WITHDRAW,)),
        E.RESUME: (S.QUEUED, ()),
        E.CANCEL: (S.CANCELLED, (A.WITHDRAW, A.DROP)),
        **ENDINGS,
    },
    S.RUNNING: {
        E.PAUSE: (S.PAUSING, (A.WITHDRAW,)),
        E.RESUME: (S.RUNNING, ()),
        E.CANCEL: (S.CANCELLING, (A.WITHDRAW,)),
        **ENDINGS,
    },
    S.PAUSING: {
        E.IDLE: (S.PAUSED, ()),
        E.PAUSE: (S.PAUSING, ()),
        E.RESUME: (S.RUNNING, (A.ENQUEUE,)),
        E.CANCEL: (S.CANCELLING, ()),
        **ENDINGS,
    },
    S.PAUSED: {
        E.PAUSE: (S.PAUSED, ()),
        E.RESUME: (S.QUEUED, (A.ENQUEUE,)),
        E.CANCEL: (S.CANCELLED, (A.DROP,)),
    },
    S.CANCELLING: {E.IDLE: (S.CANCELLED, (A.DROP,)), E.CANCEL: (S.CANCELLING, ())},
    S.CANCELLED: {E.CANCEL: (S.CANCELLED, ())},
    S.DONE: {},
    S.PARTIAL: {},
    S.FAILED: {},
}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_event_in_every_state(state: State, event: Event) -> None:
    """What is in the table happens; what only happens is passed over elsewhere; what is asked is refused."""
    if event in EXPECTED[state]:
        assert step(state, event) == EXPECTED[state][event]
    elif event in USER_EVENTS:
        with pytest.raises(Refused) as caught:
            step(state, event)
        assert state in caught.value.message
        assert caught.value.hint
    else:
        assert step(state, event) == (state, ())


def test_what_has_ended_stays() -> None:
    """No event leads out of an end."""
    for state in ENDED:
        for event in Event:
            if event not in USER_EVENTS:
                assert step(state, event) == (state, ())


def test_every_state_has_a_way_to_an_end() -> None:
    """No job is stuck: some events lead to an end from everywhere."""
    for first in State:
        reached = {first}
        while True:
            further = {
                step(state, event)[0]
                for state in reached
                for event in Event
                if event not in USER_EVENTS or event in EXPECTED[state]
            }
            if further <= reached:
                break
            reached |= further
        assert reached & ENDED


def test_only_states_in_which_chunks_may_begin_are_working() -> None:
    """A paused or cancelled job begins nothing."""
    assert {S.QUEUED, S.RUNNING} == WORKING
