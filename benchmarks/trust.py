"""Hostile files and requests, and faults of the server, in figures. Each part has bars of its own.

A part is a module of `PARTS` with ``BARS`` and ``measure(folder, *, long)``; quick by default, long by flag. To add
one, add its line to `PARTS`. Results of other parts in ``results/trust.json`` stay.
"""

from __future__ import annotations

import importlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.bars import Bar
from benchmarks.speed import machine

HERE = Path(__file__).parent
README = HERE / "README.md"
RESULTS = HERE / "results" / "trust.json"
BEGIN, END = "<!-- trust: begin -->", "<!-- trust: end -->"

PARTS: Mapping[str, str] = {
    "faults": "benchmarks.trust_faults",
    "http": "benchmarks.trust_http",
    "media": "benchmarks.trust_media",
    "soak": "benchmarks.trust_soak",
}
"""Name of a part, and the module that measures it."""
ONLY_LONG = frozenset({"soak"})
"""Parts that need more than a minute: the quick run skips them unless they are named."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Results of one part."""

    values: Mapping[str, float]
    """One value for each of the part's bars, by name."""
    size: str
    """Amount tried, such as ``10,000 files``."""
    notes: Sequence[str] = field(default=())
    """Notes for the reader: sizes below plan, and missed bars with the reason."""


class Part(Protocol):
    """Module that measures."""

    BARS: Sequence[Bar]

    def measure(self, folder: Path, *, long: bool) -> Found:
        """Measure in an empty folder of its own."""


def run(names: Sequence[str], *, long: bool, write: bool) -> int:
    """Measure the named parts, or all, and print a line for each bar. Returns 1 if one is missed.

    With ``write``, store the results in ``results/trust.json`` and the README.
    """
    missed = 0
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    for name in names or [name for name in PARTS if long or name not in ONLY_LONG]:
        part: Part = importlib.import_module(PARTS[name])  # type: ignore[assignment]  # a module is one
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"lipsmith-trust-{name}-") as folder:
            found = part.measure(Path(folder), long=long)
        rows = [_row(bar, found.values[bar.name]) for bar in part.BARS]
        missed += sum(not row["holds"] for row in rows)
        results[name] = {
            "size": found.size,
            "mode": "long" if long else "quick",
            "seconds": round(time.monotonic() - start),
            "machine": machine(),
            "bars": rows,
            "notes": list(found.notes),
        }
        print("\n".join(_lines(name, results[name])), flush=True)
    if write:
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
        write_readme(report(results))
    return 1 if missed else 0


def report(results: Mapping[str, Mapping[str, object]]) -> str:
    """Return the tables of the README."""
    tables = []
    for name in sorted(results):
        result = results[name]
        lines = [f"**{name}**: {result['size']}, {result['seconds']} s on {result['machine']}.", ""]
        lines += ["| | measured | bar | |", "|---|---|---|---|"]
        for row in result["bars"]:  # type: ignore[attr-defined]
            verdict = "holds" if row["holds"] else "**missed**"
            lines.append(f"| {row['meaning']} | {row['value']:g} | {row['limits']} | {verdict} |")
        notes: Sequence[str] = result["notes"]  # type: ignore[assignment]
        tables.append("\n".join([*lines, *(["", *[f"- {note}" for note in notes]] if notes else [])]))
    return "\n\n".join(tables)


def write_readme(text: str) -> None:
    """Put ``text`` between the markers."""
    before, rest = README.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


def _row(bar: Bar, value: float) -> dict[str, object]:
    return {
        "name": bar.name,
        "value": round(float(value), 3),
        "limits": bar.limits,
        "holds": bar.holds(value),
        "meaning": bar.meaning,
    }


def _lines(name: str, result: Mapping[str, object]) -> list[str]:
    lines = [f"{name}: {result['size']}, {result['mode']}, {result['seconds']} s"]
    for row in result["bars"]:  # type: ignore[attr-defined]
        verdict = "holds" if row["holds"] else "MISSED"
        lines.append(f"{row['name']:>24} {row['value']:10g}  {row['limits']:>8}  {verdict:>6}  {row['meaning']}")
    return lines + [f"  {note}" for note in result["notes"]]  # type: ignore[attr-defined]
