"""In sample and out of sample: the line on the curve, and the numbers on both sides of it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from report_cases import result_of

from test_report_pages import check_inert
from treefolio.metrics import frame, measure_one
from treefolio.report import run_page
from treefolio.report.out_of_sample import SHORT, split

RESULT = result_of()
SESSIONS = RESULT.run.sessions
MIDDLE: dt.date = SESSIONS[150].item()


def test_both_parts_together_are_the_run():
    """Each return belongs to one side, that of the session that ends it."""
    found = split(RESULT, MIDDLE)
    assert found.before is not None
    assert found.after is not None
    grown = (1 + (found.before["cumulative_return"] or 0)) * (1 + (found.after["cumulative_return"] or 0)) - 1
    assert grown == pytest.approx(RESULT.metrics["cumulative_return"], rel=1e-12)
    assert found.before["observations"] == 149
    assert found.after["observations"] == len(SESSIONS) - 150


def test_each_part_is_measured_as_a_run_of_its_sessions():
    found = split(RESULT, MIDDLE)
    rival = RESULT.frame.marks.rival.returns
    made = frame(SESSIONS[149:], rival[149:])
    assert found.after == measure_one(RESULT.run.returns[149:], made)
    assert found.rival_after == measure_one(rival[149:], made)


def test_the_page_shows_line_and_table():
    page = check_inert(run_page(RESULT, MIDDLE))
    assert f"Out of sample since {MIDDLE}" in page.text
    assert ["", "Before", "Since", "B before", "B since"] in page.rows
    assert "sample" in page.ids()
    assert f"A side with fewer than {SHORT} returns says little." not in page.text
    late = check_inert(run_page(RESULT, SESSIONS[-20].item()))
    assert f"A side with fewer than {SHORT} returns says little." in late.text


def test_while_all_is_in_sample_that_is_said_and_nothing_is_drawn():
    after = SESSIONS[-1].item() + dt.timedelta(days=1)
    page = check_inert(run_page(RESULT, after))
    assert f"All of it lies before {after}, the first day out of sample." in page.text
    assert "Out of sample" not in page.text
    assert "sample" not in page.ids()


def test_when_all_is_out_of_sample_there_is_no_line():
    before = SESSIONS[0].item() - dt.timedelta(days=9)
    page = check_inert(run_page(RESULT, before))
    assert "Out of sample since" not in page.text
    assert "sample" in page.ids()
    found = split(RESULT, before)
    assert found.before is None
    assert found.after is not None
    assert found.after["cumulative_return"] == pytest.approx(RESULT.metrics["cumulative_return"], rel=1e-12)


def test_without_a_day_nothing_is_said_of_samples():
    assert "sample" not in check_inert(run_page(RESULT)).text.replace("Out-of-sample", "")


@pytest.mark.parametrize("place", [0, 1, 2, -2, -1])
def test_at_the_edges_each_part_has_the_returns_that_are_left(place: int):
    """The last session alone is out of sample with one return; the first one's line leaves nothing before."""
    day = SESSIONS[place].item()
    found = split(RESULT, day)
    position = int(np.searchsorted(SESSIONS, SESSIONS[place]))
    counted = [0 if each is None else each["observations"] for each in (found.before, found.after)]
    assert counted == [max(position - 1, 0), len(SESSIONS) - max(position, 1)]
    check_inert(run_page(RESULT, day))
