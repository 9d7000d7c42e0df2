"""Facts and limits of a file nobody vouches for, read before anything is decoded. Makes no pixels and no samples.

The limits keep one hostile file from eating the machine: a few kilobytes can claim 169 megapixels, 5,000 JPEG scans
or a playlist of other people's files.
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

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000", "GIF")
MAX_PICTURE_PIXELS = 50_000_000
MIN_PICTURE_SIDE_PIXELS = 64
MAX_PICTURE_ASPECT = 20
MAX_JPEG_SCANS = 60  # ordinary progressive files have about ten

SOUND_RATES_HZ = range(4_000, 384_001)
MAX_SOUND_CHANNELS = 64
MAX_FRAME_PIXELS = 9_000_000  # a little more than 4K UHD

MEDIA_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,gif,matroska,mov,mp3,mpeg,mpegts,mpc,mpc8,"
    "ogg,tak,tta,voc,w64,wav,wv"
)
"""FFmpeg's readers that look at nothing but the file itself: playlists and picture sequences are not among them."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker that is neither a stuffed byte nor a restart


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """What a picture's header says."""

    format: str
    """Pillow's name of the format, such as ``PNG``."""
    width: int
    """As stored, before any EXIF turn, pixels."""
    height: int
    frames: int
    """1 for a still picture."""


@dataclass(frozen=True, kw_only=True)
class SoundFacts:
    """What the header of a sound file, or of a video's first sound track, says."""

    codec: str
    rate_hz: int
    channels: int
    announced_s: float | None
    """Length the header claims, seconds; None when it claims none."""
    tracks: int
    """Sound tracks in the file."""
    has_video: bool
    """True when moving pictures share the sound's clock; a cover picture does not count."""


def probe_picture(path: str | Path) -> PictureFacts:
    """Header facts of a picture within the limits; raises as `open_picture` does."""
    with open_picture(path) as image:
        return PictureFacts(
            format=image.format or "", width=image.width, height=image.height, frames=getattr(image, "n_frames", 1)
        )


def probe_sound(path: str | Path) -> SoundFacts:
    """Header facts of the first sound track of a file; raises InvalidAudio."""
    with open_media(path, InvalidAudio) as container:
        return sound_facts(container, sound_track(container, path), path)


@contextmanager
def open_picture(path: str | Path) -> Iterator[Image.Image]:
    """Opens a picture whose header keeps the limits; no pixel is decoded yet.

    Raises InvalidImage, ImageTooLarge or ImageTooSmall, each with the name of the file and what to do.
    """
    path = Path(path)
    with _open_file(path, InvalidImage, "picture") as file:
        _refuse_many_scans(path, file)
        image = _identify(path, file)
        _check_picture_size(path, image.width, image.height)
        yield image


@contextmanager
def open_media(path: str | Path, error: type[InputError]) -> Iterator[InputContainer]:
    """Opens a sound or video file so that it can make FFmpeg read no other file and no network.

    Raises ``error`` for a file that is missing, empty or of no known format.
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
            known, formats = ("sound or video", "WAV, FLAC, MP3 or MP4") if error is InvalidAudio else ("video", "MP4")
            raise error(
                f"{path.name!r} cannot be read: it is damaged or no {known} file that is known here. "
                f"Save it again as {formats} and try once more."
            ) from fault
        with container:
            yield container


def sound_track(container: InputContainer, path: str | Path) -> AudioStream:
    """The first sound track; raises InvalidAudio when there is none or no decoder for it."""
    if not container.streams.audio:
        raise InvalidAudio(f"{Path(path).name!r} has no sound track. Choose a file in which something can be heard.")
    return container.streams.audio[0]


def sound_facts(container: InputContainer, track: AudioStream, path: str | Path) -> SoundFacts:
    """Checks a track's header against the limits; raises InvalidAudio."""
    name = Path(path).name
    if getattr(track, "codec_context", None) is None:
        raise InvalidAudio(f"The sound of {name!r} has a coding that is not known here. Save it again as WAV or FLAC.")
    rate_hz, channels = int(track.rate or 0), int(track.channels or 0)
    if rate_hz not in SOUND_RATES_HZ:
        raise InvalidAudio(
            f"{name!r} claims {rate_hz} samples per second; {SOUND_RATES_HZ[0]} to {SOUND_RATES_HZ[-1]} can be used. "
            "Save it again at 48000."
        )
    if not 1 <= channels <= MAX_SOUND_CHANNELS:
        raise InvalidAudio(
            f"{name!r} claims {channels} sound channels; 1 to {MAX_SOUND_CHANNELS} can be used. "
            "Save it again as stereo."
        )
    return SoundFacts(
        codec=track.codec_context.name,
        rate_hz=rate_hz,
        channels=channels,
        announced_s=_announced_s(container, track),
        tracks=len(container.streams.audio),
        has_video=any(Disposition.attached_pic not in stream.disposition for stream in container.streams.video),
    )


def _announced_s(container: InputContainer, track: AudioStream) -> float | None:
    if track.duration is not None and track.time_base is not None:
        return float(track.duration * track.time_base)
    if container.duration is not None and not container.streams.video:
        return container.duration / av.time_base
    return None


@contextmanager
def _open_file(path: Path, error: type[InputError], noun: str) -> Iterator[BinaryIO]:
    """An ordinary, readable, non-empty file; anything else raises ``error``. Never waits on a pipe or a device."""
    if not path.exists():
        raise error(f"There is no file {str(path)!r}. Check the name of the {noun}.")
    if not path.is_file():
        raise error(f"{str(path)!r} is not a file. Give the name of one {noun}.")
    try:
        file = path.open("rb")
    except OSError as fault:
        raise error(f"{path.name!r} may not be read ({fault.strerror}). Check its permissions.") from fault
    with file:
        if not path.stat().st_size:
            raise error(f"{path.name!r} is empty (0 bytes). Export or download the {noun} again.")
        yield file


def _identify(path: Path, file: BinaryIO) -> Image.Image:
    formats = [*PICTURE_FORMATS, *(["HEIF"] if _register_heif() else [])]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise ImageTooLarge(
            f"{path.name!r} claims more than {MAX_PICTURE_PIXELS // 1_000_000} megapixels. Scale it down and try again."
        ) from bomb
    except UnidentifiedImageError as unknown:
        if _is_heif(file) and "HEIF" not in formats:
            raise InvalidImage(
                f"{path.name!r} is a HEIC picture, which needs one more library: pip install 'lipsmith[heic]'. "
                "Or save it as JPEG."
            ) from unknown
        raise InvalidImage(
            f"{path.name!r} is not a picture that can be read: its content is none of {', '.join(formats)}. "
            "Save it as PNG or JPEG."
        ) from unknown
    except Exception as fault:  # Pillow's readers let almost any error out when a header is forged
        raise damaged_picture(path) from fault


def damaged_picture(path: Path) -> InvalidImage:
    """The error for a picture whose content ends too early or makes no sense."""
    return InvalidImage(
        f"{path.name!r} is damaged or was cut off while it was saved or downloaded. Fetch it again, or save it anew as "
        "PNG or JPEG."
    )


def _check_picture_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PICTURE_PIXELS:
        raise ImageTooLarge(
            f"{path.name!r} has {width} x {height} pixels; at most {MAX_PICTURE_PIXELS // 1_000_000} megapixels can be "
            "opened. Scale it down and try again."
        )
    if min(width, height) < MIN_PICTURE_SIDE_PIXELS:
        raise ImageTooSmall(
            f"{path.name!r} has {width} x {height} pixels; each side needs at least {MIN_PICTURE_SIDE_PIXELS}. "
            "Use a larger picture."
        )
    if max(width, height) > MAX_PICTURE_ASPECT * min(width, height):
        raise InvalidImage(
            f"{path.name!r} has {width} x {height} pixels: one side is more than {MAX_PICTURE_ASPECT} times the other. "
            "Crop it to the person."
        )


def _refuse_many_scans(path: Path, file: BinaryIO) -> None:
    """A progressive JPEG may ask for thousands of passes over all its pixels; each costs as much as a whole picture."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:2] == b"\xff\xd8" and _count_scans(data) > MAX_JPEG_SCANS:
            raise InvalidImage(
                f"{path.name!r} holds more than {MAX_JPEG_SCANS} progressive scans, which no camera or program writes. "
                "Save it again as an ordinary JPEG."
            )


def _count_scans(data: mmap.mmap) -> int:
    """Scans of the first JPEG in ``data``, counted by walking its segments; stops just above the limit."""
    scans, at = 0, 2
    while at + 4 <= len(data) and scans <= MAX_JPEG_SCANS:
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            at += 2
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            scans += 1
            following = _AFTER_SCAN.search(data, at)
            if following is None:
                break
            at = following.start()
    return scans


def _register_heif() -> bool:
    """Teaches Pillow HEIC when pillow-heif is installed (the extra ``heic``); tells whether it is."""
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
