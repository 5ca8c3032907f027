"""Imports: the formats of the field → strategy, and a report of what was not taken over as it stood.

1. `recognition`: the file's text, which format it is in (by its content), request wrappers.
2. `edn`: EDN text → values. JSON text is read by `treefolio.strategy.json_text`.
3. `composer` and `composer_conditions`: Composer's maps, from JSON and EDN alike; `composer_dsl`: its
   Clojure language; `composer_words`: what the two share.
4. `quantmage` and `quantmage_conditions`; `elements` and `elements_fields`.
5. `dialect`: indicators by their dialect names, and units; `scalars`: numbers, tickers, words.
6. `desk`: places, errors with path, line and column, and growth of trees without recursion.
7. `report`: the notes. `keys`: which unknown keys may be passed over.

No reader recurses on its input, and none drops anything without an error or a note.
"""

from __future__ import annotations

from treefolio.formats.desk import Limits
from treefolio.formats.recognition import FORMATS, Import, examine, read, read_text, text_of
from treefolio.formats.report import Note, Report

__all__ = ["FORMATS", "Import", "Limits", "Note", "Report", "examine", "read", "read_text", "text_of"]
