"""Measures of the drawn face, per photo, against the bars of `bars.py`."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from benchmarks.bars import BARS, Bar
from benchmarks.measures import ALL, Numbers
from benchmarks.subjects import Subject, astronaut, photos_in, read_even
from benchmarks.tooth_tone import tooth_tone
from lipsmith.errors import LipsmithError

RESULTS = Path(__file__).parent / "results" / "quality.json"
MIN_IOD_PX = 24


def run(folder: Path | None, only: str = "") -> int:
    """Measure every photo, print the tables, and write ``results/quality.json`` if all photos were measured."""
    faces: dict[str, Numbers] = {}
    skipped: dict[str, str] = {}
    named = [("astronaut", None)] if folder is None else [(path.name, path) for path in photos_in(folder)]
    for name, path in named:
        if only not in name:
            continue
        start = time.perf_counter()
        try:
            subject = Subject.of(name, read_even(path) if path else astronaut())
        except LipsmithError as error:
            skipped[name] = error.code
            continue
        if subject is None or subject.iod_px < MIN_IOD_PX:
            skipped[name] = "no face" if subject is None else f"face too small: {subject.iod_px:.0f} px"
            continue
        faces[name] = measure(subject)
        print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    if faces:
        print("\n" + table(faces))
        print("\n" + summary(faces))
    for name, reason in skipped.items():
        print(f"not measured: {name} ({reason})")
    if not only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"faces": rounded(faces), "not_measured": skipped}, indent=1) + "\n", "utf-8")
        print(f"\nwritten: {RESULTS.relative_to(Path(__file__).parents[1])}")
    return 0


def measure(subject: Subject) -> Numbers:
    """Return all measures of one face."""
    numbers: Numbers = {"iod_px": subject.iod_px, "yaw_deg": subject.face.yaw_deg}
    numbers |= {"source_aperture": subject.portrait.shape.aperture, "source_width": subject.portrait.shape.width}
    for measures in ALL:
        numbers |= measures(subject)
    numbers |= tooth_tone(subject)
    numbers["glasses_edges"] = numbers["blink_edges"] if subject.portrait.eye_looks[0].lid.glasses else None
    return numbers


def table(faces: dict[str, Numbers]) -> str:
    """Return one row per measure, one column per face."""
    names = list(faces)
    head = [f"{k:>2} {name}" for k, name in enumerate(names, 1)]
    rows = [f"{'':22}" + "".join(f"{k:>8}" for k in range(1, len(names) + 1))]
    bars = {bar.name: bar for bar in BARS}
    measures = list(dict.fromkeys(key for numbers in faces.values() for key in numbers))
    for measure_name in measures:
        cells = [_cell(faces[name].get(measure_name), bars.get(measure_name)) for name in names]
        rows.append(f"{measure_name:22}" + "".join(cells))
    return "\n".join([*head, "", *rows, "", "* misses its bar; - could not be measured"])


def _cell(value: float | None, bar: Bar | None) -> str:
    if value is None:
        return f"{'-':>8}"
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{text:>7}" + ("*" if bar is not None and not bar.holds(value) else " ")


def summary(faces: dict[str, Numbers]) -> str:
    """List each bar with the number of faces that reach it, and the faces that miss it."""
    lines = [f"{'bar':22}{'limit':>12}{'reached':>9}{'median':>9}  misses"]
    for bar in BARS:
        found = {name: value for name, numbers in faces.items() if (value := numbers.get(bar.name)) is not None}
        if not found:
            continue
        misses = {name: value for name, value in found.items() if not bar.holds(value)}
        missed = ", ".join(f"{Path(name).stem} {value:.3f}" for name, value in misses.items())
        reached = f"{len(found) - len(misses)}/{len(found)}"
        lines.append(f"{bar.name:22}{bar.limits:>12}{reached:>9}{statistics.median(found.values()):>9.3f}  {missed}")
    return "\n".join(lines)


def rounded(faces: dict[str, Numbers]) -> dict[str, Numbers]:
    return {
        name: {key: None if value is None else round(value, 4) for key, value in numbers.items()}
        for name, numbers in faces.items()
    }
