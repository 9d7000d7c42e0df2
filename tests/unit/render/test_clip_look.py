"""The inside of a filmed mouth: read where teeth show, lit as each frame is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsmith.face.geometry import F64
from lipsmith.face.landmarks import Face
from lipsmith.media.clip import U8, Image
from lipsmith.render.clip_look import MAX_INCISAL_IOD, ClipLook, read_clip_look

Filmed = dict[str, tuple[U8, F64]]
COLOURS = ("tooth", "tongue", "cavity", "gum", "line")


@pytest.fixture(scope="module")
def look(image: Image, face: Face) -> ClipLook:
    return read_clip_look([(image.rgb, face.points)])


def test_teeth_are_bright_and_the_rest_is_darker(look: ClipLook) -> None:
    luma = {name: float(getattr(look.look, name).mean()) for name in COLOURS}
    assert luma["tooth"] > max(luma["tongue"], luma["gum"]) > luma["cavity"]
    assert 0.7 < luma["tooth"] / look.cheeks.mean() < 1.4  # the cheeks beside the mouth lie in its shade
    assert 0.03 < look.look.incisal_iod <= MAX_INCISAL_IOD


def test_the_frame_s_own_mouth_is_not_kept(look: ClipLook) -> None:
    assert look.look.own is None


def test_the_light_of_a_frame_is_followed(look: ClipLook) -> None:
    same = look.lit_as(look.cheeks, 0.1)
    darker = look.lit_as(look.cheeks * 0.6, 0.1)
    blue = look.lit_as(look.cheeks * [0.7, 0.9, 1.2], 0.1)
    for name in COLOURS:
        own = getattr(look.look, name)
        np.testing.assert_allclose(getattr(same, name), own, atol=0.01)
        np.testing.assert_allclose(getattr(darker, name), 0.6 * own, rtol=1e-4)
        np.testing.assert_allclose(getattr(blue, name), np.minimum(own * [0.7, 0.9, 1.2], 250), rtol=1e-4)
    assert (same.own_gap_iod, look.lit_as(look.cheeks, 0.03).own_gap_iod) == (0.1, 0.03)


def test_cheeks_that_are_black_or_burnt_out_do_not_take_the_mouth_along(look: ClipLook) -> None:
    night, glare = look.lit_as(np.zeros(3), 0.1), look.lit_as(np.full(3, 1e4), 0.1)
    assert (night.tooth > 0.2 * look.look.tooth).all()
    assert (glare.tooth <= 250).all() and (glare.cavity <= 3.01 * look.look.cavity).all()


@pytest.mark.slow
def test_a_frame_with_teeth_is_preferred(image: Image, face: Face, filmed: Filmed) -> None:
    both = read_clip_look([filmed["shut"], (image.rgb, face.points)])
    alone = read_clip_look([(image.rgb, face.points)])
    np.testing.assert_array_equal(both.look.tooth, alone.look.tooth)
    np.testing.assert_array_equal(both.cheeks, alone.cheeks)


def test_a_clip_without_teeth_has_a_look_too(filmed: Filmed) -> None:
    look = read_clip_look([filmed["shut"]])
    assert look.look.tooth.min() > 60
    assert look.look.incisal_iod <= MAX_INCISAL_IOD


def test_a_softer_clip_has_softer_mouths(image: Image, face: Face) -> None:
    sigmas = (0.7, 1.2, 2.0)
    softness = [
        read_clip_look([(np.asarray(cv2.GaussianBlur(image.rgb, (0, 0), s)), face.points)]).softness_px for s in sigmas
    ]
    assert softness[0] < softness[1] < softness[2]
    assert softness[2] == pytest.approx(2.0, rel=0.35)


def test_painting_is_softened_inside_the_mouth_alone(look: ClipLook) -> None:
    rng = np.random.default_rng(2)
    painted = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    inside = np.zeros((40, 60), np.float32)
    inside[10:30, 15:45] = 1.0
    soft = ClipLook(look=look.look, cheeks=look.cheeks, softness_px=2.0).soften(painted, inside)
    assert (soft[inside == 0] == painted[inside == 0]).all()
    assert soft[12:28, 17:43].std() < 0.4 * painted[12:28, 17:43].std()
    sharp = ClipLook(look=look.look, cheeks=look.cheeks, softness_px=0.5).soften(painted, inside)
    assert (sharp == painted).all()
