"""Blinks and glances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lipsmith.motion.noise import F64
from lipsmith.speech.visemes import HOP_S, Speech

_GAP_MEDIAN_S, _GAP_SIGMA = 3.5, 0.45  # log-normal: 15 blinks a minute, gaps of 1.7–7.3 s in nine of ten
_GAP_RANGE_S = (1.2, 9.0)
_FIRST_BLINK_S = 0.4
_PHRASE_END_REACH_S = 0.9  # largest shift of a blink to the end of a phrase
_PHRASE_PAUSE_S = 0.16
_CLOSING_S, _SHUT_S, _OPENING_S = (0.08, 0.10), (0.015, 0.045), (0.16, 0.25)  # durations of a blink's phases
_SHUTTER = 0.5  # share of a frame over which the lid is averaged, so that it does not jump from frame to frame
_SHUTTER_SAMPLES = 5
_PARTIAL_SHARE, _PARTIAL_WAY = 0.15, (0.45, 0.75)  # of all blinks, those that go only part of the way
_SECOND_EYE_LATER_S, _SECOND_EYE_WAY = (0.0, 0.012), (0.95, 1.0)

_HOLD_MEDIAN_S, _HOLD_SIGMA, _HOLD_RANGE_S = 1.1, 0.5, (0.5, 3.0)
_GLANCE_IOD = (0.010, 0.030)
_HOME_SHARE = 0.45  # of all glances, those that return to the viewer
_GLANCE_S = 0.045
_COUNTER_IOD_PER_DEG = 0.0020  # the eyeball's radius of 0.19 IOD gives 0.0033; people follow with the eyes a little


def blink_channels(rng: np.random.Generator, times_s: F64, speech: Speech) -> dict[str, F64]:
    """Return both lids; 12–20 blinks a minute, preferably at ends of phrases, none in the first 0.4 s.

    One blink in seven goes only part of the way. One eye follows the other a few milliseconds later.
    """
    lids = {"blink_left": np.zeros_like(times_s), "blink_right": np.zeros_like(times_s)}
    for blink_s in _blink_times(rng, float(times_s[-1]), _phrase_ends(speech)):
        way = rng.uniform(*_PARTIAL_WAY) if rng.random() < _PARTIAL_SHARE else 1.0
        for name, lid in blink_of_both(rng, times_s, blink_s).items():
            lids[name] = np.maximum(lids[name], way * lid)
    return lids


def blink_of_both(rng: np.random.Generator, times_s: F64, blink_s: float) -> dict[str, F64]:
    """Return both lids in one whole blink, shut at the frame nearest to ``blink_s``."""
    shut_s = float(times_s[np.argmin(np.abs(times_s - blink_s))])  # on a frame, so that the blink shuts the eye
    phases_s = [float(rng.uniform(*limits)) for limits in (_CLOSING_S, _SHUT_S, _OPENING_S)]
    first, second = ("blink_left", "blink_right") if rng.random() < 0.5 else ("blink_right", "blink_left")
    later_s, way = rng.uniform(*_SECOND_EYE_LATER_S), rng.uniform(*_SECOND_EYE_WAY)
    leading = _closure(times_s, shut_s, phases_s)
    return {first: leading, second: way * _closure(times_s, shut_s + later_s, phases_s)}


def gaze_channels(rng: np.random.Generator, times_s: F64, head_yaw: F64, head_pitch: F64) -> dict[str, F64]:
    """Return small glances that hold between quick jumps; the eyes stay on the viewer while the head turns."""
    starts_s, targets = _glances(rng, float(times_s[-1]))
    x, y = np.zeros_like(times_s), np.zeros_like(times_s)
    here = np.zeros(2)
    for start_s, target in zip(starts_s, targets, strict=True):
        share = np.clip((times_s - start_s) / _GLANCE_S, 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        x, y = x + share * (target[0] - here[0]), y + share * (target[1] - here[1])
        here = target
    return {"gaze_x": x - _COUNTER_IOD_PER_DEG * head_yaw, "gaze_y": y - _COUNTER_IOD_PER_DEG * head_pitch}


def _closure(times_s: F64, shut_s: float, phases_s: Sequence[float]) -> F64:
    """Return the closure of a lid that is shut from ``shut_s`` on; ``phases_s``: closing, shut, opening, seconds."""
    closing_s, held_s, opening_s = phases_s
    frame_s = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 0.0
    shutter_s = _SHUTTER * frame_s * (np.arange(_SHUTTER_SAMPLES) / (_SHUTTER_SAMPLES - 1) - 0.5)
    since_s = times_s[:, None] + shutter_s - shut_s
    down = np.clip(1.0 + since_s / closing_s, 0.0, 1.0)
    up = np.clip((since_s - held_s) / opening_s, 0.0, 1.0)
    lid = (down * down * (3.0 - 2.0 * down) * (1.0 - up * up * (3.0 - 2.0 * up))).mean(axis=1)
    highest = float(lid.max())
    return lid / highest if highest > 0.5 else lid


def _blink_times(rng: np.random.Generator, length_s: float, phrase_ends_s: F64) -> list[float]:
    times: list[float] = []
    # A video starts within a gap, not at its beginning.
    planned_s = max(_FIRST_BLINK_S + 0.2, _gap(rng) * rng.uniform(0.3, 1.0))
    while planned_s < length_s:
        blink_s = planned_s
        if len(phrase_ends_s):
            nearest = float(phrase_ends_s[np.argmin(np.abs(phrase_ends_s - planned_s))])
            free_from_s = times[-1] + _GAP_RANGE_S[0] if times else _FIRST_BLINK_S + 0.2
            if abs(nearest - planned_s) <= _PHRASE_END_REACH_S and nearest >= free_from_s:
                blink_s = nearest
        times.append(blink_s)
        planned_s = blink_s + _gap(rng)
    return times


def _gap(rng: np.random.Generator) -> float:
    return float(np.clip(rng.lognormal(np.log(_GAP_MEDIAN_S), _GAP_SIGMA), *_GAP_RANGE_S))


def _phrase_ends(speech: Speech) -> F64:
    """Return times shortly after the start of every pause of at least 0.16 s, seconds."""
    silent = np.concatenate([[True], speech.visemes[:, 0] > 0.5, [False]])
    edges = np.diff(silent.astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    ends = ends[1:] if silent[1] or len(ends) > len(starts) else ends
    return np.array(
        [s * HOP_S + 0.06 for s, e in zip(starts, ends, strict=False) if (e - s) * HOP_S >= _PHRASE_PAUSE_S]
    )


def _glances(rng: np.random.Generator, length_s: float) -> tuple[list[float], list[F64]]:
    starts_s: list[float] = []
    targets: list[F64] = []
    time_s = 0.3
    while True:
        time_s += float(np.clip(rng.lognormal(np.log(_HOLD_MEDIAN_S), _HOLD_SIGMA), *_HOLD_RANGE_S))
        if time_s >= length_s:
            return starts_s, targets
        size, angle = rng.uniform(*_GLANCE_IOD), rng.uniform(0.0, 2 * np.pi)
        away = np.array([np.cos(angle), 0.6 * np.sin(angle)]) * size  # eyes move sideways more than up and down
        starts_s.append(time_s)
        targets.append(np.zeros(2) if rng.random() < _HOME_SHARE else away)
