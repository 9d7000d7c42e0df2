"""Every file of the shared media, one by one, against the table of `media_expected`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media_expected import CLIPS, PICTURE_WARNINGS, PICTURES, SOUND_WARNINGS, SOUNDS

from lipsmith.errors import LipsmithError
from lipsmith.media.decode import open_sound, read_frames
from lipsmith.media.still import read_picture

FOLDERS = ("photos", "odd", "audio", "video")


def test_the_table_names_every_file_and_no_other(shared_media: Path) -> None:
    there = {f"{folder}/{path.name}" for folder in FOLDERS for path in (shared_media / folder).iterdir()}
    assert there == {*PICTURES, *SOUNDS, *CLIPS}


@pytest.mark.parametrize("name", PICTURES)
def test_picture(shared_media: Path, name: str) -> None:
    expected = PICTURES[name]
    if isinstance(expected, str):
        _refuses(read_picture, shared_media / name, expected)
        return
    picture = read_picture(shared_media / name)
    assert (picture.width, picture.height, picture.grey) == expected
    assert picture.rgb.shape == (expected[1], expected[0], 3)
    assert picture.rgb.dtype == np.uint8
    _warns(picture.warnings, PICTURE_WARNINGS.get(name))


@pytest.mark.parametrize("name", SOUNDS)
def test_sound(shared_media: Path, name: str) -> None:
    expected = SOUNDS[name]
    if isinstance(expected, str):
        _refuses(open_sound, shared_media / name, expected)
        return
    sound = open_sound(shared_media / name)
    assert (round(sound.duration_s, 3), sound.channels) == pytest.approx(expected, abs=0.0011)
    _warns(sound.warnings, SOUND_WARNINGS.get(name))
    played = sum(block.shape[1] for block in sound.blocks(16_000, 1))
    assert played == pytest.approx(sound.duration_s * 16_000, abs=0.5001)


@pytest.mark.parametrize("name", CLIPS)
def test_clip(shared_media: Path, name: str) -> None:
    expected = CLIPS[name]
    if isinstance(expected, str):
        _refuses(read_frames, shared_media / name, expected)
        return
    frames = read_frames(shared_media / name)
    assert (frames.width, frames.height, frames.frame_count) == expected
    first = next(iter(frames))
    assert first.shape == (expected[1], expected[0], 3)
    assert first.std() > 5  # a picture, not an empty sheet


def _refuses(read: object, path: Path, code: str) -> None:
    with pytest.raises(LipsmithError) as caught:
        read(path)  # type: ignore[operator]
    assert caught.value.code == code
    assert path.name in caught.value.message


def _warns(warnings: tuple[str, ...], part: str | None) -> None:
    assert len(warnings) == (0 if part is None else 1), warnings
    if part is not None:
        assert part in warnings[0]
