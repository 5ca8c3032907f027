"""The calendar is that of exchange_calendars, kept or derived."""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from exchange_calendars import get_calendar

from treefolio.market import calendar


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param("2024-12-24", "2024-12-27", ["2024-12-24", "2024-12-26", "2024-12-27"], id="Christmas"),
        pytest.param("2025-01-08", "2025-01-10", ["2025-01-08", "2025-01-10"], id="day of mourning"),
        pytest.param("2001-09-10", "2001-09-17", ["2001-09-10", "2001-09-17"], id="September 2001"),
        pytest.param("2021-06-18", "2021-06-21", ["2021-06-18", "2021-06-21"], id="no Juneteenth in 2021"),
        pytest.param("2022-06-17", "2022-06-21", ["2022-06-17", "2022-06-21"], id="Juneteenth in 2022"),
        pytest.param("2024-01-06", "2024-01-07", [], id="a weekend"),
        pytest.param("2024-01-05", "2024-01-02", [], id="the wrong way round"),
        pytest.param(
            "1970-02-20", "1970-02-24", ["1970-02-20", "1970-02-24"], id="Washington's Birthday 1970"
        ),
        pytest.param("1985-09-26", "1985-09-30", ["1985-09-26", "1985-09-30"], id="a hurricane"),
        pytest.param("0001-01-01", "1970-01-02", ["1970-01-02"], id="from before what is known"),
        pytest.param("2050-12-30", "9999-12-31", ["2050-12-30"], id="to after what is known"),
    ],
)
def test_sessions_of_known_days(first: str, last: str, expected: list[str]) -> None:
    """Weekends, holidays and ad-hoc closures are no sessions; both ends are included."""
    found = calendar.sessions(date.fromisoformat(first), date.fromisoformat(last))
    assert found.dtype == np.dtype("datetime64[D]")
    assert [str(day) for day in found] == expected


def test_sessions_are_the_library_s() -> None:
    """From 1990 on, they are those that exchange_calendars gives for XNYS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pandas, about that library
        theirs = get_calendar("XNYS", start="1990-01-01", end="2026-12-31").sessions
    ours = calendar.sessions(date(1990, 1, 1), date(2026, 12, 31))
    assert ours.tolist() == [day.date() for day in theirs]


def test_years_before_1990() -> None:
    """Sessions by year, as the exchange counts them."""
    counts = {1970: 254, 1971: 253, 1975: 253, 1980: 253, 1985: 252, 1987: 253, 1989: 252}
    for year, count in counts.items():
        assert len(calendar.sessions(date(year, 1, 1), date(year, 12, 31))) == count, year


def test_kept_file_holds_the_derived_sessions(tmp_path: Path) -> None:
    """What is read back is what was derived, and nothing else is left in the folder."""
    path = tmp_path / "calendar" / "sessions"
    derived = calendar.load(path)
    assert list(path.parent.iterdir()) == [path]
    assert calendar.load(path).tolist() == derived.tolist()
    assert derived.tolist() == calendar.sessions(calendar.FIRST, calendar.LAST).tolist()


def test_kept_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sound file the library is not asked."""
    path = tmp_path / "sessions"
    derived = calendar.load(path)

    def refuse() -> None:
        raise AssertionError("asked the library")

    monkeypatch.setattr(calendar, "_derived", refuse)
    assert calendar.load(path).tolist() == derived.tolist()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda content: content[:-4], id="cut short"),
        pytest.param(lambda content: content[:-1] + bytes([content[-1] ^ 1]), id="one bit"),
        pytest.param(lambda content: b"\0" + content[1:], id="checksum"),
        pytest.param(lambda _: b"not a calendar", id="another file"),
    ],
)
def test_damaged_file_is_derived_anew(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    """Whatever is wrong with the kept file, the sessions are right and the file is sound again."""
    path = tmp_path / "sessions"
    derived = calendar.load(path).tolist()
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert calendar.load(path).tolist() == derived
    assert path.read_bytes() == sound


def test_works_without_a_writable_folder(tmp_path: Path) -> None:
    """A folder that cannot be made costs time, nothing else."""
    (tmp_path / "file").write_text("in the way")
    known = calendar.load(tmp_path / "file" / "sessions")
    assert known[0].item() == date(1970, 1, 2)
    assert known[-1].item() > calendar.LAST - timedelta(days=5)
