"""Read the headers of untrusted files and check them against limits, before anything is decoded.

The limits protect the machine from hostile files: a few kilobytes can claim 169 megapixels, 5,000 JPEG scans or a
playlist of other files.
"""

from __future__ import annotations

import mmap
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from PIL import Image, UnidentifiedImageError

from lipsmith.errors import ImageTooLarge, ImageTooSmall, InputError, InvalidAudio, InvalidImage

IMAGE_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000", "GIF")
MAX_IMAGE_PIXELS = 50_000_000
MIN_IMAGE_SIDE_PIXELS = 64
MAX_IMAGE_ASPECT = 20
MAX_JPEG_SCANS = 60  # ordinary progressive files have about ten
MAX_JPEG_SEGMENTS = 2_000  # a large colour profile and video frames attached to a photo make a few hundred
MAX_JPEG_STRAY_BYTES = 65_536  # between segments; ordinary files have a few bytes of padding
MAX_PNG_CHUNKS = 50_000  # programs write 8 kB or more into each
_MAX_PIXELS_OF = {"WEBP": 24_000_000, "AVIF": 36_000_000, "JPEG2000": 16_000_000}
"""Lower limits for formats whose decoders need 15 bytes or more per pixel."""

AUDIO_RATES_HZ = range(4_000, 384_001)
MAX_AUDIO_CHANNELS = 64
MAX_FRAME_PIXELS = 9_000_000  # a little more than 4K UHD
MISSING_SHARE = 0.02  # headers round; a file that lacks more than this of its announced length was cut off
MISSING_S = 0.5

MEDIA_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gif,matroska,mov,mp3,mpeg,mpegts,mpc,mpc8,"
    "ogg,tak,tta,voc,w64,wav,wv"
)
"""FFmpeg demuxers that read only the file itself, which excludes playlists and image sequences."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_MARKER = re.compile(rb"\xff[^\x00\xff]")  # start of a segment; bytes before it are strays
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker other than a stuffed byte or a restart


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """Content of an image header."""

    format: str
    """Pillow's name of the format, such as ``PNG``."""
    width: int
    """Stored width in pixels, before any EXIF rotation."""
    height: int
    several: bool
    """True for an animation or several pages."""


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """Content of the header of an audio file, or of a video's first audio track."""

    codec: str
    rate_hz: int
    channels: int
    announced_s: float | None
    """Length in the header, seconds; None without one."""
    tracks: int
    """Audio tracks in the file."""
    has_video: bool
    """True if a video track shares the audio's clock; a cover image does not count."""


def probe_image(path: str | Path) -> ImageInfo:
    """Read the header of an image within the limits; raises as `open_image` does."""
    with open_image(path) as image:
        return ImageInfo(
            format=image.format or "", width=image.width, height=image.height, several=holds_several(image)
        )


def probe_audio(path: str | Path) -> AudioInfo:
    """Read the header of the first audio track of a file; raises InvalidAudio."""
    with open_media(path, InvalidAudio) as container:
        return audio_info(container, audio_track(container, path), path)


@contextmanager
def open_image(path: str | Path) -> Iterator[Image.Image]:
    """Open an image and check its header against the limits, without decoding pixels.

    Raises InvalidImage, ImageTooLarge or ImageTooSmall.
    """
    path = Path(path)
    with _open_file(path, InvalidImage, "image") as file:
        _check_header_cost(path, file)
        image = _identify(path, file)
        _check_image_size(path, image)
        yield image


@contextmanager
def open_media(path: str | Path, error: type[InputError]) -> Iterator[InputContainer]:
    """Open an audio or video file so that FFmpeg cannot access other files or the network.

    Raises ``error`` for a file that is missing, empty or of an unknown format.
    """
    path = Path(path)
    with _open_file(path, error, "recording" if error is InvalidAudio else "video") as file:
        try:
            container = av.open(
                file,
                "r",
                options={"format_whitelist": MEDIA_FORMATS, "protocol_whitelist": ""},
                metadata_errors="ignore",
            )
        except (av.FFmpegError, ValueError, OSError) as fault:
            kind, formats = ("audio or video", "WAV, FLAC, MP3 or MP4") if error is InvalidAudio else ("video", "MP4")
            raise error(
                f"{path.name!r} cannot be read: it is damaged or not a supported {kind} file. Save it again as "
                f"{formats}."
            ) from fault
        with container:
            yield container


def audio_track(container: InputContainer, path: str | Path) -> AudioStream:
    """Return the first audio track; raises InvalidAudio without one."""
    if not container.streams.audio:
        raise InvalidAudio(f"{Path(path).name!r} has no audio track. Choose a file with audible speech.")
    return container.streams.audio[0]


def audio_info(container: InputContainer, track: AudioStream, path: str | Path) -> AudioInfo:
    """Check a track's header against the limits; raises InvalidAudio."""
    name = Path(path).name
    if getattr(track, "codec_context", None) is None:
        raise InvalidAudio(f"{name!r} uses an unknown audio codec. Save it again as WAV or FLAC.")
    rate_hz, channels = int(track.rate or 0), int(track.channels or 0)
    if rate_hz not in AUDIO_RATES_HZ:
        raise InvalidAudio(
            f"{name!r} claims {rate_hz} samples per second; {AUDIO_RATES_HZ[0]} to {AUDIO_RATES_HZ[-1]} are supported. "
            "Save it again at 48000."
        )
    if not 1 <= channels <= MAX_AUDIO_CHANNELS:
        raise InvalidAudio(
            f"{name!r} claims {channels} audio channels; 1 to {MAX_AUDIO_CHANNELS} are supported. "
            "Save it again as stereo."
        )
    return AudioInfo(
        codec=track.codec_context.name,
        rate_hz=rate_hz,
        channels=channels,
        announced_s=_announced_s(container, track),
        tracks=len(container.streams.audio),
        has_video=any(Disposition.attached_pic not in stream.disposition for stream in container.streams.video),
    )


def is_cut_short(announced_s: float | None, decoded_s: float) -> bool:
    """Return True if a file is clearly shorter than its header announces."""
    return announced_s is not None and announced_s - decoded_s > max(MISSING_S, MISSING_SHARE * decoded_s)


def _announced_s(container: InputContainer, track: AudioStream) -> float | None:
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    if container.duration is not None and not container.streams.video:
        return container.duration / av.time_base
    return None


@contextmanager
def _open_file(path: Path, error: type[InputError], noun: str) -> Iterator[BinaryIO]:
    """Open an ordinary, readable, non-empty file, never a pipe or device; raises ``error`` for anything else."""
    if not path.exists():
        raise error(f"There is no file {str(path)!r}. Check the path of the {noun}.")
    if not path.is_file():
        raise error(f"{str(path)!r} is not a file. Choose a single {noun} file.")
    try:
        file = path.open("rb")
    except OSError as fault:
        raise error(f"{path.name!r} cannot be read ({fault.strerror}). Check its permissions.") from fault
    with file:
        if not path.stat().st_size:
            raise error(f"{path.name!r} is empty (0 bytes). Export or download the {noun} again.")
        yield file


def _identify(path: Path, file: BinaryIO) -> Image.Image:
    formats = [*IMAGE_FORMATS, *(["HEIF"] if _register_heif() else [])]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ImageTooLarge(
            f"{path.name!r} claims more than {MAX_IMAGE_PIXELS // 1_000_000} megapixels. Scale it down and try again."
        ) from bomb
    except UnidentifiedImageError as unknown:
        if _is_heif(file) and "HEIF" not in formats:
            raise InvalidImage(
                f"{path.name!r} is a HEIC image, which needs one more library. Install it with: pip install "
                "'lipsmith[heic]'. Or save the image as JPEG."
            ) from unknown
        raise InvalidImage(
            f"{path.name!r} is not a supported image: its content is none of {', '.join(formats)}. "
            "Save it as PNG or JPEG."
        ) from unknown
    except Exception as fault:  # Pillow's readers raise almost any error for a forged header
        raise damaged_image(path) from fault


def damaged_image(path: Path) -> InvalidImage:
    """Return the error for an image whose content is truncated or invalid."""
    return InvalidImage(
        f"{path.name!r} is damaged or was cut off while it was saved or downloaded. Download it again, or save it "
        "again as PNG or JPEG."
    )


def holds_several(image: Image.Image) -> bool:
    """Return True for several images, without counting: 100,000 of them fit into 2 MB and take minutes to count."""
    return bool(getattr(image, "is_animated", False))


def _check_image_size(path: Path, image: Image.Image) -> None:
    width, height = image.size
    limit = _MAX_PIXELS_OF.get(image.format or "", MAX_IMAGE_PIXELS)
    if width * height > limit:
        raise ImageTooLarge(
            f"{path.name!r} has {width} x {height} pixels; the limit for {image.format} is {limit // 1_000_000} "
            "megapixels. Scale it down and try again."
        )
    if min(width, height) < MIN_IMAGE_SIDE_PIXELS:
        raise ImageTooSmall(
            f"{path.name!r} has {width} x {height} pixels; each side needs at least {MIN_IMAGE_SIDE_PIXELS}. "
            "Use a larger image."
        )
    if max(width, height) > MAX_IMAGE_ASPECT * min(width, height):
        raise InvalidImage(
            f"{path.name!r} has {width} x {height} pixels: one side is more than {MAX_IMAGE_ASPECT} times the other. "
            "Crop it to the person."
        )


def _check_header_cost(path: Path, file: BinaryIO) -> None:
    """Reject files that take very long to read for their size; most readers walk through every part of a header."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:2] == b"\xff\xd8":
            _check_jpeg_cost(path, data)
        elif data[:8] == b"\x89PNG\r\n\x1a\n" and _has_many_chunks(data):
            raise damaged_image(path)


def _check_jpeg_cost(path: Path, data: mmap.mmap) -> None:
    """Reject a JPEG with too many scans or segments; each progressive scan costs as much as a whole image.

    Walks through the segments of the first JPEG in ``data`` as decoders do, which skip stray bytes.
    """
    scans = segments = strays = 0
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        if scans == 0:  # after the first scan, fast C code skips strays
            strays += found.start() - at
        segments += 1
        at = found.end()
        marker = data[at - 1]
        if marker == 0xD9:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            continue
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        if marker == 0xDA:
            scans += 1
            following = _AFTER_SCAN.search(data, at)
            if following is None:
                return
            at = following.start()
        if scans > MAX_JPEG_SCANS:
            raise InvalidImage(
                f"{path.name!r} has more than {MAX_JPEG_SCANS} progressive scans, which no camera or program writes. "
                "Save it again as an ordinary JPEG."
            )
        if segments > MAX_JPEG_SEGMENTS or strays > MAX_JPEG_STRAY_BYTES:
            raise damaged_image(path)


def _has_many_chunks(data: mmap.mmap) -> bool:
    at, count = 8, 0
    while at + 8 <= len(data) and count <= MAX_PNG_CHUNKS:
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count > MAX_PNG_CHUNKS


def _register_heif() -> bool:
    """Register HEIC with Pillow; return False if pillow-heif (the extra ``heic``) is not installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _is_heif(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS
