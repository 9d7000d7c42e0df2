"""Load an image, upright and in sRGB."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from PIL import ImageCms, ImageColor

from lipsmith.errors import InvalidOption
from lipsmith.media.clip import U8, Image
from lipsmith.media.probe import damaged_image, holds_several, open_image

GREY_TOLERANCE_LEVELS = 2  # high-quality JPEG keeps the channels of a grey image this close
HALVE_ABOVE_PIXELS = 24_000_000  # larger images are read at half size
_STRIP_ROWS = 512
_EXIF_ORIENTATION = 0x0112
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N", "F"})
_SEQUENCE_FORMATS = frozenset({"GIF", "WEBP", "PNG", "AVIF", "TIFF"})  # several images are an animation or pages

_TURNS = {
    2: PilImage.Transpose.FLIP_LEFT_RIGHT,
    3: PilImage.Transpose.ROTATE_180,
    4: PilImage.Transpose.FLIP_TOP_BOTTOM,
    5: PilImage.Transpose.TRANSPOSE,
    6: PilImage.Transpose.ROTATE_270,
    7: PilImage.Transpose.TRANSVERSE,
    8: PilImage.Transpose.ROTATE_90,
}
"""EXIF orientation -> operation that makes the image upright (EXIF 2.32, tag 0x0112); 1 needs none."""


def read_image(path: str | Path, *, background: str = "white") -> Image:
    """Read an image: upright, opaque over ``background``, in sRGB, at its own size.

    ``background`` is one of Pillow's colour names or ``#rrggbb``. An animation yields its first frame, with a warning.

    Raises InvalidImage, ImageTooLarge, ImageTooSmall, or InvalidOption for an unknown colour.
    """
    path = Path(path)
    fill = _colour(background)
    with open_image(path) as image:
        notes, full_size = _sequence_notes(image), image.size
        _draft(image)
        _decode(path, image)
        small = _halved(image)
        upright = _turned(small, _turn_of(image))
    if small.size != full_size:
        size = f"{small.width} x {small.height}"
        notes.append(f"The image of {full_size[0]} x {full_size[1]} pixels was read at {size}.")
    converted, profile_notes = _to_srgb(upright)
    rgb = np.array(_over_background(converted, fill), dtype=np.uint8)  # a copy: Pillow's own view is read-only
    return Image(rgb=rgb, grey=_is_grey(rgb), warnings=(*notes, *profile_notes))


def resize_image(image: Image, width: int, height: int) -> Image:
    """Resize ``image`` with Lanczos, which averages over the area when it scales down."""
    if (width, height) == (image.width, image.height):
        return image
    resized = PilImage.fromarray(image.rgb).resize((width, height), PilImage.Resampling.LANCZOS)
    return Image(rgb=np.array(resized, dtype=np.uint8), grey=image.grey, warnings=image.warnings)


def _colour(background: str) -> tuple[int, int, int]:
    try:
        red, green, blue = ImageColor.getrgb(background)[:3]
    except ValueError as error:
        raise InvalidOption(
            f"The background {background!r} is not a colour. Use a name such as white or a code such as #20c0ff."
        ) from error
    return red, green, blue


def _sequence_notes(image: PilImage.Image) -> list[str]:
    if image.format not in _SEQUENCE_FORMATS or not holds_several(image):
        return []
    return ["The file contains several images; only the first is used."]


def _draft(image: PilImage.Image) -> None:
    """Make the JPEG decoder halve an image that is read at half size."""
    if image.width * image.height > HALVE_ABOVE_PIXELS and image.format in ("JPEG", "MPO"):
        image.draft(None, (image.width // 2, image.height // 2))


def _halved(image: PilImage.Image) -> PilImage.Image:
    """Halve a very large image, strip by strip; return others unchanged."""
    width, height = image.size
    if width * height <= HALVE_ABOVE_PIXELS:
        return image
    half: PilImage.Image | None = None
    for top in range(0, height, _STRIP_ROWS):
        strip = _averageable(image.crop((0, top, width, min(top + _STRIP_ROWS, height)))).reduce(2)
        if half is None:
            half = PilImage.new(strip.mode, (strip.width, (height + 1) // 2))
        half.paste(strip, (0, top // 2))
    assert half is not None  # there is at least one strip
    half.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return half


def _averageable(strip: PilImage.Image) -> PilImage.Image:
    """Convert to a mode whose pixels can be averaged."""
    if strip.mode.startswith("I;16"):
        return strip.convert("I")
    if strip.mode in ("1", "P", "PA") or "transparency" in strip.info:
        return strip.convert("RGBA" if strip.has_transparency_data else "RGB")
    return strip


def _decode(path: Path, image: PilImage.Image) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
    except Exception as fault:  # Pillow's decoders raise almost any error for forged content
        raise damaged_image(path) from fault


def _turn_of(image: PilImage.Image) -> PilImage.Transpose | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _TURNS.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a broken EXIF block does not affect the pixels
        return None


def _turned(image: PilImage.Image, turn: PilImage.Transpose | None) -> PilImage.Image:
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = dict(image.info)
    return turned


def _to_srgb(image: PilImage.Image) -> tuple[PilImage.Image, list[str]]:
    """Convert to RGB or RGBA in sRGB; return the image and warnings."""
    if image.mode in _DEEP_MODES:
        return _deep_to_grey(image).convert("RGB"), []
    plain, alpha = _split_alpha(image)
    notes: list[str] = []
    profile = image.info.get("icc_profile")
    if profile:
        try:
            plain = _through_profile(plain, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes = ["The image's colour profile cannot be used and was ignored; its colours may be slightly off."]
    if plain.mode != "RGB":  # Pillow copies even if there is nothing to convert
        plain = plain.convert("RGB")
    if alpha is not None:
        plain.putalpha(alpha)
    return plain, notes


def _deep_to_grey(image: PilImage.Image) -> PilImage.Image:
    """Scale 16-bit, 32-bit or float grey to 8 bits, without clipping."""
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False, posinf=0.0, neginf=0.0)
    highest = float(values.max())
    whites = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(image.mode, (65535.0,))
    white = next((level for level in whites if highest <= level), highest)
    values *= 255.0 / white
    np.rint(np.clip(values, 0.0, 255.0, out=values), out=values)
    return PilImage.fromarray(values.astype(np.uint8))


def _split_alpha(image: PilImage.Image) -> tuple[PilImage.Image, PilImage.Image | None]:
    """Return the image without transparency, in a mode that colour profiles support, and the alpha channel."""
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBa", "PA") or (image.has_transparency_data and image.mode not in ("LA", "RGBA")):
        image = image.convert("RGBA")
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _through_profile(image: PilImage.Image, profile: bytes) -> PilImage.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() == "RGB" and image.mode == "L":
        image = image.convert("RGB")  # some programs attach the screen's profile to grey images
    converted = ImageCms.profileToProfile(
        image,
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # only the in-place form returns nothing
    return converted


def _over_background(image: PilImage.Image, fill: tuple[int, int, int]) -> U8:
    if image.mode != "RGBA":
        return np.asarray(image)
    background = PilImage.new("RGBA", image.size, (*fill, 255))
    return np.asarray(PilImage.alpha_composite(background, image).convert("RGB"))


def _is_grey(rgb: U8) -> bool:
    """Return True if no pixel has colour; a sparse sample rules out almost every photo."""
    return _is_colourless(rgb[::16, ::16]) and _is_colourless(rgb)


def _is_colourless(rgb: U8) -> bool:
    return bool((rgb.max(axis=2) - rgb.min(axis=2) <= GREY_TOLERANCE_LEVELS).all())
