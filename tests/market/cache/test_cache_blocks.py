"""A block is read as it was written, or not at all."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import numpy as np
import pytest
from cache_cases import FIELDS, bars, content
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from treefolio.market.actions import Dividend, SpinOff, Split
from treefolio.market.bars import Bars, no_bars
from treefolio.market.cache import blocks
from treefolio.market.cache.blocks import Block, Damaged

NOW = datetime(2024, 3, 2, 21, 30, 15, 250_000, tzinfo=UTC)
ACTIONS = [
    Split(ticker="BRK/B", ex_date=date(2010, 1, 21), new=50, old=1),
    Dividend(ticker="BRK/B", ex_date=date(2020, 2, 6), amount=0.1 + 0.2),
    Dividend(ticker="BRK/B", ex_date=date(2020, 2, 6), amount=7.0, special=True),
    SpinOff(ticker="BRK/B", ex_date=date(2021, 5, 4), child="ÄÖ 1", rate=1 / 3),
]


def same(one: Bars, other: Bars) -> bool:
    """Whether two series are the same bit for bit."""
    return (
        one.at.dtype == other.at.dtype
        and np.array_equal(one.at, other.at)
        and list(one.fields) == list(other.fields)
        and all(one.fields[name].tobytes() == other.fields[name].tobytes() for name in one.fields)
    )


@some.composite
def some_blocks(draw: some.DrawFn) -> Block:
    """Blocks of any interval, with any doubles, with and without what is optional."""
    unit = draw(some.sampled_from(["D", "s"]))
    names = draw(some.sampled_from([FIELDS, ("close",), ("close", "volume")]))

    def rows(most: int) -> Bars:
        count = draw(some.integers(0, most))
        at = np.sort(draw(arrays(np.int64, count, elements=some.integers(-(2**40), 2**40))))
        return Bars(
            at=at.astype(f"datetime64[{unit}]"),
            fields={name: draw(arrays(np.float64, count, elements=some.floats())) for name in names},
        )

    return Block(
        bars=rows(30),
        set_aside=rows(3),
        known=tuple(draw(some.lists(some.tuples(some.dates(), some.dates()), max_size=3))),
        fetched_at=draw(some.datetimes(timezones=some.just(UTC))),
        adjusted_on=draw(some.none() | some.dates()),
        findings=tuple(draw(some.lists(some.tuples(some.text(), some.text(), some.text()), max_size=2))),
    )


@given(some_blocks())
def test_round_trip(block: Block) -> None:
    """Every bit of every number, every date and every finding comes back, NaN and signed zeros too."""
    back = blocks.decode(blocks.encode(block))
    assert same(back.bars, block.bars)
    assert same(back.set_aside, block.set_aside)
    assert back.known == block.known
    assert back.fetched_at == block.fetched_at
    assert back.adjusted_on == block.adjusted_on
    assert back.findings == block.findings


def test_what_is_not_said_is_empty() -> None:
    """A block of a year in which the source has nothing is a block."""
    known = ((date(2024, 1, 1), date(2024, 12, 31)),)
    back = blocks.decode(blocks.encode(Block(bars=no_bars(), known=known, fetched_at=NOW)))
    assert (len(back.bars), len(back.set_aside), back.known) == (0, 0, known)
    assert (back.findings, back.adjusted_on) == ((), None)


def test_minute_bars() -> None:
    """A year of minute bars is one block, in seconds of UTC."""
    count = 252 * 390
    at = np.datetime64("2024-01-02T14:30:00", "s") + 60 * np.arange(count)
    rows = Bars(at=at, fields={name: np.arange(count) / 7 for name in FIELDS})
    assert same(blocks.decode(blocks.encode(Block(bars=rows, known=(), fetched_at=NOW))).bars, rows)


def test_numbers_cannot_be_changed() -> None:
    """Arrays are read-only: what was checked stays what it was."""
    back = blocks.decode(content())
    for array in (back.bars.at, *back.bars.fields.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_every_byte_counts() -> None:
    """Whichever byte is wrong, wherever the bytes end, the block is damaged."""
    whole = content()
    assert blocks.sound(whole)
    for k in range(len(whole)):
        broken = whole[:k] + bytes([whole[k] ^ 0x40]) + whole[k + 1 :]
        assert not blocks.sound(broken), k
        assert not blocks.sound(whole[:k]), k
    with pytest.raises(Damaged):
        blocks.decode(broken)
    with pytest.raises(Damaged):
        blocks.decode(whole + b"\0")


@pytest.mark.parametrize("foreign", [b"", b"TFB1", b"PAR1" + bytes(200), random.Random(7).randbytes(3_000)])
def test_other_files_are_damaged(foreign: bytes) -> None:
    """Bytes of another kind are no block and no actions."""
    assert not blocks.sound(foreign)
    with pytest.raises(Damaged):
        blocks.decode(foreign)
    with pytest.raises(Damaged):
        blocks.decode_actions(foreign)


def test_one_kind_is_not_the_other() -> None:
    """Sound bytes of the other kind are damaged too, not an empty answer."""
    with pytest.raises(Damaged):
        blocks.decode(blocks.encode_actions(ACTIONS, NOW))
    with pytest.raises(Damaged):
        blocks.decode_actions(content())


@pytest.mark.parametrize("actions", [[], ACTIONS])
def test_actions_round_trip(actions: list[Split | Dividend | SpinOff]) -> None:
    """Every kind with every field, and when they were asked for; none at all is an answer."""
    assert blocks.decode_actions(blocks.encode_actions(actions, NOW)) == (actions, NOW)


def test_a_block_knows_its_name() -> None:
    """Stored under another name it is not there, whatever its checksum says."""
    stored = blocks.packed("v1/one", content())
    assert blocks.unpacked("v1/one", stored) == content()
    assert blocks.unpacked("v1/two", stored) is None
    assert blocks.unpacked("v1/one", stored[:-1]) is None
    assert blocks.unpacked("v1/on", stored) is None


def test_equal_blocks_are_equal_bytes() -> None:
    """The same block gives the same bytes."""
    assert content(3) == content(3)
    assert len(bars(3)) == 3
