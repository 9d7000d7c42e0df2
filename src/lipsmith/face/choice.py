"""Which of the faces of a clip is meant. Knows no sound: what was heard comes as a curve."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lipsmith.errors import FaceTooSmall, InvalidOption, NoSourceFace, NoSuchFace
from lipsmith.face.geometry import F64
from lipsmith.face.track import FaceTrack

MIN_IOD_PX = 24
"""Below this the lips are about ten pixels wide: there is nothing left to shape."""

_LARGEST_LAG_S = 0.2
_LAG_STEP_S = 0.02
_LEAST_SHOWN_S = 1.0
# r of a face with its own sound is .2 to .75 (twelve clips), with a stranger's .17 in the middle and .43 at the 95th
# percentile, each at its best lag.
_SPEAKS_R, _SPEAKS_CLEARLY_R = 0.3, 0.1


@dataclass(frozen=True, kw_only=True)
class At:
    """The face that is seen at a place and time."""

    x: float
    """Square pixels of the upright frame."""
    y: float
    time_s: float = 0.0


FaceChoice = Literal["auto", "speaker"] | int | At
"""``auto``: who moves the lips with the clip's sound, or else the most prominent face. ``speaker``: only the first.
A number: from left to right, starting at 1."""


@dataclass(frozen=True, kw_only=True)
class ExpectedOpening:
    """How far a mouth should be open by what is heard, on the clock of the pictures."""

    times_s: F64
    openness: F64


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well lips and sound go together."""

    r: float
    """Correlation at the best lag."""
    lag_s: float
    """How much later the sound comes than the lips."""


def parse_face_choice(text: str) -> FaceChoice:
    """``auto``, ``speaker``, a number, or ``X,Y@T``; ``@T`` may be left out. Raises InvalidOption.

    >>> parse_face_choice("320,200@1.5")
    At(x=320.0, y=200.0, time_s=1.5)
    """
    words: dict[str, FaceChoice] = {"auto": "auto", "speaker": "speaker"}
    if text in words:
        return words[text]
    if re.fullmatch(r"[1-9]\d{0,3}", text):
        return int(text)
    number = r"(\d+(?:\.\d+)?)"
    if place := re.fullmatch(rf"{number},{number}(?:@{number})?", text):
        x, y, time_s = place.groups()
        return At(x=float(x), y=float(y), time_s=float(time_s or 0.0))
    raise InvalidOption(f"The face {text!r} is not known. Say auto, speaker, a number from the left, or X,Y@SECONDS.")


def choose_face(
    tracks: Sequence[FaceTrack], choice: FaceChoice, *, expected: ExpectedOpening | None = None
) -> FaceTrack:
    """The face that is meant by ``choice``, of those that `follow_faces` found.

    Raises NoSourceFace where there is none, NoSuchFace where it is none of these, FaceTooSmall.
    """
    if not tracks:
        raise NoSourceFace(
            "No human face was found in the clip. Use a clip in which a face is clearly visible from the front."
        )
    chosen = _chosen(tracks, choice, expected)
    if (iod_px := float(np.nanmedian(chosen.iod_px))) < MIN_IOD_PX:
        raise FaceTooSmall(
            f"The face is too small in the clip: {iod_px:.0f} pixels between the eyes, at least {MIN_IOD_PX} are "
            "needed. Use a larger version of the clip, or crop it closer to the face."
        )
    return chosen


def lip_audio_agreement(track: FaceTrack, expected: ExpectedOpening) -> Agreement | None:
    """How the lips of ``track`` go with what is heard, within 0.2 s; None where little is seen, or nothing moves."""
    seen = track.present & ~track.bridged
    if float(np.diff(track.times_s, append=track.times_s[-1])[seen].sum()) < _LEAST_SHOWN_S:
        return None
    lips = track.aperture[seen]
    lags_s = np.arange(-_LARGEST_LAG_S, _LARGEST_LAG_S + _LAG_STEP_S / 2, _LAG_STEP_S)
    shifted = [np.interp(track.times_s[seen] + lag_s, expected.times_s, expected.openness) for lag_s in lags_s]
    if lips.std() < 1e-4 or min(curve.std() for curve in shifted) < 1e-4:
        return None
    by_lag = [float(np.corrcoef(curve, lips)[0, 1]) for curve in shifted]
    best = int(np.argmax(by_lag))
    return Agreement(r=by_lag[best], lag_s=float(round(lags_s[best], 2)))


def _chosen(tracks: Sequence[FaceTrack], choice: FaceChoice, expected: ExpectedOpening | None) -> FaceTrack:
    if isinstance(choice, At):
        return _at(tracks, choice)
    if isinstance(choice, int):
        if not 1 <= choice <= len(tracks):
            raise NoSuchFace(f"There is no face {choice} in the clip: {len(tracks)} can be followed.")
        return tracks[choice - 1]
    speaker = None if expected is None else _speaker(tracks, expected)
    if speaker is None and choice == "speaker":
        raise NoSuchFace(
            "Nobody's lips in the clip clearly move with its own sound. Choose the face by its number or its place."
        )
    return speaker or max(tracks, key=lambda track: track.prominence)


def _speaker(tracks: Sequence[FaceTrack], expected: ExpectedOpening) -> FaceTrack | None:
    """Whose lips go with the sound, and clearly better than the others'."""
    agreements = [lip_audio_agreement(track, expected) for track in tracks]
    ranked = sorted((agreement.r if agreement else -1.0, k) for k, agreement in enumerate(agreements))
    best_r, best = ranked[-1]
    next_r = ranked[-2][0] if len(ranked) > 1 else -1.0
    return tracks[best] if best_r >= _SPEAKS_R and best_r >= next_r + _SPEAKS_CLEARLY_R else None


def _at(tracks: Sequence[FaceTrack], place: At) -> FaceTrack:
    """The face whose box holds the place, widened by a quarter, at the frame that is shown at that time."""
    index = max(0, int(np.searchsorted(tracks[0].times_s, place.time_s, side="right")) - 1)
    best, best_distance = None, np.inf
    for track in tracks:
        if not track.present[index]:
            continue
        points = track.points(index)[:, :2]
        low, high = points.min(axis=0), points.max(axis=0)
        slack, here = 0.25 * float((high - low).max()), np.array([place.x, place.y])
        distance = float(np.hypot(*(here - (low + high) / 2)))
        if ((here >= low - slack) & (here <= high + slack)).all() and distance < best_distance:
            best, best_distance = track, distance
    if best is None:
        raise NoSuchFace(
            f"No face can be followed at {place.x:g},{place.y:g} at {place.time_s:g} s. Choose a point inside a face."
        )
    return best
