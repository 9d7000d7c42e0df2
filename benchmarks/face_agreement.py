"""Agreement of two face finders over a folder of photos and clips, and their processor time per frame.

`record` stores what the installed version finds. `compare` sets two such files against each other, for example of two
versions or environments:

    python -m benchmarks face_agreement record before.npz
    python -m benchmarks face_agreement record after.npz
    python -m benchmarks face_agreement compare before.npz after.npz
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsmith.engines import registry
from lipsmith.engines.mediapipe_face import person_matte
from lipsmith.errors import LipsmithError
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.media.image import read_image
from lipsmith.media.reader import open_clip

PHOTOS, CLIPS = (".png", ".jpg", ".jpeg", ".webp", ".avif"), (".mp4", ".mov", ".webm", ".mkv", ".gif")
LIPS = sorted({point for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for point in ring})
BARS = {"aperture r": 0.999, "width r": 0.998, "lips, median IOD": 0.002, "matte, mean": 0.001}
"""Minimum of correlations, maximum of differences."""

Arrays = dict[str, NDArray[Any]]


def record(media: Path, *, only: str = "") -> Arrays:
    """Find and follow all faces below a folder; return arrays by ``kind/file/number/value``."""
    found: Arrays = {}
    for path in sorted(media.rglob("*")):
        name = path.relative_to(media).as_posix()
        if only in name and path.suffix.lower() in (*PHOTOS, *CLIPS):
            try:
                found |= _in_photo(path, name) if path.suffix.lower() in PHOTOS else _in_clip(path, name)
            except LipsmithError as error:
                print(f"{name}: {error}")
    return found


def _in_photo(path: Path, name: str) -> Arrays:
    image = read_image(path)
    faces = sorted(registry.create("face_finder").find(image), key=lambda face: float(face.points[:, 0].mean()))
    found: Arrays = {
        f"photo/{name}/faces": np.array(len(faces)),
        f"photo/{name}/0/matte": person_matte(image.rgb, _middle_face(image.width, image.height)).values,
    }
    for number, face in enumerate(faces):
        found[f"photo/{name}/{number}/points"] = face.points
    return found


def _middle_face(width: int, height: int) -> Face:
    """Return a face without a shape in the middle of an image: its matte depends on the image alone."""
    points = np.tile([width / 2, height / 2, 0.0], (478, 1))
    points[[362, 263], 0] += min(width, height) / 16
    points[[33, 133], 0] -= min(width, height) / 16
    return Face(points=points, score=1.0)


def _in_clip(path: Path, name: str) -> Arrays:
    clip = open_clip(path)
    reading_s = [0.0]

    def read() -> Iterator[Any]:
        frames = iter(clip.frames())
        while True:
            start = time.process_time()
            frame = next(frames, None)
            reading_s[0] += time.process_time() - start
            if frame is None:
                return
            yield frame

    follower = registry.create("face_follower")
    start = time.process_time()
    tracks = follower.follow(read(), pixel_aspect=clip.info.pixel_aspect)
    spent_s = time.process_time() - start - reading_s[0]
    frames = sum(int(track.present.sum()) for track in tracks)
    found: Arrays = {
        f"clip/{name}/faces": np.array(len(tracks)),
        f"clip/{name}/time": np.array([spent_s, max([frames, *map(len, tracks)])]),
    }
    for number, track in enumerate(tracks):
        points = [track.points(index)[LIPS, :2] for index in np.flatnonzero(track.present)]
        found |= {
            f"clip/{name}/{number}/{key}": np.asarray(value)
            for key, value in {
                "present": track.present,
                "aperture": track.aperture,
                "width": track.width,
                "iod_px": track.iod_px,
                "lips": np.asarray(points, dtype=np.float32),
            }.items()
        }
    return found


def compare(before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]]) -> tuple[str, bool]:
    """Return a table of the differences, and whether all are within `BARS`."""
    lines: list[str] = []
    counts = {key: (int(before[key]), int(after[key])) for key in before if key.endswith("/faces") and key in after}
    differing = {key: pair for key, pair in counts.items() if pair[0] != pair[1]}
    total = [sum(pair[each] for pair in counts.values()) for each in (0, 1)]
    lines.append(f"files {len(counts)}, faces {total[0]} and {total[1]}")
    lines += [f"  {key}: {old} and {new} faces" for key, (old, new) in differing.items()]
    alike = [key.removesuffix("/faces") for key in counts if key not in differing]
    measured = {
        **_photo_differences(_both(before, after, alike, "photo/")),
        **_clip_differences(_both(before, after, alike, "clip/")),
    }
    is_within = True
    for name, values in measured.items():
        is_correlation = name.endswith(" r")
        worst, bar = (min(values) if is_correlation else max(values)), BARS.get(name)
        is_met = bar is None or (worst >= bar if is_correlation else worst <= bar)
        is_within &= is_met
        limit = "" if bar is None else f", bar {bar}: {'met' if is_met else 'MISSED'}"
        lines.append(f"{name:24} median {np.median(values):.5f}, worst {worst:.5f} of {len(values)}{limit}")
    for label, arrays in (("before", before), ("after", after)):
        if times := [arrays[key] for key in arrays if key.endswith("/time")]:
            spent_s, frames = np.sum(times, axis=0)
            lines.append(f"processor time {label}: {1000 * spent_s / frames:.2f} ms per frame and face ({frames:.0f})")
    return "\n".join(lines), is_within and not differing


Pair = tuple[NDArray[Any], NDArray[Any]]


def _both(
    before: Mapping[str, Any], after: Mapping[str, Any], files: Iterable[str], kind: str
) -> list[dict[str, Pair]]:
    """Return one dictionary per face that both know: value name to its two arrays."""
    found: dict[str, dict[str, Pair]] = {}
    prefixes = tuple(f"{file}/" for file in files if file.startswith(kind))
    for key in before:
        if key.startswith(prefixes) and key in after and key.rsplit("/", 2)[1].isdigit():
            face, _, name = key.rpartition("/")
            found.setdefault(face, {})[name] = before[key], after[key]
    return list(found.values())


def _photo_differences(faces: list[dict[str, Pair]]) -> dict[str, list[float]]:
    points, lips, mattes = [], [], []
    for face in faces:
        if "matte" in face:
            mattes.append(float(np.abs(face["matte"][0] - face["matte"][1]).mean()))
        if "points" not in face:
            continue
        old, new = face["points"]
        iod_px = float(np.hypot(*(old[[362, 263], :2].mean(axis=0) - old[[33, 133], :2].mean(axis=0))))
        distance = np.linalg.norm((new - old)[:, :2], axis=1) / iod_px
        points.append(float(np.median(distance)))
        lips.append(float(np.median(distance[LIPS])))
    return {"photo points, median IOD": points, "photo lips, median IOD": lips, "matte, mean": mattes} if faces else {}


def _clip_differences(faces: list[dict[str, Pair]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for face in faces:
        present = [each.astype(bool) for each in face["present"]]
        both = present[0] & present[1]
        rows = [both[each] for each in present]
        found.setdefault("frames without the face", []).append(float((present[0] != present[1]).mean()))
        if both.sum() < 10:
            continue
        for name in ("aperture", "width"):
            old, new = (values[both] for values in face[name])
            if old.std() > 0.004:  # else the mouth rests, and there is only noise to compare
                found.setdefault(f"{name} r", []).append(float(np.corrcoef(old, new)[0, 1]))
        lips = [values[row] for values, row in zip(face["lips"], rows, strict=True)]
        distance = np.linalg.norm(lips[1] - lips[0], axis=2) / face["iod_px"][0][both][:, None]
        found.setdefault("lips, median IOD", []).append(float(np.median(distance)))
    return found


def run(action: str, files: list[Path], *, media: Path, only: str) -> int:
    """Run one action of the command line."""
    if action == "record":
        np.savez_compressed(files[0], **record(media, only=only))  # type: ignore[arg-type]
        return 0
    before, after = (dict(np.load(file, allow_pickle=False)) for file in files)
    text, is_within = compare(before, after)
    print(text)
    return 0 if is_within else 1
