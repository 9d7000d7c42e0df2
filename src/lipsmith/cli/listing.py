"""Records as tables and lines for people. Knows no record by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

Row: TypeAlias = Mapping[str, object]

MAX_COLUMN_CELLS = 60
"""Width of a column, except the last one. Longer texts are cut."""
EMPTY = "-"
TIME_SUFFIX = "_ms"
"""End of the names of times."""


def table(rows: Sequence[Row], columns: Mapping[str, str]) -> list[str]:
    """Lines of a table, a header first. ``columns`` maps fields to headers; the last column is not cut."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for number, header in enumerate(columns.values(), start=1):
        width = None if number == len(columns) else MAX_COLUMN_CELLS
        grid.add_column(header, no_wrap=True, overflow="ellipsis", max_width=width)
    texts = [[text_of(name, row[name]) for name in columns] for row in rows]
    for row_texts in texts:
        grid.add_row(*row_texts)
    widest = max((len(line[-1]) for line in texts), default=0)
    console = Console(file=StringIO(), width=2 * widest + (MAX_COLUMN_CELLS + 2) * len(columns), markup=False)
    with console.capture() as capture:
        console.print(grid, highlight=False)
    return [line.rstrip() for line in capture.get().splitlines()]


def lines(row: Row) -> Iterator[str]:
    """One line for each field and its value."""
    for name, value in row.items():
        yield f"{name.removesuffix(TIME_SUFFIX)}: {text_of(name, value)}"


def text_of(name: str, value: object) -> str:
    """One value in one line, without characters that could move the cursor of a terminal.

    >>> text_of("created_ms", 1_790_000_000_000)
    '2026-09-21 14:13:20 UTC'
    >>> text_of("error", {"code": "no_source_face", "message": "No face was found."})
    'No face was found. [no_source_face]'
    """
    match value:
        case None | "":
            return EMPTY
        case bool():
            return "yes" if value else "no"
        case int() if name.endswith(TIME_SUFFIX):
            return datetime.fromtimestamp(value // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        case {"code": code, "message": message}:
            text = f"{message} [{code}]"
        case str():
            text = value
        case list() | tuple():
            text = ", ".join(map(str, value)) or EMPTY
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else " " for sign in text)
