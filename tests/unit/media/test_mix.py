"""Mixed recordings."""

from __future__ import annotations

import numpy as np
import pytest

from lipsmith.media.clip import F32, Audio
from lipsmith.media.decode import MemoryAudio
from lipsmith.media.mix import AudioStart, MixedAudio

RATE_HZ = 8000


def tone(seconds: float, level: float, channels: int = 1) -> MemoryAudio:
    return MemoryAudio(np.full((channels, round(seconds * RATE_HZ)), level, np.float32), RATE_HZ)


def played(audio: Audio, channels: int) -> F32:
    return np.concatenate(list(audio.blocks(RATE_HZ, channels)), axis=1)


def test_each_sets_in_at_its_moment_and_the_last_one_ends_it() -> None:
    mixed = MixedAudio(parts=[(tone(3.0, 0.25), 0.0), (tone(1.5, 0.5), 2.25)])
    assert (mixed.duration_s, mixed.channels) == (3.75, 1)
    mixture = played(mixed, 1)[0]
    expected = np.repeat(np.array([0.25, 0.75, 0.5], np.float32), [18_000, 6_000, 6_000])
    assert (mixture == expected).all()


def test_a_stereo_recording_makes_the_mix_stereo() -> None:
    left_only = np.zeros((2, RATE_HZ), np.float32)
    left_only[0] = 0.5
    mixed = MixedAudio(parts=[(MemoryAudio(left_only, RATE_HZ), 0.0), (tone(1.0, 0.125), 0.0)])
    assert mixed.channels == 2
    assert [channel[4000] for channel in played(mixed, 2)] == [0.625, 0.125]


@pytest.mark.parametrize("at_s", [0.0, 0.00013, 3.0])
def test_the_blocks_together_are_as_long_as_it_says(at_s: float) -> None:
    mixed = MixedAudio(parts=[(tone(0.1, 0.5), at_s)])
    assert played(mixed, 1).shape == (1, round((0.1 + at_s) * RATE_HZ))


@pytest.mark.parametrize(("max_s", "length_s"), [(0.25, 0.25), (2.0, 2.0), (9.0, 3.0)])
def test_the_start_of_a_recording(max_s: float, length_s: float) -> None:
    ramp = np.arange(3 * RATE_HZ, dtype=np.float32)[np.newaxis] / (3 * RATE_HZ)
    start = AudioStart(audio=MemoryAudio(ramp, RATE_HZ), max_s=max_s)
    assert (start.duration_s, start.channels) == (length_s, 1)
    assert (played(start, 1) == ramp[:, : round(length_s * RATE_HZ)]).all()
