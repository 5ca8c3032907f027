"""Which format a file is in is seen from its content; what cannot be read is said plainly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from treefolio import formats
from treefolio.errors import FormatError, LimitError
from treefolio.formats.composer import STEPS
from treefolio.formats.quantmage import INCANTATIONS
from treefolio.strategy.tree import Asset, Equal, Group

EDN = '{:step :root, :name "S", :rebalance :daily, :children [{:step :asset, :ticker "SPY"}]}'
JSON = '{"step": "root", "name": "S", "rebalance": "daily", "children": [{"step": "asset", "ticker": "SPY"}]}'
DSL = '(defsymphony "S" {:rebalance-frequency :daily} (asset "SPY" nil))'
QUANTMAGE = (
    '{"incantation": {"incantation_type": "Ticker", "symbol": "SPY"}, "trading_type": "Daily", "name": "S"}'
)
ELEMENTS = '{"name": "S", "elements": [{"id": "1", "type": "ticker", "ticker": "SPY", "weight": 100}]}'

RECOGNISED = [
    (JSON, "composer-json"),
    ("\ufeff\n " + JSON, "composer-json"),
    (EDN, "composer-edn"),
    (f"; exported\n#_ (old) {EDN}", "composer-edn"),
    ("{; exported\n" + EDN[1:], "composer-edn"),
    (f"[{EDN}]", "composer-edn"),
    (json.dumps(EDN), "composer-edn"),
    (json.dumps(json.dumps(EDN)), "composer-edn"),
    (json.dumps(JSON), "composer-json"),
    (DSL, "composer-dsl"),
    (f"[{DSL}]", "composer-dsl"),
    (json.dumps(DSL), "composer-dsl"),
    ('["asset", "SPY"]', "composer-dsl"),
    ('(asset "SPY")', "composer-dsl"),
    (QUANTMAGE, "quantmage-json"),
    ('{"incantation_type": "Ticker", "symbol": "SPY"}', "quantmage-json"),
    (ELEMENTS, "elements-json"),
    (f'{{"symphony": {JSON}, "capital": 10000}}', "composer-json"),
    (f'{{"symphony": {{"raw_value": {JSON}}}}}', "composer-json"),
    (f'{{"symphony": {json.dumps(EDN)}}}', "composer-edn"),
    (f"{{:capital 10000, :symphony {EDN}}}", "composer-edn"),
    (f"{{:symphony {DSL}}}", "composer-dsl"),
    ("tree: SPY", "native"),
    ("# mine\nname: S\ntree: SPY\n", "native"),
    ('{"name": "S", "tree": "SPY"}', "native"),
    ("{name: S, tree: SPY}", "native"),
    ('"tree": SPY', "native"),
]


@pytest.mark.parametrize(("text", "kind"), RECOGNISED)
def test_the_content_says_the_format(text: str, kind: str) -> None:
    """Every notation, bare, wrapped in a request or in a string, is recognised."""
    found = formats.read_text(text)
    assert (found.format, found.strategy.root) == (kind, Asset("SPY"))
    assert kind in formats.FORMATS


@pytest.mark.parametrize("name", ["s.json", "s.edn", "s.clj", "s.yaml", "s"])
def test_the_name_of_the_file_does_not_matter(tmp_path: Path, name: str) -> None:
    """EDN is EDN, whatever the file is called."""
    path = tmp_path / name
    path.write_text(EDN, encoding="utf-8")
    assert formats.read(path).format == "composer-edn"
    assert formats.read(str(path), name="Mine").strategy.name == "Mine"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with or without a byte-order mark, and UTF-16 with one."""
    path = tmp_path / "s"
    path.write_bytes(JSON.replace('"S"', '"Größe 🚀"').encode(encoding))
    assert formats.read(path).strategy.name == "Größe 🚀"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"; nothing but a comment", "empty"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        (b"abc\0def", "binary"),
        (b"hello world", "text that begins 'hello world'"),
        (b"<html><body>", "text that begins '<html>"),
        (b"name: x\nrules: []\n", "YAML with the keys name, rules, but no tree"),
        (b"{}", "an empty mapping"),
        (b'{"foo": 1, "bar": 2}', "a mapping with the keys foo, bar"),
        (b"[]", "a list"),
        (b'[{"foo": 1}]', "a mapping with the keys foo"),
        (b'"hello"', "text that begins 'hello'"),
        (b'{"symphony": null}', "nothing"),
        (b"[:a]", '"a"'),
        (b'{"step": "root"', "damaged JSON"),
        (b"{:step :root", "damaged EDN"),
        (b"(unknown)", "operation unknown"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, data: bytes, said: str) -> None:
    """The error says what was found, in which file."""
    path = tmp_path / "strategy.txt"
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert said in caught.value.message
    assert caught.value.source == "strategy.txt"


def test_an_unknown_format_names_the_known_ones() -> None:
    """The hint lists the formats, or the key that was probably meant."""
    with pytest.raises(FormatError) as caught:
        formats.read_text("hello")
    assert all(label in str(caught.value.hint) for label in formats.FORMATS.values())
    with pytest.raises(FormatError) as caught:
        formats.read_text('{"elemnts": []}')
    assert caught.value.hint == "Did you mean elements?"


def test_a_file_that_is_not_there_is_a_format_error(tmp_path: Path) -> None:
    """So is a folder."""
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(FormatError) as caught:
            formats.read(path)
        assert "cannot be read" in caught.value.message


def test_size_is_limited(tmp_path: Path) -> None:
    """A file or text larger than the limit is not looked into."""
    path = tmp_path / "s"
    path.write_text(JSON, encoding="utf-8")
    limits = formats.Limits(bytes=20)
    with pytest.raises(LimitError):
        formats.read(path, limits=limits)
    with pytest.raises(LimitError):
        formats.read_text(JSON, limits=limits)


@pytest.mark.parametrize("text", ["tree: [A, B, [C, D]]", '{"tree": ["A", "B", ["C", "D"]]}', JSON])
def test_the_number_of_nodes_is_limited_in_every_format(text: str) -> None:
    """The native form included."""
    assert formats.read_text(text, limits=formats.Limits(nodes=6)).strategy.root
    with pytest.raises(LimitError):
        formats.read_text(text, limits=formats.Limits(nodes=1))


def test_half_a_surrogate_pair_is_no_text() -> None:
    """Text that cannot be written as UTF-8 is refused at the door."""
    with pytest.raises(FormatError):
        formats.read_text(JSON.replace('"S"', '"\ud800"'))


def test_what_surrounds_the_strategy_in_a_request_is_noted() -> None:
    """Settings of a run are named in one note."""
    found = formats.read_text(f'{{"capital": 10000, "apply": true, "symphony": {JSON}, "none": null}}')
    assert [note.message for note in found.report.ignored] == [
        "settings of a run, no part of the strategy: capital 10000, apply true"
    ]


def test_places_in_a_string_are_counted_inside_it() -> None:
    """An error in a document that a string holds says so."""
    with pytest.raises(FormatError) as caught:
        formats.read_text(json.dumps("(weight-equal\n (asset))"))
    assert (caught.value.line, caught.value.column) == (2, 2)
    assert "inside the string" in str(caught.value.hint)


def test_equal_notes_are_counted() -> None:
    """The report stays short: one note, the first path, a count."""
    child = '{"step": "group", "name": "g", "children": []}'
    text = f'{{"step": "root", "rebalance": "daily", "children": [{child}, {child}, {child}]}}'
    found = formats.read_text(text)
    empty = Group("g", formats.read_text('{"step": "empty"}').strategy.root)
    assert found.strategy.root == Equal((empty, empty, empty))
    (note,) = found.report.approximated
    assert (note.count, note.path) == (3, 'root > child[1] "g"')
    assert str(note).endswith('at root > child[1] "g" (and 2 more)')
    assert found.report


def test_the_page_of_formats_names_every_one() -> None:
    """`docs/formats.md` speaks of each format, step and incantation."""
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    for name in (*formats.FORMATS, *INCANTATIONS, *(set(STEPS) - {"root", "wt-market-cap"})):
        assert f"`{name}`" in page, name
