"""The photo's own teeth become a layer of the skull, and the lips are complete behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from render_helpers import motion, solid_matte

from lipsmith.face.geometry import HeadFrame
from lipsmith.face.landmarks import Face
from lipsmith.face.layout import I32, INNER_LOWER, INNER_UPPER
from lipsmith.media.clip import F32, U8, Image
from lipsmith.render.mouth_colours import CHEEKS, median_at
from lipsmith.render.own_mouth import OpenMouth, complete_lips, incisal_line, own_teeth, read_opening
from lipsmith.render.portrait import Portrait
from lipsmith.render.warp import Source


def opening_of(rgb: U8, face: Face) -> tuple[OpenMouth, Source, HeadFrame]:
    frame = HeadFrame.of(face.points)
    source = Source.of(rgb, 0, 0)
    skin = median_at(rgb, face.points[list(CHEEKS), :2], 0.10 * frame.iod_px)
    mouth = read_opening(source, face.points, frame, skin)
    assert mouth is not None
    return mouth, source, frame


def whiteness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Least over largest channel: 1 for white and grey."""
    return pixels.min(axis=-1) / np.maximum(pixels.max(axis=-1), 1.0)


def test_teeth_are_found_between_the_lips_of_a_smile(image: Image, face: Face) -> None:
    mouth, _, _ = opening_of(image.rgb, face)
    core = mouth.inside > 127
    assert mouth.teeth[core].mean() > 0.5
    assert mouth.opening[core].all()
    rows, columns = np.nonzero(mouth.opening)
    inner_rows, inner_columns = np.nonzero(core)
    reach = 0.12 * mouth.unit_px
    assert inner_rows.min() - reach < rows.min() and rows.max() < inner_rows.max() + reach
    assert inner_columns.min() - reach < columns.min() and columns.max() < inner_columns.max() + reach


def test_completed_lips_show_no_teeth(image: Image, face: Face) -> None:
    mouth, source, frame = opening_of(image.rgb, face)
    core = mouth.inside > 127
    own = own_teeth(mouth, face.points, frame, source)
    teeth = core & (mouth.teeth > 0.8)
    before, outside = mouth.crop[teeth].mean(), mouth.crop[~mouth.opening].copy()
    complete_lips(mouth)
    assert mouth.crop[teeth].mean() < 0.75 * before
    np.testing.assert_array_equal(mouth.crop[~mouth.opening], outside)
    assert own is not None
    assert whiteness(own.pixels)[own.teeth > 200].mean() > 0.8, "the layer of teeth keeps the photo's own pixels"


def test_the_source_of_a_portrait_is_completed(portrait: Portrait, image: Image) -> None:
    """The upper lip sits lower in a closed smile: what it carries along must be lip."""
    target = portrait.target_points(motion())[list(INNER_UPPER[3:8])]
    shut = portrait.draw_rgb(motion())
    x, y = np.round(target).astype(int).T
    line = np.concatenate([shut[y + k, x].min(axis=-1) for k in (-1, 0)])
    assert image.rgb[y, x].min(axis=-1).max() > 170
    assert line.max() < 160


def test_closed_lips_are_left_alone(image: Image, shut_face: Face, portrait: Portrait) -> None:
    rgb = portrait.draw_rgb(motion(smile=0.0))
    mouth, _, _ = opening_of(rgb, shut_face)
    before = mouth.crop.copy()
    complete_lips(mouth)
    assert mouth.gap_iod < 0.012
    np.testing.assert_array_equal(mouth.crop, before)


def test_a_glint_on_the_lower_lip_is_no_tooth(image: Image, face: Face) -> None:
    rgb = image.rgb.copy()
    x, y = np.round(face.points[16, :2]).astype(int)
    rgb[y - 1 : y + 2, x - 3 : x + 4] = 250
    mouth, source, _ = opening_of(rgb, face)
    at = np.round(source.place(np.array([[x, y]]))[0] - mouth.origin).astype(int)
    assert mouth.teeth[at[1], at[0]] == 0.0


@pytest.mark.parametrize("slope", [-0.06, 0.0, 0.06])
def test_the_line_of_tooth_ends_follows_a_tilted_row_above_lower_teeth(slope: float) -> None:
    """Two rows of teeth with a thin dark line between them, one gap, and one tooth that is too long."""
    down, across = np.mgrid[-0.10:0.26:0.004, -0.40:0.40:0.004]
    ends = 0.12 + slope * across - 0.3 * across**2
    teeth = ((down > 0.0) & (down < 0.24)).astype(float)
    luminance = np.where(np.abs(down - ends) < 0.008, 60.0, 220.0)
    luminance[np.abs(across - 0.1) < 0.02] = 220.0
    teeth[np.abs(across + 0.2) < 0.015] = 0.0
    line = incisal_line(teeth, luminance, across, down, 0.26)
    places = np.linspace(-0.25, 0.25, 11)
    wanted = 0.12 + slope * places - 0.3 * places**2
    off = line.at(places) - wanted
    assert np.abs(off).max() < 0.022
    assert off.max() < 0.0, "the dark line itself is no tooth"


def test_gums_between_teeth_stay_with_the_skull(image: Image, face: Face) -> None:
    """A dark gap painted between two teeth of a smile belongs to the layer; one below their ends does not."""
    top, bottom = face.points[13, :2], face.points[14, :2]
    rgb = image.rgb.copy()
    x, y = np.round(top + 0.25 * (bottom - top)).astype(int)
    rgb[y - 2 : y + 1, x - 1 : x + 2] = (70, 30, 30)
    mouth, source, frame = opening_of(rgb, face)
    own = own_teeth(mouth, face.points, frame, source)
    assert own is not None
    at = np.round(source.place(np.array([[x, y - 1.0]]))[0] - mouth.origin).astype(int)
    assert mouth.teeth[at[1], at[0]] < 0.3
    assert own.teeth[at[1], at[0]] > 200
    below = np.round(source.place(bottom[None])[0] - mouth.origin).astype(int)
    assert own.teeth[below[1], below[0]] < 60


def test_own_teeth_stay_where_the_skull_is(portrait: Portrait) -> None:
    """Two openings show the same teeth at the same place."""
    small, large = (portrait.draw_rgb(motion(aperture=a, smile=0.75)) for a in (0.16, 0.24))
    top = portrait.target_points(motion(aperture=0.16, smile=0.75))[list(INNER_UPPER[4:7])]
    x, y = np.round(top.mean(axis=0)).astype(int)
    middle = np.s_[y + 2 : y + 4, x - 5 : x + 6]
    assert np.abs(small[middle].astype(int) - large[middle]).mean() < 8


def test_nothing_half_transparent_shows_between_nearly_closed_lips(portrait: Portrait) -> None:
    """A gap of 2 hundredths is a dark line: darker than the lips, and not grey."""
    channels = motion(aperture=0.02 / portrait.shape.scale, smile=0.45)
    frame, target = portrait.draw_rgb(channels), portrait.target_points(channels)
    x, y = np.round(target[[13, 14]].mean(axis=0)).astype(int)
    lips = frame[y - 4 : y + 5, x - 6 : x + 7].mean(axis=2)
    darkest = lips.min(axis=0)
    assert (darkest < 0.75 * np.median(lips[[0, -1]], axis=0)).all()


def test_a_statue_has_a_cavity_and_no_teeth(image: Image, face: Face, matte: F32, triangles: I32) -> None:
    """A face of grey stone before a coloured wall."""
    stone = image.rgb.copy()
    low, high = face.points[:, :2].min(axis=0).astype(int) - 12, face.points[:, :2].max(axis=0).astype(int) + 12
    inside = np.s_[low[1] : high[1], low[0] : high[0]]
    stone[inside] = (stone[inside] @ [0.2126, 0.7152, 0.0722])[..., None].astype(np.uint8)
    lips = face.points[[*INNER_UPPER, *INNER_LOWER], :2]
    x, y = np.round(lips.mean(axis=0)).astype(int)
    stone[y - 8 : y + 9, x - 18 : x + 19] = 90  # without the astronaut's teeth
    carved = Portrait(replace(image, rgb=stone), face, matte=matte, triangles=triangles)
    assert carved.mouth_look.toothless
    frame, target = carved.draw_rgb(motion(aperture=0.25)), carved.target_points(motion(aperture=0.25))
    top, bottom = target[[13, 14]]
    at = np.linspace(top, bottom, 12)[2:-2].round().astype(int)
    seen = frame[at[:, 1], at[:, 0]].astype(float)
    assert seen.mean() < 0.6 * np.median(stone[inside])
    assert np.ptp(seen.mean(axis=1)) < 40


@pytest.mark.parametrize("yaw", [-12.0, 12.0])
def test_the_arch_turns_with_the_head(image: Image, shut_face: Face, portrait: Portrait, yaw: float) -> None:
    """Of painted teeth, the side towards which the nose turns becomes narrow: they shift the other way."""
    rgb = portrait.draw_rgb(motion(smile=0.0))
    shut = Image(rgb=rgb, grey=False)
    closed = Portrait(shut, shut_face, matte=solid_matte(shut), triangles=portrait.triangles)
    assert closed.mouth_look.own is None

    def middle_of_light(channels: dict[str, float]) -> float:
        frame, target = closed.draw_rgb(channels), closed.target_points(channels)
        x, y = np.round(target[13]).astype(int)
        strip = frame[y + 1 : y + 4, x - 14 : x + 15].astype(float).mean(axis=(0, 2))
        strip = np.clip(strip - strip.min(), 0.0, None)
        return float((strip * np.arange(len(strip))).sum() / strip.sum())

    straight, turned = (middle_of_light(motion(aperture=0.16, head_yaw=angle)) for angle in (0.0, yaw))
    assert abs(turned - straight) > 0.1
