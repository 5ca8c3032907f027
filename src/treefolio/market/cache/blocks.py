"""What the cache keeps: a ticker's bars of one calendar year, or all its corporate actions, as bytes.

    magic (4) | BLAKE2b checksum of all that follows (16) | length of all that follows (8)
              | length of the header (4) | header: JSON | body: Arrow IPC stream, compressed by LZ4

The bytes are the same in every backend. One bit that is wrong anywhere makes the block `Damaged`, so a
number that is read is the number that was written.

The stream form of Arrow is read in a fortieth of the time of its file form or of Parquet. Times are whole
days or seconds since 1970. Bars that were withheld stand behind the others in the same body.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, fields
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from treefolio.errors import PriceError
from treefolio.market.actions import Action, Dividend, SpinOff, Split
from treefolio.market.bars import Bars, joined, no_bars

MAGIC = b"TFB1"
DIGEST_BYTES = 16
PREFIX = struct.Struct(f"<4s{DIGEST_BYTES}sQI")
COVERED = len(MAGIC) + DIGEST_BYTES
"""The checksum covers everything from here on."""
AT = "at"
KINDS: dict[str, type[Action]] = {"split": Split, "dividend": Dividend, "spin-off": SpinOff}
NAMES = {kind: name for name, kind in KINDS.items()}
FIELDS_OF = {name: tuple(each.name for each in fields(kind)) for name, kind in KINDS.items()}


class Damaged(PriceError):  # noqa: N818 - what the block is
    """The bytes are not the block that was written."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Bars of one ticker in one calendar year, in its shelf's interval, and what is known beside them.

    Attributes:
        bars: ascending in time, sifted.
        known: stretches of sessions about which the source was asked, both ends included, ascending. A
            session in them without a bar is one for which the source has none.
        fetched_at: when the latest of it was asked for; aware, UTC.
        adjusted_on: the day of adjustment, when the source delivered adjusted prices.
        findings: session, kind and message of whatever was noticed on ingest.
        set_aside: bars that were withheld, with the fields of `bars`.
    """

    bars: Bars
    known: tuple[tuple[date, date], ...]
    fetched_at: datetime
    adjusted_on: date | None = None
    findings: tuple[tuple[str, str, str], ...] = ()
    set_aside: Bars = field(default_factory=no_bars)


def encode(block: Block) -> bytes:
    """The block as bytes."""
    rows = joined([block.bars, block.set_aside]) if len(block.set_aside) else block.bars
    header = {
        "unit": np.datetime_data(rows.at.dtype)[0],
        "bars": len(block.bars),
        "known": [[first.isoformat(), last.isoformat()] for first, last in block.known],
        "fetched_at": block.fetched_at.isoformat(),
        "adjusted_on": block.adjusted_on.isoformat() if block.adjusted_on else None,
        "findings": block.findings,
    }
    body = io.BytesIO()
    columns = {AT: rows.at.astype(np.int64), **rows.fields}
    series = [pl.Series(name, values) for name, values in columns.items()]
    pl.DataFrame(series).write_ipc_stream(body, compression="lz4")
    return _sealed(header, body.getvalue())


def decode(content: bytes, *, checked: bool = False) -> Block:
    """The block that `encode` made these bytes of; its arrays are read-only. Raises Damaged.

    `checked`: the bytes come from a cache, which has already compared the checksum.
    """
    header, body = _opened(content, checked)
    try:
        columns = pl.read_ipc_stream(body).get_columns()
        arrays = {column.name: column.to_numpy() for column in columns}
        at = arrays.pop(AT).view(f"datetime64[{header['unit']}]")
        count = header["bars"]
        rows = Bars(at=at, fields=arrays)
        return Block(
            bars=rows if count == len(at) else _part(rows, slice(count)),
            known=tuple(
                (date.fromisoformat(first), date.fromisoformat(last)) for first, last in header["known"]
            ),
            fetched_at=datetime.fromisoformat(header["fetched_at"]),
            adjusted_on=date.fromisoformat(header["adjusted_on"]) if header["adjusted_on"] else None,
            findings=tuple((session, kind, message) for session, kind, message in header["findings"]),
            set_aside=_part(rows, slice(count, None)),
        )
    except (PolarsError, KeyError, TypeError, ValueError) as error:
        raise Damaged(f"the block cannot be read: {error}") from error


def encode_actions(actions: Sequence[Action], asked_at: datetime) -> bytes:
    """All corporate actions of one ticker, as they were when the source was asked, as bytes."""
    rows = []
    for each in actions:
        ticker, ex_date, *rest = astuple(each)
        rows.append([NAMES[type(each)], ticker, ex_date.isoformat(), *rest])
    return _sealed({"asked_at": asked_at.isoformat(), "actions": rows}, b"")


def decode_actions(content: bytes, *, checked: bool = False) -> tuple[list[Action], datetime]:
    """The actions that `encode_actions` made these bytes of, and when they were asked for. Raises Damaged."""
    header, _ = _opened(content, checked)
    try:
        return [_action(*row) for row in header["actions"]], datetime.fromisoformat(header["asked_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"the corporate actions cannot be read: {error}") from error


def sound(content: bytes) -> bool:
    """Whether the bytes are whole: magic, length and checksum are right."""
    if len(content) < PREFIX.size:
        return False
    magic, digest, length, _ = PREFIX.unpack_from(content)
    covered = memoryview(content)[COVERED:]
    return (
        magic == MAGIC
        and length == len(content) - PREFIX.size
        and blake2b(covered, digest_size=DIGEST_BYTES).digest() == digest
    )


def _sealed(header: dict[str, Any], body: bytes) -> bytes:
    """Header and body behind their lengths and their checksum."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    covered = struct.pack("<QI", len(text) + len(body), len(text)) + text + body
    return MAGIC + blake2b(covered, digest_size=DIGEST_BYTES).digest() + covered


def _opened(content: bytes, checked: bool) -> tuple[dict[str, Any], bytes]:
    """Header and body. Raises Damaged."""
    if not (checked or sound(content)):
        raise Damaged("the block is not whole: its checksum is wrong")
    end = PREFIX.size + PREFIX.unpack_from(content)[3]
    return json.loads(content[PREFIX.size : end]), content[end:]


def _part(rows: Bars, chosen: slice) -> Bars:
    """Views of some of the rows."""
    return Bars(at=rows.at[chosen], fields={name: each[chosen] for name, each in rows.fields.items()})


def _action(kind: str, ticker: str, ex_date: str, *rest: Any) -> Action:
    """An action by the name of its kind, with the values of its fields in their order."""
    values = (ticker, date.fromisoformat(ex_date), *rest)
    return KINDS[kind](**dict(zip(FIELDS_OF[kind], values, strict=True)))


def packed(name: str, content: bytes) -> bytes:
    """A block as a backend stores it: behind its name, so that it is never taken for another's."""
    return b"%s\n%s" % (name.encode(), content)


def unpacked(name: str, stored: bytes) -> bytes | None:
    """The block of this name; None when it is another's or not whole."""
    label = b"%s\n" % name.encode()
    content = stored[len(label) :]
    return content if stored.startswith(label) and sound(content) else None
