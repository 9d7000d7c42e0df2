"""Head motion and expression of talking photos against those of people who talk, both measured by the same tracker."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from benchmarks.subjects import photos_in
from lipsmith import LipsmithError, MotionTrack, talking_photo
from lipsmith.engines import registry
from lipsmith.face.geometry import F64, HeadFrame
from lipsmith.face.track import FaceTrack
from lipsmith.media.reader import open_clip

SPEAKING = (
    "man_map_25fps_5s.mp4", "man_suit_22fps_6s.mp4", "vidtimit_woman_5s.mp4", "woman_29.97fps_4.6s.mp4",
    "woman_flag_25fps_8s.mp4", "man_glasses_29.97fps_2s.mp4",
)  # fmt: skip
"""Clips of people who talk into a camera."""
SPEECH = "audio/jfk_en_11s.flac"
BROWS, EYES, CHEEKS = (105, 66, 107, 336, 296, 334), (33, 133, 362, 263), (50, 205, 280, 425, 118, 347)
SHARE = 0.5
"""Share of people's median that a talking photo has to reach."""
MAX_CORRELATION = 0.5

Numbers = dict[str, float]


def run(shared: Path, photos: int) -> int:
    """Measure clips and talking photos, and print the table and how alike the heads of different photos move."""
    people = [found for name in SPEAKING if (found := measured(shared / "media" / "video" / name)) is not None]
    made, tracks = [], []
    with tempfile.TemporaryDirectory() as folder:
        for path in photos_in(shared / "media" / "photos"):
            if len(made) == photos:
                break
            out, track = Path(folder) / f"{path.stem}.mp4", Path(folder) / f"{path.stem}.json"
            try:
                talking_photo(path, shared / "media" / SPEECH, out, export=track, max_resolution=720)
            except LipsmithError as error:
                print(f"{path.name}: {error}")
                continue
            if (found := measured(out)) is not None:
                made.append(found)
                tracks.append(MotionTrack.from_json(track.read_text()))
    print(table(people, made))
    for name in ("head_yaw", "head_pitch", "head_roll"):
        alike = [abs(float(np.corrcoef(a[name], b[name])[0, 1])) for a, b in combinations(tracks, 2)]
        usual, largest = statistics.median(alike), max(alike)
        print(f"correlation of {name} between photos: {usual:.2f}, largest {largest:.2f}, bar {MAX_CORRELATION}")
    return 0


def measured(path: Path) -> Numbers | None:
    """Measure the most prominent face of a clip; None if there is none."""
    clip = open_clip(path)
    tracks = registry.create("face_follower").follow(clip.frames(), pixel_aspect=clip.info.pixel_aspect)
    if not tracks:
        return None
    return measures(max(tracks, key=lambda track: track.present.sum() * np.median(track.iod_px)))


def measures(track: FaceTrack) -> Numbers:
    """Return ranges from the 5th to the 95th percentile: degrees, IOD; brows and cheeks: deviation, thousandths IOD."""
    rows = []
    for index in np.flatnonzero(track.present):
        points = track.points(int(index))
        frame = HeadFrame.of(points)
        y = frame.to_head(points)[:, 1]
        eyes = y[list(EYES)].mean()
        rows.append(
            (
                frame.pitch_deg,
                frame.yaw_deg,
                frame.roll_deg,
                *points[168, :2] / np.median(track.iod_px[track.present]),
                1000 * (eyes - y[list(BROWS)].mean()),
                1000 * (eyes - y[list(CHEEKS)].mean()),
            )
        )
    pitch, yaw, roll, x, y, brows, cheeks = np.array(rows).T
    return {
        "pitch": _range(pitch),
        "yaw": _range(yaw),
        "roll": _range(roll),
        "shift": float(np.hypot(_range(x), _range(y))),
        "brows": float(brows.std()),
        "cheeks": float(cheeks.std()),
    }


def table(people: Sequence[Numbers], made: Sequence[Numbers]) -> str:
    """Return a Markdown table: medians of people and of talking photos, and whether the bar is reached."""
    lines = ["| measure | people, median | talking photos, median | share | reached |", "|---|---|---|---|---|"]
    for name in people[0]:
        theirs, ours = (statistics.median(one[name] for one in group) for group in (people, made))
        share = ours / theirs
        lines.append(f"| {name} | {theirs:.2f} | {ours:.2f} | {share:.2f} | {'yes' if share >= SHARE else 'no'} |")
    return "\n".join(lines)


def _range(values: F64) -> float:
    low, high = np.percentile(values, [5, 95])
    return float(high - low)
