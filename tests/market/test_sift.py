"""Checks on ingest: what is kept, what is set aside, what is said."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.market.bars import Bars, joined, no_bars
from treefolio.market.calendar import sessions
from treefolio.market.panel import FIELDS
from treefolio.market.sift import Finding, Kind, Sifted, sift

KNOWN = sessions(date(2020, 1, 1), date(2024, 12, 31))
DAYS = sessions(date(2024, 3, 4), date(2024, 3, 15))
"""Ten sessions, Monday to Friday twice."""
NAN, INF = float("nan"), float("inf")


def bars(count: int = 10, **changed: dict[int, float]) -> Bars:
    """Clean bars of the first `count` of DAYS; `close={3: 0.0}` changes the close of the fourth."""
    close = np.linspace(100, 109, 10)[:count]
    fields = {
        "open": close - 0.5,
        "high": close + 1,
        "low": close - 1,
        "close": close.copy(),
        "volume": np.arange(1000.0, 1000 + count),
    }
    for name, values in changed.items():
        for at, value in values.items():
            fields[name][at] = value
    return Bars(at=DAYS[:count].copy(), fields=fields)


def at(day: str, close: float) -> Bars:
    """One more bar."""
    return Bars(at=np.array([day], DAYS.dtype), fields={name: np.array([close]) for name in FIELDS})


def sifted(given_bars: Bars, *, accepted: tuple[date, ...] = (), interval: str = "1d") -> Sifted:
    return sift(given_bars, sessions=KNOWN, interval=interval, accepted=accepted, ticker="X")


def only(made: Sifted) -> Finding:
    """The one finding that there is."""
    [finding] = made.findings
    return finding


def test_clean_bars_stay_as_they_are() -> None:
    """Nothing found, nothing set aside, not one bit changed."""
    raw = bars()
    made = sifted(raw)
    assert made.findings == ()
    assert len(made.set_aside) == 0
    assert made.kept.at.tolist() == raw.at.tolist()
    for name in FIELDS:
        assert made.kept.fields[name].tobytes() == raw.fields[name].tobytes()


def test_no_bars_are_clean() -> None:
    """A ticker without bars has no findings, daily or not."""
    for interval in ("1d", "1h"):
        made = sifted(no_bars(interval), interval=interval)
        assert (len(made.kept), len(made.set_aside), made.findings) == (0, 0, ())


@pytest.mark.parametrize(
    ("changed", "kind", "said"),
    [
        ({"close": {3: 0.0}}, Kind.PRICE_NOT_POSITIVE, "the close is 0"),
        ({"close": {3: -2.5}}, Kind.PRICE_NOT_POSITIVE, "the close is -2.5"),
        ({"close": {3: NAN}}, Kind.NOT_FINITE, "the close is nan"),
        ({"close": {3: INF}}, Kind.NOT_FINITE, "the close is inf"),
        (
            {"high": {3: 101.0}, "low": {3: 104.0}},
            Kind.HIGH_BELOW_LOW,
            "the high of 101 is below the low of 104",
        ),
    ],
)
def test_what_would_change_a_result_is_set_aside(
    changed: dict[str, dict[int, float]], kind: Kind, said: str
) -> None:
    """The bar goes aside as delivered, the others stay, and one finding says what it was."""
    raw = bars(**changed)
    made = sifted(raw)
    assert only(made) == Finding(
        ticker="X", session=date(2024, 3, 7), kind=kind, message=said, quarantined=True
    )
    assert made.kept.at.tolist() == np.delete(raw.at, 3).tolist()
    assert made.set_aside.at.tolist() == [date(2024, 3, 7)]
    for name in FIELDS:
        np.testing.assert_array_equal(made.set_aside.fields[name], raw.fields[name][[3]])


@pytest.mark.parametrize(
    ("day", "weekday"), [("2024-03-09", "Saturday"), ("2024-03-29", "Friday"), ("2019-12-31", "Tuesday")]
)
def test_a_day_without_a_session_is_set_aside(day: str, weekday: str) -> None:
    """A Saturday, Good Friday, a day before all known sessions; accepting them changes nothing."""
    raw = joined([bars(), at(day, 100.0)])
    for accepted in ((), (date.fromisoformat(day),)):
        made = sifted(raw, accepted=accepted)
        [finding] = [each for each in made.findings if each.kind != Kind.GAP]
        assert (finding.kind, finding.quarantined) == (Kind.OFF_CALENDAR, True)
        assert finding.message == f"no session on that {weekday}"
        assert len(made.kept) == 10
        assert made.set_aside.at.astype(str).tolist() == [day]


def test_bars_in_any_order_come_out_by_time() -> None:
    """Order of delivery is no finding."""
    made = sifted(bars().where(np.array([3, 1, 2, 0, 9, 8, 7, 4, 5, 6])))
    assert made.kept.at.tolist() == DAYS.tolist()
    assert made.findings == ()


def test_equal_duplicates_are_merged() -> None:
    """Three bars of one session that are alike, unknown values included, are one; it is said."""
    raw = bars(open={2: NAN})
    made = sifted(joined([raw, raw.where(np.array([2, 2, 5]))]))
    assert [each.message for each in made.findings] == [
        "delivered 3 times, alike",
        "delivered 2 times, alike",
    ]
    assert {(each.kind, each.quarantined) for each in made.findings} == {(Kind.DUPLICATE, False)}
    assert made.kept.at.tolist() == DAYS.tolist()
    assert len(made.set_aside) == 0


def test_duplicates_that_disagree_are_all_set_aside() -> None:
    """Nobody knows which is right: none stays, and the finding shows their first difference."""
    raw = joined([bars(), bars(volume={2: 5.0}, close={2: 101.5}).where(np.array([2]))])
    made = sifted(raw)
    finding = only(made)
    assert (finding.kind, finding.session, finding.quarantined) == (Kind.DUPLICATE, date(2024, 3, 6), True)
    assert finding.message == "delivered 2 times, with different values: close 102, 101.5"
    assert len(made.kept) == 9
    assert made.set_aside.fields["close"].tolist() == [102, 101.5]


def test_of_accepted_duplicates_the_last_one_counts() -> None:
    """A correction comes later. The finding stays, without quarantine."""
    raw = joined([bars(), bars(close={2: 102.5}).where(np.array([2]))])
    made = sifted(raw, accepted=(date(2024, 3, 6),))
    assert not only(made).quarantined
    assert made.kept.fields["close"][2] == 102.5
    assert len(made.kept) == 10
    assert made.set_aside.fields["close"].tolist() == [102]


def test_the_last_one_is_the_last_delivered() -> None:
    """Forty deliveries of two sessions, the later session first in each: their order is kept."""
    rows = [bars(close={2: 102 + at / 100, 5: 105.0}).where(np.array([5, 2])) for at in range(40)]
    made = sifted(joined(rows), accepted=(date(2024, 3, 6),))
    assert made.kept.fields["close"].tolist() == [102.39, 105]


def test_an_unusable_bar_is_no_duplicate_of_a_good_one() -> None:
    """A second bar of the session whose close is 0: it goes aside, the good one stays."""
    made = sifted(joined([bars(), bars(close={2: 0.0}).where(np.array([2]))]))
    assert only(made).kind == Kind.PRICE_NOT_POSITIVE
    assert made.kept.at.tolist() == DAYS.tolist()


def test_accepted_sessions_keep_crossed_bars_but_no_impossible_close() -> None:
    """A high below the low counts as delivered once accepted; a close of 0 never does."""
    raw = bars(high={3: 101.0}, low={3: 104.0}, close={5: 0.0})
    made = sifted(raw, accepted=(date(2024, 3, 7), date(2024, 3, 11)))
    assert [(each.kind, each.quarantined) for each in made.findings] == [
        (Kind.HIGH_BELOW_LOW, False),
        (Kind.PRICE_NOT_POSITIVE, True),
    ]
    assert made.kept.at.tolist() == np.delete(DAYS, 5).tolist()
    assert made.kept.fields["high"][3] == 101


@pytest.mark.parametrize("name", ["open", "high", "low"])
def test_open_high_low_of_zero_are_not_known(name: str) -> None:
    """As vendors write it: no finding."""
    made = sifted(bars(**{name: {4: 0.0}}))
    assert np.isnan(made.kept.fields[name][4])
    assert np.isfinite(np.delete(made.kept.fields[name], 4)).all()
    assert made.findings == ()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("open", -1.0, Kind.PRICE_NOT_POSITIVE),
        ("low", -INF, Kind.NOT_FINITE),
        ("low", INF, Kind.NOT_FINITE),
        ("high", INF, Kind.NOT_FINITE),
        ("volume", -5.0, Kind.PRICE_NOT_POSITIVE),
        ("volume", INF, Kind.NOT_FINITE),
    ],
)
def test_other_impossible_values_are_taken_as_not_known(name: str, value: float, kind: Kind) -> None:
    """The close is fine, so the bar stays; the value does not."""
    made = sifted(bars(**{name: {4: value}}))
    finding = next(each for each in made.findings if each.kind == kind)
    assert finding.message == f"the {name} is {value:g}: taken as not known"
    assert not finding.quarantined
    assert np.isnan(made.kept.fields[name][4])
    assert len(made.kept) == 10


def test_volume_of_zero_is_a_volume() -> None:
    """Nobody traded: that is known."""
    assert sifted(bars(volume={4: 0.0})).kept.fields["volume"][4] == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"open": {4: 106.0}}, "open outside low to high, 103 to 105"),
        ({"close": {4: 102.0}}, "close outside low to high, 103 to 105"),
        ({"open": {4: 102.0}, "close": {4: 106.0}}, "open and close outside low to high, 103 to 105"),
    ],
)
def test_open_or_close_outside_the_range_is_said(changed: dict[str, dict[int, float]], said: str) -> None:
    """It is kept: which of the four is wrong nobody knows."""
    made = sifted(bars(**changed))
    finding = only(made)
    assert (finding.kind, finding.message, finding.quarantined) == (Kind.OUTSIDE_RANGE, said, False)
    assert len(made.kept) == 10


@pytest.mark.parametrize(
    "changed",
    [
        {"close": {4: 105 * (1 + 9e-7)}},
        {"open": {4: 103 * (1 - 9e-7)}},
        {"high": {4: 104.0}, "low": {4: 104 * (1 + 9e-7)}, "open": {4: 104.0}},
        {"low": {4: NAN}, "open": {4: 1.0}},
    ],
    ids=["close", "open", "high and low", "nothing is outside what is not known"],
)
def test_float_noise_is_no_finding(changed: dict[str, dict[int, float]]) -> None:
    """Differences of less than a millionth are how some vendors store numbers."""
    assert sifted(bars(**changed)).findings == ()


def test_gaps_are_said_between_the_first_and_the_last_bar() -> None:
    """One finding for each stretch, at its first session; what is before and after is no gap."""
    made = sifted(bars().where(np.array([1, 2, 4, 7, 8])))
    assert [(each.kind, each.session, each.message) for each in made.findings] == [
        (Kind.GAP, date(2024, 3, 7), "no bar"),
        (Kind.GAP, date(2024, 3, 11), "no bar on 2 sessions, up to 2024-03-12"),
    ]
    assert not any(each.quarantined for each in made.findings)


@pytest.mark.parametrize(("repeats", "count"), [(4, 0), (5, 1), (9, 1)])
def test_five_equal_bars_are_stale(repeats: int, count: int) -> None:
    """Said from five sessions on, at the first of them; a volume unknown throughout counts as equal."""
    for volume in (7.0, NAN):
        raw = bars()
        for name in FIELDS:
            raw.fields[name][1 : 1 + repeats] = volume if name == "volume" else 100.0
        made = sifted(raw)
        assert [each.kind for each in made.findings] == [Kind.STALE] * count
        assert len(made.kept) == 10
        if count:
            assert only(made).session == date(2024, 3, 5)
            assert only(made).message == f"the same bar on {repeats} sessions, up to {DAYS[repeats]}"


def test_equal_closes_alone_are_not_stale() -> None:
    """A fund of treasury bills closes alike for days; its volume or range moves."""
    raw = bars()
    for name in ("open", "high", "low", "close"):
        raw.fields[name][:] = 100.0
    assert sifted(raw).findings == ()


def test_shorter_bars_are_checked_by_time_and_by_session() -> None:
    """Two bars of one session are no duplicates, equal ones are not stale, a missing session is a gap."""
    hours = [
        "2024-03-04T15:00",
        "2024-03-04T16:00",
        "2024-03-04T17:00",
        "2024-03-06T15:00",
        "2024-03-06T15:00",
    ]
    hours += ["2024-03-06T16:00", "2024-03-06T17:00", "2024-03-06T18:00"]
    stamps = np.array(hours, "datetime64[s]")
    raw = Bars(at=stamps, fields={name: np.full(len(stamps), 10.0) for name in FIELDS})
    made = sifted(raw, interval="1h")
    assert [(each.kind, each.session) for each in made.findings] == [
        (Kind.GAP, date(2024, 3, 5)),
        (Kind.DUPLICATE, date(2024, 3, 6)),
    ]
    assert made.findings[1].message == "at 2024-03-06T15:00:00 UTC delivered 2 times, alike"
    assert len(made.kept) == 7


@given(st.lists(st.tuples(st.integers(0, 13), st.sampled_from([1.0, 2.0, 0.0, NAN])), max_size=30))
def test_every_bar_is_kept_or_set_aside_or_alike_one_that_is(rows: list[tuple[int, float]]) -> None:
    """Whatever arrives: what is kept is unique, by time, on sessions and above 0; what is not kept was found;
    and sifting what was kept finds no more of it."""
    days = np.array([np.datetime64("2024-03-04") + day for day, _ in rows], DAYS.dtype)
    close = np.array([price for _, price in rows])
    made = sifted(Bars(at=days, fields={name: close.copy() for name in FIELDS}))
    kept = made.kept
    assert (np.diff(kept.at).astype(int) > 0).all()
    assert np.isin(kept.at, DAYS).all()
    assert (kept.fields["close"] > 0).all()
    assert set(days.tolist()) == {*kept.at.tolist(), *made.set_aside.at.tolist()}
    lost = {each.session for each in made.findings if each.quarantined}
    assert set(made.set_aside.at.tolist()) == lost
    again = sifted(kept)
    assert not any(each.quarantined or each.kind == Kind.DUPLICATE for each in again.findings)
    assert again.kept.at.tolist() == kept.at.tolist()
