"""How many streams and sockets a user may have open at once, and that each is given back, however it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from account_samples import House, Person, house, refused
from service_samples import wait_for
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.jobs.states import Event
from treefolio.market import snapshots
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.models import API
from treefolio.service.problems import TRY_LATER
from treefolio.testing.postgres import PostgresServer

MOST = 2
TREE = "variables: {hot: 70}\ntree: {if: 'rsi(SPY, 10) > $hot', then: BIL, else: SPY}\n"


@pytest.fixture(scope="module")
def here(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service that lets each user have two."""
    with house(server, tmp_path_factory.mktemp("house"), streams=MOST) as made:
        yield made


def entered(here: House) -> Person:
    """A user who has just come in."""
    name = f"ann{uuid4().hex}"
    person = here.person(name)
    link = here.accounts.link(here.accounts.enter(name).id)
    assert person.open_link(link.url(here.url)).status_code == 200
    return person


def job_of(here: House, person: Person, folder: Path) -> UUID:
    """A job that no worker takes."""
    panel = synthetic_panel(seed=4, start=date(2014, 1, 2), end=date(2014, 12, 31), tickers=["BIL", "SPY"])
    name = snapshots.keep(panel, folder)
    here.store.put_snapshot(person.id, name, snapshots.find(name, folder).read_bytes())
    asked = Asked(snapshot=name)
    return here.store.submit(person.id, SweepRequest(strategy=TREE, asked=asked, vary={"hot": "60:89:1"})).id


class Watcher:
    """Who opens streams and sockets of a job with a token."""

    def __init__(self, here: House, person: Person, job: UUID) -> None:
        self.person = person
        self.token = person.token("read")
        self.script = here.script(self.token)
        self.job = job
        self.url = f"{here.url.replace('http://', 'ws://')}{API}/jobs/{job}/socket"

    def stream(self, held: ExitStack) -> httpx.Response:
        """Has begun, unless it is refused; it is open until ``held`` is closed."""
        return held.enter_context(self.script.http.stream("GET", f"{API}/jobs/{self.job}/events"))

    def socket(self, held: ExitStack) -> ClientConnection:
        """As `stream`."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return held.enter_context(connect(self.url, additional_headers=headers, proxy=None))

    def comes_in(self, times: int = 1) -> bool:
        """There is room for so many more."""
        with ExitStack() as held:
            return all(self.stream(held).is_success for _ in range(times))


@pytest.fixture
def ann(here: House, tmp_path: Path) -> Watcher:
    person = entered(here)
    return Watcher(here, person, job_of(here, person, tmp_path))


def test_each_user_has_so_many(here: House, ann: Watcher, tmp_path: Path) -> None:
    """Streams and sockets together; one more is refused with the reason. Others have theirs."""
    with ExitStack() as held:
        assert ann.stream(held).is_success
        assert json.loads(ann.socket(held).recv())["event"] == "state"
        answer = ann.stream(held)
        answer.read()
        assert "Close one" in refused(answer, 429, "streams")["hint"]
        assert int(answer.headers["Retry-After"]) > 0
        one_more = ann.socket(held)
        with pytest.raises(ConnectionClosed):
            one_more.recv()
        assert (one_more.close_code, one_more.close_reason) == (
            TRY_LATER,
            "2 streams of events and sockets are open",
        )
        ben = entered(here)
        assert Watcher(here, ben, job_of(here, ben, tmp_path)).comes_in()
    wait_for(ann.comes_in, "room")


def ends(here: House, ann: Watcher, held: ExitStack) -> dict[str, Callable[[], object]]:
    """Ways in which what is open ends; without its login it does as soon as something happens."""

    def revoke() -> None:
        (token,) = ann.person.get("/tokens").json()["tokens"]
        assert ann.person.delete(f"/tokens/{token['id']}").is_success
        here.store.ask(ann.person.id, ann.job, Event.PAUSE)

    return {
        "its client": held.close,
        "its job": lambda: here.store.ask(ann.person.id, ann.job, Event.CANCEL),
        "its login": revoke,
    }


@pytest.mark.parametrize("what", ["its client", "its job", "its login"])
def test_given_back(here: House, ann: Watcher, what: str) -> None:
    """Whatever ends it, there is room for as many again."""
    with ExitStack() as held:
        lines = ann.stream(held).iter_lines()
        assert next(lines)
        assert ann.socket(held).recv()
        assert not ann.comes_in()
        ends(here, ann, held)[what]()
        again = Watcher(here, ann.person, ann.job)
        wait_for(lambda: again.comes_in(MOST), "room")


def test_what_is_not_there(here: House, ann: Watcher) -> None:
    """Is not counted for longer than it takes to say so."""
    nothing = Watcher(here, ann.person, uuid4())
    for _ in range(MOST + 1):
        with ExitStack() as held:
            answer = nothing.stream(held)
            answer.read()
            refused(answer, 404, "not_found")
    assert ann.comes_in()
