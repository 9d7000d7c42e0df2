"""Records as people read them: columns with headers, times of the clock, one line each. Knows no record by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

MAX_COLUMN_CELLS = 60
"""Longer texts are cut off, but for the last column's."""
GAP = "  "
NOTHING = "-"
TIME_SUFFIX = "_ms"
"""Of the names of times."""


def table(records: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Iterator[str]:
    """Lines, a header first. ``columns`` are names in the records, each with its header; the last one is never cut."""
    rows = [list(columns.values()), *([text_of(name, record[name]) for name in columns] for record in records)]
    last = len(columns) - 1
    widths = [min(MAX_COLUMN_CELLS, max(cell_len(row[k]) for row in rows)) for k in range(last)]
    for row in rows:
        cells = [_fitted(text, width) for text, width in zip(row, widths, strict=False)]
        yield GAP.join([*cells, row[last]]).rstrip()


def facts(record: Mapping[str, Any]) -> Iterator[str]:
    """One line for each name and value."""
    for name, value in record.items():
        yield f"{name.removesuffix(TIME_SUFFIX)}: {text_of(name, value)}"


def text_of(name: str, value: Any) -> str:
    """One value in one line; what could move the cursor of a terminal is left out.

    >>> text_of("created_ms", 1_790_000_000_000)
    '2026-09-21 14:13:20 UTC'
    >>> text_of("error", {"code": "no_source_face", "message": "No face was found."})
    'No face was found. [no_source_face]'
    """
    match value:
        case None | "":
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int() if name.endswith(TIME_SUFFIX):
            return datetime.fromtimestamp(value // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        case {"code": code, "message": message}:
            text = f"{message} [{code}]"
        case str():
            text = value
        case list() | tuple():
            text = ", ".join(map(str, value)) or NOTHING
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _fitted(text: str, cells: int) -> str:
    return set_cell_size(text, cells) if cell_len(text) <= cells else set_cell_size(text, cells - 1) + "…"
