from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lipsmith.motion.intensity import scale_intensity
from lipsmith.motion.track import CHANNELS, MotionTrack

OPEN = np.array([0.0, 0.05, 0.1, 0.2, 0.25, 0.34])
TRACK = MotionTrack.of(
    Fraction(25),
    6,
    aperture=OPEN,
    width=0.04,
    pucker=0.3,
    press=0.7,
    brow=0.4,
    smile=0.75,
    head_yaw=3.0,
    blink_left=1.0,
)


def test_one_changes_nothing() -> None:
    assert scale_intensity(TRACK, 1.0) is TRACK


def test_half_opens_and_lifts_half_as_far() -> None:
    half = scale_intensity(TRACK, 0.5)
    np.testing.assert_allclose(half["aperture"], 0.5 * OPEN, atol=1e-5)
    np.testing.assert_allclose((half["width"], half["brow"], half["pucker"]), [[0.02] * 6, [0.2] * 6, [0.15] * 6])


def test_double_opens_further_but_not_without_end() -> None:
    double = scale_intensity(TRACK, 2.0)["aperture"]
    np.testing.assert_allclose(double[:3], 2 * OPEN[:3], atol=1e-5)
    assert (np.diff(double) >= 0).all()
    assert OPEN[-1] <= double[-1] <= 0.36


@given(st.floats(0.1, 2.0))
def test_lips_that_touch_still_touch_and_the_rest_stays(intensity: float) -> None:
    scaled = scale_intensity(TRACK, intensity)
    assert scaled["aperture"][0] == 0.0
    for name in set(CHANNELS) - {"aperture", "width", "pucker", "upper_raise", "lower_drop", "brow"}:
        np.testing.assert_array_equal(scaled[name], TRACK[name])
