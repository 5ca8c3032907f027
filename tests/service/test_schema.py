"""Whatever is sent to any route, made up from the service's own description: no fault, no other shape."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service_samples import Served
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.market.synthetic import synthetic_panel

TREE = "variables: {hot: 70}\ntree: {if: 'rsi(TQQQ, 10) > $hot', then: BIL, else: TQQQ}\n"
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def description(served: Served) -> Any:
    """The service's description of itself, without the route that answers as long as a job lasts."""
    found = schemathesis.openapi.from_url(f"{served.url}/api/v1/openapi.json")
    return found.exclude(path_regex="events$")


@pytest.fixture(scope="module")
def job(served: Served) -> str:
    """A sweep that is done."""
    panel = synthetic_panel(
        seed=4, start=date(2015, 1, 2), end=date(2016, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )
    request = SweepRequest(strategy=TREE, asked=Asked(snapshot=panel.content_hash), vary={"hot": "60:89:1"})
    with served.client() as client:
        found = client.submit(request, panel)
        assert [progress.job.state for progress in client.watch(found.id)][-1] == "done"
    return str(found.id)


def test_no_fault(description: Any, job: str) -> None:
    """Every answer is one that the description has; half of the questions are about a job that is there."""
    asked = 0
    for found in description.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=12, suppress_health_check=list(HealthCheck))
        def ask(case: Any) -> None:
            if "job" in case.path_parameters and len(str(case.query)) % 2 == 0:
                case.path_parameters["job"] = job
            case.call_and_validate(checks=CHECKS)

        ask()
        asked += 1
    assert asked >= 18
