"""`TREEFOLIO_LOG=info`: a line for each milestone of a job, however many rows it has."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from procrastinate.exceptions import ConnectorException

from service_samples import Served
from treefolio.cli.log import lines
from treefolio.engine.execution import Costs, Execution
from treefolio.jobs.requests import Asked, SweepRequest
from treefolio.jobs.states import State
from treefolio.jobs.worker import overheard
from treefolio.market.synthetic import synthetic_panel

pytestmark = pytest.mark.service

STRATEGY = """\
name: Hot or not
variables: {hot: 70, days: 10}
tree: {if: 'rsi(TQQQ, $days) > $hot', then: BIL, else: TQQQ}
"""
SPACE = {"hot": "50:99.75:0.25", "days": "2:51:1"}
ROWS, CHUNKS, MOST_LINES = 10_000, 10, 20


def test_ten_thousand_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All processes together say twenty lines at most while they compute them in many chunks; each is a JSON
    object that says what happened, and to which job."""
    monkeypatch.setenv("TREEFOLIO_LOG", "info")
    panel = synthetic_panel(
        seed=5, start=date(2011, 1, 3), end=date(2018, 12, 31), tickers=["BIL", "SPY", "TQQQ"]
    )
    asked = Asked(snapshot=panel.content_hash, execution=Execution(costs=Costs(slippage_bps=3.0)))
    request = SweepRequest(strategy=STRATEGY, asked=asked, vary=SPACE)
    with Served(tmp_path / "home", workers=2) as service, service.client() as client:
        job = client.submit(request, panel)
        list(client.watch(job.id))
        assert len(client.rows(job.id, limit=500).rows) == 500
        found = client.job(job.id)
        progress = client.progress(job.id)
        before = len(service.errors().splitlines())
    said = [json.loads(line) for line in service.errors().splitlines()]
    assert (found.state, found.rows_done) == (State.DONE, ROWS)
    assert progress.chunks["done"] > CHUNKS
    assert before <= MOST_LINES
    assert {"action", "level", "timestamp"} <= set.intersection(*(set(line) for line in said))
    of_the_job = Counter(line["action"] for line in said if line.get("job") == str(job.id))
    assert of_the_job == {"job.plan": 1, "job.finish": 1}


def test_warnings_have_their_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, where no form of lines is asked for."""
    monkeypatch.delenv("TREEFOLIO_LOG", raising=False)
    with lines():
        logging.getLogger("treefolio.jobs").warning("chunk failed", extra={"reason": "no keys"})
        logging.getLogger("treefolio.jobs").warning("late")
    assert capsys.readouterr().err == "Warning: chunk failed: no keys\nWarning: late\n"


def test_what_libraries_say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the same form, and nothing of ours is said twice; afterwards logging is as it was."""
    monkeypatch.setenv("TREEFOLIO_LOG", "info")
    before = list(logging.getLogger().handlers)
    with lines():
        logging.getLogger("psycopg.pool").warning("no connection")
        logging.getLogger("psycopg.pool").info("a detail")
        logging.getLogger("treefolio.jobs").info("done", extra={"action": "job.finish"})
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in found] == [
        ("warning", "no connection"),
        ("info", "done"),
    ]
    assert logging.getLogger().handlers == before


def test_a_fault_has_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line: where it happened, and what."""
    monkeypatch.setenv("TREEFOLIO_LOG", "warning")
    with lines():
        try:
            json.loads("{")
        except ValueError as error:
            logging.getLogger("treefolio.service").error(
                "a fault", exc_info=error, extra={"request_id": "5d1e"}
            )
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["event"], found["request_id"]) == ("a fault", "5d1e")
    assert found["exception"].startswith("Traceback (most recent call last):")
    assert "JSONDecodeError" in found["exception"].splitlines()[-1]


def test_a_ticket_that_was_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    """Is no matter: its chunk was seen to. Whatever else goes wrong unnoticed is said, in one line."""
    gone = ConnectorException("\n    Database error.\n    ")
    with caplog.at_level(logging.DEBUG, "treefolio.jobs.worker"):
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(overheard)
        loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": gone})
        loop.call_exception_handler({"message": "late", "exception": ValueError("two\nlines")})
        loop.call_exception_handler({"message": "no exception at all"})
        loop.close()
    assert [(each.levelno, each.reason) for each in caplog.records] == [  # type: ignore[attr-defined]
        (logging.DEBUG, "ConnectorException: Database error."),
        (logging.WARNING, "ValueError: two lines"),
        (logging.WARNING, "no exception at all"),
    ]
