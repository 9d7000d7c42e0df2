"""A portrait as a whole: what one channel changes and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion, solid_matte

from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER, LEFT_IRIS, RIGHT_IRIS
from lipsmith.media.clip import Image
from lipsmith.render.blend import to_i420
from lipsmith.render.matte import Matte
from lipsmith.render.portrait import Portrait


def change(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(height, width): mean difference of the channels, levels."""
    return np.abs(a.astype(np.float64) - b).mean(axis=-1)


def near(face: Face, points: list[int], reach_iod: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.uint8)
    for x, y in np.round(face.points[points, :2]).astype(int).tolist():
        cv2.circle(mask, (x, y), round(reach_iod * face.iod_px), 1, -1)
    return mask > 0


EYES = [*LEFT_IRIS, *RIGHT_IRIS, 33, 133, 362, 263]


def test_both_kinds_of_frame_agree(portrait: Portrait) -> None:
    for channels in (motion(), motion(aperture=0.2, blink_left=1.0, head_yaw=4.0)):
        np.testing.assert_array_equal(portrait.draw_i420(channels), to_i420(portrait.draw_rgb(channels)))


def test_frames_are_the_caller_s_to_keep(portrait: Portrait, image: Image) -> None:
    first = portrait.draw_rgb(motion(aperture=0.2))
    kept = first.copy()
    portrait.draw_rgb(motion(head_yaw=5.0))[...] = 0
    np.testing.assert_array_equal(first, kept)
    assert not np.shares_memory(first, image.rgb)


def test_outside_its_rectangle_the_image_is_untouched(portrait: Portrait, image: Image) -> None:
    frame = portrait.draw_rgb(motion(head_yaw=10, head_pitch=8, head_roll=8, head_x=0.1, breath=1, aperture=0.3))
    left, top, right, bottom = portrait.rect
    assert all(value % 2 == 0 for value in portrait.rect)
    away = change(frame, image.rgb)
    assert away[top:bottom, left:right].mean() > 1
    away[top:bottom, left:right] = 0
    assert away.max() == 0


def test_target_points_are_where_the_lips_are_requested_to_be(portrait: Portrait) -> None:
    channels = motion(aperture=0.2)
    target = portrait.target_points(channels)
    gap = np.linalg.norm(target[14] - target[13])
    frame = portrait.shape.frame
    down_px = np.linalg.norm(frame.rotation[1, :2]) * frame.iod_px  # a little shorter where the head is bowed
    assert gap == pytest.approx(portrait.shape.target_aperture(channels) * down_px, rel=0.04)
    shut = portrait.target_points(motion())
    across = np.linalg.norm(shut[list(INNER_UPPER)] - shut[list(INNER_LOWER)], axis=1)
    assert across.max() < 0.04 * portrait.shape.frame.iod_px


def test_a_blink_changes_the_eyes_only(portrait: Portrait, face: Face) -> None:
    opened, shut = portrait.draw_rgb(motion()), portrait.draw_rgb(motion(blink_left=1.0, blink_right=1.0))
    eyes = near(face, EYES, 0.75, opened.shape[:2])
    assert change(opened, shut)[near(face, EYES, 0.08, opened.shape[:2])].mean() > 10
    assert change(opened, shut)[~eyes].max() == 0


def test_a_wink_leaves_the_other_eye_open(portrait: Portrait, face: Face) -> None:
    opened, wink = portrait.draw_rgb(motion()), portrait.draw_rgb(motion(blink_right=1.0))
    left = near(face, [33, 133, *LEFT_IRIS], 0.3, opened.shape[:2])
    right = near(face, [362, 263, *RIGHT_IRIS], 0.3, opened.shape[:2])
    assert change(opened, wink)[left & ~right].max() == 0
    assert change(opened, wink)[right].max() > 40


def test_a_glance_shifts_the_irises(portrait: Portrait, face: Face) -> None:
    straight, right = portrait.draw_rgb(motion()), portrait.draw_rgb(motion(gaze_x=0.05))
    eyes = near(face, EYES, 0.3, straight.shape[:2])
    assert change(straight, right)[eyes].max() > 10
    assert change(straight, right)[~eyes].max() == 0
    for iris in (LEFT_IRIS, RIGHT_IRIS):
        x, y = face.points[iris[0], :2]
        reach, row = round(0.2 * face.iod_px), round(y)

        def centre_of_darkness(rgb: NDArray[np.uint8], x: float = x, row: int = row, reach: int = reach) -> float:
            strip = rgb[row - 1 : row + 2, round(x) - reach : round(x) + reach + 1].mean(axis=(0, 2))
            dark = np.clip(110 - strip, 0, None)
            return float((dark * np.arange(len(dark))).sum() / dark.sum())

        assert centre_of_darkness(right) > centre_of_darkness(straight) + 0.2


def test_the_mouth_moves_no_eye_and_the_eye_no_mouth(portrait: Portrait, face: Face) -> None:
    rest, speaking = portrait.draw_rgb(motion(smile=0.75)), portrait.draw_rgb(motion(smile=0.75, aperture=0.25))
    eyes = near(face, EYES, 0.2, rest.shape[:2])
    assert change(rest, speaking)[eyes].max() <= 2
    assert change(rest, speaking)[near(face, [13, 14], 0.1, rest.shape[:2])].mean() > 10


def test_a_shut_mouth_shows_no_teeth(portrait: Portrait, image: Image) -> None:
    """The astronaut smiles with bright teeth; with the lips together they are gone."""
    row = np.concatenate([portrait.target_points(motion())[list(INNER_UPPER)[3:8]]])
    shut = portrait.draw_rgb(motion())
    opened = portrait.draw_rgb(motion(aperture=0.2))
    at = tuple(np.round(row).astype(int).T[::-1])
    middle = portrait.target_points(motion(aperture=0.2))[[13, 14]].mean(axis=0).round().astype(int)
    assert shut[at].astype(int).min(axis=-1).max() < opened[middle[1] - 1, middle[0]].astype(int).min()


def test_the_mouth_keeps_what_teeth_the_image_shows(portrait: Portrait, image: Image, face: Face) -> None:
    shape = portrait.shape
    frame = portrait.draw_rgb(motion(aperture=shape.aperture / shape.scale))
    x, y = face.points[[13, 14], :2].mean(axis=0).round().astype(int)
    assert change(frame, image.rgb)[y - 1 : y + 2, x - 4 : x + 5].mean() < 25


def between_the_lips(portrait: Portrait, channels: dict[str, float]) -> NDArray[np.float64]:
    """(n, 3): the middle of the opening from the upper to the lower lip, one colour a pixel."""
    top, bottom = portrait.target_points(channels)[[13, 14]]
    steps = max(2, int(np.linalg.norm(bottom - top)))
    x, y = np.linspace(top, bottom, steps + 2)[1:-1].round().astype(int).T
    return portrait.draw_rgb(channels)[y, x].astype(np.float64)


def redness(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    return colours[:, 0] / np.maximum(colours[:, 1], 1.0)


def test_the_tongue_comes_before_the_teeth_for_th_alone(portrait: Portrait) -> None:
    """The astronaut's own teeth fill a narrow opening; only a tongue between them is seen."""
    at = {"aperture": 0.12, "smile": 0.45}
    low, behind, between = (between_the_lips(portrait, motion(**at, tongue=up)) for up in (0.0, 0.6, 1.0))
    lower = slice(len(low) // 2, -1)
    assert redness(between[lower]).mean() > redness(low[lower]).mean() + 0.1
    np.testing.assert_allclose(behind[: len(low) // 2], low[: len(low) // 2], atol=3.0)


def test_teeth_on_the_lower_lip_stand_in_the_light(portrait: Portrait) -> None:
    at = {"aperture": 0.05, "smile": 0.45}
    free, bitten = (between_the_lips(portrait, motion(**at, tuck=tuck)).mean() for tuck in (0.0, 1.0))
    assert bitten > free + 3.0


def test_no_made_teeth_stand_beside_the_image_s_own(portrait: Portrait) -> None:
    """They fill what the mask leaves out at the rim of the own ones, and no more."""
    look = portrait.mouth_look
    assert look.own is not None
    area = (look.own.around > 127).sum() / (look.own.teeth > 127).sum()
    assert 1.0 < area < 2.0
    without = replace(look, own=replace(look.own, around=np.zeros_like(look.own.around)))
    everywhere = replace(look, own=replace(look.own, around=np.full_like(look.own.around, 255)))
    frames = []
    try:
        for portrait.mouth_look in (look, without, everywhere):
            frames.append(portrait.draw_rgb(motion(aperture=0.3, smile=0.45)))
    finally:
        portrait.mouth_look = look
    assert change(frames[0], frames[1]).sum() < 0.6 * change(frames[2], frames[1]).sum()


@pytest.mark.slow
def test_a_grey_image_stays_grey(image: Image, face: Face, matte: Matte, triangles: I32) -> None:
    light = cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY)
    grey = Portrait(
        replace(image, rgb=np.repeat(light[..., None], 3, axis=2), grey=True), face, matte=matte, triangles=triangles
    )
    frame = grey.draw_rgb(motion(aperture=0.3, blink_left=0.7, head_yaw=3.0)).astype(int)
    assert np.ptp(frame, axis=2).max() <= 2


@pytest.mark.slow
def test_colours_are_the_image_s_own(
    portrait: Portrait, image: Image, face: Face, matte: Matte, triangles: I32
) -> None:
    """Half the light on the photo, half the light on the teeth."""
    dim = Portrait(replace(image, rgb=image.rgb // 2), face, matte=matte, triangles=triangles)
    channels = motion(aperture=0.25)
    x, y = portrait.target_points(channels)[[13, 14]].mean(axis=0).round().astype(int)
    bright, dark = (p.draw_rgb(channels)[y - 2 : y + 3, x - 5 : x + 6].mean() for p in (portrait, dim))
    assert dark == pytest.approx(bright / 2, rel=0.25)


def test_a_face_at_the_image_s_edge_can_be_drawn(image: Image, face: Face, triangles: I32) -> None:
    x, y = round(face.points[1, 0]) // 2 * 2, round(face.points[152, 1]) // 2 * 2 - 6
    cut = replace(image, rgb=np.ascontiguousarray(image.rgb[: y + 2, x - 20 :]))
    moved = Face(points=face.points - [x - 20, 0, 0], score=face.score)
    portrait = Portrait(cut, moved, matte=solid_matte(cut), triangles=triangles)
    frame = portrait.draw_rgb(motion(aperture=0.3, head_yaw=8.0, head_pitch=5.0, blink_left=1.0))
    assert frame.shape == cut.rgb.shape
    assert portrait.draw_i420(motion()).shape == (cut.height * 3 // 2, cut.width)
