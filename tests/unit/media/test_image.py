from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from media_makers import colour_image, save_image
from PIL import Image as PilImage
from PIL import ImageCms

from lipsmith.errors import InvalidImage, InvalidOption
from lipsmith.media.clip import U8, Image
from lipsmith.media.image import read_image, resize_image

UPRIGHT = colour_image()

STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT, 1),
    7: UPRIGHT[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}
"""How a camera stores the upright image under each EXIF orientation, in numpy."""


def mean_error(one: U8, other: U8) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_becomes_upright(tmp_path: Path, orientation: int) -> None:
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    path = save_image(tmp_path / "turned.png", np.ascontiguousarray(STORED[orientation]), exif=exif)
    np.testing.assert_array_equal(read_image(path).rgb, UPRIGHT)


@pytest.mark.parametrize("extension", ["png", "bmp", "tiff", "webp", "jp2", "gif", "avif", "jpg", "jfif"])
def test_every_format(tmp_path: Path, extension: str) -> None:
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95}, "jfif": {"quality": 95}}.get(extension, {})
    image = read_image(save_image(tmp_path / f"image.{extension}", UPRIGHT, **options))
    assert (image.width, image.height) == (96, 80)
    limits = {"gif": 6.0, "jpg": 3.0, "jfif": 3.0, "avif": 3.0}  # a palette of 256; lossy colours
    assert mean_error(image.rgb, UPRIGHT) <= limits.get(extension, 0.0)
    assert image.warnings == ()


def test_heic_with_the_extra(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "phone.heic"
    heif.from_pillow(PilImage.fromarray(UPRIGHT)).save(path, quality=95)
    assert mean_error(read_image(path).rgb, UPRIGHT) < 4


def test_heic_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    path = tmp_path / "phone.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    with pytest.raises(InvalidImage, match=r"pip install 'lipsmith\[heic\]'"):
        read_image(path)


def test_the_file_name_extension_does_not_matter(tmp_path: Path) -> None:
    path = save_image(tmp_path / "really.jpg", UPRIGHT, format="PNG")
    np.testing.assert_array_equal(read_image(path).rgb, UPRIGHT)


@pytest.mark.parametrize(
    ("background", "expected"), [("white", (227, 127, 127)), ("#0000ff", (100, 0, 127)), ("Black", (100, 0, 0))]
)
def test_transparency_shows_the_background(tmp_path: Path, background: str, expected: tuple[int, int, int]) -> None:
    rgba = np.empty((64, 64, 4), np.uint8)
    rgba[:] = (200, 0, 0, 128)
    image = read_image(save_image(tmp_path / "glass.png", rgba), background=background)
    np.testing.assert_allclose(image.rgb[10, 10], expected, atol=1)


def test_transparency_in_a_palette_and_in_grey(tmp_path: Path) -> None:
    palette = PilImage.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, 250, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=1)
    assert read_image(tmp_path / "palette.png", background="lime").rgb[0, 0].tolist() == [0, 255, 0]
    PilImage.new("LA", (64, 64), (90, 0)).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png", background="#102030").rgb[0, 0].tolist() == [16, 32, 48]


@pytest.mark.parametrize("background", ["no colour", "#12", "", "#gggggg"])
def test_an_unknown_background(tmp_path: Path, background: str) -> None:
    with pytest.raises(InvalidOption, match="is not a colour"):
        read_image(save_image(tmp_path / "a.png", UPRIGHT), background=background)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 128).round().astype(np.uint16)[None, :].repeat(70, 0)
    PilImage.fromarray(ramp).save(tmp_path / "deep.png")
    image = read_image(tmp_path / "deep.png")
    np.testing.assert_allclose(image.rgb[0, :, 0], np.linspace(0, 255, 128), atol=1)
    assert image.grey


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_grey_is_scaled(tmp_path: Path, mode: str) -> None:
    ramp = np.linspace(0, 1, 128)[None, :].repeat(70, 0)
    values = (ramp * 65535).astype(np.int32) if mode == "I" else ramp.astype(np.float32)
    PilImage.fromarray(values).save(tmp_path / "deep.tiff")
    np.testing.assert_allclose(read_image(tmp_path / "deep.tiff").rgb[0, :, 0], np.linspace(0, 255, 128), atol=1)


def test_one_bit(tmp_path: Path) -> None:
    PilImage.fromarray(UPRIGHT).convert("1").save(tmp_path / "fax.png")
    image = read_image(tmp_path / "fax.png")
    assert image.grey
    assert set(np.unique(image.rgb)) == {0, 255}


def test_grey_is_known_even_when_stored_in_colour(tmp_path: Path) -> None:
    grey = UPRIGHT[:, :, :1].repeat(3, 2)
    assert read_image(save_image(tmp_path / "grey.png", grey)).grey
    grey = grey.copy()
    grey[5, 7] = (90, 80, 80)  # one coloured pixel, off the sparse grid
    assert not read_image(save_image(tmp_path / "almost.png", grey)).grey


def test_cmyk_without_a_profile(tmp_path: Path) -> None:
    PilImage.fromarray(UPRIGHT).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert mean_error(read_image(tmp_path / "print.jpg").rgb, UPRIGHT) < 3


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_colour_profile_is_followed(tmp_path: Path) -> None:
    red_is_blue = srgb_profile().replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    path = save_image(tmp_path / "swapped.png", UPRIGHT, icc_profile=red_is_blue)
    np.testing.assert_allclose(read_image(path).rgb.astype(int), UPRIGHT[:, :, ::-1].astype(int), atol=2)


def test_a_profile_keeps_the_transparency(tmp_path: Path) -> None:
    rgba = np.dstack([UPRIGHT, np.zeros(UPRIGHT.shape[:2], np.uint8)])
    path = save_image(tmp_path / "clear.png", rgba, icc_profile=srgb_profile())
    assert (read_image(path, background="#010203").rgb == (1, 2, 3)).all()


def test_a_screen_profile_on_a_grey_image(tmp_path: Path) -> None:
    path = save_image(tmp_path / "grey.png", UPRIGHT[:, :, 0], icc_profile=srgb_profile())
    image = read_image(path)
    assert image.grey
    assert image.warnings == ()
    np.testing.assert_allclose(image.rgb[:, :, 1].astype(int), UPRIGHT[:, :, 0].astype(int), atol=1)


def test_a_broken_profile_is_ignored_with_a_word(tmp_path: Path) -> None:
    path = save_image(tmp_path / "broken.png", UPRIGHT, icc_profile=b"not a profile at all" * 20)
    image = read_image(path)
    np.testing.assert_array_equal(image.rgb, UPRIGHT)
    assert "profile cannot be used" in image.warnings[0]


def test_lab_colours(tmp_path: Path) -> None:
    into_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(PilImage.fromarray(UPRIGHT), into_lab)
    assert lab is not None
    lab.save(tmp_path / "lab.tiff")
    image = read_image(tmp_path / "lab.tiff")
    assert mean_error(image.rgb, UPRIGHT) < 3


@pytest.mark.parametrize("extension", ["gif", "webp", "png"])
def test_of_a_moving_image_the_first_frame(tmp_path: Path, extension: str) -> None:
    frames = [PilImage.new("RGB", (64, 70), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"film.{extension}", save_all=True, append_images=frames[1:], duration=40)
    image = read_image(tmp_path / f"film.{extension}")
    np.testing.assert_allclose(image.rgb[30, 30], (255, 0, 0), atol=4)
    assert image.warnings == ("The file contains several images; only the first is used.",)


def test_a_phone_jpeg_with_a_second_view_inside(tmp_path: Path) -> None:
    views = [PilImage.fromarray(UPRIGHT), PilImage.fromarray(UPRIGHT[::-1].copy())]
    views[0].save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=views[1:], quality=95)
    image = read_image(tmp_path / "phone.jpg")
    assert mean_error(image.rgb, UPRIGHT) < 3
    assert image.warnings == ()


def test_a_huge_jpeg_is_read_at_half_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    PilImage.new("RGB", (6400, 4000), "teal").save(path)
    image = read_image(path)
    assert (image.width, image.height) == (3200, 2000)
    assert image.warnings == ("The image of 6400 x 4000 pixels was read at 3200 x 2000.",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 100, 200), (10, 100, 200)),
        ("RGBA", (10, 100, 200, 0), (255, 255, 255)),
        ("LA", (80, 255), (80, 80, 80)),
        ("P", 0, (10, 100, 200)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 65535, (255, 255, 255)),
    ],
)
def test_every_huge_image_is_read_at_half_its_size(
    tmp_path: Path, mode: str, colour: object, expected: tuple[int, int, int]
) -> None:
    huge = PilImage.new(mode, (6401, 3900), colour)
    if mode == "P":
        huge.putpalette([10, 100, 200])
    huge.save(tmp_path / "huge.png", compress_level=1)
    image = read_image(tmp_path / "huge.png")
    assert (image.width, image.height) == (3201, 1950)
    assert image.warnings == ("The image of 6401 x 3900 pixels was read at 3201 x 1950.",)
    assert tuple(image.rgb[0, 0]) == tuple(image.rgb[-1, -1]) == expected


@pytest.mark.slow
def test_a_huge_image_is_turned_and_averaged(tmp_path: Path) -> None:
    stripes = np.zeros((6400, 3900, 3), np.uint8)
    stripes[::2] = 100
    stripes[:3200, :, 0] = 200
    exif = PilImage.Exif()
    exif[0x0112] = 6
    PilImage.fromarray(stripes).save(tmp_path / "huge.png", compress_level=1, exif=exif)
    image = read_image(tmp_path / "huge.png")
    assert (image.width, image.height) == (3200, 1950)
    assert tuple(image.rgb[7, 9]) == (50, 50, 50)
    assert tuple(image.rgb[7, -9]) == (200, 50, 50)


@pytest.mark.parametrize("extension", ["png", "jpg", "webp", "avif", "bmp", "tiff", "jp2", "gif"])
def test_a_cut_off_image_is_refused(tmp_path: Path, extension: str) -> None:
    noise = np.random.default_rng(11).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    whole = save_image(tmp_path / f"whole.{extension}", noise).read_bytes()
    path = tmp_path / f"cut.{extension}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidImage, match=rf"cut.{extension}"):
        read_image(path)


def test_broken_exif_does_not_stop_an_image(tmp_path: Path) -> None:
    path = save_image(tmp_path / "exif.jpg", UPRIGHT, quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_image(path).width == 96


def test_pixels_may_be_written_to(tmp_path: Path) -> None:
    image = read_image(save_image(tmp_path / "a.png", UPRIGHT))
    assert image.rgb.flags.writeable
    assert image.rgb.flags.c_contiguous


def test_resizing_averages_over_the_area_and_keeps_the_info() -> None:
    checks = (np.indices((400, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, 2)
    image = Image(rgb=checks, grey=True, warnings=("a word",))
    small = resize_image(image, 100, 50)
    assert (small.width, small.height, small.grey, small.warnings) == (100, 50, True, ("a word",))
    np.testing.assert_allclose(small.rgb, 127.5, atol=3)
    assert resize_image(image, 400, 400) is image


def test_an_image_in_memory_format_is_not_guessed_from_postscript(tmp_path: Path) -> None:
    path = tmp_path / "drawing.png"
    buffer = io.BytesIO()
    PilImage.fromarray(UPRIGHT).save(buffer, format="EPS")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(InvalidImage, match="not a supported image"):
        read_image(path)
