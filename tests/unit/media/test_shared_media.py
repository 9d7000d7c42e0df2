"""Every file of the shared media, one by one, against the table of `media_expected`."""

from __future__ import annotations

import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from media_expected import (
    AUDIO_FILES,
    AUDIO_WARNINGS,
    CLIP_RATES,
    CLIP_WARNINGS,
    CLIPS,
    CONVERTED_CLIPS,
    IMAGE_WARNINGS,
    IMAGES,
    PACKETS_NOT_SHOWN,
)

from lipsmith.errors import LipsmithError
from lipsmith.media.clip import ClipFrame
from lipsmith.media.decode import open_audio
from lipsmith.media.encode import write_video
from lipsmith.media.image import read_image
from lipsmith.media.reader import first_frame, open_clip

FOLDERS = ("photos", "odd", "audio", "video")


def test_the_table_names_every_file_and_no_other(shared_media: Path) -> None:
    there = {f"{folder}/{path.name}" for folder in FOLDERS for path in (shared_media / folder).iterdir()}
    assert there == {*IMAGES, *AUDIO_FILES, *CLIPS}


@pytest.mark.parametrize("name", IMAGES)
def test_image(shared_media: Path, name: str) -> None:
    expected = IMAGES[name]
    if isinstance(expected, str):
        _refuses(read_image, shared_media / name, expected)
        return
    image = read_image(shared_media / name)
    assert (image.width, image.height, image.grey) == expected
    assert image.rgb.shape == (expected[1], expected[0], 3)
    assert image.rgb.dtype == np.uint8
    _warns(image.warnings, IMAGE_WARNINGS.get(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", AUDIO_FILES)
def test_audio(shared_media: Path, name: str) -> None:
    expected = AUDIO_FILES[name]
    if isinstance(expected, str):
        _refuses(open_audio, shared_media / name, expected)
        return
    audio = open_audio(shared_media / name)
    assert (round(audio.duration_s, 3), audio.channels) == pytest.approx(expected, abs=0.0011)
    _warns(audio.warnings, AUDIO_WARNINGS.get(name))
    played = sum(block.shape[1] for block in audio.blocks(16_000, 1))
    assert played == pytest.approx(audio.duration_s * 16_000, abs=0.5001)


@pytest.mark.parametrize("name", CLIPS)
def test_clip(shared_media: Path, name: str) -> None:
    expected = CLIPS[name]
    if isinstance(expected, str):
        _refuses(first_frame, shared_media / name, "invalid_video")
        return
    first = first_frame(shared_media / name)
    assert first.shape == (expected[1], expected[0], 3)
    assert first.std() > 5  # an image, not an empty sheet


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS)
def test_clip_with_its_times(shared_media: Path, tmp_path: Path, name: str) -> None:
    expected = CLIPS[name]
    if isinstance(expected, str):
        _refuses(open_clip, shared_media / name, "invalid_video")
        return
    clip = open_clip(shared_media / name)
    info = clip.info
    rate, even = CLIP_RATES.get(name, ("25", True))
    assert (info.width, info.height) == (expected[0] // 2 * 2, expected[1] // 2 * 2)
    assert info.frames == expected[2] - PACKETS_NOT_SHOWN.get(name, 0)
    assert (str(info.fps), info.variable_rate) == (rate, not even)
    assert info.exact == (name not in CONVERTED_CLIPS)
    _warns(info.warnings, CLIP_WARNINGS.get(name))
    frames = list(clip.frames(0, 12))
    if info.exact:
        _are_bytes_of(shared_media / name, frames)
    write_video(tmp_path / "out.mp4", info.video_format(None), frames, None)
    again = open_clip(tmp_path / "out.mp4")
    for before, after in zip(frames, again.frames(), strict=True):
        assert (before.planes == after.planes).all()
        assert (before.time_s, before.duration_s) == (after.time_s, after.duration_s)
    assert (again.info.pixel_aspect, again.info.colour) == (info.pixel_aspect, info.colour)


@pytest.mark.parametrize("name", ["odd/cuts.mp4", "odd/vp9.webm", "video/man_head_turns_25fps.mp4", "odd/vfr.mp4"])
def test_any_part_of_a_clip_is_the_same_as_in_the_whole(shared_media: Path, name: str) -> None:
    clip = open_clip(shared_media / name)
    whole = [zlib.crc32(frame.planes) for frame in clip.frames()]
    assert len(whole) == len(clip)
    for first in (1, 37, len(clip) - 5):
        assert [zlib.crc32(frame.planes) for frame in clip.frames(first, first + 4)] == whole[first : first + 4]


def _are_bytes_of(path: Path, frames: list[ClipFrame]) -> None:
    """The luma of a file, as another way of reading it gives it, upright."""
    with av.open(path) as container:
        for frame, image in zip(frames, container.decode(video=0), strict=False):
            luma = image.to_ndarray()[: image.height]
            upright = np.rot90(luma, image.rotation // 90)
            assert (frame.planes[: upright.shape[0]] == upright).all()


def _refuses(read: object, path: Path, code: str) -> None:
    with pytest.raises(LipsmithError) as caught:
        read(path)  # type: ignore[operator]
    assert caught.value.code == code
    assert path.name in caught.value.message


def _warns(warnings: tuple[str, ...], part: str | None) -> None:
    assert len(warnings) == (0 if part is None else 1), warnings
    if part is not None:
        assert part in warnings[0]
