"""Lists of values: what is pasted, what is kept, and what a sweep over ``@name`` becomes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from strategies_cases import HOT

from account_samples import Answering, refused
from treefolio.client import Client, ServiceError
from treefolio.jobs.requests import Asked, RunRequest, SweepRequest, to_json
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel
from treefolio.service.lists.models import MOST_VALUES, Kind, ValueList
from treefolio.service.lists.pasted import MOST_PROBLEMS, parse, written

PASTED = [
    ("TQQQ, SOXL\nUPRO", Kind.TICKER, ["TQQQ", "SOXL", "UPRO"]),
    (" TQQQ;;TQQQ\tBRK.B ,^VIX\r\n0700.HK", Kind.TICKER, ["TQQQ", "BRK.B", "^VIX", "0700.HK"]),
    ("NO ON null", Kind.TICKER, ["NO", "ON", "null"]),
    ("70:85:5", Kind.NUMBER, [70, 75, 80, 85]),
    ("70 : 80 : 5, 3", Kind.NUMBER, [70, 75, 80, 3]),
    ("0.1:0.3:0.1 5% -2 1e3", Kind.NUMBER, [0.1, 0.2, 0.3, 0.05, -2, 1000.0]),
    ("5,5,10", Kind.NUMBER, [5, 10]),
    ("2020-01-31", Kind.DATE, ["2020-01-31"]),
    (
        "2020-01-31:2020-05-31:1m",
        Kind.DATE,
        [f"2020-0{m}-{d}" for m, d in ((1, 31), (2, 29), (3, 31), (4, 30), (5, 31))],
    ),
    ("2020-01-01:2020-01-10:3d", Kind.DATE, ["2020-01-01", "2020-01-04", "2020-01-07", "2020-01-10"]),
    (
        "2020-01-01:2020-01-20:1w;2019-12-31",
        Kind.DATE,
        ["2020-01-01", "2020-01-08", "2020-01-15", "2019-12-31"],
    ),
    ("2020-02-29:2024-02-29:2y", Kind.DATE, ["2020-02-29", "2022-02-28", "2024-02-29"]),
    ("", Kind.TICKER, []),
]
FAULTS = [
    ("TQQQ, U$PRO\n 'x'", Kind.TICKER, [(1, 7, "U$PRO"), (2, 2, "'x'")]),
    ("x" * 41, Kind.TICKER, [(1, 1, "x" * 41)]),
    ("1, two, 3:1:1\n4:5", Kind.NUMBER, [(1, 4, "two"), (1, 9, "3:1:1"), (2, 1, "4:5")]),
    (
        "nan inf 1e999 99999999999999999999 1:2:0",
        Kind.NUMBER,
        [(1, 1, "nan"), (1, 5, "inf"), (1, 9, "1e999"), (1, 15, "99999999999999999999"), (1, 36, "1:2:0")],
    ),
    (
        "2020-02-30 20200101 2020-01-01:2019-01-01:1m 1800-01-01 2020-01-01:2020-02-01",
        Kind.DATE,
        [
            (1, 1, "2020-02-30"),
            (1, 12, "20200101"),
            (1, 21, "2020-01-01:2019-01-01:1m"),
            (1, 46, "1800-01-01"),
            (1, 57, "2020-01-01:2020-02-01"),
        ],
    ),
    (
        "2020-01-01:2021-01-01:0d,2020-01-01:2021-01-01:1x",
        Kind.DATE,
        [(1, 1, "2020-01-01:2021-01-01:0d"), (1, 26, "2020-01-01:2021-01-01:1x")],
    ),
]
tickers = st.from_regex(r"[A-Z0-9^][A-Z0-9.]{0,5}[A-Z]", fullmatch=True)
numbers = st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53, allow_nan=False)
dates = st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31)).map(str)
VALUES = {Kind.TICKER: tickers, Kind.NUMBER: numbers, Kind.DATE: dates}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel(
        seed=4, start=dt.date(2014, 1, 2), end=dt.date(2014, 12, 30), tickers=["BIL", "SPY", "TQQQ"]
    )


@pytest.fixture
def levels(client: Client) -> Iterator[ValueList]:
    """A list of Ann, gone after the test."""
    made = client.lists.add("levels", "60:75:5")
    yield made
    client.lists.remove(made.id)


@pytest.mark.parametrize(("text", "kind", "values"), PASTED)
def test_what_is_pasted(text: str, kind: Kind, values: list[object]) -> None:
    """Each value once, in the order of the text and of its type; the kind is found out, or said."""
    for found in (parse(text), parse(text, kind)):
        assert (found.kind, found.values, found.faults) == (kind, values, [])
        assert [type(each) for each in found.values] == [type(each) for each in values]


@pytest.mark.parametrize(("text", "kind", "places"), FAULTS)
def test_what_is_no_value(text: str, kind: Kind, places: list[tuple[int, int, str]]) -> None:
    """All of it, by line and column; what is beside it is read."""
    found = parse(f"{text}\n", kind)
    assert [(each.line, each.column, each.piece) for each in found.faults] == places
    assert all(each.message for each in found.faults)


@pytest.mark.parametrize(
    ("text", "kind", "places"),
    [
        ("1,a,2", Kind.NUMBER, [(1, 3, "a")]),
        ("TQQQ\n7 2020-01-31 SOXL", Kind.TICKER, [(2, 1, "7"), (2, 3, "2020-01-31")]),
        ("2020-01-31 70:85:5", Kind.DATE, [(1, 12, "70:85:5")]),
    ],
)
def test_what_is_mixed(text: str, kind: Kind, places: list[tuple[int, int, str]]) -> None:
    """Is of the first's kind and otherwise refused, unless somebody says what it is."""
    found = parse(text)
    assert found.kind is kind
    assert [(each.line, each.column, each.piece) for each in found.faults] == places
    assert all("and the list begins with a" in each.message and each.hint for each in found.faults)
    assert parse("7203, 0700.HK AAPL", Kind.TICKER).values == ["7203", "0700.HK", "AAPL"]


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_written_and_read_again(kind: Kind, data: st.DataObject) -> None:
    """Any list comes back from its text as it was, value by value and type by type."""
    values = data.draw(st.lists(VALUES[kind], unique=True, max_size=8))
    found = parse(written(kind, values), kind)
    assert (found.values, found.faults) == (values, [])
    assert [type(each) for each in found.values] == [type(each) for each in values]


@given(first=st.integers(-1000, 1000), step=st.integers(1, 50), count=st.integers(4, 60))
def test_a_range_is_written_as_one(first: int, step: int, count: int) -> None:
    """And read as its values."""
    values = list(range(first, first + step * count, step))
    text = written(Kind.NUMBER, values)
    assert text == f"{first}:{values[-1]}:{step}"
    assert parse(text).values == values


@given(
    first=st.dates(dt.date(1990, 1, 1), dt.date(2050, 1, 1)),
    count=st.integers(1, 400),
    step=st.integers(1, 30),
)
def test_days(first: dt.date, count: int, step: int) -> None:
    """From the first to the last, both included, so many days apart."""
    last = first + dt.timedelta(days=(count - 1) * step)
    found = parse(f"{first}:{last}:{step}d").values
    assert found == [str(first + dt.timedelta(days=k * step)) for k in range(count)]


@given(
    text=st.text(alphabet=st.sampled_from("TQ$05.:-,; \n%e@"), max_size=60),
    kind=st.sampled_from([None, *Kind]),
)
def test_anything(text: str, kind: Kind | None) -> None:
    """Is read or has faults whose places are in the text; what is read can be written and read again."""
    found = parse(text, kind)
    lines = text.split("\n")
    for fault in found.faults:
        assert 1 <= fault.column <= len(lines[fault.line - 1])
    assert parse(written(found.kind, found.values), found.kind).values == found.values


@pytest.mark.parametrize(
    "text", [f"1:{MOST_VALUES + 1}:1", "1:9999999:1", "1900-01-01:2200-12-31:1d", f"1:{MOST_VALUES}:1 5"]
)
def test_too_many_values(text: str) -> None:
    """Are refused, before they are made."""
    found = parse(" ".join([text] * 20))
    assert "more than" in found.faults[-1].message
    assert len(found.faults) == 1


def test_many_faults() -> None:
    """The first of them are told."""
    assert len(parse("$ " * 10_000).faults) == MOST_PROBLEMS


# Over HTTP.


def test_kept_lists(client: Client, levels: ValueList) -> None:
    """Come back with their values and as text; are renamed and changed, and stay of their kind."""
    assert (levels.kind, levels.values, levels.text) == (Kind.NUMBER, [60, 65, 70, 75], "60:75:5")
    assert client.lists.get(levels.id) == levels
    found = client.lists.change(levels.id, name="marks", text="1, 1.5, 5%")
    assert (found.name, found.values, found.text) == ("marks", [1, 1.5, 0.05], "1, 1.5, 0.05")
    assert [type(each) for each in client.lists.get(levels.id).values] == [int, float, float]
    with pytest.raises(ServiceError) as caught:
        client.lists.change(levels.id, text="TQQQ")
    assert (caught.value.status, caught.value.path) == (422, "text, line 1, column 1")
    other = client.lists.add("a-list", "TQQQ SOXL")
    assert [each.name for each in client.lists.all()] == ["a-list", "marks"]
    with pytest.raises(ServiceError) as caught:
        client.lists.change(other.id, name="marks")
    assert caught.value.status == 409
    client.lists.remove(other.id)
    assert [each.name for each in client.lists.all()] == ["marks"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "levels", "text": "1"}, 409, "conflict"),
        ({"name": "x", "text": ""}, 422, "list"),
        ({"name": "x", "text": "1, two", "kind": "number"}, 422, "list"),
        ({"name": "x", "text": "1", "kind": "colour"}, 422, "invalid"),
        ({"name": "@x", "text": "1"}, 422, "invalid"),
        ({"name": "", "text": "1"}, 422, "invalid"),
        ({"name": "x"}, 422, "invalid"),
        ({"name": "x", "text": "T\0"}, 422, "list"),
        ({"name": "x", "text": "1" * 2_000_001}, 422, "invalid"),
    ],
)
def test_lists_that_cannot_be(
    ann: httpx.Client, levels: ValueList, body: dict[str, object], status: int, code: str
) -> None:
    """With what is wrong; nothing is kept of one."""
    refused(ann.post("/lists", json=body), status, code)
    assert [each["id"] for each in ann.get("/lists").json()["lists"]] == [str(levels.id)]


def test_parsing_keeps_nothing(client: Client) -> None:
    """It says the values and all faults."""
    found = client.lists.parse("TQQQ, SO$XL\n%")
    assert (found.kind, found.values) == (Kind.TICKER, ["TQQQ"])
    assert [(each.line, each.column) for each in found.problems] == [(1, 7), (2, 1)]
    assert client.lists.parse("5", kind=Kind.TICKER).values == ["5"]
    assert client.lists.all() == []


def test_nobody_else_s(ben: httpx.Client, client: Client, levels: ValueList) -> None:
    """Another user neither sees it nor can change it; a name is taken for its owner alone."""
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        for which in (levels.id, uuid4()):
            refused(ben.request(method, f"/lists/{which}", json=body), 404, "not_found")
    assert ben.get("/lists").json() == {"lists": []}
    made = ben.post("/lists", json={"name": "levels", "text": "1"})
    assert made.status_code == 201
    assert ben.delete(f"/lists/{made.json()['id']}").status_code == 204
    assert client.lists.get(levels.id) == levels


# In submissions.


def submitted(client: Client, panel: Panel, vary: dict[str, str | Sequence[int | float | str]]) -> object:
    """What a job varies that was submitted so."""
    job = client.submit(
        SweepRequest(strategy=HOT, asked=Asked(snapshot=panel.content_hash), vary=vary), panel
    )
    return client.transport.http.get(f"/api/v1/jobs/{job.id}/request").json()["vary"]


def test_a_sweep_over_lists(client: Client, panel: Panel, levels: ValueList) -> None:
    """Has their values, in its order; a list that is changed afterwards changes no job."""
    funds = client.lists.add("funds", "TQQQ SPY")
    vary = {"c1.window": "5,10", "hot": "@levels", "a2.ticker": "@funds"}
    expected = [["c1.window", "5,10"], ["hot", [60, 65, 70, 75]], ["a2.ticker", ["TQQQ", "SPY"]]]
    assert submitted(client, panel, vary) == expected
    job = client.jobs(limit=1).jobs[0].id
    client.lists.change(levels.id, text="1 2")
    assert client.transport.http.get(f"/api/v1/jobs/{job}/request").json()["vary"] == expected
    client.lists.remove(funds.id)


def test_a_schedule_over_a_list(here: Answering, ann: httpx.Client, levels: ValueList) -> None:
    """Has its values too, every night the same."""
    asked = {"snapshot": None, "fetch": {"source": "synthetic"}}
    body = {"kind": "sweep", "strategy": HOT, "asked": asked, "vary": [["hot", f"@{levels.name}"]]}
    made = ann.post("/schedules", json={"name": "nightly", "request": body, "at": "20:15"})
    assert made.status_code == 201, made.text
    query = text("select request from schedules where id = :id")
    with here.store.engine.connect() as connection:
        request = connection.execute(query, {"id": made.json()["id"]}).scalar_one()
    assert request["vary"] == [["hot", [60, 65, 70, 75]]]


@pytest.mark.parametrize(
    ("name", "text", "variable", "code"),
    [
        ("dates", "2020-01-01 2021-01-01", "hot", "list_kind"),
        ("funds", "TQQQ SPY", "hot", "space"),
        ("marks", "70 75", "a2.ticker", "space"),
        ("marks", "70 75", "warm", "space"),
        ("other", "70 75", "hot", "no_list"),
    ],
)
def test_a_list_that_does_not_fit(
    ann: httpx.Client, client: Client, panel: Panel, name: str, text: str, variable: str, code: str
) -> None:
    """Is refused with its place: another kind, no such variable, no such list."""
    client.upload(panel)
    made = client.lists.add(name, text)
    before = client.jobs().total
    asked = "@marks" if code == "no_list" else f"@{name}"
    request = SweepRequest(
        strategy=HOT,
        asked=Asked(snapshot=panel.content_hash),
        vary={"c1.window": "5,10", variable: asked},
    )
    said = refused(
        ann.post("/jobs", content=json.dumps(to_json(request)), headers={"Content-Type": "application/json"}),
        422,
        code,
    )
    assert said["path"] == "body.vary.1.1"
    assert client.jobs().total == before
    client.lists.remove(made.id)


def test_another_user_s_list(here: Answering, ben: httpx.Client, panel: Panel, levels: ValueList) -> None:
    """Is none."""
    with here.script(ben, "read", "write") as script:
        token = script.headers["Authorization"].removeprefix("Bearer ")
    with Client(here.origin, token=token, patience=0) as bens, pytest.raises(ServiceError) as caught:
        submitted(bens, panel, {"hot": f"@{levels.name}"})
    assert caught.value.code == "no_list"


def test_a_run_of_a_version(client: Client, panel: Panel) -> None:
    """Is out of sample from the day on which that version was made."""
    made = client.strategies.add(HOT).strategy
    request = client.strategies.run_request(made.id, Asked(snapshot=panel.content_hash), values={"hot": 80})
    assert isinstance(request, RunRequest)
    assert request.out_of_sample_from == made.newest.out_of_sample_from
    job = client.submit(request, panel)
    said = client.transport.http.get(f"/api/v1/jobs/{job.id}/request").json()
    assert (said["out_of_sample_from"], said["values"]) == (str(made.out_of_sample_from), [["hot", 80]])
    assert UUID(str(job.id))
