"""Strips of drawn mouths, large enough to judge teeth, corners and narrow openings by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.subjects import Subject, at_rest, sentence_track, upright_crop
from lipsmith.face.geometry import F64
from lipsmith.media.clip import U8

Rows = list[list[tuple[U8, str]]]
"""Rows of cells, each with its label."""

SPEAKING_SMILE = 0.45
MOUTH_LOOKS: Mapping[str, Mapping[str, float]] = {
    "rest": {"smile": 1.0},
    "closed": {"press": 0.3},
    "parted .03": {"aperture": 0.03},
    "small .06": {"aperture": 0.06},
    "medium .13": {"aperture": 0.13},
    "wide .26": {"aperture": 0.26, "upper_raise": 0.02},
    "rounded": {"aperture": 0.11, "width": -0.22, "pucker": 0.9},
    "smile .15": {"aperture": 0.15, "width": 0.08, "smile": 1.0, "upper_raise": 0.03, "corner": 0.02},
    "f v": {"aperture": 0.05, "tuck": 1.0, "upper_raise": 0.03},
    "th": {"aperture": 0.12, "tongue": 1.0},
    "left": {"aperture": 0.17, "head_yaw": -10.0, "head_roll": 3.0},
    "right": {"aperture": 0.17, "head_yaw": 10.0, "head_pitch": 4.0},
}
"""Mouth shapes as in speech; other channels rest."""

CELL_PX, CROP_IOD, CELL_HEIGHT = 260, 1.30, 0.74
"""Side of the square crop, and the share of its height that is shown."""
CORNER_PX, CORNER_IOD = 260, 0.50
PER_ROW = 7
SENTENCE_FROM, SENTENCE_FRAMES = 8, 24
CORNERS = (61, 291)


def teeth_strip(subject: Subject) -> Rows:
    """Draw the source and every shape of `MOUTH_LOOKS` as mouths, rows of (pixels, label)."""
    cells = [(_mouth(subject, subject.image.rgb), "source")]
    for name, given in MOUTH_LOOKS.items():
        cells.append((_mouth(subject, subject.portrait.draw_rgb(_channels(given))), name))
    return _rows(cells)


def corner_strip(subject: Subject) -> Rows:
    """Draw both corners of the mouth for every shape of `MOUTH_LOOKS`, the head still, rows of (pixels, label)."""
    rows = []
    for point in CORNERS:
        cells = [(_corner(subject, subject.image.rgb, subject.face.points[point, :2]), "source")]
        for name, given in MOUTH_LOOKS.items():
            channels = _channels({**given, "head_yaw": 0.0, "head_pitch": 0.0, "head_roll": 0.0})
            centre = subject.portrait.target_points(channels)[point]
            cells.append((_corner(subject, subject.portrait.draw_rgb(channels), centre), name))
        rows += _rows(cells)
    return rows


def sentence_strip(subject: Subject) -> Rows:
    """Draw consecutive frames of a sentence as mouths, rows of (pixels, label)."""
    track = sentence_track(25)
    last = min(SENTENCE_FROM + SENTENCE_FRAMES, len(track))
    return _rows(
        [
            (_mouth(subject, subject.portrait.draw_rgb(track.frame(n))), f"{n}: {track['aperture'][n]:.2f}")
            for n in range(SENTENCE_FROM, last)
        ]
    )


def _channels(given: Mapping[str, float]) -> dict[str, float]:
    return at_rest(**{"smile": SPEAKING_SMILE, **given})


def _mouth(subject: Subject, frame: U8) -> U8:
    down = subject.portrait.shape.frame.rotation[1, :2] * subject.iod_px
    centre = subject.face.points[[61, 291, 13, 14], :2].mean(axis=0) + 0.06 * down
    crop = upright_crop(frame, subject, centre=centre, side_iod=CROP_IOD, side_px=CELL_PX)
    cut = round(CELL_PX * (1.0 - CELL_HEIGHT) / 2)
    return crop[cut : CELL_PX - cut]


def _corner(subject: Subject, frame: U8, centre: F64) -> U8:
    return upright_crop(frame, subject, centre=centre, side_iod=CORNER_IOD, side_px=CORNER_PX)


def _rows(cells: Sequence[tuple[U8, str]]) -> Rows:
    return [list(cells[k : k + PER_ROW]) for k in range(0, len(cells), PER_ROW)]
