"""Schedules: when they are due, and that each firing is one job, whoever looks and whatever happens."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jobs_cases import OWNER, ROWS, files_of, sweep, until, workers
from sqlalchemy import text

from treefolio.errors import NoSuchJob, OverLimit, Refused
from treefolio.jobs import requests
from treefolio.jobs.agenda import PURGE, WARM, Days, Timing, latest_at, next_at
from treefolio.jobs.ledger.agenda import Agenda
from treefolio.jobs.ledger.records import HOUSE, Schedule
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.requests import Asked, Fetch, PurgeRequest, RunRequest
from treefolio.jobs.states import ENDED, Event, State
from treefolio.market import calendar
from treefolio.market.clock import NEW_YORK, close_of

UTC = dt.UTC
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
MOMENT = dt.timedelta(seconds=1)
MOMENTS = st.integers(
    int(dt.datetime(1990, 1, 1, tzinfo=UTC).timestamp()),
    int(dt.datetime(2049, 12, 1, tzinfo=UTC).timestamp()),
).map(lambda seconds: dt.datetime.fromtimestamp(seconds, UTC))
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
TIMINGS = st.builds(Timing, at=st.none() | TIMES, days=st.sampled_from(Days))


def new_york(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=NEW_YORK)  # type: ignore[arg-type]


# When it is due.

AT_1830 = Timing(at=dt.time(18, 30))
NIGHT = Timing(at=dt.time(2, 30), days=Days.DAILY)
TWICE = Timing(at=dt.time(1, 30), days=Days.DAILY)


@pytest.mark.parametrize(
    ("timing", "after", "expected"),
    [
        (AT_1830, new_york(2026, 3, 2, 12), new_york(2026, 3, 2, 18, 30)),
        (AT_1830, new_york(2026, 3, 2, 18, 30), new_york(2026, 3, 3, 18, 30)),
        (
            AT_1830,
            new_york(2026, 3, 6, 19),
            new_york(2026, 3, 9, 18, 30),
        ),  # over a weekend and into summer time
        (AT_1830, new_york(2025, 12, 24, 19), new_york(2025, 12, 26, 18, 30)),  # over Christmas
        (AT_1830, new_york(2025, 11, 28, 12), new_york(2025, 11, 28, 18, 30)),  # the exchange closed at 13:00
        (WARM, new_york(2025, 11, 28, 12), new_york(2025, 11, 28, 20, 15)),
        (PURGE, new_york(2025, 11, 28, 12), new_york(2025, 11, 28, 13)),
        (PURGE, new_york(2025, 11, 28, 13), new_york(2025, 11, 28, 20)),
        (PURGE, new_york(2025, 11, 28, 20), new_york(2025, 12, 1, 16)),
        (NIGHT, new_york(2026, 3, 7, 12), new_york(2026, 3, 8, 3, 30)),  # there is no 2:30 on that day
        (NIGHT, new_york(2026, 3, 8, 12), new_york(2026, 3, 9, 2, 30)),
        (
            Timing(at=dt.time(1, 30), days=Days.DAILY),
            new_york(2026, 10, 31, 12),
            new_york(2026, 11, 1, 1, 30),
        ),
        (
            TWICE,
            new_york(2026, 11, 1, 1, 30),  # it comes again an hour later, and does not count
            new_york(2026, 11, 2, 1, 30),
        ),
    ],
)
def test_next(timing: Timing, after: dt.datetime, expected: dt.datetime) -> None:
    """By hand: weekends, holidays, half days, both changes of the clocks."""
    assert next_at(timing, after.astimezone(UTC)) == expected.astimezone(UTC)


def test_it_ends_with_the_calendar() -> None:
    """No session is known after 2050, so nothing is due."""
    assert next_at(WARM, dt.datetime(2051, 3, 1, tzinfo=UTC)) is None
    assert next_at(PURGE, dt.datetime(2051, 3, 1, tzinfo=UTC)) is None


@given(TIMINGS, MOMENTS)
@example(NIGHT, new_york(2026, 3, 8, 1).astimezone(UTC))
@example(NIGHT, new_york(2026, 11, 1, 1).astimezone(UTC))
def test_it_is_the_first_one(timing: Timing, after: dt.datetime) -> None:
    """It is later than asked, at its time on one of its days, and none lies between."""
    found = next_at(timing, after)
    assert found is not None
    assert found > after
    assert found.tzinfo is UTC
    here = found.astimezone(NEW_YORK)
    day = here.date()
    if timing.at is None or timing.days is Days.SESSIONS:
        assert len(calendar.sessions(day, day)) == 1
    if timing.at is None:
        assert here == close_of(day) or (here.hour, here.minute) == (20, 0)
    else:
        left_out = timing.at.hour == 2 and here.hour == 3  # by a change to summer time
        assert left_out or here.time() == timing.at
    for part in range(1, 8):
        between = after + (found - after) * part / 8
        assert next_at(timing, between) == found or between == found


@given(st.builds(Timing, at=TIMES, days=st.sampled_from(Days)), MOMENTS)
@example(NIGHT, new_york(2026, 3, 5, 1).astimezone(UTC))
@example(TWICE, new_york(2026, 10, 29, 1).astimezone(UTC))
def test_once_for_each_day(timing: Timing, after: dt.datetime) -> None:
    """One after the other, they are its days, each once."""
    moments = []
    for _ in range(8):
        found = next_at(timing, after)
        assert found is not None
        moments.append(after := found)
    days = [moment.astimezone(NEW_YORK).date() for moment in moments]
    if timing.days is Days.DAILY:
        assert days == [days[0] + k * DAY for k in range(8)]
    else:
        assert days == calendar.sessions(days[0], days[-1]).tolist()


@given(TIMINGS, MOMENTS, st.integers(0, 20 * 24))
def test_the_latest_that_was_missed(timing: Timing, after: dt.datetime, hours: int) -> None:
    """It is the last one up to now: the next one is yet to come."""
    due = next_at(timing, after)
    assert due is not None
    now = due + hours * HOUR
    latest = latest_at(timing, due, now)
    following = next_at(timing, now)
    assert due <= latest <= now
    assert next_at(timing, latest) == following


def test_the_zone_is_new_yorks() -> None:
    """A machine's own zone does not matter."""
    berlin = dt.datetime(2026, 3, 3, 0, 29, tzinfo=ZoneInfo("Europe/Berlin"))  # 18:29 on 2 March
    assert next_at(AT_1830, berlin) == dt.datetime(2026, 3, 2, 23, 30, tzinfo=UTC)


# Firing.


@pytest.fixture
def agenda(store: Store) -> Agenda:
    return Agenda(store.engine, store.settings)


def nightly() -> RunRequest:
    """A run on prices that the service makes up."""
    return RunRequest(strategy="name: Held\ntree: [SPY]\n", asked=Asked(fetch=Fetch(source="synthetic")))


def made(agenda: Agenda, name: str = "held", timing: Timing = AT_1830) -> Schedule:
    return agenda.make(OWNER, name, nightly(), timing)


def come_due(store: Store, schedule: Schedule, hours: float = 1.0) -> dt.datetime:
    """As if its time had come so many hours ago; returns when."""
    with store.engine.begin() as connection:
        found: dt.datetime = connection.execute(
            text(
                "update schedules set next_at = date_trunc('minute', now()) - make_interval(secs => :seconds)"
                " where id = :id returning next_at"
            ),
            {"id": schedule.id, "seconds": hours * 3600},
        ).scalar_one()
    return found


def test_a_schedule_fires_once(store: Store, agenda: Agenda) -> None:
    """At its time it submits its request; then it is due the next time."""
    schedule = made(agenda)
    assert schedule.next_at is not None
    assert agenda.fire() == 0
    due = come_due(store, schedule)
    assert agenda.fire() == 1
    assert agenda.fire() == 0
    found = agenda.get(OWNER, schedule.id)
    assert found.next_at is not None
    assert (found.last_at, found.last_reason) == (latest_at(AT_1830, due, found.next_at - MOMENT), None)
    assert found.next_at == schedule.next_at
    (job,) = store.list(OWNER)
    assert found.last_job == job.id
    assert requests.from_json(store.order(OWNER, job.id).request) == nightly()


def test_many_look_at_once(store: Store, agenda: Agenda) -> None:
    """However many workers look, each firing is one job."""
    schedules = [made(agenda, name) for name in ("one", "two", "three")]
    for schedule in schedules:
        come_due(store, schedule)
    together = threading.Barrier(6)
    counts: list[int] = []

    def look() -> None:
        together.wait()
        counts.append(Agenda(store.engine, store.settings).fire())

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while agenda.fire():  # who came while another one had a row passed it over
        pass
    assert sum(counts) <= 3
    assert store.count(OWNER) == 3


def test_what_was_missed_is_made_up_for_once(store: Store, agenda: Agenda) -> None:
    """After two weeks of silence there is one job, for the latest of the times that passed."""
    schedule = made(agenda, timing=Timing(at=None))
    come_due(store, schedule, hours=14 * 24)
    with store.engine.connect() as connection:
        now = connection.execute(text("select now()")).scalar_one()
    assert agenda.fire() == 1
    found = agenda.get(OWNER, schedule.id)
    assert store.count(OWNER) == 1
    assert found.last_at is not None
    assert found.next_at == next_at(Timing(at=None), found.last_at)
    assert found.last_at <= now < found.next_at


def test_a_moment_that_fired_while_the_clock_was_ahead(store: Store, agenda: Agenda) -> None:
    """When its time comes it is another job, and the clock of then is forgotten."""
    schedule = made(agenda)
    due = come_due(store, schedule)
    assert agenda.fire() == 1
    first = agenda.get(OWNER, schedule.id).last_job
    with store.engine.begin() as connection:
        ahead = "update schedules set next_at = :due, last_at = now() + interval '10 days'"
        connection.execute(text(ahead), {"due": due})
    assert agenda.fire() == 1
    found = agenda.get(OWNER, schedule.id)
    assert found.last_job != first
    assert found.next_at is not None
    assert found.last_at == latest_at(AT_1830, due, found.next_at - MOMENT)
    assert store.count(OWNER) == 2


def test_a_clock_that_is_put_back_a_little(store: Store, agenda: Agenda) -> None:
    """What fired some minutes early has fired; after more than an hour it fires again at its time."""
    with store.engine.connect() as connection:
        now = connection.execute(text("select now()")).scalar_one()
    for early in (HOUR / 2, 2 * HOUR):
        at = (now + early).astimezone(NEW_YORK).time()
        schedule = made(agenda, f"{early}", Timing(at=at, days=Days.DAILY))
        moment = schedule.next_at
        assert moment is not None
        with store.engine.begin() as connection:
            fired = "set last_at = next_at, next_at = next_at + interval '24 hours'"
            connection.execute(text(f"update schedules {fired} where id = :id"), {"id": schedule.id})
        assert agenda.fire() == 0
        again = moment if moment - now > HOUR else moment + DAY
        assert agenda.get(OWNER, schedule.id).next_at == again


def test_a_schedule_that_rests(store: Store, agenda: Agenda) -> None:
    """It does not fire, and what it missed is not made up for when it goes on."""
    schedule = made(agenda)
    assert not agenda.enable(OWNER, schedule.id, enabled=False).enabled
    come_due(store, schedule)
    assert agenda.fire() == 0
    assert agenda.enable(OWNER, schedule.id, enabled=True).next_at == schedule.next_at
    assert agenda.fire() == 0
    assert store.count(OWNER) == 0


@pytest.mark.parametrize(
    "astray",
    ["next_at = null", "next_at = next_at + interval '1 year'", "last_at = now() + interval '1 hour'"],
)
def test_schedules_that_were_set_while_the_clock_was_ahead(store: Store, agenda: Agenda, astray: str) -> None:
    """They are due when the clock that is right again says; one that rests goes on resting."""
    schedule, resting = made(agenda), made(agenda, "resting")
    agenda.enable(OWNER, resting.id, enabled=False)
    with store.engine.begin() as connection:
        connection.execute(text("update schedules set next_at = next_at + interval '5 days'"))
        connection.execute(text(f"update schedules set {astray}"))
    before = agenda.get(OWNER, resting.id)
    assert agenda.fire() == 0
    assert agenda.get(OWNER, schedule.id).next_at == schedule.next_at
    assert agenda.get(OWNER, resting.id) == before


def test_schedules_that_are_right_stay(store: Store, agenda: Agenda) -> None:
    """Nobody writes to them who looks around, also if they were due under another clock."""
    made(agenda)
    with store.engine.begin() as connection:
        connection.execute(text("update schedules set last_at = now() + interval '1 hour'"))
        written = connection.execute(text("select xmin from schedules")).scalar_one()
    assert agenda.fire() == 0
    with store.engine.begin() as connection:
        assert connection.execute(text("select xmin from schedules")).scalar_one() == written


def test_schedules_of_those_who_may_not_log_in_rest(store: Store, agenda: Agenda) -> None:
    """A user who is disabled has nothing submitted."""
    come_due(store, made(agenda))
    with store.engine.begin() as connection:
        connection.execute(text("update users set disabled = true"))
    assert agenda.fire() == 0
    assert store.count(OWNER) == 0


def test_what_cannot_be_submitted_says_why(store: Store, agenda: Agenda, snapshot: str) -> None:
    """It is tried again the next time, and others fire."""
    bad = agenda.make(OWNER, "bad", sweep(snapshot), AT_1830)
    good = made(agenda)
    store.settings = agenda.settings = store.settings.model_copy(
        update={"limit_combinations": {"free": 10}, "limit_running": {}}
    )
    come_due(store, bad, hours=2)
    come_due(store, good)
    assert agenda.fire() == 2
    found = agenda.get(OWNER, bad.id)
    assert found.last_job is None
    assert f"{ROWS:,}" in (found.last_reason or "")
    assert found.next_at == bad.next_at
    assert agenda.get(OWNER, good.id).last_job is not None
    with store.engine.begin() as connection:
        connection.execute(text('update schedules set request = \'{"kind": "dance"}\''))
    come_due(store, good)
    assert agenda.fire() == 1
    assert "dance" in (agenda.get(OWNER, good.id).last_reason or "")


def test_whose_schedules_are_whose(store: Store, agenda: Agenda) -> None:
    """A schedule of somebody else is one that there is not."""
    schedule = made(agenda)
    store.enter_user("bob")
    for ask in (
        lambda: agenda.get("bob", schedule.id),
        lambda: agenda.change("bob", schedule.id, "mine", AT_1830),
        lambda: agenda.enable("bob", schedule.id, enabled=False),
        lambda: agenda.remove("bob", schedule.id),
    ):
        with pytest.raises(NoSuchJob):
            ask()
    assert agenda.list("bob") == []
    assert agenda.list(OWNER) == [schedule]


def test_names_and_numbers(agenda: Agenda) -> None:
    """A name is there once; there are no more schedules than a user may have; a change keeps the rest."""
    first = made(agenda)
    with pytest.raises(Refused):
        made(agenda)
    changed = agenda.change(OWNER, first.id, "other", Timing(at=dt.time(7, 5), days=Days.DAILY))
    assert (changed.name, changed.at, changed.days) == ("other", dt.time(7, 5), Days.DAILY)
    made(agenda)
    with pytest.raises(Refused):
        agenda.change(OWNER, first.id, "held", AT_1830)
    made(agenda, "third")
    with pytest.raises(OverLimit) as caught:
        made(agenda, "fourth")
    assert (caught.value.limit, caught.value.used, caught.value.most) == ("schedules", 3, 3)
    agenda.remove(OWNER, first.id)
    made(agenda, "fourth")


# The service's own.


def names(agenda: Agenda) -> dict[str, UUID]:
    return {each.name: each.id for each in agenda.list(HOUSE)}


def test_the_services_own(store: Store, agenda: Agenda) -> None:
    """Tidying is always there, purging unless that is switched off, warming where there is a vendor, too; a
    start changes only what changed."""
    agenda.keep_house(None)
    assert set(names(agenda)) == {"tidy", "purge"}
    agenda.keep_house("alpaca")
    before = names(agenda)
    assert set(before) == {"tidy", "purge", "warm"}
    agenda.keep_house("alpaca")
    assert names(agenda) == before
    agenda.keep_house("massive")
    after = names(agenda)
    assert after["purge"] == before["purge"]
    assert after["warm"] != before["warm"]
    agenda.settings = store.settings.model_copy(update={"house_schedules": False})
    agenda.keep_house("massive")
    assert names(agenda) == {"tidy": before["tidy"]}


def test_what_is_kept_no_longer(store: Store, agenda: Agenda, snapshot: str) -> None:
    """Is removed though the other schedules are switched off; no job is submitted for it."""
    agenda.settings = store.settings.model_copy(update={"house_schedules": False, "keep_days": 30})
    agenda.keep_house("alpaca")
    (tidy,) = agenda.list(HOUSE)
    asked = RunRequest(strategy="tree: [SPY]\n", asked=Asked(snapshot=snapshot))
    old, young = (store.submit(OWNER, asked).id for _ in range(2))
    for job in (old, young):
        store.ask(OWNER, job, Event.CANCEL)
    with store.engine.begin() as connection:
        aging = "update jobs set finished_at = now() - interval '31 days' where id = :id"
        connection.execute(text(aging), {"id": old})
    come_due(store, tidy)
    assert agenda.fire() == 1
    assert [each.id for each in store.list(OWNER)] == [young]
    (fired,) = agenda.list(HOUSE)
    assert (fired.last_job, fired.last_reason, store.list(HOUSE)) == (None, None, [])


def test_the_services_own_has_the_time_of_this_version(agenda: Agenda) -> None:
    """An earlier version may have had another one."""
    agenda.keep_house("alpaca")
    (warm,) = (each for each in agenda.list(HOUSE) if each.name == "warm")
    agenda.change(HOUSE, warm.id, "warm", Timing(at=dt.time(19)))
    agenda.keep_house("alpaca")
    assert {each.name: each.at for each in agenda.list(HOUSE)} == {
        "tidy": PURGE.at,
        "purge": PURGE.at,
        "warm": WARM.at,
    }


def test_two_services_that_begin_at_once(agenda: Agenda) -> None:
    """Keep one house."""
    agenda.keep_house(None)
    faults: list[Exception] = []
    together = threading.Barrier(4)

    def begin() -> None:
        together.wait()
        try:
            agenda.keep_house("alpaca")
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert set(names(agenda)) == {"tidy", "purge", "warm"}


def test_a_purge_on_a_worker(store: Store, agenda: Agenda, tmp_path: Path) -> None:
    """Workers look by themselves: what is due is submitted and done."""
    agenda.keep_house(None)
    (schedule,) = (each for each in agenda.list(HOUSE) if each.name == "purge")
    assert requests.from_json(schedule.request) == PurgeRequest()
    mine = made(agenda)
    come_due(store, schedule)
    come_due(store, mine)
    url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with workers(url, tmp_path) as house:
        house.start()
        house.start()
        job = until(lambda: store.list(OWNER), "the nightly job")[0]
        until(lambda: store.get(OWNER, job.id).state in ENDED, "its end")
        until(lambda: store.list(HOUSE, states=ENDED), "the purge")
    assert [each.state for each in store.list(HOUSE)] == [State.DONE]
    assert store.get(OWNER, job.id).state is State.DONE, store.get(OWNER, job.id).reason
    assert "manifest.json" in files_of(store, job.id)
