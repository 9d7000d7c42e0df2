"""Selection of one face of a clip, by number, place or agreement with the audio."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lipsmith.errors import FaceTooSmall, InvalidOption, NoSourceFace, NoSuchFace
from lipsmith.face.geometry import F64
from lipsmith.face.track import FaceTrack
from lipsmith.limits import MIN_IOD_PX

_MAX_LAG_S = 0.2
_LAG_STEP_S = 0.02
_MIN_SEEN_S = 1.0
# At its best lag, r of a face with its own audio is .2 to .75 (twelve clips); with other audio the median is .17 and
# the 95th percentile .43.
_MIN_SPEAKER_R, _MIN_LEAD_R = 0.3, 0.1


@dataclass(frozen=True, kw_only=True)
class At:
    """Face at a place and time."""

    x: float
    """Square pixels of the upright frame."""
    y: float
    time_s: float = 0.0


FaceChoice = Literal["auto", "speaker"] | int | At
"""``auto``: the face whose lips follow the clip's audio, else the most prominent one. ``speaker``: only the former.
A number counts from left to right, starting at 1."""


@dataclass(frozen=True, kw_only=True)
class ExpectedOpening:
    """Mouth opening predicted from the audio, on the clock of the frames."""

    times_s: F64
    openness: F64


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Agreement of lips and audio."""

    r: float
    """Correlation at the best lag."""
    lag_s: float
    """Delay of the audio after the lips."""


def parse_face_choice(text: str) -> FaceChoice:
    """Parse ``auto``, ``speaker``, a number, or ``X,Y@T``; ``@T`` is optional. Raises InvalidOption.

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
    raise InvalidOption(f"Unknown face {text!r}. Use auto, speaker, a number from the left, or X,Y@SECONDS.")


def choose_face(
    tracks: Sequence[FaceTrack], choice: FaceChoice, *, expected: ExpectedOpening | None = None
) -> FaceTrack:
    """Return the chosen one of the faces that `follow_faces` found.

    Raises NoSourceFace without any face, NoSuchFace if the choice matches none, or FaceTooSmall.
    """
    if not tracks:
        raise NoSourceFace("No human face was found in the clip. Use a clip that clearly shows a face from the front.")
    chosen = _chosen(tracks, choice, expected)
    if (iod_px := float(np.nanmedian(chosen.iod_px))) < MIN_IOD_PX:
        raise FaceTooSmall(
            f"The face is too small in the clip: {iod_px:.0f} pixels between the eyes, at least {MIN_IOD_PX} are "
            "needed. Use a larger version of the clip, or crop it closer to the face."
        )
    return chosen


def lip_audio_agreement(track: FaceTrack, expected: ExpectedOpening) -> Agreement | None:
    """Correlate the lips of ``track`` with the audio at lags up to 0.2 s; None if too little is seen or moves."""
    seen = track.present & ~track.bridged
    if float(np.diff(track.times_s, append=track.times_s[-1])[seen].sum()) < _MIN_SEEN_S:
        return None
    lips = track.aperture[seen]
    lags_s = np.arange(-_MAX_LAG_S, _MAX_LAG_S + _LAG_STEP_S / 2, _LAG_STEP_S)
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
            raise NoSuchFace(f"The clip has no face {choice}: {len(tracks)} could be followed.")
        return tracks[choice - 1]
    speaker = None if expected is None else _speaker(tracks, expected)
    if speaker is None and choice == "speaker":
        raise NoSuchFace(
            "No lips in the clip clearly follow its own audio. Choose the face by its number or its place."
        )
    return speaker or max(tracks, key=lambda track: track.prominence)


def _speaker(tracks: Sequence[FaceTrack], expected: ExpectedOpening) -> FaceTrack | None:
    """Return the face whose lips follow the audio clearly better than the others; None if there is none."""
    agreements = [lip_audio_agreement(track, expected) for track in tracks]
    ranked = sorted((agreement.r if agreement else -1.0, k) for k, agreement in enumerate(agreements))
    best_r, best = ranked[-1]
    next_r = ranked[-2][0] if len(ranked) > 1 else -1.0
    return tracks[best] if best_r >= _MIN_SPEAKER_R and best_r >= next_r + _MIN_LEAD_R else None


def _at(tracks: Sequence[FaceTrack], place: At) -> FaceTrack:
    """Return the face whose box, widened by a quarter, contains the place in the frame at that time."""
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
            f"There is no face at {place.x:g},{place.y:g} at {place.time_s:g} s. Choose a point inside a face."
        )
    return best
