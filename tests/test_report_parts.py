"""The parts of reports: HTML that escapes, numbers, marks on axes, fewer points, charts."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.metrics import GROUPS, METRICS, TITLES
from treefolio.report import drawing, numerals, style, thin, ticks
from treefolio.report.markup import Html, el, escape, join, shortened

ANY_TEXT = st.text(st.characters(), max_size=60)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; alert(1) //",
    "&lt;b&gt;",
    "\ud800\x00\x1b",
    "]]><!--",
)


class Reader(HTMLParser):
    """What a browser would make of it: start tags with attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def encodable(text: str) -> str:
    """The text as pages carry it: no control characters, nothing that UTF-8 cannot hold."""
    kept = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\ufffd", text)
    return kept.encode("utf-8", "replace").decode()


@given(ANY_TEXT, ANY_TEXT)
def test_text_and_attributes_come_back_as_they_were_given(text: str, title: str):
    read = Reader(el("p", text, title=title))
    assert read.tags == [("p", {"title": encodable(title)})]
    assert "".join(read.words) == encodable(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_opens_no_element(text: str):
    made = el("p", "a", text, el("b", text), title=text)
    assert [tag for tag, _ in Reader(made).tags] == ["p", "b"]
    made.encode()


def test_html_is_not_escaped_twice_and_none_is_left_out():
    assert el("p", Html("<b>"), None, "<b>") == "<p><b>&lt;b&gt;</p>"
    assert join(["<", Html("<br>"), None], " & ") == "&lt; &amp; <br>"
    assert escape(escape("<")) == "&lt;"
    assert el("meta", charset="utf-8", class_="a", http_equiv="b") == (
        '<meta charset="utf-8" class="a" http-equiv="b">'
    )


def test_shortened_text_has_its_length():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (numerals.percent(0.12345), "12.35%"),
        (numerals.percent(-0.5), "−50.00%"),
        (numerals.percent(0.00045), "0.045%"),
        (numerals.percent(13.731), "1,373%"),
        (numerals.percent(-1e-9), "0.000%"),
        (numerals.percent(0.0), "0.00%"),
        (numerals.percent(1e10), "1.00e+12%"),
        (numerals.tenths(-0.0004), "0.0"),
        (numerals.share(0.0001), "<0.1%"),
        (numerals.share(0.0), "0.0%"),
        (numerals.share(0.972), "97.2%"),
        (numerals.ratio(1.234), "1.23"),
        (numerals.ratio(-0.004), "−0.004"),
        (numerals.ratio(12345.6), "12,346"),
        (numerals.count(12345.0), "12,345"),
        (numerals.count(2.34), "2.3"),
        (numerals.probability(0.975), "97.50%"),
        (numerals.money(1234567.8), "$1,234,568"),
        (numerals.money(-12.5), "−$12.50"),
        (numerals.short_money(203_412.0), "$203.4k"),
        (numerals.short_money(1_500_000.0), "$1.5M"),
        (numerals.short_money(9_500.0), "$9,500"),
        (numerals.short_money(-20_000.0), "−$20k"),
        (numerals.multiple(0.5), "0.5×"),
        (numerals.multiple(1_000.0), "1,000×"),
        (numerals.multiple(100_000.0), "100k×"),
        (numerals.multiple(1_500_000.0), "1.5M×"),
        (numerals.percent_mark(-0.25, 0.8), "−25%"),
        (numerals.percent_mark(0.0, 0.01), "0.0%"),
        (numerals.plain(0.5), "0.5"),
        (numerals.plain(10.0), "10"),
        (numerals.plain("TQQQ"), "TQQQ"),
        (numerals.shown(METRICS["sharpe"], None), "–"),
        (numerals.shown(METRICS["sharpe"], float("nan")), "–"),
        (numerals.shown(METRICS["volatility"], 0.2), "20.00%"),
    ],
)
def test_numbers_read_like_this(made: str, text: str):
    assert made == text


def test_every_unit_and_every_group_of_metrics_has_its_words():
    assert {metric.unit for metric in METRICS.values()} <= set(numerals.UNITS)
    assert list(TITLES) == list(GROUPS)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(4, 60))
def test_fewer_points_keep_ends_and_extremes(values: list[float], most: int):
    series = np.array(values)
    places = thin.kept(series, most)
    assert len(places) <= most
    assert (np.diff(places) > 0).all()
    assert {places[0], places[-1]} == {0, len(series) - 1}
    assert series[places].min() == series.min()
    assert series[places].max() == series.max()
    assert bool(thin.said(len(series), most)) == (len(series) > most)


def test_a_series_within_the_limit_is_drawn_whole():
    assert len(thin.kept(np.zeros(thin.MOST_POINTS))) == thin.MOST_POINTS
    assert thin.said(thin.MOST_POINTS) == ""
    assert "1,250 equal groups" in thin.said(thin.MOST_POINTS + 1)


@given(st.integers(1, 300), st.integers(1, 3), st.integers(1, 50))
def test_averages_weigh_every_session_once(sessions: int, layers: int, most: int):
    shares = np.random.default_rng(sessions).random((sessions, layers))
    starts, means = thin.averaged(shares, most)
    lengths = np.diff(np.append(starts, sessions))
    assert len(starts) == min(most, sessions)
    assert lengths.max() - lengths.min() <= 1
    np.testing.assert_allclose((means * lengths[:, None]).sum(axis=0), shares.sum(axis=0))


@given(st.integers(0, 20_000), st.integers(0, 30_000))
def test_dates_are_marked_within_the_span_and_not_too_often(first: int, days: int):
    low, high = np.datetime64(first, "D"), np.datetime64(first + days, "D")
    marks = ticks.dates(low, high)
    places = [at for at, _ in marks]
    assert 1 <= len(marks) <= 12
    assert all(first <= at <= first + days for at in places)
    assert places == sorted(set(places))


def test_a_mark_on_a_first_of_january_is_the_year():
    marks = dict(ticks.dates(np.datetime64("2019-11-05"), np.datetime64("2020-04-20")))
    day = {str(np.datetime64(int(at), "D")): label for at, label in marks.items()}
    assert day == {
        "2019-12-01": "Dec",
        "2020-01-01": "2020",
        "2020-02-01": "Feb",
        "2020-03-01": "Mar",
        "2020-04-01": "Apr",
    }


@given(st.floats(0.01, 1e9), st.floats(1.0001, 1e9))
def test_log_marks_lie_within_and_are_few(low: float, times: float):
    marks = [at for at, _ in ticks.logarithmic(low, low * times, str)]
    assert 1 <= len(marks) <= 12
    assert marks == sorted(set(marks))
    assert all(low * (1 - 1e-9) <= at <= low * times * (1 + 1e-9) for at in marks)


@given(st.floats(0.01, 1e9), st.floats(1.0, 16.0))
def test_log_marks_are_evenly_spread(low: float, decades: float):
    """No pair stands close together with an empty stretch behind it."""
    steps = np.diff(np.log10([at for at, _ in ticks.logarithmic(low, low * 10**decades, str)]))
    assert len(steps) >= 2
    assert steps.max() < 2 * steps.min()


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (3e4, 1.1e12, ["$100k", "$1M", "$10M", "$100M", "$1B", "$10B", "$100B", "$1T"]),
        (3e4, 1.1e13, ["$1M", "$100M", "$10B", "$1T"]),
        (9e4, 2e8, ["$100k", "$300k", "$1M", "$3M", "$10M", "$30M", "$100M"]),
        (9e4, 1.1e7, ["$100k", "$200k", "$500k", "$1M", "$2M", "$5M", "$10M"]),
        (9e4, 1.1e6, ["$100k", "$150k", "$200k", "$300k", "$500k", "$700k", "$1M"]),
    ],
)
def test_a_decade_is_marked_by_how_many_there_are(low: float, high: float, marks: list[str]):
    assert [label for _, label in ticks.logarithmic(low, high, numerals.short_money)] == marks


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.76, 0.0, [-0.6, -0.4, -0.2, 0.0]),
        (3.0, 3.0, [3.0]),
    ],
)
def test_linear_marks_are_round(low: float, high: float, marks: list[float]):
    assert [at for at, _ in ticks.linear(low, high, str)] == pytest.approx(marks)


def test_whole_marks_have_no_decimals():
    marks = [at for at, _ in ticks.linear(70, 85, str, about=6, whole=True)]
    assert marks == [70, 75, 80, 85]


def a_chart(name: str = "one") -> Html:
    def paint(axes: drawing.Axes) -> None:
        axes.plot([0.0, 1.0, 2.0], [0.0, -3.0, 1.0], color=drawing.colour("main"), marker="o")
        axes.fill([0, 1, 2], [0, 1, 0], color=drawing.colour("s3"), alpha=0.5)
        drawing.mark(axes, x=[(0, "zero"), (2, "two $x$ $y$")], y=[(-3, "−3"), (0, "<b>")])

    return drawing.draw(name, 'A "chart"', paint, width=300, height=200)


def test_a_chart_is_xml_in_the_colours_of_the_page():
    text = a_chart()
    ET.fromstring(text)
    assert "var(--main)" in text
    assert "var(--s3)" in text
    assert "#fade" not in text
    assert not re.search(r"fill: #|stroke: #(?!000)", text)
    assert "two $x$ $y$" in text
    assert "&lt;b&gt;" in text
    assert "font-family" not in text
    assert "metadata" not in text


def test_a_chart_is_the_same_again_and_shares_no_identifier_with_another():
    one, again, other = a_chart(), a_chart(), a_chart("other")
    assert one == again
    names = [set(re.findall(r'\bid="([^"]*)"', text)) for text in (one, other)]
    assert names[0]
    assert all(name.startswith("one-") for name in names[0])
    assert not names[0] & names[1]
    wanted = set(re.findall(r"url\(#([^)]*)\)", one)) | set(re.findall(r'href="#([^"]*)"', one))
    assert wanted == names[0]


def test_charts_neither_see_nor_leave_settings(monkeypatch: pytest.MonkeyPatch):
    usual = a_chart()
    monkeypatch.setitem(mpl.rcParams, "axes.grid", True)
    monkeypatch.setitem(mpl.rcParams, "font.size", 31.0)
    before = dict(mpl.rcParams)
    assert a_chart() == usual
    assert dict(mpl.rcParams) == before


def test_matplotlib_is_imported_to_draw_only_and_pyplot_never():
    code = (
        "import sys, treefolio.report as report; assert 'matplotlib' not in sys.modules;"
        "from treefolio.report import drawing;"
        "drawing.draw('a', 'a', lambda axes: None, height=90);"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_colour_has_a_light_and_a_dark_value_and_the_sheet_names_no_other():
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", style.SHEET))
    lengths = set(re.findall(r"@property --([a-z]+)", style.SHEET))
    assert used - lengths - {"a"} <= set(style.COLOURS)
    assert {f"s{k}" for k in range(style.SERIES)} <= set(style.COLOURS)
    assert all(len(pair) == 2 and all(pair) for pair in style.COLOURS.values())
    assert "url(" not in style.SHEET
    assert "@import" not in style.SHEET
