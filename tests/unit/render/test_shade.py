"""Light that moves with the skin."""

from __future__ import annotations

import numpy as np
import pytest
from render_helpers import motion

from lipsmith.face.layout import LOWER_LIP_RINGS, UPPER_LIP_RINGS
from lipsmith.render.portrait import Portrait
from lipsmith.render.shade import BRIGHTEST, DARKEST, FoldShade


@pytest.fixture(scope="module")
def shade(portrait: Portrait) -> FoldShade:
    return FoldShade(portrait.shape.rest, portrait.triangles)


def test_a_face_that_does_not_move_keeps_its_light(shade: FoldShade) -> None:
    np.testing.assert_allclose(shade.factors(np.zeros((478, 3))), 1.0)


def test_light_stays_within_bounds_and_off_the_lips(shade: FoldShade, portrait: Portrait) -> None:
    lips = [p for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for p in ring]
    factors = shade.factors(portrait.shape.displacement(motion(aperture=0.3, width=0.2)))
    assert factors.min() >= DARKEST
    assert factors.max() <= BRIGHTEST
    assert np.ptp(factors) > 0.01
    np.testing.assert_allclose(factors[lips], 1.0)
    np.testing.assert_allclose(factors[[10, 151, 9, 70, 300]], 1.0)


def test_skin_that_turns_down_gets_darker(shade: FoldShade, portrait: Portrait) -> None:
    rest = portrait.shape.rest
    chin = 199
    tilted = np.zeros((478, 3))
    # Below the chin's middle the skin goes back: the normal turns down, away from the light above.
    below = rest[:, 1] > rest[chin, 1]
    tilted[below, 2] = 0.8 * (rest[below, 1] - rest[chin, 1])
    assert shade.factors(tilted)[chin] < 0.99
    assert shade.factors(-tilted)[chin] > 1.0
