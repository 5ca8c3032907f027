"""Whatever is sent to any route, made up from the service's own description: no fault, no other shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from account_samples import Person
from service_samples import Served
from treefolio.client import Client
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.market.synthetic import synthetic_panel

TREE = "variables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Somebody who asks a service, with what their requests carry; `begin` logs in, where that is needed."""

    url: str
    examples: int
    begin: Callable[[], dict[str, str]]
    known: Mapping[str, str]


@pytest.fixture(scope="module")
def house(served: Served) -> Asker:
    """The one user of a service without login."""
    with served.client() as client:
        return Asker(url=served.url, examples=5, begin=dict, known={"job": swept(client)})


@pytest.fixture(scope="module")
def stranger(inhabited: Served) -> Asker:
    """Nobody, who asks a service of several users."""
    return Asker(url=inhabited.url, examples=2, begin=dict, known={})


@pytest.fixture(scope="module")
def manager(inhabited: Served, administrator: Person) -> Iterator[Asker]:
    """An administrator in a browser, who may ask for everything; now and then they log out."""
    with httpx.Client(base_url=inhabited.url, headers={"Origin": inhabited.url}, timeout=60) as browser:
        person = administrator.invited(browser, "manager", administrator=True)
        with inhabited.client(person.token()) as client:
            known = {"job": swept(client), "user": person.id}

        def begin() -> dict[str, str]:
            assert person.login().status_code == 200
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            return {
                "Cookie": cookie,
                "Origin": inhabited.url,
                "X-CSRF-Token": browser.headers["X-CSRF-Token"],
            }

        yield Asker(url=inhabited.url, examples=5, begin=begin, known=known)


def swept(client: Client) -> str:
    """A sweep that is done."""
    panel = synthetic_panel(
        seed=4, start=date(2015, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )
    request = SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "60:89:1"})
    found = client.submit(request, panel)
    assert [progress.job.state for progress in client.watch(found.id)][-1] == "done"
    return str(found.id)


@pytest.mark.parametrize("who", ["house", "stranger", "manager"])
def test_no_fault(request: pytest.FixtureRequest, who: str) -> None:
    """Every answer is one that the description has; half of the questions are about a job that is there."""
    asker: Asker = request.getfixturevalue(who)
    description = schemathesis.openapi.from_url(f"{asker.url}/api/v1/openapi.json")
    description.config.generation.update(with_security_parameters=False)  # `begin` says who asks
    asked = 0
    for found in description.exclude(path_regex="events$").get_all_operations():  # it lasts as long as a job
        try_out(found.ok(), asker)
        asked += 1
    assert asked >= 70


def try_out(operation: Any, asker: Asker) -> None:
    """Asks a route for all that its description allows, and some that it does not."""
    headers = asker.begin()

    @given(case=operation.as_strategy())
    @settings(max_examples=asker.examples, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        if len(str(case.query)) % 2 == 0:
            named = set(case.path_parameters) & set(asker.known)
            case.path_parameters.update({name: asker.known[name] for name in named})
        case.call_and_validate(checks=CHECKS, headers=headers)

    ask()
