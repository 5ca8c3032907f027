"""Panel ↔ polars frames, for notebooks and for writing price files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import polars as pl

from treefolio.errors import MissingPrices
from treefolio.market.align import align
from treefolio.market.cells import ROW, Origin
from treefolio.market.columns import find_layout
from treefolio.market.files import Table, take
from treefolio.market.panel import FIELDS, Panel


def from_frame(
    frame: pl.DataFrame,
    *,
    price_column: str | None = None,
    columns: Mapping[str, str] | None = None,
    basis: str | None = None,
    source: str = "frame",
    synthetic: bool = False,
) -> Panel:
    """The panel of a long or wide frame, under the rules of `files.read_panel`.

    `basis` says what the prices are (default: from the name of the column). Raises PriceError.
    """
    origin = Origin(name=source)
    layout = find_layout(frame.columns, price_column=price_column, columns=columns or {}, source=source)
    if basis is not None:
        layout = dataclasses.replace(layout, basis=basis)
    table = Table(scan=frame.lazy().with_row_index(ROW), layout=layout, origin=origin)
    part = take(table, wanted=None, taken={})
    if not part.tickers:
        raise MissingPrices(
            "no price at all", source=source, hint="A frame needs a row for each ticker and session."
        )
    return dataclasses.replace(align([part], synthetic=synthetic), source=source)


def to_frame(panel: Panel) -> pl.DataFrame:
    """A long frame: date, ticker and the panel's fields; by ticker, then date; only rows that have a close.

    `from_frame` makes the same panel of it, when told `basis`, `source` and `synthetic`, and when the
    panel's first and last sessions have a price. Values that are not known are null.
    """
    # By ticker, then session: each field is read down its columns.
    kept = ~np.isnan(panel.fields["close"]).T
    across, down = np.nonzero(kept)
    names = pl.Series(panel.tickers, dtype=pl.String)
    data = {"date": pl.Series(panel.sessions[down]).cast(pl.Date), "ticker": names[across]}
    for name in FIELDS:
        if name in panel.fields:
            data[name] = pl.Series(panel.fields[name].T[kept]).fill_nan(None)
    return pl.DataFrame(data)
