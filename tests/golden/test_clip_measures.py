"""Measures of lip-synced clips, on frames and curves with known values."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from benchmarks import clip_measures as measures
from benchmarks.subjects import Subject

from lipsmith.face.geometry import HeadFrame

RNG = np.random.default_rng(5)


def planes_of(level: int, height: int = 512, width: int = 512) -> np.ndarray:
    return np.full((height * 3 // 2, width), level, np.uint8)


def test_a_changed_byte_of_luma_is_one_pixel_and_of_chroma_four() -> None:
    before, luma, chroma = planes_of(90, 40, 60), planes_of(90, 40, 60), planes_of(90, 40, 60)
    luma[7, 11] += 1
    chroma[40:].reshape(2, 20, 30)[1, 3, 5] -= 1
    assert np.argwhere(measures.changed_pixels(before, luma)).tolist() == [[7, 11]]
    assert np.argwhere(measures.changed_pixels(before, chroma)).tolist() == [[6, 10], [6, 11], [7, 10], [7, 11]]


def test_what_changed_outside_the_lower_face_is_counted_by_its_side(one_subject: Subject) -> None:
    points, iod_px = one_subject.face.points, one_subject.face.iod_px
    size = one_subject.image.rgb.shape[:2]

    def parts(x: float, y: float) -> dict[str, int]:
        changed = np.zeros(size, np.bool_)
        changed[int(y), int(x)] = True
        return measures.outside_parts(changed, points)

    mouth, brow = points[13, :2], points[168, :2]
    down = HeadFrame.of(points).rotation[1, :2] * iod_px
    assert parts(*mouth) == {"above": 0, "beside": 0, "below": 0}
    assert parts(*brow) == {"above": 1, "beside": 0, "below": 0}
    assert parts(mouth[0] - 2.2 * iod_px, mouth[1]) == {"above": 0, "beside": 1, "below": 0}
    assert parts(*(points[152, :2] + 0.6 * down)) == {"above": 0, "beside": 0, "below": 1}


def test_a_mouth_that_only_moves_does_not_flicker(one_subject: Subject) -> None:
    grey = cv2.cvtColor(one_subject.image.rgb, cv2.COLOR_RGB2GRAY)
    points = one_subject.face.points
    moved = np.roll(grey, (3, 5), axis=(0, 1))
    still = measures.lip_flicker(grey, points, moved, points + np.array([5.0, 3.0, 0.0]))
    unknown = measures.lip_flicker(grey, points, moved, points)
    assert still == pytest.approx(0.0, abs=0.05)
    assert unknown is not None and unknown > 3.0
    assert measures.lip_flicker(grey, points, grey, points - np.array([600.0, 0.0, 0.0])) is None
    brighter = np.clip(grey.astype(int) + 7, 0, 255).astype(np.uint8)
    assert measures.lip_flicker(grey, points, brighter, points) == pytest.approx(7.0, abs=0.5)


def test_sharpness_falls_with_blur_and_stays_with_size(one_subject: Subject) -> None:
    grey = cv2.GaussianBlur(cv2.cvtColor(one_subject.image.rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    points = one_subject.face.points
    own = measures.mouth_sharpness(grey, points)
    soft = measures.mouth_sharpness(cv2.GaussianBlur(grey, (0, 0), 2.0), points)
    large = measures.mouth_sharpness(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), 2 * points)
    assert own is not None and soft is not None and large is not None
    assert soft < 0.5 * own
    assert 0.75 < large / own < 1.35


def test_a_step_of_colour_shows_at_the_rim_and_a_change_of_grain_does_not() -> None:
    before = np.full((240, 240, 3), 120, np.uint8)
    changed = np.zeros((240, 240), np.bool_)
    cv2_mask = cv2.circle(np.zeros((240, 240), np.uint8), (120, 120), 70, 1, -1)
    changed[:] = cv2_mask > 0
    tinted, grainy = before.copy(), before.copy()
    tinted[changed] += np.array([6, 0, 0], np.uint8)
    grainy[changed] = (120 + RNG.integers(-8, 9, (int(changed.sum()), 3))).astype(np.uint8)
    middle = np.array([120.0, 120.0])
    assert measures.colour_step(before, tinted, changed, middle, 80.0) == pytest.approx(6.0)
    grain = measures.colour_step(before, grainy, changed, middle, 80.0)
    assert grain is not None and grain < 2.0
    assert measures.colour_step(before, before, np.zeros_like(changed), middle, 80.0) is None


def test_lags_of_lips_and_audio_are_found() -> None:
    times_s = np.arange(0, 6, 0.04)
    curve = np.interp(times_s, np.arange(0, 6, 0.25), RNG.uniform(0, 0.2, 24))
    later = np.interp(times_s - 0.03, times_s, curve)
    found = measures.best_lag_s(times_s, curve, times_s, later)
    assert found is not None
    assert found[0] == pytest.approx(0.03, abs=0.006)
    assert found[1] > 0.98
    assert measures.best_lag_s(times_s, np.zeros_like(curve), times_s, later) is None
    noise = RNG.standard_normal(16000).astype(np.float32)
    assert measures.audio_lag_s(noise, np.roll(noise, 37), 16000) == pytest.approx(37 / 16000)
    assert measures.audio_lag_s(noise, 0 * noise, 16000) is None
