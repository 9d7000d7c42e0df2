from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from media_makers import rms_db, tone, whole

from lipsmith.media.aac import AacEncoder, join
from lipsmith.media.clip import F32
from lipsmith.media.decode import open_audio

RATE_HZ = 48_000


def through_aac(folder: Path, samples: F32, piece_samples: int = 1920) -> F32:
    """``samples`` encoded in pieces, written as MP4 and decoded again."""
    encoder = AacEncoder(RATE_HZ, samples.shape[0], 96_000 * samples.shape[0])
    with av.open(folder / "audio.mp4", "w") as container:
        track = container.add_stream("aac", rate=RATE_HZ, layout={1: "mono", 2: "stereo"}[samples.shape[0]])
        split_text = (samples[:, at : at + piece_samples] for at in range(0, samples.shape[1], piece_samples))
        packets = [packet for piece in split_text for packet in encoder.encode(piece)] + list(encoder.finish())
        for packet in packets:
            packet.stream = track
            container.mux(packet)
    return whole(open_audio(folder / "audio.mp4").blocks(RATE_HZ, samples.shape[0]))[:, : samples.shape[1]]


def noise(channels: int, level: float) -> F32:
    """(channels, 48000): one second of noise below 4 kHz, root mean square ``level``."""
    spectrum = np.fft.rfft(np.random.default_rng(4).normal(0, 1, (channels, RATE_HZ)))
    spectrum[:, 4000:] = 0
    low = np.fft.irfft(spectrum)
    return (low * level / low.std()).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("level", [0.001, 0.05, 0.3])
def test_level_at_every_loudness(tmp_path: Path, channels: int, level: float) -> None:
    samples = noise(channels, level)
    assert rms_db(through_aac(tmp_path, samples)) == pytest.approx(rms_db(samples), abs=0.1)


@pytest.mark.parametrize("channels", [1, 2])
def test_clipped_audio_is_not_turned_down(tmp_path: Path, channels: int) -> None:
    samples = np.clip(tone(1.0, rate_hz=RATE_HZ, channels=channels, level=1.5), -1, 1)
    played = through_aac(tmp_path, samples)[:, 4000:-4000]
    assert rms_db(played) == pytest.approx(rms_db(samples), abs=0.05)


def test_each_channel_stays_itself(tmp_path: Path) -> None:
    left = tone(1.0, rate_hz=RATE_HZ, pitch_hz=440, level=0.5)
    right = tone(1.0, rate_hz=RATE_HZ, pitch_hz=1250, level=0.02)
    samples = np.concatenate([left, right])
    played = through_aac(tmp_path, samples)
    wrong = (played - samples)[:, 4000:-4000]
    assert rms_db(wrong[:1]) < rms_db(left) - 40
    assert rms_db(wrong[1:]) < rms_db(right) - 25


def test_silence_stays_silent_beside_a_voice(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros((1, RATE_HZ), np.float32), noise(1, 0.2)])
    played = through_aac(tmp_path, samples)
    assert np.abs(played[0]).max() < 1e-4
    assert rms_db(played[1:]) == pytest.approx(rms_db(samples[1:]), abs=0.1)


@pytest.mark.parametrize("piece_samples", [1, 37, 1024, 1601, 48_000])
def test_the_size_of_the_pieces_does_not_matter(tmp_path: Path, piece_samples: int) -> None:
    samples = noise(2, 0.1)[:, :9000]
    np.testing.assert_array_equal(through_aac(tmp_path, samples, piece_samples), through_aac(tmp_path, samples, 1920))


def test_packets_follow_each_other_without_gap() -> None:
    encoder = AacEncoder(RATE_HZ, 2, 192_000)
    packets = [*encoder.encode(noise(2, 0.1)[:, :10_000]), *encoder.finish()]
    assert packets[0].pts == -1024  # the encoder's run-up, which the file's edit list takes away
    for packet, following in pairwise(packets):
        assert packet.pts + packet.duration == following.pts
        assert packet.time_base == Fraction(1, RATE_HZ)
    assert packets[-1].pts + packets[-1].duration == 10_000


@pytest.mark.parametrize(
    "block",
    [
        b"\x20\x00\x00\x07",  # a channel pair
        b"\x01\x02\x03\x00\x00",  # ends in more zeros than bytes are padded with
        b"\x01\x02\x03\x02",  # no end mark
    ],
)
def test_what_is_not_one_channel(block: bytes) -> None:
    with pytest.raises(ValueError, match="not a single channel"):
        join([block])
