"""Lists are aligned, cut where they are long, and harmless to a terminal."""

from __future__ import annotations

import pytest

from lipsmith.cli.listing import MAX_COLUMN_CELLS, table, text_of


def test_columns_stand_below_their_headers() -> None:
    records = [
        {"id": "a1", "name": "語る写真", "error": {"code": "failed", "message": "It broke."}},
        {"id": "b22", "name": "n" * 99, "error": None},
    ]
    header, first, second = table(records, {"id": "ID", "name": "NAME", "error": "ERROR"})
    assert header == f"ID   {'NAME':{MAX_COLUMN_CELLS}}  ERROR"
    assert first == f"a1   語る写真{' ' * (MAX_COLUMN_CELLS - 8)}  It broke. [failed]"  # each sign takes two cells
    assert second == f"b22  {'n' * (MAX_COLUMN_CELLS - 1)}…  -"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("credits", 1500, "1500"),
        ("suspended", False, "no"),
        ("events", (), "-"),
        ("events", ["a", "b"], "a, b"),
        ("status", None, "-"),
        ("created_ms", 1_790_000_000_123, "2026-09-21 14:13:20 UTC"),
        ("params", {"fps": 24.0}, '{"fps": 24.0}'),
        ("name", "a\x1b[2Jb\nc\u202ed", "a [2Jb c d"),
    ],
)
def test_values(name: str, value: object, text: str) -> None:
    assert text_of(name, value) == text
